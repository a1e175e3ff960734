"""Looking after results: what is done, stale and why, damaged, or left over."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bes.data.layout import SUFFIX, image_file, memo_file, model_receipt
from bes.data.manifest import read_manifest
from bes.engine.files import digest_file
from bes.engine.memo import Memo
from bes.engine.per_image import PerImageStage, plan_shard
from bes.engine.receipts import read_receipt
from bes.engine.run_training import origin_of, reasons_to_train, training_memo
from bes.errors import BesError
from bes.sections import parents_of
from bes.settings import Project
from bes.stages.registry import STAGES


@dataclass
class StageStatus:
    """How far a stage is, judged by its inputs as they are now."""

    stage: str
    total: int = 0
    reasons: dict[str, list[str]] = field(default_factory=dict)
    """Image, or `network`, that is out of date -> why."""
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
    """The stages of an experiment in order, without running anything."""
    dataset = project.folder(experiment, "dataset")
    options = project.experiments[experiment].options
    shards = sorted(path.stem for path in (dataset / "shards").glob("*.csv"))
    if not shards:
        raise BesError(f"{dataset}: found no manifest; run `snakemake` or `bes dataset` first")
    for name, stage in STAGES.items():
        if name not in project.wanted_by(experiment):
            continue
        result = StageStatus(name)
        out = project.folder(experiment, name)
        folders = {
            source: project.folder(experiment, source) for source in parents_of(name, options)
        }
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
            else:
                origin = origin_of(stage, options=options[name], dataset=dataset, folders=folders)
                result.total = 1
                if reasons := reasons_to_train(out, origin, training_memo(out)):
                    result.reasons["network"] = reasons
        except BesError as error:
            result.waits = str(error)
        yield result


def print_status(project: Project, experiment: str) -> None:
    """A line a stage: done, stale, missing, and why."""
    print(f"{experiment}\n{'stage':<16}{'done':>7}{'stale':>7}{'missing':>9}  why stale")
    for stage in status(project, experiment):
        if stage.waits:
            print(f"{stage.stage:<16}  {stage.waits}")
            continue
        changed = Counter(name for r in stage.reasons.values() if r != ["missing"] for name in r)
        why = ", ".join(f"{name} ({count})" for name, count in changed.most_common())
        stale = len(stage.reasons) - stage.missing
        print(f"{stage.stage:<16}{stage.done:>7}{stale:>7}{stage.missing:>9}  {why}")


def print_why(project: Project, experiment: str, image: str) -> None:
    """For each stage, whether the next run computes the image anew and what changed."""
    dataset = project.folder(experiment, "dataset")
    if image not in {record.id for record in read_manifest(dataset / "images.csv")}:
        raise BesError(f"{image}: found no such image in {dataset / 'images.csv'}")
    for stage in status(project, experiment):
        per_image = stage.stage in SUFFIX
        reasons = stage.reasons.get(image if per_image else "network")
        verdict = stage.waits or (
            "would be computed: " + ", ".join(reasons) if reasons else "up to date"
        )
        print(f"{stage.stage:<16}{verdict}")


def verify(project: Project) -> list[str]:
    """Read every file that a receipt vouches for; void the receipts of damaged ones.

    Returns a line for each damaged or missing file. The next run computes these anew.
    """
    problems = []
    for _, folder in project.computed():
        for receipt in [*sorted((folder / "_receipts").glob("*.json")), model_receipt(folder)]:
            if not receipt.exists():
                continue
            bad = [
                f"{folder / name}: {'missing' if found is None else 'damaged'}"
                for name, digest in read_receipt(receipt).items()
                if (found := digest_file(folder / name)) != digest
            ]
            if bad:
                receipt.unlink()
            problems += bad
    return problems


def leftovers(project: Project) -> list[Path]:
    """Files of images that the manifest no longer has, and temporary files of killed jobs."""
    found = []
    for name, folder in project.computed():
        found += [path for path in folder.glob("**/.*.tmp") if path.is_file()]
        stage = STAGES.get(name)
        if isinstance(stage, PerImageStage):
            dataset = project.folder(folder.parent.name, "dataset")
            records = read_manifest(dataset / "images.csv")
            known = {
                image_file(name, folder, record.id).name
                for record in records
                if record.held_out == stage.held_out
            }
            found += [p for p in folder.glob(f"*{SUFFIX[name]}") if p.name not in known]
    return sorted(found)


def clean(project: Project, *, dry_run: bool) -> list[Path]:
    """Remove the leftovers and what the memos know of them; returns them."""
    found = leftovers(project)
    if not dry_run:
        for path in found:
            path.unlink()
        for stage, folder in project.computed():
            if stage in SUFFIX:
                for log in (folder / "_memo").glob("*.jsonl"):
                    there = {p.name.removesuffix(SUFFIX[stage]) for p in folder.iterdir()}
                    Memo(log).keep(there)
    return found
