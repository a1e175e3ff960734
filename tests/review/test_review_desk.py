"""What a review writes, and what it refuses."""

import base64
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from moons import MOON, NAMES, RESULTS, SIZE, disc, left_half, stroke

from bes.data.images import decode_labels, encode_boundary_map, encode_labels
from bes.data.manifest import Catalog, read_manifest, write_dataset
from bes.data.review import read_review
from bes.errors import BesError
from bes.project.desk import open_desk
from bes.project.outcome import outcome
from bes.project.reviewed import go_on
from bes.review.desk import EARLIER, Conflict, Desk
from bes.storage.files import write_atomic

ROOT = Path("photographs")
CORRECTION = ROOT / "corrections/a moon.png"
STROKES = ROOT / "scribbles/a moon.json"


def label(state: dict[str, Any]) -> np.ndarray:
    content = base64.b64decode(state["label"])
    return np.frombuffer(content, np.uint8).reshape(state["height"], state["width"])


def change(desk: Desk, number: int, verdict: str, *strokes: dict[str, Any]) -> dict[str, Any]:
    return desk.change(number, desk.state(number)["revision"], verdict, list(strokes))


def test_the_least_trusted_comes_first_and_looking_writes_nothing(desk: Desk) -> None:
    overview = desk.overview()
    assert [one["id"] for one in overview["photographs"]] == list(NAMES)
    assert (label(desk.state(0)) == left_half(disc())).all()
    assert sorted(path.name for path in ROOT.iterdir()) == sorted(f"{n}.png" for n in NAMES)


def test_a_stroke_spreads_up_to_the_boundary_and_is_written(desk: Desk) -> None:
    mended = label(change(desk, 0, "corrected", MOON))
    assert (mended == disc()).mean() > 0.97 > (left_half(disc()) == disc()).mean()
    assert (decode_labels(CORRECTION) == mended).all()
    (row,) = read_review(ROOT / "review.csv").values()
    assert (row.image, row.verdict) == ("a moon", "corrected") and row.when.startswith("20")
    assert json.loads(STROKES.read_text())["strokes"][0]["label"] == "moon"


def test_accepted_and_rejected_change_no_label(desk: Desk) -> None:
    assert change(desk, 0, "accepted")["verdict"] == "accepted"
    assert change(desk, 1, "rejected")["verdict"] == "rejected"
    assert list((ROOT / "corrections").iterdir()) == [] and not (ROOT / "scribbles").exists()
    assert desk.counts() == {"accepted": 1, "rejected": 1}
    assert change(desk, 0, "")["verdict"] == ""
    assert set(read_review(ROOT / "review.csv")) == {"b"}


def test_a_mended_label_that_is_accepted_stays_corrected(desk: Desk) -> None:
    change(desk, 0, "corrected", MOON)
    assert change(desk, 0, "accepted", MOON)["verdict"] == "corrected"
    assert change(desk, 0, "rejected", MOON)["verdict"] == "rejected"
    assert CORRECTION.exists()


def test_without_strokes_the_computed_label_comes_back(desk: Desk) -> None:
    before = desk.state(0)
    change(desk, 0, "corrected", MOON)
    after = change(desk, 0, "")
    assert {**after, "revision": ""} == {**before, "revision": ""}
    assert not CORRECTION.exists() and not STROKES.exists()


def test_brush_and_polygon_paint_what_they_cover_and_nothing_else(desk: Desk) -> None:
    square = [(100, 4), (120, 4), (120, 24), (100, 24)]
    drawn = label(
        change(
            desk,
            0,
            "corrected",
            stroke((8, 8), tool="brush", width=6),
            stroke(*square, tool="polygon", label=None),
        )
    )
    before = left_half(disc())
    assert (drawn[10:14, 110:114] == 255).all() and (drawn[7:9, 7:9] == 1).all()
    assert (drawn != before).sum() == (drawn[:20, :20] == 1).sum() + (drawn == 255).sum()
    assert (drawn == 255).sum() == pytest.approx(400, abs=45)


def test_a_correction_of_another_hand_is_what_strokes_start_from(project: Any) -> None:
    other = np.zeros(SIZE, np.uint8)
    other[:10] = 1
    CORRECTION.parent.mkdir()
    CORRECTION.write_bytes(encode_labels(other))
    desk = open_desk(project, "base")
    assert (label(desk.state(0)) == other).all()
    brush = stroke((64, 90), tool="brush")
    assert (label(change(desk, 0, "corrected", brush))[:10] == 1).all()
    assert (label(change(desk, 0, "")) == other).all()
    assert (decode_labels(CORRECTION) == other).all()
    # A program that writes over what was mended is heeded too.
    change(desk, 0, "corrected", brush)
    CORRECTION.write_bytes(encode_labels(other[::-1].copy()))
    assert desk.state(0)["strokes"] == [] and (label(desk.state(0)) == other[::-1]).all()


