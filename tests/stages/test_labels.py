"""Labels that stages make of maps, against the rules written out."""

import cv2
import numpy as np
import pytest
from plain import bilinear, smooth
from small_network import SMALL_NETWORK

densecrf = pytest.importorskip("pydensecrf.densecrf", reason="pydensecrf2 is not built")
SIZE = (37, 46)
CELLS = (10, 12)


def soft_maps(rng: np.random.Generator, count: int) -> np.ndarray:
    """Maps of blobs, the highest of them 1, as float16 keeps them."""
    maps = bilinear(rng.random((count, 4, 5)) ** 2, CELLS)
    return (maps / maps.max(initial=1e-9)).astype(np.float16).astype(np.float64)


def full(maps: np.ndarray, size: tuple[int, int] = SIZE) -> np.ndarray:
    return bilinear(maps, size, (4, 4))


def hard(scores: np.ndarray, threshold: float) -> np.ndarray:
    """0 where no score is above the threshold, else 1 and the place of the highest."""
    return np.where((scores > threshold).any(0), 1 + scores.argmax(0), 0)


def crf(
    photo: np.ndarray, labels: np.ndarray, n_labels: int, *, sxy: float, iterations: int
) -> np.ndarray:
    """The dense CRF of labels that are right with a probability of 0.7."""
    wrong = 0.3 / (n_labels - 1)
    unary = np.where(labels.ravel() == np.arange(n_labels)[:, None], 0.7, wrong)
    field = densecrf.DenseCRF2D(photo.shape[1], photo.shape[0], n_labels)
    field.setUnaryEnergy(-np.log(unary).astype(np.float32))
    field.addPairwiseGaussian(sxy=3, compat=3)
    field.addPairwiseBilateral(sxy=sxy, srgb=5, rgbim=photo.copy(), compat=10)
    return np.argmax(field.inference(iterations), 0).reshape(labels.shape)


@pytest.fixture
def photographs(project, rng):
    for name, labels in (("a", ("cat", "owl")), ("b", ("dog",)), ("c", ())):
        project.photograph(name, smooth(rng, *SIZE), labels)
    project.write()
    project.base_maps = {
        name: soft_maps(rng, count) for name, count in (("a", 2), ("b", 1), ("c", 0))
    }
    return project


@pytest.mark.parametrize("with_crf", [False, True])
def test_pseudo_labels_are_the_highest_scores_above_the_background(photographs, with_crf) -> None:
    halves = {name: maps * 0.5 for name, maps in photographs.base_maps.items()}
    photographs.give("revised_maps", halves)
    flags = ["--crf", "--crf-bilateral-sxy", 11, "--crf-iterations", 3]
    photographs.run("pseudo_labels", "--threshold", 0.4, *(flags if with_crf else ["--no-crf"]))
    for name, index_of in (("a", [0, 1, 3]), ("b", [0, 2])):
        scores = full(halves[name])
        labels = hard(scores / scores.max(), 0.4)
        if with_crf:
            photo = photographs.photo(name)
            labels = crf(photo, labels, len(index_of), sxy=11, iterations=3)
        expected = np.array(index_of)[labels]
        found = photographs.pixels("pseudo_labels", name)
        assert (found == expected).mean() > 0.999
        assert set(np.unique(found)) == set(index_of)
    assert not photographs.pixels("pseudo_labels", "c").any()


def test_a_correction_takes_the_place_of_the_pseudo_label(project, rng) -> None:
    mask = np.zeros(SIZE, np.uint8)
    mask[:9], mask[9:12] = 3, 255
    project.photograph("a", smooth(rng, *SIZE), ("owl",), correction=mask)
    # Its numbers are those of the classes, whatever the masks have.
    project.write(mask_values=(5, 6, 7))
    project.give("revised_maps", {"a": soft_maps(rng, 1)})
    project.run("pseudo_labels")
    np.testing.assert_array_equal(project.pixels("pseudo_labels", "a"), mask)


