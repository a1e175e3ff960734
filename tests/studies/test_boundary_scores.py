"""Boundaries of a few photographs against their masks: counts, sums, and what is counted anew."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from PIL import Image
from vouching import vouch_for

from bes.data.images import encode_boundary_map, encode_labels, encode_maps
from bes.data.manifest import Catalog, ImageRecord, write_dataset
from bes.errors import BesError
from bes.incremental.stage import image_file
from bes.incremental.whole import run_whole
from bes.metrics.boundary import boundaries_of
from bes.report.boundary_tables import curve_rows, summary
from bes.stages.boundary_scores import STAGE, BoundaryScoreOptions
from bes.stages.shared.boundary_counts import COMPARED
from bes.storage.files import digest_file, write_atomic

HEIGHT, WIDTH = 32, 48
OPTIONS = BoundaryScoreOptions(thresholds=9)
HALF = np.zeros((HEIGHT, WIDTH), np.uint8)
HALF[:, WIDTH // 2 :] = 1
Run = Callable[..., dict[str, Any]]


def record(image: str, mask: Path | None) -> ImageRecord:
    named = {"mask": mask.name, "mask_digest": digest_file(mask) or ""} if mask else {}
    return ImageRecord(image, f"{image}.jpg", WIDTH, HEIGHT, ("cat",), "train", "", **named)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Writes masks and results of photographs `0`, `1`, ..., scores them, returns the scores.

    Every boundary map has a ridge where the halves meet; the pseudo labels are those given. The
    last photograph has the contents in `changed`; the last `held_out` have results of no kind.
    """

    def score(
        masks: list[np.ndarray | None],
        labels: np.ndarray = HALF,
        probability: float = 0.95,
        sbd: Path | None = None,
        changed: dict[str, bytes] | None = None,
        held_out: int = 0,
        classes: tuple[str, ...] = ("cat",),
        mask_values: tuple[int, ...] = (1,),
    ) -> dict[str, Any]:
        folders = {name: tmp_path / name for name in COMPARED}
        ridge = np.zeros((HEIGHT // 4, WIDTH // 4))
        ridge[:, WIDTH // 8 - 1 : WIDTH // 8 + 1] = probability
        records = []
        for number, mask in enumerate(masks):
            path = tmp_path / f"{number}.png"
            if mask is not None:
                write_atomic(path, encode_labels(mask))
            records.append(record(str(number), path if mask is not None else None))
            if number >= len(masks) - held_out:
                records[-1] = replace(records[-1], split="val")
                continue
            contents = {
                "boundary_maps": encode_boundary_map(ridge),
                "cams": encode_maps(np.zeros((0, HEIGHT // 4, WIDTH // 4)), [], HALF.shape),
                "pseudo_labels": encode_labels(labels),
            }
            if number == len(masks) - 1:
                contents |= changed or {}
            for name, content in contents.items():
                write_atomic(image_file(name, folders[name], str(number)), content)
        catalog = Catalog(tmp_path, classes, mask_values)
        write_dataset(tmp_path / "dataset", records=records, catalog=catalog, shards=1)
        for folder in folders.values():
            vouch_for(folder, tmp_path / "dataset")
        out = tmp_path / "out"
        options = replace(OPTIONS, sbd=str(sbd) if sbd else None)
        run_whole(
            STAGE,
            options=options,
            dataset=tmp_path / "dataset",
            folders=folders,
            out=out,
            threads=1,
        )
        assert (out / "curve.csv").exists()
        Image.open(out / "curve.png").verify()
        return json.loads((out / "scores.json").read_text())

    return score


def counted(folder: Path) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in (folder / "out/images").iterdir()}


def test_a_ridge_on_the_boundary_scores_fully(run: Run) -> None:
    scores = run([HALF, HALF])
    assert scores["photographs"] == 2
    for tolerance in ("0.0075", "0.02"):
        assert scores["pseudo_labels"][tolerance]["f"] == 100
    assert scores["boundary_maps"]["0.02"]["f"] > 90
    assert set(scores["boundary_maps"]["0.02"]) == {
        *("precision", "recall", "f", "threshold", "f_per_photograph")
    }
    # No class, so no boundary.
    assert scores["cams"]["0.02"] == {"precision": 0, "recall": 0, "f": 0}


def test_a_photograph_without_a_mask_is_left_out(run: Run) -> None:
    assert run([HALF, None])["photographs"] == 1


def sbd_file(path: Path, lines: np.ndarray) -> None:
    """A `cls/*.mat` whose third class has these boundaries."""
    cells = np.empty((20, 1), object)
    for index in range(20):
        cells[index, 0] = scipy.sparse.csc_matrix(lines if index == 2 else np.zeros_like(lines))
    path.parent.mkdir(exist_ok=True)
    scipy.io.savemat(path, {"GTcls": {"Boundaries": cells}})


def test_boundaries_of_sbd_take_the_place_of_masks(run: Run, tmp_path: Path) -> None:
    lines = boundaries_of(HALF)
    sbd_file(tmp_path / "cls/0.mat", lines)
    scores = run([None, HALF], sbd=tmp_path / "cls")
    assert scores["photographs"] == 1
    assert scores["pseudo_labels"]["0.0075"]["f"] == 100
    sbd_file(tmp_path / "cls/0.mat", lines.T)
    with pytest.raises(BesError, match=rf"0\.mat: found boundaries of {HEIGHT}x{WIDTH} pixels"):
        run([None], sbd=tmp_path / "cls")


def test_without_masks_there_are_no_scores(run: Run) -> None:
    assert run([None]) == {"skipped": "no training photograph has a mask, or a file of SBD"}


@pytest.mark.parametrize("value", [0, 1, 255], ids=["background", "one class", "void"])
def test_a_mask_of_one_value_has_no_boundary_to_find(run: Run, value: int) -> None:
    scores = run([np.full_like(HALF, value)])
    for source in COMPARED:
        assert scores[source]["0.02"]["recall"] == scores[source]["0.02"]["f"] == 0


def test_one_pixel_of_a_class_is_no_trouble(run: Run) -> None:
    mask = np.zeros_like(HALF)
    mask[10, 10] = 1
    scores = run([mask], labels=mask)
    assert boundaries_of(mask).any()
    assert scores["pseudo_labels"]["0.0075"] == {"precision": 100, "recall": 100, "f": 100}


def test_a_map_without_probability_finds_nothing(run: Run) -> None:
    scores = run([HALF], probability=0.0)
    assert scores["boundary_maps"]["0.02"]["f"] == 0


def test_only_the_photograph_whose_mask_changed_is_counted_anew(run: Run, tmp_path: Path) -> None:
    run([HALF, HALF])
    before = counted(tmp_path)
    changed = run([HALF, HALF.T[:HEIGHT].repeat(2, axis=1)[:, :WIDTH]])
    after = counted(tmp_path)
    assert before["0"] == after["0"] and before["1"] != after["1"]
    assert changed["pseudo_labels"]["0.02"]["f"] < 100


@pytest.mark.parametrize("source", COMPARED)
def test_only_the_photograph_of_which_something_else_is_compared_is_counted_anew(
    run: Run, tmp_path: Path, source: str
) -> None:
    run([HALF, HALF])
    before = counted(tmp_path)
    other = {
        "boundary_maps": encode_boundary_map(np.full((HEIGHT // 4, WIDTH // 4), 0.3)),
        "cams": encode_maps(np.ones((1, HEIGHT // 4, WIDTH // 4)), [1], HALF.shape),
        "pseudo_labels": encode_labels(HALF.T[:HEIGHT].repeat(2, axis=1)[:, :WIDTH].copy()),
    }[source]
    run([HALF, HALF], changed={source: other})
    after = counted(tmp_path)
    assert before["0"] == after["0"] and before["1"] != after["1"]


def test_photographs_are_counted_anew_where_the_masks_have_other_values(
    run: Run, tmp_path: Path
) -> None:
    """The same pixels may be another class then, though here the boundaries are the same ones."""
    mask = HALF * 3
    first = run([mask], classes=("cat", "dog", "owl"), mask_values=(1, 2, 3))
    before = counted(tmp_path)
    again = run([mask], classes=("cat", "dog", "owl"), mask_values=(3, 2, 1))
    assert before["0"] != counted(tmp_path)["0"] and again == first


def test_a_photograph_held_out_is_not_counted(run: Run, tmp_path: Path) -> None:
    assert run([HALF, HALF], held_out=1)["photographs"] == 1
    assert set(counted(tmp_path)) == {"0"}


def test_a_damaged_count_is_counted_anew(run: Run, tmp_path: Path) -> None:
    whole = run([HALF])
    (tmp_path / "out/images/0.json").write_text("{}")
    (tmp_path / "out/scores.json").unlink()
    assert run([HALF]) == whole


def test_photographs_that_are_gone_leave_no_counts(run: Run, tmp_path: Path) -> None:
    run([HALF, HALF])
    run([HALF])
    assert set(counted(tmp_path)) == {"0"}


def test_pixels_are_added_up_and_each_photograph_may_choose_its_threshold() -> None:
    thresholds = [0.25, 0.5, 0.75]

    def image(matched: list[int], predicted: list[int], truth: int) -> dict[str, Any]:
        return {"boundary_maps": {"0.02": [thresholds, matched, predicted, [truth] * 3]}}

    images = [image([10, 8, 1], [40, 10, 1], 10), image([9, 2, 1], [10, 2, 1], 10)]
    score = summary(images)["boundary_maps"]["0.02"]
    # Matched 19, 10, 2 of 50, 12, 2 found and 20 true: F 38/70, 20/32, 4/22.
    assert score["threshold"] == 0.5
    assert score["f"] == pytest.approx(100 * 20 / 32, abs=1e-4)
    assert score["precision"] == pytest.approx(100 * 10 / 12, abs=1e-4)
    assert score["recall"] == 50
    # The first takes 0.5, the second 0.25: 8 + 9 matched, 10 + 10 found, 20 true.
    assert score["f_per_photograph"] == pytest.approx(100 * 34 / 40, abs=1e-4)
    rows = curve_rows(images)
    assert [row[2] for row in rows] == ["threshold", *thresholds]
    assert rows[1][3:] == [38.0, 95.0, pytest.approx(100 * 38 / 70, abs=1e-4)]


def test_of_equally_good_thresholds_the_lowest_is_the_best() -> None:
    image = {"boundary_maps": {"0.02": [[0.25, 0.5, 0.75], [0, 9, 9], [5, 9, 9], [9, 9, 9]]}}
    assert summary([image])["boundary_maps"]["0.02"]["threshold"] == 0.5
