"""Which receipts are out of date: what they were made from is compared with what is there now.

Digests decide: Snakemake itself looks at dates, which a wrong clock, a copy or a failed job change
without reason, or leave as they were with one.
"""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bes.data.stamps import Stamps, changed_parts
from bes.errors import BesError
from bes.incremental.inputs import Reader, inputs_of, receipts_of
from bes.incremental.stage import (
    NoOptions,
    PerImageStage,
    TrainingStage,
    all_stages,
    is_per_image,
    stage_of,
)
from bes.project.sections import BASE
from bes.project.settings import Project
from bes.stages.comparison import comparison_code, comparison_inputs
from bes.stages.dataset import dataset_inputs, stamp_file
from bes.stages.shared.dataset_kinds import stamp_of
from bes.storage.files import digest_file
from bes.storage.layout import whole_receipt
from bes.storage.memo import differences
from bes.storage.receipts import broken, home_of, read_inputs, read_receipt, receipts_in
from bes.training.run import origin_of, reasons_to_train, training_memo


class Place(NamedTuple):
    """A folder that the results of a stage lie in."""

    stage: str
    experiment: str
    folder: Path


def places(project: Project) -> Iterator[Place]:
    """The folder of every stage that the configuration has results of, upstream first."""
    for stage, folder in project.computed():
        yield Place(stage, folder.parent.name, folder)
    for stage in [name for name, stage in all_stages().items() if stage.on_demand]:
        for experiment in project.experiments:
            folder = project.folder(experiment, stage)
            if folder.parent.name == experiment and folder.exists():
                yield Place(stage, experiment, folder)
    for comparison in project.comparisons:
        yield Place("comparison", comparison, project.comparison_folder(comparison))


class Staleness(NamedTuple):
    """Receipts that are out of date: receipt -> why."""

    harmed: dict[Path, list[str]]
    """Files that are missing, empty or damaged; of a receipt that cannot be read, its own name."""
    changed: dict[Path, list[str]]
    """Inputs that are not those that the files were made from."""

    def reasons(self) -> dict[Path, list[str]]:
        """Of each, what is wrong with its files or else with its inputs."""
        return self.changed | self.harmed


def staleness(project: Project, *, keep: bool = False, stamps: Stamps | None = None) -> Staleness:
    """What is out of date.

    Nothing is written; with `keep`, dates of photographs and of files from outside that changed
    without their bytes are kept. `stamps` are those of the dataset's files, where they are known.
    A receipt whose inputs are not there yet is left out: what it follows is made anew before it.
    """
    reader = Reader(keep=keep)
    found = Staleness({}, {})
    for place in places(project):
        found.harmed.update(broken(place.folder))
        for receipt in receipts_in(place.folder):
            # One that cannot be read says nothing of its inputs.
            if found.harmed.get(receipt) != [receipt.name] and (
                reasons := reasons_of(project, place, receipt, reader, stamps)
            ):
                found.changed[receipt] = reasons
    return found


def comes_back(project: Project, found: Staleness) -> bool:
    """Whether all that is out of date is files to be made as they were before, so that nothing
    follows from it: no input changed, nothing else is missing, and none of them is made from
    another.

    Should a GPU make a file of other bytes then, its receipt says so, and what reads it is stale
    for the next run.
    """
    if found.changed or any(names == [path.name] for path, names in found.harmed.items()):
        return False
    expected = (
        receipt
        for stage, folder in project.computed()
        for receipt in receipts_of(stage, folder, project.shards)
    )
    if not all(receipt.exists() for receipt in expected):
        return False
    harmed = {home_of(receipt) for receipt in found.harmed}
    above = _above(project)
    return not any(above.get(folder, set()) & harmed for folder in harmed)


def _above(project: Project) -> dict[Path, set[Path]]:
    """The folder of each stage -> those of all stages that its files come from."""
    above: dict[Path, set[Path]] = {}
    for place in places(project):
        folders = _read_by(project, place).values()
        above[place.folder] = set().union(*(above.get(f, set()) | {f} for f in folders))
    return above


