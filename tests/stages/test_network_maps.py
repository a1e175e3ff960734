"""Maps of networks against the formulas with the same weights, and their mirror images."""

import shutil

import numpy as np
import pytest
import torch
from plain import bilinear, normalised, resized, smooth
from small_network import SMALL_NETWORK

from bes.stages.shared.segmentation_inference import InferenceOptions, mapper

SIZES = [(48, 64), (45, 62)]
"""Multiples of all strides, and not even of 4."""
CLASSIFIER = {"backbone": SMALL_NETWORK, "n_classes": 3, "pooling": "features", "k": 0.1}
DEEPLAB = {"backbone": SMALL_NETWORK, "head": "aspp", "output_stride": 8, "n_labels": 4}


def quarter(size: tuple[int, int]) -> tuple[int, int]:
    return -(-size[0] // 4), -(-size[1] // 4)


@torch.inference_mode()
def class_maps(network, photo: np.ndarray) -> np.ndarray:
    features = network.backbone(normalised(photo)[None])[-1][0]
    return np.einsum("kc,chw->khw", network.classifier.weight[:, :, 0, 0], features)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("relu", [True, False])
def test_cams_are_class_maps_of_all_scales_over_their_maximum(
    project, rng, size: tuple[int, int], flip: bool, relu: bool
) -> None:
    photo = smooth(rng, *size)
    project.photograph("a", photo, ("cat", "owl"))
    project.photograph("b", photo, ())
    project.write()
    settings = CLASSIFIER | {"detach": True}
    network = project.give_network("classifier", settings)
    with torch.no_grad():
        # So that each map is below 0 on about half of the photograph, and not where its mirror is.
        features = network.backbone(normalised(photo)[None])[-1][0].mean((1, 2))
        weights = network.classifier.weight[:, :, 0, 0]
        weights -= (weights @ features / features.sum())[:, None]
    project.keep_network("classifier", network, settings)
    flags = ["--flip" if flip else "--no-flip", "--relu" if relu else "--no-relu"]
    project.run("cams", *flags, "--scales", 1.0, 0.5, 1.5)

    expected = np.zeros((3, *quarter(size)))
    for scale in (1.0, 0.5, 1.5):
        scaled = photo if scale == 1 else resized(photo, scale)
        views = [class_maps(network, scaled)]
        if flip:
            views.append(class_maps(network, scaled[:, ::-1])[..., ::-1])
        for maps in views:
            expected += bilinear(maps.clip(0) if relu else maps, quarter(size))
    assert (expected.min((1, 2)) < -1e-3).all() != relu
    expected = (expected / (expected.max((1, 2), keepdims=True) + 1e-5)).clip(0)

    found, classes = project.maps("cams", "a")
    assert classes == [1, 3]
    np.testing.assert_allclose(found, expected[[0, 2]], atol=1e-3)
    assert project.maps("cams", "b")[0].shape[0] == 0


def test_a_floor_takes_the_level_of_the_background_from_each_map(project, rng) -> None:
    """A share of 0.4 of the photograph has a score of 0, whatever haze lay there."""
    project.photograph("a", smooth(rng, *SIZES[1]), ("cat", "owl"))
    project.photograph("b", smooth(rng, *SIZES[1]), ())
    project.write()
    project.give_network("classifier", CLASSIFIER | {"detach": True})
    project.run("cams")
    plain, _ = project.maps("cams", "a")
    project.run("cams", "--floor", 0.4)
    found, classes = project.maps("cams", "a")
    assert classes == [1, 3]
    lowered = (plain - np.quantile(plain, 0.4, axis=(1, 2), keepdims=True)).clip(0)
    np.testing.assert_allclose(found, lowered / lowered.max((1, 2), keepdims=True), atol=3e-3)
    assert np.abs(found - plain).max() > 0.05
    assert project.maps("cams", "b")[0].shape[0] == 0


@torch.inference_mode()
def boundary_logits(network, photo: np.ndarray) -> np.ndarray:
    return network(normalised(photo)[None])[0].numpy()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("which", ["benet", "irnet"])
def test_boundary_maps_are_the_mean_logits_of_photograph_and_mirror_image(
    project, rng, size: tuple[int, int], which: str
) -> None:
    photo = smooth(rng, *size)
    project.photograph("a", photo)
    project.write()
    network = project.give_network(which, {"backbone": SMALL_NETWORK})
    project.run("boundary_maps", "--network", which)
    both = [
        boundary_logits(network, photo),
        boundary_logits(network, photo[:, ::-1])[..., ::-1],
    ]
    expected = 1 / (1 + np.exp(-np.mean(both, 0)))[0]
    found = project.pixels("boundary_maps", "a") / 65535
    assert found.shape == quarter(size)
    np.testing.assert_allclose(found, expected, atol=5e-5)

    project.run("boundary_maps", "--network", which, "--no-flip")
    alone = project.pixels("boundary_maps", "a") / 65535
    np.testing.assert_allclose(alone, 1 / (1 + np.exp(-both[0][0])), atol=5e-5)
    assert np.abs(alone - found).max() > 0.01


@pytest.mark.parametrize("size", SIZES)
def test_boundary_maps_of_several_scales_are_their_mean_logits(
    project, rng, size: tuple[int, int]
) -> None:
    photo = smooth(rng, *size)
    project.photograph("a", photo)
    project.write()
    network = project.give_network("benet", {"backbone": SMALL_NETWORK})
    project.run("boundary_maps", "--no-flip", "--scales", 1.0, 1.5, 0.5)
    parts = []
    for scale in (1.0, 1.5, 0.5):
        scaled = photo if scale == 1 else resized(photo, scale)
        factors = (size[0] / scaled.shape[0], size[1] / scaled.shape[1])
        parts.append(bilinear(boundary_logits(network, scaled), quarter(size), factors))
    expected = 1 / (1 + np.exp(-np.mean(parts, 0)))[0]
    np.testing.assert_allclose(project.pixels("boundary_maps", "a") / 65535, expected, atol=1e-4)


@torch.inference_mode()
def label_logits(network, photo: np.ndarray, stride: int) -> np.ndarray:
    """Of the photograph continued by its mean to whole cells, as the crops of the training are."""
    image = torch.zeros(3, *(-(-length // stride) * stride for length in photo.shape[:2]))
    image[:, : photo.shape[0], : photo.shape[1]] = normalised(photo)
    return network(image[None])[0].numpy()


def softmax(logits: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


@pytest.mark.parametrize(
    ("size", "settings", "merge"),
    [
        (SIZES[0], DEEPLAB, "mean"),
        (SIZES[1], DEEPLAB, "mean"),
        (SIZES[1], DEEPLAB, "max"),
        (SIZES[1], DEEPLAB | {"backbone": "vgg16", "output_stride": 16}, "max"),
    ],
)
def test_segmentation_maps_are_probabilities_of_all_scales(
    project, rng, size: tuple[int, int], settings: dict, merge: str
) -> None:
    photo = smooth(rng, *size)
    project.photograph("a", photo, split="val")
    project.write()
    network = project.give_network("segmenter", settings)
    scales, stride = (1.0, 0.75, 0.5), settings["output_stride"]
    project.run(
        *("segmentation_maps", "--merge", merge, "--least-probability", 0),
        *("--scales", *scales),
    )
    rows, columns = (np.arange(4 * cells) for cells in quarter(size))
    whole = photo[np.ix_(rows.clip(0, size[0] - 1), columns.clip(0, size[1] - 1))]
    views = []
    for side in (1, -1):
        logits = []
        for scale in scales:
            scaled = whole if scale == 1 else resized(whole, scale)
            factors = [stride / 4 * whole.shape[axis] / scaled.shape[axis] for axis in (0, 1)]
            cells = label_logits(network, scaled[:, ::side], stride)
            logits.append(bilinear(cells, quarter(size), (factors[0], factors[1]))[..., ::side])
        one = softmax(np.max(logits, 0), 0) if merge == "max" else softmax(np.array(logits), 1)
        views.append(one if merge == "max" else one.mean(0))
    found, labels = project.maps("segmentation_maps", "a")
    assert labels == [0, 1, 2, 3]
    np.testing.assert_allclose(found, np.mean(views, 0), atol=1e-3)

    level = float(np.sort(found.max((1, 2)))[1])
    project.run(
        *("segmentation_maps", "--merge", merge, "--least-probability", level + 1e-3),
        *("--scales", *scales),
    )
    kept, labels = project.maps("segmentation_maps", "a")
    assert labels == np.flatnonzero(found.max((1, 2)) > level + 1e-3).tolist()
    np.testing.assert_array_equal(kept, found[labels])


def test_photographs_at_once_have_the_maps_that_each_has_alone(project, rng) -> None:
    """As on a GPU; of some the classes are known."""
    network = project.give_network("segmenter", DEEPLAB)
    maps_of = mapper(InferenceOptions(scales=(1.0, 0.5)), network, "cpu", least_probability=0)
    photos = [smooth(rng, *SIZES[1]) for _ in range(3)]
    shown = [None, [0, 2], [0, 1, 3]]
    for photo, labels, found in zip(photos, shown, maps_of(photos, shown), strict=True):
        (alone,) = maps_of([photo], [labels])
        assert found.classes.tolist() == alone.classes.tolist() == (labels or [0, 1, 2, 3])
        np.testing.assert_allclose(found.maps, alone.maps, atol=1e-3)


def test_a_label_as_probable_as_the_least_is_stored(project, rng) -> None:
    """Of one label alone each pixel has a probability of exactly 1."""
    project.photograph("a", smooth(rng, 32, 40), split="val")
    project.write()
    project.give_network("segmenter", DEEPLAB | {"n_labels": 1})
    project.run("segmentation_maps", "--least-probability", 1, "--scales", 1)
    maps, labels = project.maps("segmentation_maps", "a")
    assert labels == [0] and (maps == 1).all()


def test_where_no_label_is_probable_enough_the_likeliest_is_stored(project, rng) -> None:
    project.photograph("a", smooth(rng, 32, 40), split="val")
    project.write()
    project.give_network("segmenter", DEEPLAB | {"n_labels": 3})
    project.run("segmentation_maps", "--least-probability", 0, "--scales", 1)
    every, _ = project.maps("segmentation_maps", "a")
    project.run("segmentation_maps", "--least-probability", 1, "--scales", 1)
    maps, labels = project.maps("segmentation_maps", "a")
    assert labels == [every.max((1, 2)).argmax()]
    np.testing.assert_array_equal(maps, every[labels])


@pytest.mark.parametrize(
    ("stage", "network", "settings"),
    [
        ("cams", "classifier", CLASSIFIER | {"detach": True}),
        ("boundary_maps", "benet", {"backbone": SMALL_NETWORK}),
    ],
)
def test_threads_that_share_a_network_find_what_one_process_does(
    project, rng, monkeypatch: pytest.MonkeyPatch, stage: str, network: str, settings: dict
) -> None:
    """As on a GPU, on a device that is there."""
    for name, size in zip("abc", [*SIZES, (32, 40)], strict=True):
        project.photograph(name, smooth(rng, *size), ("cat", "owl"))
    project.write()
    project.give_network(network, settings)

    def maps() -> list[np.ndarray]:
        if stage == "cams":
            return [project.maps(stage, name)[0] for name in "abc"]
        return [project.pixels(stage, name) / 65535 for name in "abc"]

    project.run(stage)
    alone = maps()
    shutil.rmtree(project.base / stage)
    monkeypatch.setattr("bes.incremental.per_image.acquire_device", lambda device: "cpu:0")
    monkeypatch.setattr("bes.incremental.per_image.forked_map", lambda *_, **__: pytest.fail())
    project.run(stage, "--threads", 2)
    for found, expected in zip(maps(), alone, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-3)


def mirrored_maps(project, photo: np.ndarray, stage: str, *flags: object) -> list[np.ndarray]:
    """The maps of a photograph, and those of its mirror image mirrored back."""
    for name, pixels in (("a", photo), ("b", photo[:, ::-1])):
        split = "val" if stage == "segmentation_maps" else "train"
        project.photograph(name, np.ascontiguousarray(pixels), ("cat", "dog"), split=split)
    project.write()
    project.run(stage, *flags)
    if stage == "boundary_maps":
        one, other = (project.pixels(stage, name) / 65535 for name in "ab")
    else:
        one, other = (project.maps(stage, name)[0] for name in "ab")
    return [one, other[..., ::-1]]


@pytest.mark.parametrize("stage", ["cams", "boundary_maps", "segmentation_maps"])
@pytest.mark.parametrize("size", [(48, 64), (45, 60), (50, 61)])
def test_a_mirrored_photograph_has_the_mirrored_map(
    project, rng, stage: str, size: tuple[int, int]
) -> None:
    photo = smooth(rng, *size)
    flags: list[object] = []
    if stage == "cams":
        project.give_network("classifier", CLASSIFIER | {"detach": True})
        flags = ["--scales", 1.0, 0.5, 1.5]
    elif stage == "boundary_maps":
        project.give_network("benet", {"backbone": SMALL_NETWORK})
    else:
        project.give_network("segmenter", DEEPLAB | {"backbone": "resnet18"})
        flags = ["--least-probability", 0]
    one, other = mirrored_maps(project, photo, stage, *flags)
    whole = stage != "segmentation_maps" or size[1] % 4 == 0
    if not whole:
        # The cells of the two are not the same ones: they are compared pixel by pixel.
        one = bilinear(one, size, (4, 4))
        other = bilinear(other[..., ::-1], size, (4, 4))[..., ::-1]
    difference, asymmetry = (np.abs(one - x).mean() for x in (other, one[..., ::-1]))
    assert difference < (0.01 if whole else 0.5) * asymmetry
