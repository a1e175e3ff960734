"""A teacher: what it learns, what it says of its photographs, and what becomes of that."""

from typing import Any

import numpy as np
import pytest
import torch
from plain import bilinear, normalised
from small_network import SMALL_NETWORK

SIZE, CELLS = (36, 48), (9, 12)
DEEPLAB = {"backbone": SMALL_NETWORK, "head": "aspp", "output_stride": 16, "n_labels": 4}


@pytest.fixture
def taught(project: Any, rng: np.random.Generator) -> Any:
    """Two photographs with revised maps."""
    project.walked(rng, SIZE)
    return project


def full(maps: np.ndarray) -> np.ndarray:
    return bilinear(maps, SIZE, (4, 4))


def test_a_label_is_the_mean_of_walk_and_teacher_held_against_that_of_their_thresholds(
    taught: Any, rng: np.random.Generator
) -> None:
    said, spread = {}, {}
    for name, labels in (("a", [0, 1, 3]), ("b", [0, 2])):
        maps = bilinear(rng.random((len(labels), 3, 4)) ** 3, CELLS)
        said[name] = (maps / maps.sum(0)).astype(np.float16).astype(np.float32), labels
        maps = bilinear(rng.random((len(labels) - 1, 3, 4)) ** 2, CELLS)
        spread[name] = (maps / maps.max()).astype(np.float16).astype(np.float64)
    taught.give("teacher_maps", said)
    taught.give("revised_teacher_maps", spread)
    stages = ("teacher_maps", "revised_teacher_maps")
    read = [word for s in stages for word in (f"--{s.replace('_', '-')}", taught.base / s)]
    taught.run("pseudo_labels", *read, "--threshold", 0.2, "--no-crf")
    differ = []
    for name, (maps, labels) in said.items():
        walk, again = full(taught.walk[name]), full(spread[name])
        three = walk / walk.max() + full(maps[1:].astype(np.float64)) + again / again.max()
        above = three.max(0) > 0.2 + 0.5 + 0.5
        expected = np.where(above, np.array(labels[1:])[three.argmax(0)], 0)
        found = taught.pixels("pseudo_labels", name)
        assert (found != expected).mean() < 0.005
        alone = np.where(walk.max(0) > 0.2 * walk.max(), np.array(labels[1:])[walk.argmax(0)], 0)
        differ.append((found != alone).mean())
    assert max(differ) > 0.05


def test_the_walk_spreads_what_the_teacher_sees_of_the_classes(
    taught: Any, rng: np.random.Generator
) -> None:
    """As it would localisation maps of the same values; the background has no part in it."""
    said = {
        name: (bilinear(rng.random((len(labels), 3, 4)), CELLS), labels)
        for name, labels in (("a", [0, 1, 3]), ("b", [0, 2]))
    }
    boundaries = {name: bilinear(rng.random((1, 5, 6)) ** 2, CELLS)[0] for name in said}
    taught.give("boundary_maps", boundaries)
    taught.give("teacher_maps", said)
    taught.give("cams", {name: maps[1:] for name, (maps, _) in said.items()})
    for stage in ("revised_teacher_maps", "revised_maps"):
        taught.run(stage, "--beta", 3, "--steps", 12)
    for name, (maps, labels) in said.items():
        spread, found = taught.maps("revised_teacher_maps", name)
        assert list(found) == labels[1:]
        assert np.array_equal(spread, taught.maps("revised_maps", name)[0])
        assert np.abs(spread - maps[1:] / maps[1:].max()).max() > 0.1


@pytest.mark.parametrize("flip", [True, False])
def test_the_teacher_names_only_what_is_there(taught: Any, flip: bool) -> None:
    """Its probabilities are those of the network, shared out among the classes present."""
    network = taught.give_network("teacher", DEEPLAB)
    flags = ["--scales", 1.0, "--flip" if flip else "--no-flip"]
    taught.run("teacher_maps", "--source", "teacher", *flags)
    for name, labels in (("a", [0, 1, 3]), ("b", [0, 2])):
        maps, found = taught.maps("teacher_maps", name)
        assert list(found) == labels
        np.testing.assert_allclose(maps.sum(0), 1, atol=2e-3)
        expected = []
        for side in (1, -1)[: 1 + flip]:
            padded = torch.zeros(1, 3, 48, 48)
            padded[0, :, : SIZE[0], : SIZE[1]] = normalised(taught.photo(name)[:, ::side])
            with torch.inference_mode():
                logits = network(padded)[0, labels]
            enlarged = torch.nn.Upsample(size=(12, 12), mode="bilinear")(logits[None])[0]
            plain = enlarged.softmax(0).numpy()[:, : CELLS[0], : CELLS[1]]
            expected.append(plain[..., ::side])
        # Enlarged before or after the softmax; the ends of the rows are the padding's.
        difference = np.abs(maps - np.mean(expected, 0))
        assert difference[:, :-1, :-1].max() < 0.05


def test_a_class_that_the_teacher_does_not_see_has_a_map_too(taught: Any) -> None:
    """The walk has one of it, and the two are averaged."""
    network = taught.give_network("teacher", DEEPLAB)
    for branch in network.head.branches:
        branch.bias.data[3] -= 9
    taught.keep_network("teacher", network, DEEPLAB)
    taught.run("teacher_maps", "--source", "teacher", "--scales", 1.0)
    maps, labels = taught.maps("teacher_maps", "a")
    assert list(labels) == [0, 1, 3] and maps[2].max() < 1e-3


def test_the_teacher_learns_the_labels_of_the_walk(taught: Any) -> None:
    taught.run("teacher_labels", "--threshold", 0.3)
    taught.run("pseudo_labels", "--threshold", 0.3)
    for name in ("a", "b"):
        walk = taught.pixels("teacher_labels", name)
        assert np.array_equal(walk, taught.pixels("pseudo_labels", name))
    flags = ["--backbone", SMALL_NETWORK, "--weights", "none", "--crop", 64, "--scale", 1, 1]
    training = taught.training("teacher", *flags)
    for index, name in enumerate(("a", "b")):
        _, labels = training.views[index, 0, 0]
        learnt = labels[labels != 255]
        assert set(np.unique(learnt)) <= set(np.unique(taught.pixels("teacher_labels", name)))
        assert learnt.size == SIZE[0] * SIZE[1]
