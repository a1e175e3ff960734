"""A random view of a photograph and its target stay one: photographs whose colours are labels."""

import itertools

import numpy as np
import pytest
import torch
from plain import MEAN, STD
from small_network import SMALL_NETWORK

VOID = 255
SIZE = (46, 58)
VALUES = {
    "benet": [0, 50, 100, 150, 200],
    "irnet": [0, 1, 2, 3, 255],
    "segmenter": [0, 1, 2, 3, 255],
}
OPEN = {"benet": 200, "irnet": 255, "segmenter": 255}
NETWORK = ("--backbone", SMALL_NETWORK, "--weights", "none", "--seed", 3)


def blocks(rng: np.random.Generator, values: list[int], size: tuple[int, int]) -> np.ndarray:
    """Labels in blocks of 8 pixels; the first value is where a mirrored map would differ."""
    coarse = rng.choice(np.array(values, np.uint8), (-(-size[0] // 8), -(-size[1] // 8)))
    labels = np.kron(coarse, np.ones((8, 8), np.uint8))[: size[0], : size[1]]
    labels[:16, :16], labels[:16, -16:] = values[0], values[1]
    return labels


def painted(labels: np.ndarray, values: list[int]) -> np.ndarray:
    """A photograph whose red is 50 times the place of the label among the values."""
    place = np.zeros(256, np.uint8)
    place[values] = 50 * np.arange(len(values))
    return np.stack([place[labels], 200 - place[labels], 80 + place[labels] // 2], -1)


def unpainted(image: np.ndarray, values: list[int], padding: int) -> np.ndarray:
    """The labels that a normalised view shows; padding is 0 in all channels."""
    red = (image[0] * STD[0] + MEAN[0]) * 255
    place = np.rint(red / 50).clip(0, len(values) - 1).astype(int)
    return np.where((image == 0).all(0), padding, np.array(values)[place])


def give(project, stage: str, rng, size: tuple[int, int] = SIZE, **write: int) -> None:
    """Three photographs with all classes, and the labels that the stage learns from."""
    found = {}
    for number in range(3):
        found[f"{number}"] = blocks(rng, VALUES[stage], size)
        photo = painted(found[f"{number}"], VALUES[stage])
        project.photograph(f"{number}", photo, ("cat", "dog", "owl"))
    project.write(**write)
    if stage == "irnet":
        # Confident labels come from maps: where no class scores it is background.
        project.give(
            "cams",
            {k: np.stack([(v == c)[::4, ::4] for c in (1, 2, 3)]) * 1.0 for k, v in found.items()},
        )
    else:
        reads = {"benet": "boundary_labels", "segmenter": "pseudo_labels"}[stage]
        project.give(reads, found)


def views_of(training, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [training.views[number % 3, number, number % 2] for number in range(count)]


@pytest.mark.parametrize("stage", ["benet", "irnet", "segmenter", "classifier"])
def test_there_are_views_of_the_photographs_to_train_on_alone(project, rng, stage: str) -> None:
    """One held out comes first in the manifest, and nothing was computed of it."""
    held_out = np.full((*SIZE, 3), 90, np.uint8)
    project.photograph(" held out", held_out, ("cat", "dog", "owl"), split="val")
    give(project, "segmenter" if stage == "classifier" else stage, rng)
    flags = ["--resize-long", 58, 58] if stage == "classifier" else ["--scale", 1, 1]
    flags += ["--no-crf"] if stage == "irnet" else []
    training = project.training(stage, *NETWORK, "--crop", 64, *flags)
    assert list(training.views.names) == ["0", "1", "2"]
    for number in range(3):
        image, _ = training.views[number, 0, 0]
        inside = image[:, (image != 0).any(0)]
        photo = project.photo(f"{number}").reshape(-1, 3) / 255
        means = (photo.mean(0) - MEAN) / STD
        np.testing.assert_allclose(inside.mean(1), means, atol=1e-3)


@pytest.mark.parametrize("stage", ["benet", "segmenter"])
@pytest.mark.parametrize("crop", [40, 50, 64])
def test_each_pixel_of_a_view_keeps_its_label(project, rng, stage: str, crop: int) -> None:
    give(project, stage, rng)
    training = project.training(stage, *NETWORK, "--crop", crop, "--scale", 1, 1)
    seen = set()
    for image, labels in views_of(training, 30):
        assert image.shape == (3, crop, crop) and image.dtype == np.float32
        assert labels.shape == (crop, crop) and labels.dtype == np.uint8
        np.testing.assert_array_equal(unpainted(image, VALUES[stage], OPEN[stage]), labels)
        seen.add(image.tobytes())
    assert len(seen) > 20


@pytest.mark.parametrize("stage", ["benet", "segmenter", "irnet"])
def test_a_view_of_another_size_keeps_its_labels_but_for_edges(project, rng, stage: str) -> None:
    give(project, stage, rng)
    flags = [*NETWORK, "--crop", 48, "--scale", 0.7, 1.6]
    training = project.training(stage, *flags, *(["--no-crf"] if stage == "irnet" else []))
    for image, labels in views_of(training, 12):
        shown = unpainted(image, VALUES[stage], OPEN[stage])
        if stage == "irnet":  # where no class scores it is background
            shown[(shown == VOID) & (image != 0).any(0)] = 0
        # A block has 6 to 13 pixels a side here, and an edge may blur two of them.
        assert (shown == labels).mean() > 0.7
        moved = np.roll(labels, 6, axis=1)
        assert (shown == moved).mean() < 0.85 * (shown == labels).mean()


def test_labels_follow_a_photograph_that_is_computed_at_a_smaller_size(project, rng) -> None:
    give(project, "segmenter", rng, (92, 116), max_pixels=46 * 58)
    training = project.training("segmenter", *NETWORK, "--crop", 64, "--scale", 1, 1)
    for image, labels in views_of(training, 6):
        inside = (image != 0).any(0)
        assert inside.sum() == 46 * 58
        assert (labels[~inside] == VOID).all()
        assert (unpainted(image, VALUES["segmenter"], VOID) == labels).mean() > 0.7


@pytest.mark.parametrize("stage", ["benet", "segmenter"])
def test_half_of_the_views_are_mirrored_and_crops_lie_everywhere(project, rng, stage: str) -> None:
    """Of a photograph one pixel larger than the crop there are four places, and two sides."""
    marked = np.full((41, 41), VALUES[stage][0], np.uint8)
    marked[:20, :20] = VALUES[stage][1]
    project.photograph("0", painted(marked, VALUES[stage]))
    project.write()
    project.give("boundary_labels" if stage == "benet" else "pseudo_labels", {"0": marked})
    training = project.training(stage, *NETWORK, "--crop", 40, "--scale", 1, 1)
    mirrored, places = 0, set()
    for number in range(80):
        _, labels = training.views[0, number, 0]
        rows, columns = np.nonzero(labels == VALUES[stage][1])
        mirror = columns.max() == 39
        mirrored += mirror
        places.add((rows.max(), columns.min() if mirror else columns.max()))
    assert 24 <= mirrored <= 56
    assert places == set(itertools.product((18, 19), (18, 19))) | set(
        itertools.product((18, 19), (20, 21))
    )


@pytest.mark.parametrize("stage", ["benet", "segmenter"])
def test_the_size_of_a_view_is_drawn_between_the_two_factors(project, rng, stage: str) -> None:
    give(project, stage, rng, (40, 40))
    training = project.training(stage, *NETWORK, "--crop", 80, "--scale", 0.5, 1.5)
    sides = [
        round(float(np.sqrt((image != 0).any(0).sum()))) for image, _ in views_of(training, 60)
    ]
    assert min(sides) >= 20 and max(sides) <= 60
    assert min(sides) < 26 and max(sides) > 54 and 36 < np.mean(sides) < 44


def test_the_longer_side_of_a_view_of_the_classifier_is_drawn(project, rng) -> None:
    for number, size in enumerate([(30, 60), (60, 30)]):
        project.photograph(f"{number}", np.full((*size, 3), 90, np.uint8))
    project.write()
    flags = [*NETWORK, "--crop", 96, "--resize-long", 48, 50]
    training = project.training("classifier", *flags, "--frozen-stages", 0)
    found: set[tuple[int, int]] = set()
    for number in range(24):
        image, _ = training.views[number % 2, number, 0]
        rows, columns = np.nonzero((image != 0).any(0))
        assert image.shape == (3, 96, 96)
        found.add((int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1))
    assert found == {(24, 48), (24, 49), (25, 50), (48, 24), (49, 24), (50, 25)}


def test_a_view_is_normalised_with_the_statistics_of_imagenet(project) -> None:
    photo = np.zeros((40, 40, 3), np.uint8)
    photo[:] = (200, 100, 30)
    project.photograph("0", photo)
    project.write()
    project.give("pseudo_labels", {"0": np.zeros((40, 40), np.uint8)})
    for stage in ("segmenter", "classifier"):
        flags = [*NETWORK, "--crop", 32]
        flags += ["--scale", 1, 1] if stage == "segmenter" else ["--resize-long", 40, 40]
        image, _ = project.training(stage, *flags).views[0, 0, 0]
        expected = [(c / 255 - m) / s for c, m, s in zip((200, 100, 30), MEAN, STD, strict=True)]
        np.testing.assert_allclose(image.mean((1, 2)), expected, rtol=1e-5)


def test_the_target_of_the_classifier_is_one_for_each_class_present(project) -> None:
    of = {"a": ("cat",), "b": ("owl",), "c": ("dog", "owl"), "d": ()}
    for number, (name, labels) in enumerate(of.items()):
        project.photograph(name, np.full((40, 40, 3), 50 * number, np.uint8), labels)
    project.write()
    training = project.training("classifier", *NETWORK, "--crop", 32, "--resize-long", 40, 40)
    expected = [[1, 0, 0], [0, 0, 1], [0, 1, 1], [0, 0, 0]]
    for number, row in enumerate(expected):
        image, target = training.views[number, 0, 0]
        assert target.tolist() == row
        grey = (image[0].mean() * STD[0] + MEAN[0]) * 255
        assert grey == pytest.approx(50 * number, abs=0.1)


def cells(labels: np.ndarray, stride: int, count: int) -> np.ndarray:
    """The label at the middle of each cell, of the last one at the border of the crop."""
    middle = [min(stride * i + stride // 2, len(labels) - 1) for i in range(count)]
    return labels[np.ix_(middle, middle)]


@pytest.mark.parametrize("crop", [40, 41, 43])
def test_benet_and_irnet_learn_the_label_in_the_middle_of_each_cell(project, rng, crop) -> None:
    for stage in ("benet", "irnet"):
        give(project, stage, rng)
        flags = [*NETWORK, "--crop", crop, "--scale", 1, 1]
        training = project.training(stage, *flags, *(["--no-crf"] if stage == "irnet" else []))
        image, labels = training.views[0, 0, 0]
        logits = training.network.eval()(torch.from_numpy(image)[None])
        assert logits.shape[2:] == (-(-crop // 4),) * 2
        chosen = torch.from_numpy(cells(labels, 4, logits.shape[-1]))[None]
        # Given at a quarter already, labels are taken as they are where each stands for 4 pixels.
        exact = torch.from_numpy(np.kron(chosen[0].numpy(), np.ones((4, 4), np.uint8)))[None]
        one = training.loss(logits, torch.from_numpy(labels)[None])["total"]
        torch.testing.assert_close(one, training.loss(logits, exact)["total"])
        project.records.clear()


# The last is coarser than any option asks for.
SEGMENTERS = [
    *itertools.product(("resnet18", "vgg16"), ((8, 64), (8, 65), (8, 71), (16, 65))),
    ("timm:poolformer_s12", (32, 70)),
]


@pytest.mark.parametrize(("backbone", "cell"), SEGMENTERS)
def test_the_segmenter_learns_the_label_in_the_middle_of_each_cell(
    project, rng, backbone: str, cell: tuple[int, int]
) -> None:
    stride, crop = cell
    give(project, "segmenter", rng, (80, 80))
    flags = ["--backbone", backbone, "--weights", "none", "--crop", crop, "--scale", 1, 1]
    training = project.training(
        *("segmenter", *flags, "--output-stride", min(stride, 16), "--loss-scales", 1.0, 0.5)
    )
    image, labels = training.views[0, 0, 0]
    logits = training.network.eval()(torch.from_numpy(image)[None])
    count = crop // stride if backbone == "vgg16" else -(-crop // stride)
    assert logits.shape == (1, 3, 4, count, count)
    target = cells(labels, stride, count)
    logarithms = logits.log_softmax(2).detach().numpy()[0]
    costs = [
        -scale[target[y, x], y, x]
        for scale in logarithms
        for y, x in itertools.product(range(count), range(count))
        if target[y, x] != VOID
    ]
    found = training.loss(logits, torch.from_numpy(labels)[None])["total"]
    assert found.item() == pytest.approx(3 * np.mean(costs), rel=1e-4)