@pytest.mark.parametrize("stage", ["pseudo_labels", "predictions"])
def test_labels_have_the_full_size_of_a_photograph_computed_at_a_smaller_one(
    project, rng, stage: str
) -> None:
    """Nearest neighbour: each pixel has the label of the one that its centre lies in."""
    split = "val" if stage == "predictions" else "train"
    project.photograph("a", smooth(rng, 80, 120), ("cat", "dog"), split=split)
    project.write(max_pixels=40 * 60)
    maps = (rng.random((2, 10, 15))).astype(np.float16).astype(np.float64)
    # What a stage wrote before tells the size that it was computed at.
    record = project.records[0]
    project.records[0] = type(record)(**{**vars(record), "width": 60, "height": 40})
    reads = "revised_maps" if stage == "pseudo_labels" else "segmentation_maps"
    project.give(reads, {"a": maps if stage == "pseudo_labels" else (maps, [0, 2])})
    project.records[0] = record
    project.run(stage, "--no-crf")
    scores = full(maps, (40, 60))
    if stage == "pseudo_labels":
        small = hard(scores / scores.max(), 0.25)
    else:
        small = np.array([0, 2])[scores.argmax(0)]
    expected = small.repeat(2, 0).repeat(2, 1)
    assert (project.pixels(stage, "a") == expected).mean() > 0.999


@pytest.mark.parametrize("with_crf", [False, True])
def test_predictions_are_the_most_probable_labels(project, rng, with_crf: bool) -> None:
    photo = smooth(rng, *SIZE)
    project.photograph("a", photo, ("cat",), split="val")
    project.write()
    maps = rng.random((3, *CELLS)) ** 3 + 0.05
    maps = (maps / maps.sum(0)).astype(np.float16).astype(np.float64)
    project.give("segmentation_maps", {"a": (maps, [0, 2, 3])})
    kernel = ["--crf-gaussian-sxy", 2, "--crf-gaussian-compat", 1.5, "--crf-bilateral-sxy", 9]
    kernel += ["--crf-bilateral-srgb", 7, "--crf-bilateral-compat", 2.5, "--crf-iterations", 2]
    project.run("predictions", *(kernel if with_crf else ["--no-crf"]))
    probability = full(maps)
    if with_crf:
        field = densecrf.DenseCRF2D(SIZE[1], SIZE[0], 3)
        field.setUnaryEnergy(-np.log(probability.reshape(3, -1)).astype(np.float32))
        field.addPairwiseGaussian(sxy=2, compat=1.5)
        field.addPairwiseBilateral(sxy=9, srgb=7, rgbim=photo.copy(), compat=2.5)
        probability = np.array(field.inference(2)).reshape(3, *SIZE)
    expected = np.array([0, 2, 3])[probability.argmax(0)]
    assert (project.pixels("predictions", "a") == expected).mean() > 0.999


def confident(scores: np.ndarray, classes: list[int], foreground: float, background: float, refine):
    """Eq. 1: sure of a class, sure of none, or 255."""
    strict, lenient = refine(hard(scores, foreground)), refine(hard(scores, background))
    labels = np.array([255, *classes])[strict]
    labels[(strict == 0) & (lenient == 0)] = 0
    return labels