def test_strokes_outlive_a_run_that_changes_the_maps(desk: Desk, project: Any) -> None:
    mended = label(change(desk, 0, "corrected", MOON))
    written = CORRECTION.read_bytes()
    other_maps()
    fresh = open_desk(project, "base")
    state = fresh.state(0)
    assert state["anew"] and (label(state) != mended).any()
    assert CORRECTION.read_bytes() == written
    again = change(fresh, 0, "accepted", MOON)
    assert not again["anew"] and (decode_labels(CORRECTION) == label(state)).all()


def other_maps() -> None:
    """A network that sees a boundary down the middle of the missing half."""
    boundary = np.full((24, 32), 0.02)
    boundary[:, 23] = 0.99
    (RESULTS / "boundary_maps/a moon.png").write_bytes(encode_boundary_map(boundary))


def files() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in ROOT.rglob("*.*") if path.suffix != ".lock"}


def undo(desk: Desk, number: int, state: dict[str, Any]) -> dict[str, Any]:
    """As the page does it: what it was shown is sent back."""
    revision = desk.state(number)["revision"]
    return desk.change(number, revision, state["verdict"], state["strokes"], undo=True)


def test_a_stroke_that_is_undone_leaves_the_bytes_that_were_there(desk: Desk, project: Any) -> None:
    change(desk, 0, "corrected", MOON)
    before = files()
    other_maps()
    fresh = open_desk(project, "base")
    shown = fresh.state(0)
    brush = stroke((64, 90), tool="brush")
    once = change(fresh, 0, "corrected", MOON, brush)
    change(fresh, 0, "rejected", MOON, brush)
    assert files() != before
    undo(fresh, 0, once)
    assert undo(fresh, 0, shown) == shown
    assert files() == before


def test_what_another_hand_wrote_since_is_not_undone(desk: Desk) -> None:
    shown = desk.state(0)
    change(desk, 0, "corrected", MOON)
    other = encode_labels(np.ones(SIZE, np.uint8))
    CORRECTION.write_bytes(other)
    undo(desk, 0, shown)
    assert CORRECTION.read_bytes() == other


def relabel(image: str) -> None:
    """As a run with other settings does."""
    label = RESULTS / f"pseudo_labels/{image}.png"
    label.write_bytes(encode_labels((~disc()).astype(np.uint8)))


def test_what_was_accepted_is_looked_at_again_when_its_label_changed(
    desk: Desk, project: Any
) -> None:
    for number in range(3):
        change(desk, number, "accepted")
    change(desk, 3, "rejected")
    # A table of before labels had digests: its verdict is what it was.
    rows = (ROOT / "review.csv").read_text().splitlines()
    rows[3] = rows[3].rpartition(",")[0]
    (ROOT / "review.csv").write_text("\n".join(rows) + "\n")
    for name in NAMES:
        relabel(name)
    CORRECTION.write_bytes(encode_labels(disc().astype(np.uint8)))  # by another hand
    before = files()
    fresh = open_desk(project, "base")
    shown = [fresh.state(number) for number in range(4)]
    verdicts = [EARLIER, EARLIER, "accepted", "rejected"]
    assert [state["verdict"] for state in shown] == verdicts
    assert [one["verdict"] for one in fresh.overview()["photographs"]] == verdicts
    assert fresh.counts() == {EARLIER: 2, "accepted": 1, "rejected": 1}
    assert files() == before
    assert change(fresh, 1, "accepted")["verdict"] == "accepted"
    assert fresh.counts() == {EARLIER: 1, "accepted": 2, "rejected": 1}
    # Back to what was there: not accepted, and of which label is known still.
    assert undo(fresh, 1, shown[1]) == shown[1]
    assert read_review(ROOT / "review.csv")["b"].digest
    assert fresh.counts() == {EARLIER: 2, "accepted": 1, "rejected": 1}


def test_a_label_that_is_computed_anew_with_equal_bytes_stays_accepted(
    desk: Desk, project: Any
) -> None:
    change(desk, 0, "accepted")
    file = RESULTS / "pseudo_labels/a moon.png"
    content = file.read_bytes()
    relabel("a moon")
    file.write_bytes(content)
    assert open_desk(project, "base").counts() == {"accepted": 1}


def test_a_change_of_an_older_state_is_refused(desk: Desk, project: Any) -> None:
    old = desk.state(0)["revision"]
    other = open_desk(project, "base")  # of another process
    change(other, 0, "corrected", MOON)
    written = CORRECTION.read_bytes()
    with pytest.raises(Conflict):
        desk.change(0, old, "rejected", [])
    assert CORRECTION.read_bytes() == written
    assert read_review(ROOT / "review.csv")["a moon"].verdict == "corrected"


