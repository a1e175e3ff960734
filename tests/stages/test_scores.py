"""Scores and rankings against counting by hand."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from plain import bilinear, mean_iou, smooth

from bes.metrics.boundary import boundaries_of, thin
from bes.report.contact_sheet import COLUMNS

SIZE = (29, 38)
CELLS = (8, 10)
NAMES = ("background", "cat", "dog", "owl")
FILE_VALUES = np.array([0, 11, 12, 13], np.uint8)
"""What the labels 0 to 3 are in the mask files."""


def patches(rng: np.random.Generator, labels: list[int]) -> np.ndarray:
    coarse = rng.choice(np.array(labels, np.uint8), (5, 6))
    return np.kron(coarse, np.ones((7, 7), np.uint8))[: SIZE[0], : SIZE[1]]


@pytest.fixture
def results(project, rng):
    """Three photographs to train on and two held out with masks, one without, and all results."""
    present = {"a": ("cat", "dog"), "b": ("owl",), "c": (), "d": ("cat",), "e": ("dog",)}
    project.truth, project.given = {}, {"cams": {}, "revised_maps": {}, "pseudo_labels": {}}
    project.given["predictions"] = {}
    for name, labels in {**present, "f": ("cat",)}.items():
        indices = [project.classes.index(label) + 1 for label in labels]
        truth = patches(rng, [0, 0, *indices, 255])
        if name != "f":
            project.truth[name] = truth
        in_file = np.where(truth == 255, 255, FILE_VALUES[np.minimum(truth, 3)]).astype(np.uint8)
        project.photograph(
            name,
            smooth(rng, *SIZE),
            labels,
            mask=in_file if name != "f" else None,
            split="val" if name in "de" else "train",
        )
    project.write(mask_values=(11, 12, 13))
    for name in "abcf":
        count = len(project.indices(name))
        for stage in ("cams", "revised_maps"):
            maps = rng.random((count, *CELLS)) * (0.5 if stage == "revised_maps" else 1)
            project.given[stage][name] = maps.astype(np.float16).astype(np.float64)
        project.given["pseudo_labels"][name] = patches(rng, [0, *project.indices(name)])
    for name in "de":
        project.given["predictions"][name] = patches(rng, [0, 1, 2])
    for stage, contents in project.given.items():
        project.give(stage, contents)
    return project


def at(project, stage: str, name: str, threshold: float) -> np.ndarray:
    """Labels of a map at a background score."""
    maps = project.given[stage][name]
    if not len(maps):
        return np.zeros(SIZE, int)
    scores = bilinear(maps, SIZE, (4, 4))
    scores = scores / scores.max() if stage == "revised_maps" else scores
    label_of = np.array([0, *project.indices(name)])
    return label_of[np.where((scores > threshold).any(0), 1 + scores.argmax(0), 0)]


def joined(maps: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([maps[name].ravel() for name in sorted(maps)])


def by_class(predicted: np.ndarray, truth: np.ndarray) -> dict[str, list[float | None]]:
    """Class -> IoU, precision and recall in percent; None for 0 of 0."""
    predicted, truth = predicted[truth != 255], truth[truth != 255]
    table = {}
    for label, name in enumerate(NAMES):
        hits = int(((predicted == label) & (truth == label)).sum())
        found, true = int((predicted == label).sum()), int((truth == label).sum())
        pairs = ((hits, found + true - hits), (hits, found), (hits, true))
        table[name] = [100 * part / whole if whole else None for part, whole in pairs]
    return table


def test_scores_are_those_of_counting_all_pixels_of_all_photographs(results) -> None:
    results.run("evaluation", "--cam-threshold", 0.415, "--revised-threshold", 0.62)
    scores = results.json("evaluation/scores.json")
    rows = results.table("evaluation/per_class.csv")
    train = {name: results.truth[name] for name in "abc"}
    val = {name: results.truth[name] for name in "de"}
    predicted = {
        "cams": ({n: at(results, "cams", n, 0.415) for n in "abc"}, train),
        "revised_maps": ({n: at(results, "revised_maps", n, 0.62) for n in "abc"}, train),
        "pseudo_labels": ({n: results.given["pseudo_labels"][n] for n in "abc"}, train),
        "predictions": ({n: results.given["predictions"][n] for n in "de"}, val),
    }
    assert scores["photographs"] == 3 and scores["predictions"]["photographs"] == 2
    for stage, (labels, truth) in predicted.items():
        found, true = joined(labels), joined(truth)
        # Of a map a pixel may lie at the threshold; four decimals are written.
        close = 0.02 if stage in ("cams", "revised_maps") else 1e-4
        assert scores[stage]["miou"] == pytest.approx(mean_iou(found, true, 4), abs=close)
        expected = by_class(found, true)
        written = {row["class"]: row for row in rows if row["stage"] == stage}
        assert list(written) == list(NAMES)
        for name, figures in expected.items():
            per_class = scores[stage]["per_class"][name]
            columns = [written[name][key] for key in ("iou", "precision", "recall")]
            assert per_class == (
                None if figures[0] is None else pytest.approx(figures[0], abs=0.02)
            )
            for text, figure in zip(columns, figures, strict=True):
                assert (
                    text == "" if figure is None else float(text) == pytest.approx(figure, abs=0.02)
                )


def test_the_best_threshold_is_that_of_the_highest_score(results) -> None:
    results.run("evaluation", "--cam-threshold", 0.5, "--revised-threshold", 0.305)
    scores = results.json("evaluation/scores.json")
    rows = results.table("evaluation/thresholds.csv")
    truth = joined({name: results.truth[name] for name in "abc"})
    for stage in ("cams", "revised_maps"):
        curve = {
            float(row["threshold"]): float(row["miou"]) for row in rows if row["stage"] == stage
        }
        assert len(curve) == (99 if stage == "cams" else 100)
        for threshold in (0.1, 0.33, 0.5, 0.77):
            labels = joined({n: at(results, stage, n, threshold) for n in "abc"})
            assert curve[threshold] == pytest.approx(mean_iou(labels, truth, 4), abs=0.05)
        best = scores[stage]["best"]
        assert best["miou"] == max(curve.values()) == curve[best["threshold"]]


def test_every_photograph_to_train_on_counts_and_none_of_another_split(project, rng) -> None:
    """So many that they are counted in several parts; the last alone shows an owl."""
    count, size = 35, (8, 12)
    for number in range(count):
        label = "owl" if number == count - 1 else ("cat", "dog")[number % 2]
        truth = np.zeros(size, np.uint8)
        truth[:, : 1 + number % 11] = 1 + ("cat", "dog", "owl").index(label)
        photo = smooth(rng, *size)
        project.photograph(f"{number:02d}", photo, (label,), mask=truth)
    full = np.full(size, 2, np.uint8)
    project.photograph("val", photo, ("dog",), mask=full, split="val")
    project.photograph("test", photo, ("dog",), mask=np.zeros_like(full), split="test")
    project.write()
    train = project.records[:count]
    truth = {r.id: np.array(Image.open(project.base / "photographs" / r.mask)) for r in train}
    everywhere = {r.id: np.full(size, project.indices(r.id)[0], np.uint8) for r in train}
    project.give("pseudo_labels", everywhere)
    for stage in ("cams", "revised_maps"):
        project.give(stage, {r.id: np.ones((1, 2, 3)) for r in train})
    project.give("predictions", {"val": full, "test": full})
    project.run("evaluation")
    scores = project.json("evaluation/scores.json")
    expected = mean_iou(joined(everywhere), joined(truth), 4)
    for stage in ("cams", "revised_maps", "pseudo_labels"):
        assert scores[stage]["miou"] == pytest.approx(expected, abs=1e-3)
    # All thresholds are as good, and the lowest is named.
    assert scores["cams"]["best"]["threshold"] == 0.01
    assert scores["photographs"] == count
    assert scores["predictions"]["miou"] == 100 and scores["predictions"]["photographs"] == 1


def test_the_printed_table_has_the_same_scores(results, capsys) -> None:
    results.run("evaluation")
    scores = results.json("evaluation/scores.json")
    out = capsys.readouterr().out
    for stage, label in (("cams", "CAM, configured"), ("revised_maps", "revised map, configured")):
        assert f"{label:<24}{scores[stage]['miou']:6.2f}" in out
        best = label.replace("configured", "best")
        assert f"{best:<24}{scores[stage]['best']['miou']:6.2f}" in out
    for stage, label in (("pseudo_labels", "pseudo label"), ("predictions", "prediction")):
        assert f"{label:<24}{scores[stage]['miou']:6.2f}" in out


def iou_of(one: np.ndarray, other: np.ndarray, classes: list[int]) -> float:
    """Over the classes present, and background where either has it."""
    values = []
    for label in (0, *classes):
        either = ((one == label) | (other == label)).sum()
        if either or label:
            values.append(((one == label) & (other == label)).sum() / max(either, 1))
    return float(np.mean(values))


def signals(project, name: str, boundary: np.ndarray, threshold: float) -> list[float]:
    """Stability, separation, agreement, boundary and margin of a label."""
    maps, classes = project.given["revised_maps"][name], project.indices(name)
    cells = project.given["pseudo_labels"][name][::4, ::4]
    scores = maps / maps.max()

    def label(level: float) -> np.ndarray:
        chosen = np.where((scores > level).any(0), 1 + scores.argmax(0), 0)
        return np.array([0, *classes])[chosen]

    best = scores.max(0)
    inside = cells > 0
    above = best[inside].mean() - best[~inside].mean()
    share = inside.mean()
    separation = max(above, 0) ** 2 * share * (1 - share) / best.var()
    outline = np.zeros(CELLS, bool)
    for y, x in np.ndindex(CELLS):
        near = cells[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        outline[y, x] = near.min() != near.max()
    supported = np.mean(
        [
            boundary[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].max()
            for y, x in zip(*np.nonzero(outline), strict=True)
        ]
    )
    close = [
        outline[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].any() for y, x in np.ndindex(CELLS)
    ]
    explained = boundary.ravel()[close].sum() / boundary.sum()
    if len(classes) > 1:
        ranked = np.sort(scores, 0)
        margin = (1 - ranked[-2] / ranked[-1])[inside].mean()
    else:
        margin = 1.0
    return [
        iou_of(label(threshold * 1.25), label(threshold / 1.25), classes),
        separation,
        iou_of(label(threshold), cells, classes),
        2 * supported * explained / (supported + explained),
        margin,
    ]


def test_the_ranking_is_by_the_signals_less_what_reaches_the_border(results, rng) -> None:
    boundary = {name: np.rint(rng.random(CELLS) ** 4 * 65535) / 65535 for name in "abcf"}
    results.give("boundary_maps", boundary)
    results.run("quality", "--threshold", 0.5, "--images", 1)
    rows = {row["image"]: row for row in results.table("quality/ranking.csv")}
    keys = ("stability", "separation", "agreement", "boundary", "margin")
    for name in "abf":
        expected = signals(results, name, boundary[name], 0.5)
        found = [float(rows[name][key]) for key in keys]
        assert found == pytest.approx(expected, abs=2e-3), name
        frame, colour = (float(rows[name][key]) for key in ("frame", "colour"))
        mean = np.mean([*expected, frame, colour]) * min(1, 2 * frame)
        assert float(rows[name]["score"]) == pytest.approx(mean, abs=2e-3)
        assert rows[name]["labels"].split(";") == list(
            next(record.labels for record in results.records if record.id == name)
        )
    assert [float(rows["c"][key]) for key in keys] == [1.0] * 5
    scores = [float(row["score"]) for row in rows.values()]
    assert scores == sorted(scores)
    assert [row["rank"] for row in rows.values()] == ["1", "2", "3", "4"]
    sheet = np.array(Image.open(results.base / "quality/suspicious.jpg"))
    assert sheet[:, sheet.shape[1] // COLUMNS + 20 :].std() < 1 < sheet.std()  # of one alone


def test_the_sheet_of_thresholds_has_labels_at_the_one_chosen_in_its_middle(results, rng) -> None:
    """Where all scores are 1/2, a threshold below colours the photograph and one above does not."""
    boundary = dict.fromkeys("abcf", rng.random(CELLS))
    results.give("boundary_maps", boundary)
    maps = {name: 0.5 * np.ones_like(m) for name, m in results.given["revised_maps"].items()}
    for each in maps.values():
        each[:, 0, 0] = 1
    results.give("revised_maps", maps)
    columns = []
    for threshold in (0.42, 0.58):
        results.run("quality", "--threshold", threshold)
        sheet = np.array(Image.open(results.base / "quality/thresholds.jpg")).astype(int)
        middle = sheet[:, sheet.shape[1] // 2 - 40 : sheet.shape[1] // 2 + 40]
        columns.append(middle)
    assert np.abs(columns[0] - columns[1]).mean() > 10


def test_with_a_teacher_the_ranking_judges_the_scores_that_the_labels_come_from(
    results, rng
) -> None:
    """The mean of walk, teacher and the teacher's walk, at the mean of their thresholds."""
    boundary = {name: np.rint(rng.random(CELLS) ** 4 * 65535) / 65535 for name in "abcf"}
    said, spread = {}, {}
    for name in boundary:
        labels = [0, *results.indices(name)]
        maps = bilinear(rng.random((len(labels), 3, 4)) ** 3, CELLS)
        said[name] = (maps / maps.sum(0)).astype(np.float16).astype(np.float64), labels
        maps = bilinear(rng.random((len(labels) - 1, 3, 4)) ** 2, CELLS)
        spread[name] = (maps / maps.max(initial=1e-9)).astype(np.float16).astype(np.float64)
    results.give("boundary_maps", boundary)
    results.give("teacher_maps", said)
    results.give("revised_teacher_maps", spread)
    stages = ("teacher_maps", "revised_teacher_maps")
    read = [word for s in stages for word in (f"--{s.replace('_', '-')}", results.base / s)]
    results.run("quality", "--threshold", 0.3, *read)
    rows = {row["image"]: row for row in results.table("quality/ranking.csv")}
    for name in "abf":
        walk = results.given["revised_maps"][name]
        mean = (walk / walk.max() + said[name][0][1:] + spread[name]) / 3
        results.given["revised_maps"][name] = mean
        expected = signals(results, name, boundary[name], (0.3 + 0.5 + 0.5) / 3 / mean.max())
        keys = ("stability", "separation", "agreement", "boundary", "margin")
        found = [float(rows[name][key]) for key in keys]
        assert found == pytest.approx(expected, abs=2e-3), name
        assert mean.max() < 0.9


