"""What is done before a run whose results lie in a storage, as where machines share no folder.

Snakemake itself says there what is out of date, by what it knows of earlier runs: options and code
are parameters of the rules. What it cannot see is looked at here: the files of the dataset, and
whether a photograph's file is still in the storage.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from bes.data.manifest import read_manifest
from bes.errors import BesError
from bes.incremental.inputs import Reader, receipts_of
from bes.incremental.snakemake_locks import run_in
from bes.incremental.stage import PerImageStage, image_file, is_carried, stage_of
from bes.project.prepare import Call, Prepared
from bes.project.sections import BASE
from bes.project.settings import Project, check_weights, outside_stages
from bes.project.staleness import Place, reasons_of
from bes.stages.shared.dataset_kinds import stamp_of
from bes.storage.disk import check_room
from bes.storage.files import write_if_changed
from bes.storage.layout import bundle_file, whole_receipt


def prepare_stored(
    project: Project, call: Call, names_in: Callable[[Path], Iterable[str]]
) -> Prepared:
    """Get ready for a run of Snakemake, in its main process: what it is to make anew is told.

    `names_in` gives the files that the storage has of a folder. Where the call only looks, nothing
    is written.
    """
    check_weights(project)
    for stage, options in outside_stages(project):
        raise BesError(
            f"config: {stage.name}.folder: found {options.folder} with results in a storage, "
            "expected none: jobs elsewhere have no folder beside the photographs"
        )
    folder = project.folder(BASE, "dataset")
    receipt = whole_receipt(folder)
    forced = set()
    if not receipt.exists():
        stamp_of(project.experiments[BASE].options["dataset"])
    elif reasons_of(project, Place("dataset", BASE, folder), receipt, Reader(keep=not call.looks)):
        forced.add("dataset")
    if not call.looks:
        check_room(Path("."))
        run_in(Path(".snakemake"))
    for name in project.comparisons:
        plan = project.comparison_folder(name) / "_plan.json"
        content = (json.dumps(project.comparison_plan(name), indent=1) + "\n").encode()
        if not plan.exists() or plan.read_bytes() != content:
            forced.add("comparison")
        if not call.looks:
            write_if_changed(plan, content)
    if set(call.targets) <= {"all"}:
        forced |= _incomplete(project, folder / "images.csv", names_in)
    return Prepared(frozenset(forced))


def _incomplete(
    project: Project, images: Path, names_in: Callable[[Path], Iterable[str]]
) -> set[str]:
    """The stages' folders in the storage that lack the file of a photograph."""
    records = read_manifest(images) if images.exists() else []
    found = set()
    for name, folder in project.computed():
        stage = stage_of(name)
        if isinstance(stage, PerImageStage) and (names := set(names_in(folder))):
            every = (r for r in records if r.held_out == stage.held_out)
            if any(image_file(name, folder, record.id).name not in names for record in every):
                found.add(str(folder))
    return found


def bundles_of(stage: str, folder: Path, shards: list[str]) -> list[Path]:
    """What hands on the files of a stage in a storage: bundles of its shards, or of a network; of
    a handful of files, their receipt, as they are all declared."""
    receipts = receipts_of(stage, folder, shards)
    if not is_carried(stage):
        return receipts
    return [bundle_file(folder, r.stem if r.stem in shards else "whole") for r in receipts]
