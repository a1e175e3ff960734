"""Looking after results: what is done, stale and why, damaged, or left over."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bes.data.file_names import image_of
from bes.data.manifest import read_catalog, read_manifest
from bes.errors import BesError
from bes.incremental.inputs import files_of, shards_of
from bes.incremental.outside import changed_files, notes_file
from bes.incremental.per_image import plan_shard
from bes.incremental.stage import (
    PerImageStage,
    TrainingStage,
    all_stages,
    image_file,
    is_per_image,
    stage_of,
    suffix_of,
)
from bes.incremental.whole import digests_of
from bes.project.settings import Project, check_weights
from bes.project.staleness import Place, places, staleness
from bes.stages.dataset import facts_file
from bes.storage.files import digest_file
from bes.storage.layout import cache_folder, memo_file, receipt_file, whole_receipt
from bes.storage.memo import Memo
from bes.storage.receipts import home_of, receipts_in
from bes.training.run import origin_of, reasons_to_train, training_memo

WHOLE = "whole"
"""In place of an image, of a stage that is not computed image by image."""


@dataclass
class StageStatus:
    """How far a stage is, judged by its inputs as they are now."""

    stage: str
    total: int = 0
    reasons: dict[str, list[str]] = field(default_factory=dict)
    """Image that is out of date, or `WHOLE` -> why."""
    waits: str = ""
    """What keeps the stage from being looked at: an input that is not there yet."""

    @property
    def missing(self) -> int:
        """Files that are not there."""
        return sum(reasons == ["missing"] for reasons in self.reasons.values())

    @property
    def done(self) -> int:
        """Files that are up to date."""
        return self.total - len(self.reasons)


def status(project: Project, experiment: str) -> Iterator[StageStatus]:
    """The stages of an experiment in order, as the next run would find them.

    Raises BesError for what would stop that run, or where there has been none.
    """
    check_weights(project)
    dataset = project.folder(experiment, "dataset")
    options = project.experiments[experiment].options
    shards = shards_of(dataset)
    if not shards:
        raise BesError(f"{dataset}: found no manifest; run `snakemake` or `bes dataset` first")
    stale = staleness(project).reasons()
    wanted = project.wanted_by(experiment)
    for name, stage in all_stages().items():
        if name not in wanted:
            continue
        result = StageStatus(name)
        out = project.folder(experiment, name)
        folders = project.read_by(name, experiment)
        try:
            if isinstance(stage, PerImageStage):
                for shard in shards:
                    plan = plan_shard(
                        stage,
                        options=options[name],
                        code=stage.code(),
                        dataset=dataset,
                        folders=folders,
                        out=out,
                        shard=shard,
                        memo=Memo(memo_file(out, shard)),
                    )
                    result.total += len(plan.records)
                    result.reasons |= plan.reasons
            elif isinstance(stage, TrainingStage):
                origin = origin_of(stage, options=options[name], dataset=dataset, folders=folders)
                policy = project.settings.policy
                result.total = 1
                if reasons := reasons_to_train(out, origin, training_memo(out), policy):
                    result.reasons[WHOLE] = reasons
            else:
                result.total = 1
                receipt = whole_receipt(out)
                if reasons := stale.get(receipt, [] if receipt.exists() else ["missing"]):
                    result.reasons[WHOLE] = reasons
        except BesError as error:
            result.waits = str(error)
        yield result


def print_status(project: Project, experiment: str) -> None:
    """A line a stage: done, stale, missing, and why."""
    print(f"{experiment}\n{'stage':<18}{'done':>7}{'stale':>7}{'missing':>9}  why stale")
    for stage in status(project, experiment):
        if stage.waits:
            print(f"{stage.stage:<18}  {stage.waits}")
            continue
        changed = Counter(name for r in stage.reasons.values() if r != ["missing"] for name in r)
        why = ", ".join(f"{name} ({count})" for name, count in changed.most_common())
        stale = len(stage.reasons) - stage.missing
        print(f"{stage.stage:<18}{stage.done:>7}{stale:>7}{stage.missing:>9}  {why}")


def print_why(project: Project, experiment: str, image: str) -> None:
    """For each stage, whether the next run computes the image anew and what changed; `image` as
    `image_of` takes it."""
    dataset = project.folder(experiment, "dataset")
    known = {record.id for record in read_manifest(dataset / "images.csv")}
    found = image_of(image, known)
    if found not in known:
        raise BesError(f"{image}: found no such image in {dataset / 'images.csv'}")
    for stage in status(project, experiment):
        reasons = stage.reasons.get(found if is_per_image(stage.stage) else WHOLE)
        verdict = stage.waits or (
            "would be computed: " + ", ".join(reasons) if reasons else "up to date"
        )
        print(f"{stage.stage:<18}{verdict}")


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
                    if (found := digest_file(home / name)) != digest
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
