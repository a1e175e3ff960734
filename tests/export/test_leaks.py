"""An export that would let a trainer see what it is scored on does not happen."""

import csv
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bes.cli import main
from bes.data.images import encode_labels
from bes.data.manifest import read_manifest
from bes.errors import BesError
from bes.export.leaks import MIN_OUTLINE, outline


def index_mask(project: Any, image: str, *, void: int) -> np.ndarray:
    """The mask of an image in label indices, with something in the place of its void pixels."""
    table = np.zeros(256, np.uint8)
    table[[8, 12, 255]] = 1, 2, void
    return table[project.mask(image)]


def mask_file(project: Any, image: str) -> bytes:
    return (project.root / f"SegmentationClass/{image}.png").read_bytes()


def rewrite(project: Any, *changes: tuple[str, str, str]) -> None:
    """Change cells of the manifest: (image, column, value)."""
    path = project.base / "dataset" / "images.csv"
    rows = list(csv.DictReader(path.open()))
    for image, column, value in changes:
        next(row for row in rows if row["id"] == image)[column] = value
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_a_label_with_the_bytes_of_a_mask_is_a_leak(project: Any) -> None:
    project.write_label("first", mask_file(project, "first"))
    with pytest.raises(BesError, match=r"1 leak:\nfirst: the training label .* equals the mask"):
        project.export("torchvision")
    assert not (project.base / "export").exists()


def test_so_is_one_with_the_bytes_of_another_images_mask(project: Any) -> None:
    project.write_label("first", mask_file(project, "last"))
    with pytest.raises(BesError, match=r"first: .* equals the mask .*SegmentationClass/last\.png"):
        project.export("coco")


@pytest.mark.parametrize("void", [0, 255])
def test_so_is_one_with_the_pixels_of_its_mask(project: Any, void: int) -> None:
    project.write_label("grey", encode_labels(index_mask(project, "grey", void=void)))
    with pytest.raises(BesError, match=r"1 leak:\ngrey: "):
        project.export("torchvision")


def test_a_mask_saved_again_is_still_a_mask(project: Any) -> None:
    content = io.BytesIO()
    Image.fromarray(project.mask("grey")).save(content, "PNG")
    project.write_label("grey", content.getvalue())
    with pytest.raises(BesError, match=r"1 leak:\ngrey: "):
        project.export("torchvision")


def test_a_label_that_differs_from_its_mask_in_a_pixel_is_none(project: Any) -> None:
    labels = index_mask(project, "grey", void=0)
    labels[0, 0] = 1
    project.write_label("grey", encode_labels(labels))
    project.export("torchvision")


@pytest.mark.parametrize("speck", [0, 1, 8])
def test_a_mask_without_much_in_it_may_be_met_by_chance(project: Any, speck: int) -> None:
    labels = np.zeros((36, 48), np.uint8)
    labels[:speck, :speck] = 1
    mask = project.root / "SegmentationClass/first.png"
    mask.write_bytes(encode_labels(np.array([0, 8], np.uint8)[labels]))
    project.write_label("first", encode_labels(labels))
    project.read()
    project.export("torchvision")


def test_the_outline_of_a_square_is_the_limit() -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[5:13, 5:13] = 1
    assert outline(labels) == MIN_OUTLINE == 32
    assert outline(np.ones((20, 20), np.uint8)) == 0
    labels[5:13] = 1
    assert outline(labels) == outline(labels.T) == 40


@pytest.mark.parametrize(("sides", "leaks"), [((7, 8), False), ((8, 8), True)])
def test_a_label_like_its_mask_is_a_leak_from_the_limit_on(
    project: Any, sides: tuple[int, int], leaks: bool
) -> None:
    labels = np.zeros((36, 48), np.uint8)
    labels[5 : 5 + sides[0], 5 : 5 + sides[1]] = 1
    mask = project.root / "SegmentationClass/first.png"
    mask.write_bytes(encode_labels(np.array([0, 8], np.uint8)[labels]))
    project.write_label("first", encode_labels(labels))
    project.read()
    if leaks:
        with pytest.raises(BesError, match=r"1 leak:\nfirst: "):
            project.export("torchvision")
    else:
        project.export("torchvision")


def test_a_correction_may_equal_its_mask_but_not_be_it(project: Any) -> None:
    for image in ("first", "grey"):
        project.write_label(image, encode_labels(index_mask(project, image, void=0)))
    rewrite(project, ("first", "correction", "drawn/first.png"))
    with pytest.raises(BesError, match=r"1 leak:\ngrey: "):
        project.export("torchvision")
    rewrite(project, ("grey", "correction", "drawn/grey.png"))
    project.export("torchvision")
    digest = {r.id: r.mask_digest for r in read_manifest(project.base / "dataset/images.csv")}
    rewrite(project, ("grey", "correction_digest", digest["grey"]))
    with pytest.raises(BesError, match=r"1 leak:\ngrey: "):
        project.export("torchvision")


@pytest.mark.parametrize("split", ["val", "test"])
def test_an_image_on_both_sides_is_a_leak(project: Any, split: str) -> None:
    rewrite(project, ("last", "split", split), ("last", "id", "first"))
    with pytest.raises(BesError, match=f"first: found in split train and in split {split}"):
        project.export("mmsegmentation")


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_photograph_under_two_names_is_a_leak(project: Any, split: str) -> None:
    digest = project.records["first"].digest
    rewrite(project, ("last", "split", split), ("last", "digest", digest))
    sentence = rf"first\.jpg of split train is the same as JPEGImages/last\.jpg of split {split}"
    with pytest.raises(BesError, match=sentence):
        project.export("mmsegmentation")


def test_the_command_ends_with_2_and_names_all_images(project: Any, capsys: Any) -> None:
    for image in ("first", "grey"):
        project.write_label(image, mask_file(project, image))
    folders = ["--dataset", project.base / "dataset", "--pseudo-labels", project.pseudo_labels]
    words = ["export", "--format", "coco", *folders, "--out", project.base / "out"]
    status = main([str(word) for word in words])
    said = capsys.readouterr().err
    assert status == 2
    assert said.startswith("bes: nothing is exported, 2 leaks:\nfirst: ")
    assert "\ngrey: " in said
    assert not (project.base / "out").exists()
