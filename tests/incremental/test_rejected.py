"""A label that a person rejected is learnt by no segmenter, and changes nothing before it."""

from pathlib import Path

import pytest
from finished import CONFIG, RESULTS, project

from bes.incremental.inputs import shards_of
from bes.incremental.per_image import plan_shard
from bes.incremental.stage import PerImageStage, TrainingStage, per_image_stages, stage_of
from bes.project.staleness import staleness
from bes.stages.dataset import run_dataset
from bes.stages.shared.dataset_kinds import DatasetOptions
from bes.stages.shared.looked_at import looked_at
from bes.storage.layout import memo_file
from bes.storage.memo import Memo
from bes.storage.receipts import home_of
from bes.training.run import origin_of, records_of

DATASET = RESULTS / "base/dataset"


def reject(*images: str) -> None:
    """Read the dataset anew with a review of these."""
    rows = "".join(f"{image},rejected\n" for image in images)
    Path("photographs/review.csv").write_text(f"image,verdict\n{rows}")
    options = DatasetOptions(**CONFIG["dataset"], review="review.csv")
    run_dataset(options, out=DATASET, shards=len(shards_of(DATASET)), threads=1)


def origin(name: str) -> dict[str, str]:
    stage = stage_of(name)
    assert isinstance(stage, TrainingStage)
    folders = {parent: RESULTS / "base" / parent for parent in stage.possible_parents}
    return origin_of(stage, options=stage.options(), dataset=DATASET, folders=folders, code="0")


def test_a_label_that_is_accepted_changes_nothing_but_the_page(finished: Path) -> None:
    before = (DATASET / "images.csv").read_bytes()
    Path("photographs/review.csv").write_text("image,verdict\n1,accepted\n")
    dataset = {**CONFIG["dataset"], "review": "review.csv"}
    run_dataset(DatasetOptions(**dataset), out=DATASET, shards=len(shards_of(DATASET)), threads=1)
    assert (DATASET / "images.csv").read_bytes() == before
    stale = staleness(project(dataset=dataset)).reasons()
    assert {home_of(receipt).name for receipt in stale} == {"report"}
    assert {tuple(reasons) for reasons in stale.values()} == {("accepted",)}
    assert looked_at(DATASET, RESULTS / "base/pseudo_labels") == {"1"}


@pytest.mark.parametrize("name", ["classifier", "benet", "segmenter"])
def test_the_segmenter_alone_is_trained_anew(finished: Path, name: str) -> None:
    before = origin(name)
    reject("1")
    learnt = {record.id for record in records_of(stage_of(name), DATASET)}
    assert ("1" in learnt) == (name != "segmenter")
    assert (origin(name) != before) == (name == "segmenter")
    reject()
    assert origin(name) == before


@pytest.mark.parametrize("name", ["irnet", "teacher"])
def test_networks_that_make_the_labels_learn_from_a_rejected_photograph(
    finished: Path, name: str
) -> None:
    """Else to reject one label would change all others."""
    reject("1")
    assert "1" in {record.id for record in records_of(stage_of(name), DATASET)}


def test_no_file_of_a_photograph_is_computed_anew(finished: Path) -> None:
    reject("1")
    options = project().experiments["base"].options
    for name in per_image_stages():
        stage = stage_of(name)
        assert isinstance(stage, PerImageStage)
        folders = {
            parent: RESULTS / "base" / parent
            for parent in stage.parents(options[name])
            if stage_of(parent).there(options)
        }
        for shard in shards_of(DATASET):
            memo = Memo(memo_file(RESULTS / "base" / name, shard))
            if memo.entries:  # of what was not pretended
                plan = plan_shard(
                    stage,
                    options=options[name],
                    code=stage.code(),
                    dataset=DATASET,
                    folders=folders,
                    out=RESULTS / "base" / name,
                    shard=shard,
                    memo=memo,
                )
                assert plan.reasons == {}