def test_verdicts_at_the_same_time_are_all_kept(desk: Desk, project: Any) -> None:
    desks = [desk, open_desk(project, "base")]
    jobs = [
        threading.Thread(target=change, args=(desks[number % 2], number, "accepted"))
        for number in range(4)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert set(read_review(ROOT / "review.csv")) == set(NAMES)


def test_of_two_changes_at_once_one_is_refused(desk: Desk) -> None:
    revision, outcomes = desk.state(0)["revision"], []

    def try_it(verdict: str) -> None:
        try:
            outcomes.append(desk.change(0, revision, verdict, [])["verdict"])
        except Conflict:
            outcomes.append("refused")

    jobs = [threading.Thread(target=try_it, args=(v,)) for v in ("accepted", "rejected")]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert len(set(outcomes)) == 2 and "refused" in outcomes


@pytest.mark.parametrize(
    ("strokes", "sentence"),
    [
        ([stroke((1, 1), label="sun")], "the class 'sun', expected one .* background, moon"),
        ([stroke((1, 1), label="../x")], "the class"),
        ([stroke((1, 1), label=None)], "a scribble of pixels that are not counted"),
        ([stroke((1, 1), tool="knife")], "the tool 'knife'"),
        ([stroke()], "expected tool, label, width and points"),
        ([stroke((1, 1), width=-1)], "the width -1"),
        ([stroke((float("nan"), 1))], "points that are none"),
        (["x"], "expected tool, label, width and points"),
        ({"a": 1}, "expected a list"),
    ],
)
def test_strokes_that_are_none_are_refused(desk: Desk, strokes: Any, sentence: str) -> None:
    with pytest.raises(BesError, match=sentence):
        desk.change(0, desk.state(0)["revision"], "corrected", strokes)
    assert not CORRECTION.exists() and not (ROOT / "review.csv").exists()


def test_a_disk_that_fails_leaves_what_was_there(desk: Desk, monkeypatch: Any) -> None:
    change(desk, 0, "corrected", MOON)
    before = {path: path.read_bytes() for path in ROOT.rglob("*.*") if path.suffix != ".tmp"}

    def fail(source: str, target: str) -> None:
        raise OSError(28, "No space left on device", target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", fail)
        with pytest.raises(OSError, match="No space"):
            change(desk, 0, "corrected", MOON, stroke((64, 90), label="background"))
    assert {path: path.read_bytes() for path in ROOT.rglob("*.*")} == before


def test_strokes_are_in_pixels_of_the_photograph_at_full_size(project: Any) -> None:
    catalog = Catalog(ROOT, ("moon", "sun"), (1, 2), max_pixels=3072)  # half the height and width
    records = read_manifest(RESULTS / "dataset/images.csv")
    write_dataset(RESULTS / "dataset", records=records, catalog=catalog, shards=1)
    desk = open_desk(project, "base")
    state = change(desk, 0, "corrected", stroke((100, 20), tool="brush", width=8))
    assert (state["height"], state["width"]) == (48, 64)
    written = decode_labels(CORRECTION)
    assert written.shape == SIZE and (written[18:22, 98:102] == 1).all()


def test_no_stroke_waits_for_compiled_code(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *rest = read_manifest(RESULTS / "dataset/images.csv")
    records = [replace(first, labels=("moon", "sun")), *rest]
    catalog = Catalog(ROOT, ("moon", "sun"), (1, 2))
    write_dataset(RESULTS / "dataset", records=records, catalog=catalog, shards=1)
    loaded = []
    monkeypatch.setattr(
        "bes.project.desk.load_inference",
        lambda settings, *, label_maps, n_labels=2: loaded.append(n_labels),
    )
    open_desk(project, "base")
    assert set(loaded) == {2, 3}


def test_the_end_of_a_run_counts_what_was_solved_on_other_maps(desk: Desk, project: Any) -> None:
    def said() -> list[str]:
        return [line for line in outcome(project, []) if "by strokes on maps" in line]

    change(desk, 0, "corrected", MOON)
    assert said() == []
    write_atomic(RESULTS / "boundary_maps/a moon.png", encode_boundary_map(np.zeros((24, 32))))
    assert [line[:12] for line in said()] == ["1 correction"]
    CORRECTION.write_bytes(encode_labels(np.zeros(SIZE, np.uint8)))  # by another program
    assert said() == []


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], "bes run"),
        (
            ["dataset={root: my photos}", "seed=3"],
            "bes run --config 'dataset={root: my photos}' seed=3",
        ),
    ],
)
def test_the_command_to_go_on_with_names_what_was_written(
    desk: Desk, project: Any, overrides: list[str], expected: str
) -> None:
    files = [Path("config/config.yaml")]
    assert go_on(project, files, overrides) == ("", expected)
    change(desk, 0, "rejected")
    lines, more = go_on(project, [Path("my.yaml")], overrides)
    assert lines.splitlines() == ["corrections: corrections", "review: review.csv"]
    assert "--configfile my.yaml --config" in more
    assert "corrections: corrections, review: review.csv}'" in more
    assert ("root: my photos" in more) == bool(overrides)
