"""How far the stages are, as the next run would find them, and why a file is out of date."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bes.data.file_names import image_of
from bes.data.manifest import read_manifest
from bes.errors import BesError
from bes.incremental.inputs import shards_of
from bes.incremental.per_image import plan_shard
from bes.incremental.stage import PerImageStage, TrainingStage, all_stages, is_per_image
from bes.project.sections import COMPARISONS
from bes.project.settings import Project, check_weights
from bes.project.staleness import places, staleness
from bes.storage.layout import memo_file, model_receipt, receipt_file, whole_receipt
from bes.storage.memo import MEMO, Memo
from bes.storage.receipts import home_of, receipts_in
from bes.training.run import origin_of, reasons_to_train, training_memo

Stale = dict[Path, list[str]]
"""Receipt that is out of date -> why."""

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


def status(project: Project, experiment: str, stale: Stale | None = None) -> Iterator[StageStatus]:
    """The stages of an experiment in order, as the next run would find them.

    `stale` are the receipts that are out of date, where they are known. Raises BesError for what
    would stop that run, or where there has been none.
    """
    check_weights(project)
    dataset = project.folder(experiment, "dataset")
    options = project.experiments[experiment].options
    shards = shards_of(dataset)
    if not shards:
        raise BesError(f"{dataset}: found no manifest; run `snakemake` or `bes dataset` first")
    stale = staleness(project).reasons() if stale is None else stale
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
                    receipt = receipt_file(out, shard)
                    for image, reasons in plan.reasons.items():
                        if not _left_alone(receipt, reasons, stale):
                            result.reasons[image] = reasons
            elif isinstance(stage, TrainingStage):
                origin = origin_of(stage, options=options[name], dataset=dataset, folders=folders)
                policy = project.settings.policy
                result.total = 1
                reasons = reasons_to_train(out, origin, training_memo(out), policy)
                if reasons and not _left_alone(model_receipt(out), reasons, stale):
                    result.reasons[WHOLE] = reasons
            else:
                result = _status_of_receipts(name, [whole_receipt(out)], stale)
        except BesError as error:
            result.waits = str(error)
        yield result


def _left_alone(receipt: Path, reasons: list[str], stale: Stale) -> bool:
    """Whether no job is started for a file of which nothing is known but what its receipt says:
    that holds, and how the file was made matters to the job alone."""
    return reasons == [MEMO] and receipt.exists() and receipt not in stale


def _status_of_receipts(stage: str, receipts: list[Path], stale: Stale) -> StageStatus:
    """Of files that are made all at once, each by its receipt."""
    result = StageStatus(stage, total=len(receipts))
    for receipt in receipts:
        if reasons := stale.get(receipt, [] if receipt.exists() else ["missing"]):
            result.reasons[WHOLE if len(receipts) == 1 else home_of(receipt).name] = reasons
    return result


def _status_on_demand(project: Project, stale: Stale) -> dict[str, list[StageStatus]]:
    """What was asked for by its name and is there, by experiment; `COMPARISONS` has the
    comparisons, those that are not there too."""
    found: dict[str, list[StageStatus]] = {}
    for place in places(project):
        receipts = receipts_in(place.folder) or [whole_receipt(place.folder)]
        if place.stage == "comparison":
            one = _status_of_receipts(place.experiment, receipts, stale)
            found.setdefault(COMPARISONS, []).append(one)
        elif all_stages()[place.stage].on_demand:
            one = _status_of_receipts(place.stage, receipts, stale)
            found.setdefault(place.experiment, []).append(one)
    return found


def print_status(project: Project) -> None:
    """A line a stage of each experiment, and a comparison: done, stale, missing, and why."""
    stale = staleness(project).reasons()
    on_demand = _status_on_demand(project, stale)
    for experiment in project.experiments:
        asked_for = on_demand.get(experiment, [])
        _print_table(experiment, "stage", [*status(project, experiment, stale), *asked_for])
    if COMPARISONS in on_demand:
        _print_table(COMPARISONS, "comparison", on_demand[COMPARISONS])


def _print_table(title: str, first: str, rows: list[StageStatus]) -> None:
    print(f"{title}\n{first:<18}{'done':>7}{'stale':>7}{'missing':>9}  why stale")
    for stage in rows:
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
