"""The evaluation reads again what changed, and gives what counting all anew gives."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from plain import smooth

from bes.data import truth as masks
from bes.data.manifest import Catalog, shard_name, shard_of, write_dataset
from bes.incremental.inputs import SUPERVISION
from bes.incremental.stage import image_file
from bes.report.supervision import MORE
from bes.storage.files import digest_bytes, write_atomic
from bes.storage.layout import receipt_file
from bes.storage.receipts import read_receipt, write_receipt

SIZE = (8, 12)
SHARDS = 3
NAMES = "abcdefgh"
TABLES = ("scores.json", "per_class.csv", "thresholds.csv")


def random_labels(rng: np.random.Generator) -> np.ndarray:
    return rng.choice(np.array([0, 1, 1, 255], np.uint8), SIZE)


@pytest.fixture
def evaluated(project, rng):
    """Eight photographs in three shards, and their scores."""
    for name in NAMES:
        project.photograph(name, smooth(rng, *SIZE), ("cat",), mask=random_labels(rng))
    project.write()
    for stage in ("cams", "revised_maps"):
        project.give(stage, {name: rng.random((1, 2, 3)) for name in NAMES})
    project.give("pseudo_labels", {name: random_labels(rng) % 255 for name in NAMES})
    divide(project)
    project.run("evaluation")
    return project


def divide(project, mask_values: tuple[int, ...] = (1, 2, 3)) -> None:
    """Manifest and receipts in shards, as a workflow has them."""
    catalog = Catalog(project.base / "photographs", project.classes, mask_values)
    write_dataset(project.base / "dataset", records=project.records, catalog=catalog, shards=SHARDS)
    for stage in ("cams", "revised_maps", "pseudo_labels"):
        folder = project.base / stage
        files: dict[str, dict[str, str]] = {shard_name(shard): {} for shard in range(SHARDS)}
        for record in project.records:
            path = image_file(stage, folder, record.id)
            shard = shard_name(shard_of(record.id, SHARDS))
            files[shard][path.name] = digest_bytes(path.read_bytes())
        for shard, names in files.items():
            write_receipt(receipt_file(folder, shard), names)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Callable[[], set[str]]:
    """The photographs whose masks were read since it was last asked."""
    seen: set[str] = set()
    original = masks.read_truth

    def spy(catalog, record):
        seen.add(record.id)
        return original(catalog, record)

    monkeypatch.setattr(masks, "read_truth", spy)

    def asked() -> set[str]:
        found = set(seen)
        seen.clear()
        return found

    return asked


def tables(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in TABLES]


def run_and_compare(project, *flags: object) -> None:
    """Run the evaluation; its tables are those of one that knows nothing of earlier runs."""
    project.run("evaluation", *flags)
    found = tables(project.base / "evaluation")
    (project.base / "evaluation").rename(project.base / "kept")
    project.run("evaluation", *flags)
    assert tables(project.base / "evaluation") == found
    shutil.rmtree(project.base / "evaluation")
    (project.base / "kept").rename(project.base / "evaluation")


def shard_mates(name: str) -> set[str]:
    return {other for other in NAMES if shard_of(other, SHARDS) == shard_of(name, SHARDS)}


def test_a_changed_label_has_its_shard_read_again(evaluated, read, rng) -> None:
    before = tables(evaluated.base / "evaluation")
    evaluated.give("pseudo_labels", {name: random_labels(rng) % 255 for name in "c"})
    divide(evaluated)
    evaluated.run("evaluation")
    assert read() == shard_mates("c") != set(NAMES)
    assert tables(evaluated.base / "evaluation") != before
    run_and_compare(evaluated)


def test_a_changed_mask_has_its_shard_read_again(evaluated, read, rng) -> None:
    old = next(record for record in evaluated.records if record.id == "d")
    evaluated.records.remove(old)
    evaluated.photograph("d", evaluated.photo("d"), ("cat",), mask=random_labels(rng))
    divide(evaluated)
    evaluated.run("evaluation")
    assert read() == shard_mates("d")
    run_and_compare(evaluated)


def test_masks_whose_numbers_changed_places_are_all_read_again(evaluated, read) -> None:
    """No file has changed, but what was a cat in it is a dog."""
    assert evaluated.json("evaluation/scores.json")["pseudo_labels"]["per_class"]["cat"] > 0
    divide(evaluated, (2, 1, 3))
    evaluated.run("evaluation")
    assert read() == set(NAMES)
    assert evaluated.json("evaluation/scores.json")["pseudo_labels"]["per_class"]["cat"] == 0
    run_and_compare(evaluated)


def test_a_photograph_less_has_its_shard_read_again(evaluated, read) -> None:
    evaluated.records = [record for record in evaluated.records if record.id != "a"]
    divide(evaluated)
    evaluated.run("evaluation")
    assert read() == shard_mates("a") - {"a"}
    run_and_compare(evaluated)


def test_counts_of_a_shard_without_photographs_are_removed(evaluated) -> None:
    evaluated.records = [record for record in evaluated.records if record.id in shard_mates("a")]
    divide(evaluated)
    evaluated.run("evaluation")
    counts = evaluated.base / "evaluation" / "_memo" / "cache" / "train"
    shard = shard_name(shard_of("a", SHARDS))
    assert {path.name.partition("_")[0] for path in counts.iterdir()} == {shard}


def test_another_threshold_counts_the_maps_of_its_stage_alone(evaluated, read) -> None:
    counts = evaluated.base / "evaluation" / "_memo" / "cache" / "train"
    before = {path.name: path.stat().st_ino for path in counts.iterdir()}
    evaluated.run("evaluation", "--cam-threshold", 0.125)
    changed = {p.name for p in counts.iterdir() if before.get(p.name) != p.stat().st_ino}
    assert changed == {name for name in before if "cams" in name}
    run_and_compare(evaluated, "--cam-threshold", 0.125)


def test_more_than_labels_in_one_shard_marks_the_score_of_all(evaluated) -> None:
    receipt = receipt_file(evaluated.base / "pseudo_labels", shard_name(0))
    write_receipt(receipt, read_receipt(receipt), {SUPERVISION: "correction"})
    evaluated.run("evaluation")
    scores = evaluated.json("evaluation/scores.json")
    assert scores["pseudo_labels"]["supervision"] == MORE
    assert "supervision" not in scores["cams"]


@pytest.mark.parametrize("content", [b"", b"PK of another hand"])
def test_damaged_counts_are_counted_anew(evaluated, read, content: bytes) -> None:
    found = tables(evaluated.base / "evaluation")
    shard = shard_name(shard_of("b", SHARDS))
    write_atomic(
        evaluated.base / "evaluation" / "_memo" / "cache" / "train" / f"{shard}_cams.npz", content
    )
    for name in TABLES:
        (evaluated.base / "evaluation" / "_memo" / "kept" / name).unlink()
    evaluated.run("evaluation")
    assert read() == shard_mates("b")
    assert tables(evaluated.base / "evaluation") == found


def test_what_a_killed_run_counted_is_not_counted_again(evaluated, read) -> None:
    """The tables and their memo are what is written last."""
    memos = evaluated.base / "evaluation" / "_memo"
    (memos / "once.jsonl").unlink()
    log = memos / "train.jsonl"
    first = log.read_bytes().splitlines(keepends=True)[:3]  # of the stages of one shard
    log.write_bytes(b"".join(first) + b'["00')
    evaluated.run("evaluation")
    known = set(read_receipt(receipt_file(evaluated.base / "cams", first[0][2:5].decode())))
    assert read() == set(NAMES) - {name.removesuffix(".npz") for name in known}