def test_with_a_prior_the_ranking_judges_its_mean_with_the_scores(results, rng) -> None:
    boundary = {name: np.rint(rng.random(CELLS) ** 4 * 65535) / 65535 for name in "abcf"}
    results.give("boundary_maps", boundary)
    home, folder, priors = results.base / "foreground", results.base / "priors", {}
    folder.mkdir()
    for name in boundary:
        priors[name] = np.rint(bilinear(rng.random((1, 3, 4)), SIZE)[0] * 255).astype(np.uint8)
        Image.fromarray(priors[name]).save(folder / f"{name}.png")
    words = ["foreground", "--dataset", results.base / "dataset", "--out", home, "--threads", 1]
    results.command(*words, "--source", "files", "--folder", folder)
    results.run("quality", "--threshold", 0.3, "--foreground", home)
    rows = {row["image"]: row for row in results.table("quality/ranking.csv")}
    for name in "abf":
        walk = results.given["revised_maps"][name]
        mean = (walk / walk.max() + priors[name][::4, ::4] / 255) / 2
        results.given["revised_maps"][name] = mean
        expected = signals(results, name, boundary[name], (0.3 + 0.5) / 2 / mean.max())
        keys = ("stability", "separation", "agreement", "boundary", "margin")
        found = [float(rows[name][key]) for key in keys]
        assert found == pytest.approx(expected, abs=2e-3), name


