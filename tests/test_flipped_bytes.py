"""A stage that computes holds every file it reads against what vouches for it.

Each stage in turn is run as its rule runs it, on a finished run in which one byte is another.
"""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from finished import CONFIG, RESULTS, SHARDS, all_receipts, content_of, flip
from small_network import SMALL_NETWORK
from vouching import vouch_for

from bes.cli import main
from bes.data.manifest import ImageRecord, read_catalog, read_manifest, write_dataset
from bes.incremental.stage import (
    PerImageStage,
    TrainingStage,
    all_stages,
    image_file,
    is_per_image,
    stage_of,
)
from bes.storage.files import write_atomic
from bes.storage.layout import cache_folder
from bes.storage.receipts import read_receipt, receipts_in

pytestmark = pytest.mark.usefixtures("finished")
BASE = RESULTS / "base"
# The rule of the report reads these maps' journal alone.
UNREAD = {("report", "segmentation_maps")}
READ = [
    (name, source)
    for name, stage in all_stages().items()
    for source in stage.possible_parents
    if source != "dataset" and (name, source) not in UNREAD
]
PHOTOGRAPHS = {
    "classifier": "path",
    "boundary_labels": "path",
    "benet": "path",
    "irnet": "path",
    "pseudo_labels": "path",
    "segmenter": "path",
    "predictions": "path",
    "quality": "path",
    "report": "path",
    "evaluation": "mask",
    "boundary_scores": "mask",
}
"""Stages that come to the photographs, or to their masks, without a network."""
FILES = {"evaluation": "scores.json", "quality": "ranking.csv"}
# All photographs in one batch, so that the first step reads all of their labels.
TRAINING = ("--backbone", SMALL_NETWORK, "--iterations", 1, "--batch-size", 4, "--crop", 32)


def held_out(stage: str) -> bool:
    declared = stage_of(stage)
    return isinstance(declared, PerImageStage) and declared.held_out


def records(of: str) -> list[ImageRecord]:
    """The photographs that a stage works on."""
    every = read_manifest(BASE / "dataset/images.csv")
    return [record for record in every if record.held_out == held_out(of)]


def provide(stage: str) -> None:
    """Have results of a stage that the run could do without."""
    folder = BASE / stage
    if folder.exists():
        return
    if isinstance(stage_of(stage), TrainingStage):
        shutil.copytree(BASE / "classifier", folder)
        return
    for record in records(stage):
        write_atomic(image_file(stage, folder, record.id), content_of(stage, record))
    vouch_for(folder, BASE / "dataset")


def ask_for_a_test_set() -> None:
    """Have the photographs held out be those that VOC keeps the masks of."""
    dataset = BASE / "dataset"
    every = read_manifest(dataset / "images.csv")
    changed = [replace(r, split="test" if r.held_out else r.split) for r in every]
    catalog = read_catalog(dataset / "classes.json")
    write_dataset(dataset, records=changed, catalog=catalog, shards=len(SHARDS))


def read_file(stage: str, source: str) -> Path:
    """A file of `source` that `stage` reads."""
    if is_per_image(source):
        return image_file(source, BASE / source, records(source)[-1].id)
    if isinstance(stage_of(source), TrainingStage):
        return BASE / source / ("metrics.csv" if stage == "report" else "model.safetensors")
    return BASE / source / FILES[source]


def run(stage: str, source: str = "") -> int:
    """Run a stage by its command; returns the exit status. To other code all is out of date, and
    nothing that was counted before spares the reading."""
    shutil.rmtree(cache_folder(BASE / stage), ignore_errors=True)
    words: list[Any] = [stage, "--code", "of the tests"]
    if stage == "comparison":
        Path("c.yaml").write_text(yaml.safe_dump(CONFIG))
        return main([*words, "both", "--configfile", "c.yaml"])
    out = BASE / "export/torchvision" if stage == "export" else BASE / stage
    words += ["--dataset", BASE / "dataset", "--out", out, "--threads", 1]
    for name in stage_of(stage).possible_parents:
        if name in stage_of(stage).reads or name == "classifier":
            provide(name)
        if (BASE / name).exists():
            words += [f"--{name.replace('_', '-')}", BASE / name]
    if isinstance(stage_of(stage), TrainingStage):
        words += [*TRAINING, "--weights", source if source == "classifier" else "none"]
    if stage == "boundary_maps":
        words += ["--network", source]
    if stage == "export":
        words += ["--format", "torchvision"]
    if isinstance(stage_of(stage), TrainingStage) or getattr(stage_of(stage), "on_device", False):
        words += ["--device", "cpu"]
    return main([str(word) for word in words])


@pytest.fixture(autouse=True)
def threads_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage sets the number of threads for its process; other tests keep theirs."""
    for module in ("incremental.per_image", "incremental.whole", "training.run"):
        monkeypatch.setattr(f"bes.{module}.limit_threads", lambda count: None)
    monkeypatch.setattr("bes.stages.export.limit_threads", lambda count: None)


@pytest.mark.parametrize(("stage", "source"), READ)
def test_a_flipped_byte_of_what_a_stage_reads_ends_it_and_voids_the_receipt(
    stage: str, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if stage == "submission":
        ask_for_a_test_set()
    provide(source)
    file = read_file(stage, source)
    (receipt,) = (r for r in receipts_in(BASE / source) if file.name in read_receipt(r))
    before, others = file.stat(), set(all_receipts()) - {receipt}
    flip(file)
    after = file.stat()
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    assert run(stage, source) == 2
    said = capsys.readouterr().err
    assert f"bes: {file}: found other bytes than the digest in {receipt} stands for" in said
    assert not receipt.exists()
    # An export that was whole stays until another can take its place.
    own = [] if stage == "export" else receipts_in(BASE / stage)
    # Another shard of the stage may have been whole.
    assert not [r for r in own if not is_per_image(stage) or r.stem == receipt.stem]
    assert {r for r in others if stage not in r.parts and "comparisons" not in r.parts} <= set(
        all_receipts()
    )


@pytest.mark.parametrize("stage", PHOTOGRAPHS)
def test_a_flipped_byte_of_a_photograph_or_mask_ends_a_stage_that_reads_it(
    stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path("photographs", getattr(records(stage)[-1], PHOTOGRAPHS[stage]))
    upstream = {r for r in all_receipts() if stage not in r.parts}
    flip(file)
    assert run(stage) == 2
    sentence = rf"bes: \S*{re.escape(str(file))}: found other bytes than when the dataset was read"
    assert re.search(sentence, capsys.readouterr().err)
    # It is the user's, so no result is to blame.
    assert upstream <= set(all_receipts())


@pytest.mark.parametrize("stage", ["evaluation", "quality", "tables", "boundary_labels"])
def test_from_files_as_they_were_written_a_stage_computes_what_it_did(stage: str) -> None:
    assert run(stage) == 0
    files = [
        path
        for path in sorted((BASE / stage).rglob("*"))
        if path.is_file() and not path.relative_to(BASE / stage).parts[0].startswith("_")
    ]
    before = {path: path.read_bytes() for path in files}
    for path in files:
        path.unlink()
    assert run(stage) == 0
    assert before and {path: path.read_bytes() for path in files} == before