def shares(labels: np.ndarray, wanted: int, window: int) -> np.ndarray:
    """Eq. 2: of the pixels in the window around each pixel, the share that has a label."""
    reach, out = window // 2, np.zeros(labels.shape)
    for y, x in np.ndindex(labels.shape):
        seen = labels[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
        out[y, x] = (seen == wanted).mean()
    return out


@pytest.mark.parametrize("with_crf", [False, True])
@pytest.mark.parametrize("pairs", [False, True])
def test_boundary_labels_are_where_a_window_holds_as_much_of_two(
    photographs, with_crf: bool, pairs: bool
) -> None:
    photographs.give("cams", photographs.base_maps)
    window, scale, lead = 7, 0.28, 0.14
    flags = ["--theta-fg", 0.35, "--theta-bg", 0.2, "--window", window, "--theta-scale", scale]
    flags += ["--theta-diff", lead, "--foreground-pairs" if pairs else "--no-foreground-pairs"]
    flags += ["--crf-bilateral-sxy", 9, "--crf-iterations", 2] if with_crf else ["--no-crf"]
    photographs.run("boundary_labels", *flags)
    seen = set()
    for name, classes in (("a", [1, 3]), ("b", [2]), ("c", [])):
        photo = photographs.photo(name)

        def refine(labels: np.ndarray, photo=photo, classes=classes) -> np.ndarray:
            if not with_crf or not classes:
                return labels
            return crf(photo, labels, len(classes) + 1, sxy=9, iterations=2)

        scores = full(photographs.base_maps[name]) if classes else np.zeros((1, *SIZE))
        known = confident(scores, classes or [1], 0.35, 0.2, refine)
        none = shares(known, 0, window)
        each = np.sort([shares(known, c, window) for c in classes] + [np.zeros(SIZE)] * 2, 0)
        first, second = each[-1], each[-2]
        expected = np.full(SIZE, 200)
        expected[(none > 2 * scale) & (none - first >= 2 * lead)] = 0
        expected[(first > 2 * scale) & (first - none >= 2 * lead)] = 50
        expected[(np.minimum(none, first) > scale) & (np.abs(none - first) < lead)] = 150
        if pairs:
            expected[(second > scale) & (first - second < lead)] = 100
        found = photographs.pixels("boundary_labels", name)
        # Shares are rounded differently, which may decide where two are equal.
        assert (found == expected).mean() > 0.99
        seen |= set(np.unique(found))
    assert seen >= {0, 50, 150, 200}


def test_irnet_learns_from_confident_labels_that_the_dense_crf_refined(project, rng) -> None:
    """Views as large as the photograph, some of them its mirror image."""
    size = (40, 40)
    for name, labels in (("a", ("cat", "owl")), ("b", ("dog",))):
        # Of noise, so that neighbours agree little and the probability of a given label matters.
        project.photograph(name, rng.integers(0, 256, (*size, 3)).astype(np.uint8), labels)
    project.write()
    maps = {"a": rng.random((2, 10, 10)), "b": rng.random((1, 10, 10))}
    project.give("cams", {name: values.astype(np.float16) for name, values in maps.items()})
    flags = ["--backbone", SMALL_NETWORK, "--weights", "none", "--crop", 40, "--scale", 1, 1]
    flags += ["--theta-fg", 0.6, "--theta-bg", 0.4, "--crf-bilateral-sxy", 9]
    training = project.training("irnet", *flags, "--crf-iterations", 5)
    for number, (name, classes) in enumerate((("a", [1, 3]), ("b", [2]))):

        def refine(labels: np.ndarray, name=name, classes=classes) -> np.ndarray:
            return crf(project.photo(name), labels, len(classes) + 1, sxy=9, iterations=5)

        scores = full(maps[name].astype(np.float16).astype(np.float64), size)
        expected = confident(scores, classes, 0.6, 0.4, refine)
        _, labels = training.views[number, 0, 0]
        assert any(np.array_equal(labels, side) for side in (expected, expected[:, ::-1]))
        assert set(np.unique(expected)) == {0, *classes, 255}


@pytest.mark.parametrize("radius", [2, 4])
def test_revised_maps_are_a_walk_between_the_boundaries(project, rng, radius: int) -> None:
    """Eq. 5 with a dense matrix."""
    size, cells = (22, 30), (6, 8)
    project.photograph("a", smooth(rng, *size), ("cat", "owl"))
    project.photograph("b", smooth(rng, *size), ())
    project.write()
    maps = rng.random((2, *cells)).astype(np.float16).astype(np.float64)
    boundary = np.rint(rng.random(cells) * 65535) / 65535
    project.give("cams", {"a": maps, "b": np.zeros((0, *cells))})
    project.give("boundary_maps", {"a": boundary, "b": boundary})
    project.run("revised_maps", "--beta", 3, "--steps", 12, "--radius", radius)
    places = list(np.ndindex(cells))
    affinity = np.eye(len(places))
    for i, (y0, x0) in enumerate(places):
        for j, (y1, x1) in enumerate(places):
            dy, dx = y1 - y0, x1 - x0
            if i == j or np.hypot(dy, dx) >= radius:
                continue
            line = [
                boundary[y, x]
                for y in range(min(y0, y1), max(y0, y1) + 1)
                for x in range(min(x0, x1), max(x0, x1) + 1)
                if abs(dy * (x - x0) - dx * (y - y0)) < np.hypot(dy, dx)
            ]
            affinity[i, j] = (1 - max(line)) ** 3
    walked = (maps * (1 - boundary)).reshape(2, -1)
    for _ in range(12):
        walked = walked @ (affinity / affinity.sum(0))
    found, classes = project.maps("revised_maps", "a")
    assert classes == [1, 3]
    np.testing.assert_allclose(found, (walked / walked.max()).reshape(found.shape), atol=2e-3)
    assert project.maps("revised_maps", "b")[0].shape[0] == 0
    # Stretched, they fall apart at 1/2 where Otsu's method splits them.
    project.run(
        *("revised_maps", "--beta", 3, "--steps", 12, "--radius", radius, "--calibration", "otsu")
    )
    levels = np.rint(found.max(0) * 255).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    split = project.maps("revised_maps", "a")[0].max(0) > 0.5
    assert (split == (levels > threshold)).mean() > 0.95 and 0 < split.mean() < 1


def test_a_class_without_any_activation_spreads_nothing(project, rng) -> None:
    project.photograph("a", smooth(rng, *SIZE), ("cat",))
    project.write()
    project.give("cams", {"a": np.zeros((1, *CELLS))})
    project.give("boundary_maps", {"a": rng.random(CELLS)})
    project.run("revised_maps")
    assert np.array_equal(project.maps("revised_maps", "a")[0], np.zeros((1, *CELLS)))


def test_a_tolerance_is_how_far_the_walk_may_be_from_the_exact_one(project, rng) -> None:
    project.photograph("a", smooth(rng, *SIZE), ("cat",))
    project.write()
    project.give("cams", {"a": soft_maps(rng, 1)})
    project.give("boundary_maps", {"a": rng.random(CELLS)})
    found = []
    for tolerance in (1e-6, 0.1):
        project.run("revised_maps", "--tolerance", tolerance)
        found.append(project.maps("revised_maps", "a")[0])
    # float16 keeps no smaller difference than 5e-4 of values up to 1.
    assert 2e-3 < np.abs(found[1] - found[0]).max() < 0.1 + 1e-3


def test_scores_that_are_low_almost_everywhere_are_stretched_to_fall_apart_at_half(
    project, rng
) -> None:
    project.photograph("a", smooth(rng, *SIZE), ("cat",))
    project.write()
    rows = np.linspace(0.05, 0.4, CELLS[0])[:, None] * np.ones(CELLS)
    rows[0, 0] = 1
    project.give("cams", {"a": rows[None]})
    # Boundaries everywhere, through which hardly anything walks.
    project.give("boundary_maps", {"a": np.full(CELLS, 0.9)})
    split = {}
    for calibration in ("none", "otsu"):
        project.run("revised_maps", "--calibration", calibration)
        scores = project.maps("revised_maps", "a")[0]
        split[calibration] = (scores > 0.5).mean()
    assert split["none"] < 0.05 and 0.3 < split["otsu"] < 0.7