def test_a_label_that_shows_nothing_of_its_class_comes_first(results, rng) -> None:
    results.given["pseudo_labels"]["b"] = np.zeros(SIZE, np.uint8)
    results.given["pseudo_labels"]["a"] = np.minimum(results.given["pseudo_labels"]["a"], 1)
    results.give("pseudo_labels", results.given["pseudo_labels"])
    results.give("boundary_maps", dict.fromkeys("abcf", rng.random(CELLS)))
    results.run("quality")
    first, *others = results.table("quality/ranking.csv")
    assert (first["image"], float(first["score"])) == ("b", 0.0)
    assert first["reason"].split("; ")[0] == "nothing found of owl"
    reasons = {row["image"]: row["reason"] for row in others}
    assert reasons.pop("a").split("; ")[0] == "nothing found of dog"
    assert all("nothing found" not in reason for reason in reasons.values())


def test_bad_labels_are_said_until_a_person_dealt_with_them(results, rng, capsys) -> None:
    results.give("pseudo_labels", dict.fromkeys("abcf", np.zeros(SIZE, np.uint8)))
    results.give("boundary_maps", dict.fromkeys("abcf", rng.random(CELLS)))
    results.run("quality")
    assert "quality: WARNING: 3 of 3 labels are empty" in capsys.readouterr().out
    results.records = [replace(record, rejected=True) for record in results.records]
    results.write(mask_values=(11, 12, 13))
    results.run("quality")
    assert "WARNING" not in capsys.readouterr().out


