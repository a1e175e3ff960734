"""Looking after results: what is damaged, and what is left over."""

from pathlib import Path

from bes.data.manifest import read_catalog, read_manifest
from bes.errors import BesError
from bes.incremental.inputs import files_of
from bes.incremental.outside import changed_files, notes_file
from bes.incremental.stage import (
    PerImageStage,
    all_stages,
    image_file,
    is_per_image,
    stage_of,
    suffix_of,
)
from bes.incremental.whole import digests_of
from bes.project.settings import Project
from bes.project.staleness import Place, places
from bes.stages.dataset import facts_file
from bes.storage.files import digest_file
from bes.storage.layout import cache_folder, receipt_file, whole_receipt
from bes.storage.memo import Memo
from bes.storage.receipts import home_of, receipts_in


def verify(project: Project) -> list[str]:
    """Read every file that a receipt vouches for, and those of the dataset.

    Returns a line for each that is damaged, missing or changed. Their receipts are voided, so that
    the next run computes them anew.
    """
    problems = []
    for place in places(project):
        changed = _changed_files(place.folder) if place.stage == "dataset" else []
        problems += changed + _changed_outside(project, place)
        for receipt in receipts_in(place.folder):
            try:
                files = digests_of(receipt)
            except BesError:
                bad = [f"{receipt}: damaged"]
            else:
                home = home_of(receipt)
                bad = [
                    f"{home / name}: {'missing' if found is None else 'damaged'}"
                    for name, digest in files.items()
                    if (found := digest_file(home / name)) is None or digest not in ("", found)
                ]
            if bad:
                receipt.unlink()
            problems += bad
        if changed:
            whole_receipt(place.folder).unlink(missing_ok=True)
            facts_file(place.folder).unlink(missing_ok=True)
    return problems


def _changed_files(dataset: Path) -> list[str]:
    """The photographs, masks and corrections that are not what the manifest says."""
    try:
        catalog = read_catalog(dataset / "classes.json")
        records = read_manifest(dataset / "images.csv")
    except BesError:  # said of the manifest itself, or there is none yet
        return []
    return [
        f"{voucher.home / name}: "
        f"{'missing' if found is None else 'changed since the dataset was read'}"
        for voucher in files_of(catalog, records)
        for name, digest in voucher.files.items()
        if (found := digest_file(voucher.home / name)) != digest
    ]


def _changed_outside(project: Project, place: Place) -> list[str]:
    """The files from outside that are not what the stage there read; what is noted of them, and
    the receipts of what they became, are removed."""
    stage = all_stages()[place.stage]
    experiment = project.experiments.get(place.experiment)
    options = experiment.options.get(place.stage) if experiment else None
    if options is None or not isinstance(stage, PerImageStage) or not stage.from_files(options):
        return []
    problems = []
    for shard in project.shards:
        notes = notes_file(place.folder, shard)
        if changed := changed_files(notes, Path(options.folder)):
            problems += [f"{path}: missing, or changed since it was read" for path in changed]
            notes.unlink()
            receipt_file(place.folder, shard).unlink(missing_ok=True)
    return problems


def leftovers(project: Project) -> list[Path]:
    """Files of images that the manifest no longer has, reduced photographs that are not read any
    more, and temporary files of killed jobs."""
    found = []
    for name, folder in project.computed():
        found += [path for path in folder.glob("**/.*.tmp") if path.is_file()]
        if name == "dataset":
            found += _unread_photographs(folder)
        stage = stage_of(name)
        if isinstance(stage, PerImageStage):
            dataset = project.folder(folder.parent.name, "dataset")
            records = read_manifest(dataset / "images.csv")
            known = {
                image_file(name, folder, record.id).name
                for record in records
                if record.held_out == stage.held_out
            }
            found += [p for p in folder.glob(f"*{suffix_of(name)}") if p.name not in known]
    return sorted(found)


def _unread_photographs(dataset: Path) -> list[Path]:
    from bes.data.working_size import cached_photograph

    catalog = read_catalog(dataset / "classes.json")
    records = read_manifest(dataset / "images.csv")
    read = {cached_photograph(catalog, record) for record in records}
    return [path for path in cache_folder(dataset).glob("*.rgb") if path not in read]


def clean(project: Project, *, dry_run: bool) -> list[Path]:
    """Remove the leftovers and what the memos know of them; returns them."""
    found = leftovers(project)
    if not dry_run:
        for path in found:
            path.unlink()
        for stage, folder in project.computed():
            if is_per_image(stage):
                for log in (folder / "_memo").glob("*.jsonl"):
                    there = {p.name.removesuffix(suffix_of(stage)) for p in folder.iterdir()}
                    Memo(log).keep(there)
    return found