def kept_networks(project: Project, found: Staleness) -> frozenset[str]:
    """The trainings whose networks stay as they are whatever else changes in a run: the policy is
    `frozen`, and all of them are intact and of the settings at hand.

    None where the receipt of one that reads other stages is stale without their files being so:
    Snakemake does not find it behind another job with nothing but ancient files between.
    """
    if project.settings.policy != "frozen":
        return frozenset()
    kept: dict[str, bool] = {}
    stale = {home_of(receipt) for receipt in found.reasons()}
    per_image = {name for name, stage in all_stages().items() if isinstance(stage, PerImageStage)}
    files = {folder for folder in stale if folder.name in per_image}
    above = _above(project)
    for place in places(project):
        stage = all_stages().get(place.stage)
        if isinstance(stage, TrainingStage):
            if stage.reads and place.folder in stale and not above[place.folder] & files:
                return frozenset()
            kept[place.stage] = kept.get(place.stage, True) and _is_kept(project, place, stage)
    return frozenset(stage for stage, every in kept.items() if every)


def _is_kept(project: Project, place: Place, stage: TrainingStage) -> bool:
    try:
        origin = origin_of(
            stage,
            options=project.experiments[place.experiment].options[place.stage],
            dataset=project.folder(place.experiment, "dataset"),
            folders=project.read_by(place.stage, place.experiment),
        )
    except BesError:
        return False
    memo = training_memo(place.folder)
    return not reasons_to_train(place.folder, origin, memo, project.settings.policy)


def _read_by(project: Project, place: Place) -> dict[str, Path]:
    """The folders of the stages that are read there."""
    if place.stage == "comparison":
        return project.evaluations(place.experiment)
    return project.read_by(place.stage, place.experiment)


def reasons_of(
    project: Project,
    place: Place,
    receipt: Path,
    reader: Reader,
    stamps: Stamps | None = None,
) -> list[str]:
    """Why a receipt that can be read is out of date. `stamps` are those of the dataset's files,
    where they are known."""
    if is_per_image(place.stage) and receipt.stem not in project.shards:
        return ["shards"]
    try:
        expected = _inputs(project, place, receipt, reader)
    except BesError:
        return []
    reasons = differences(read_inputs(receipt), expected)
    if place.stage == "dataset":
        options = project.experiments[BASE].options["dataset"]
        now = stamp_of(options) if stamps is None else stamps
        known, root = stamp_file(place.folder), Path(options.root)
        reasons += changed_parts(known, root, now, keep=reader.keep)
        reasons += _changed_tables(place.folder)
    return reasons


def _inputs(project: Project, place: Place, receipt: Path, reader: Reader) -> dict[str, str]:
    """What the receipt's files would be made from now."""
    stage, experiment, _ = place
    if stage == "comparison":
        return comparison_inputs(
            project.comparisons[experiment],
            evaluations=project.evaluations(experiment),
            code=comparison_code(),
            reader=reader,
        )
    options = project.experiments[experiment].options
    if stage == "dataset":
        return dataset_inputs(options[stage], project.settings.shards)
    return inputs_of(
        stage_of(stage),
        options=options.get(stage, NoOptions()),
        dataset=project.folder(experiment, "dataset"),
        folders=project.read_by(stage, experiment),
        out=place.folder,
        shard=receipt.stem if is_per_image(stage) else None,
        policy=project.settings.policy,
        reader=reader,
    )


def _changed_tables(folder: Path) -> list[str]:
    """The tables of the manifest that are not as they were written, or not there."""
    tables = read_receipt(whole_receipt(folder))
    return [name for name, digest in tables.items() if digest_file(folder / name) != digest]


def void(stale: Iterable[Path]) -> None:
    """Remove receipts, so that Snakemake makes anew what they vouched for."""
    for receipt in stale:
        receipt.unlink(missing_ok=True)


def undo_future(project: Project) -> None:
    """Date results that claim to be of the future as of now.

    Snakemake refuses an output that is older than its input, as files of now would be.
    """
    now = time.time()
    for place in places(project):
        files = receipts_in(place.folder)
        if not is_per_image(place.stage):
            for pattern in ("*", "*/*.csv", "*/.snakemake_timestamp"):
                files += place.folder.glob(pattern)
        for path in files:
            if path.exists() and path.stat().st_mtime > now:
                os.utime(path, (now, now))