def test_one_pixel_of_a_class_is_something_of_it(results, rng) -> None:
    results.given["pseudo_labels"]["b"] = np.zeros(SIZE, np.uint8)
    results.given["pseudo_labels"]["b"][5, 7] = 3
    results.give("pseudo_labels", results.given["pseudo_labels"])
    results.give("boundary_maps", dict.fromkeys("abcf", rng.random(CELLS)))
    results.run("quality")
    reasons = {row["image"]: row["reason"] for row in results.table("quality/ranking.csv")}
    assert "nothing found" not in reasons["b"]


def pairs_within(one: np.ndarray, other: np.ndarray, distance: float) -> int:
    """The most pairs of pixels, one of each, no farther apart: by augmenting paths."""
    left, right = (list(zip(*np.nonzero(x), strict=True)) for x in (one, other))
    near = [[j for j, q in enumerate(right) if math.dist(p, q) <= distance] for p in left]
    partner: dict[int, int] = {}

    def placed(i: int, tried: set[int]) -> bool:
        for j in near[i]:
            if j not in tried:
                tried.add(j)
                if j not in partner or placed(partner[j], tried):
                    partner[j] = i
                    return True
        return False

    return sum(placed(i, set()) for i in range(len(left)))


def test_boundaries_are_counted_at_each_threshold_and_tolerance(project, rng) -> None:
    """Lines one pixel wide, so that thinning has nothing to do."""
    size = (24, 32)
    truth, labels = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    truth[:, 16:], labels[:, 17:] = 1, 1
    project.photograph("a", smooth(rng, *size), ("cat",), mask=truth)
    project.write()
    project.give("pseudo_labels", {"a": labels})
    project.give("cams", {"a": np.repeat(np.repeat([[[0.0, 0.9]]], 6, 1), 4, 2)})
    project.give("boundary_maps", {"a": np.zeros((6, 8))})
    tolerances = [0.04, 0.06]
    words = ["boundary_scores", "--dataset", project.base / "dataset"]
    for stage in ("boundary_maps", "cams", "pseudo_labels"):
        words += [f"--{stage.replace('_', '-')}", project.base / stage]
    project.command(
        *words,
        "--out",
        project.base / "boundary_scores",
        "--threads",
        1,
        "--tolerances",
        *tolerances,
        "--thresholds",
        4,
    )
    counts = project.json("boundary_scores/images/a.json")
    lines = np.zeros((3, *size), bool)
    # The CAM is above 0.11 from column 14 on.
    lines[0, :, 15], lines[1, :, 16], lines[2, :, 13] = True, True, True
    diagonal = math.hypot(*size)
    for stage, line in (("pseudo_labels", lines[1]), ("cams", lines[2])):
        for tolerance in tolerances:
            thresholds, matched, predicted, true = counts[stage][str(tolerance)]
            assert thresholds == [None]
            assert matched == [pairs_within(line, lines[0], tolerance * diagonal)]
            assert (predicted, true) == ([24], [24])
    for tolerance, (level, nothing) in itertools.product(tolerances, [([0.2, 0.4, 0.6, 0.8], 0)]):
        thresholds, matched, predicted, true = counts["boundary_maps"][str(tolerance)]
        assert thresholds == pytest.approx(level)
        assert (matched, predicted, true) == ([nothing] * 4, [0] * 4, [24] * 4)


def run_boundary_scores(project, *flags: object) -> None:
    words = ["boundary_scores", "--dataset", project.base / "dataset"]
    for stage in ("boundary_maps", "cams", "pseudo_labels"):
        words += [f"--{stage.replace('_', '-')}", project.base / stage]
    words += ["--out", project.base / "boundary_scores", "--threads", 1]
    project.command(*words, *flags)


def test_boundary_maps_are_thinned_and_matched_within_each_tolerance(project, rng) -> None:
    """A ridge beside the true boundary, which the wider tolerance alone reaches."""
    size, tolerances = (24, 32), (0.03, 0.09)
    truth = np.zeros(size, np.uint8)
    truth[:, 16:] = 1
    project.photograph("a", smooth(rng, *size), ("cat",), mask=truth)
    project.write()
    ridge = np.zeros((6, 8))
    ridge[:, 4], ridge[:2, 4] = 0.9, 0.5
    project.give("boundary_maps", {"a": ridge})
    project.give("pseudo_labels", {"a": truth})
    project.give("cams", {"a": np.zeros((1, 6, 8))})
    run_boundary_scores(project, "--tolerances", *tolerances, "--thresholds", 4)
    counts = project.json("boundary_scores/images/a.json")["boundary_maps"]
    line = np.zeros(size, bool)
    line[:, 15] = True
    probability = bilinear(np.rint(ridge * 65535)[None] / 65535, size, (4, 4))[0]
    found = [thin(probability >= level) for level in (0.2, 0.4, 0.6, 0.8)]
    for tolerance in tolerances:
        _, matched, predicted, true = counts[str(tolerance)]
        assert matched == [
            pairs_within(lines, line, tolerance * math.hypot(*size)) for lines in found
        ]
        assert (predicted, true) == ([int(lines.sum()) for lines in found], [24] * 4)
    # Half of the ridge is lower, and the narrower tolerance reaches less of it.
    narrow, wide = (counts[str(tolerance)][1] for tolerance in tolerances)
    assert narrow[0] < wide[0] and wide[3] < wide[0]


def test_a_photograph_computed_at_a_smaller_size_is_scored_there_and_its_label_in_full(
    project, rng
) -> None:
    """Twice as high and wide: what stands for four pixels at full size is one of the maps'."""
    truth, labels = patches(rng, [0, 0, 1, 2, 255]), patches(rng, [0, 1, 2])
    full_truth, full_labels = (x.repeat(2, 0).repeat(2, 1) for x in (truth, labels))
    full_labels[0, ::2] = (full_labels[0, ::2] + 1) % 3  # seen at full size alone
    labels = full_labels[1::2, 1::2]
    photo = smooth(rng, 2 * SIZE[0], 2 * SIZE[1])
    project.photograph("a", photo, ("cat", "dog"), mask=full_truth)
    project.write(max_pixels=SIZE[0] * SIZE[1])
    project.given = {
        stage: {"a": rng.random((2, *CELLS)).astype(np.float16).astype(np.float64)}
        for stage in ("cams", "revised_maps")
    }
    boundary = np.rint(rng.random(CELLS) * 65535) / 65535
    project.give("boundary_maps", {"a": boundary})
    project.give("pseudo_labels", {"a": full_labels})
    # The maps tell the size that they were computed at.
    record = project.records[0]
    project.records[0] = replace(record, height=SIZE[0], width=SIZE[1])
    for stage, maps in project.given.items():
        project.give(stage, maps)
    project.records[0] = record

    project.run("evaluation", "--cam-threshold", 0.6, "--revised-threshold", 0.7)
    scores = project.json("evaluation/scores.json")
    for stage, threshold in (("cams", 0.6), ("revised_maps", 0.7)):
        expected = mean_iou(at(project, stage, "a", threshold), truth, 4)
        assert scores[stage]["miou"] == pytest.approx(expected, abs=0.02)
    expected = mean_iou(full_labels, full_truth, 4)
    assert scores["pseudo_labels"]["miou"] == pytest.approx(expected, abs=0.02)

    project.given["pseudo_labels"] = {"a": labels}
    project.run("quality", "--threshold", 0.5)
    (row,) = project.table("quality/ranking.csv")
    keys = ("stability", "separation", "agreement", "boundary", "margin")
    expected_signals = signals(project, "a", boundary, 0.5)
    assert [float(row[key]) for key in keys] == pytest.approx(expected_signals, abs=2e-3)

    run_boundary_scores(project, "--tolerances", 0.02, "--thresholds", 2, "--cam-threshold", 0.6)
    counts = project.json("boundary_scores/images/a.json")
    cams = at(project, "cams", "a", 0.6).astype(np.uint8)
    for stage, predicted in (("pseudo_labels", labels), ("cams", cams)):
        _, matched, found, true = counts[stage]["0.02"]
        lines, true_lines = boundaries_of(predicted), boundaries_of(truth)
        assert (found, true) == ([int(lines.sum())], [int(true_lines.sum())])
        assert matched == [pairs_within(lines, true_lines, 0.02 * math.hypot(*SIZE))]
