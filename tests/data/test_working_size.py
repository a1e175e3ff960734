"""Large photographs are reduced to a number of pixels, and keep their shape."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from finished import project
from PIL import Image

from bes.data import working_size
from bes.data.manifest import Catalog, ImageRecord, catalog_json, read_catalog, read_manifest
from bes.data.working_size import read_reduced, resize_labels
from bes.project.upkeep import clean
from bes.storage.files import digest_file


def catalog(root: Path = Path(), max_pixels: int = 500_000) -> Catalog:
    return Catalog(root, ("cat",), (1,), max_pixels)


def record(width: int, height: int) -> ImageRecord:
    return ImageRecord("a", "a.png", width, height, ("cat",), "train", "0")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((500, 375), (500, 375)),  # of PASCAL VOC
        ((640, 640), (640, 640)),  # of MS COCO
        ((1000, 500), (1000, 500)),
        ((4000, 3000), (816, 612)),
        ((10_000, 10_000), (707, 707)),
        ((1, 1_000_000), (1, 707_107)),
    ],
)
def test_the_working_size(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert catalog().working_size(record(*size)) == expected[::-1]


def test_a_photograph_within_the_limit_is_read_as_it_is(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert (read_reduced(catalog(tmp_path, 10_000), record(100, 100)) == pixels).all()


def test_a_larger_one_is_reduced_without_aliasing(tmp_path: Path) -> None:
    stripes = np.zeros((200, 200, 3), np.uint8)
    stripes[:, ::2] = 200
    Image.fromarray(stripes).save(tmp_path / "a.png")
    reduced = read_reduced(catalog(tmp_path, 2_500), record(200, 200))
    assert reduced.shape == (50, 50, 3)
    assert np.abs(reduced[:, 1:-1].astype(int) - 100).max() <= 1


def test_labels_are_enlarged_without_new_values() -> None:
    labels = np.array([[0, 2], [255, 7]], np.uint8)
    enlarged = resize_labels(labels, (4, 6))
    assert (enlarged == np.repeat(np.repeat(labels, 2, 0), 3, 1)).all()
    assert (resize_labels(enlarged, (2, 2)) == labels).all()


def test_the_limit_is_kept_with_the_classes(folder) -> None:
    folder.run(max_pixels=12_345)
    assert read_catalog(folder.out / "classes.json").max_pixels == 12_345
    assert {(r.width, r.height) for r in read_manifest(folder.out / "images.csv")} == {(32, 24)}


def test_a_photograph_is_reduced_as_pillow_does_bicubically(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    record = ImageRecord("a", "a.png", 60, 40, (), "train", "")
    found = read_reduced(Catalog(tmp_path, (), (), max_pixels=20 * 30), record)
    expected = Image.fromarray(pixels).resize((30, 20), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(found, np.array(expected))


def test_white_is_that_of_the_bits_that_the_dataset_has_in_use(tmp_path: Path) -> None:
    """Of 12 bits it is 4095, whether the photograph is reduced or not."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((40, 60), 4095, np.uint16))
    record = ImageRecord("a", "a.png", 60, 40, (), "train", "")
    for pixels in (40 * 60, 20 * 30):
        found = read_reduced(Catalog(tmp_path, (), (), max_pixels=pixels, bit_depth=12), record)
        assert found.shape[0] * found.shape[1] == pixels and (found == 255).all()


@pytest.fixture
def large(tmp_path: Path) -> tuple[Catalog, ImageRecord]:
    """A photograph to be reduced, of a dataset with a cache."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    known = ImageRecord("a", "a.png", 60, 40, (), "train", digest_file(tmp_path / "a.png") or "")
    return Catalog(tmp_path, (), (), max_pixels=20 * 30, cache=tmp_path / "cache"), known


def files(catalog: Catalog) -> list[Path]:
    assert catalog.cache is not None
    return sorted(path for path in catalog.cache.rglob("*") if path.is_file())


def test_a_reduced_photograph_is_decoded_once(large, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, record = large
    expected = read_reduced(replace(catalog, cache=None), record)
    np.testing.assert_array_equal(read_reduced(catalog, record), expected)
    monkeypatch.setattr(working_size, "read_photograph", None)
    again = read_reduced(catalog, record)
    np.testing.assert_array_equal(again, expected)
    again[:] = 0  # it is the reader's own
    np.testing.assert_array_equal(read_reduced(catalog, record), expected)


def test_of_other_bytes_another_size_or_other_bits_it_is_read_anew(large) -> None:
    catalog, record = large
    read_reduced(catalog, record)
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(catalog.root / "a.png")
    changed = replace(record, digest=digest_file(catalog.root / "a.png") or "")
    assert (read_reduced(catalog, changed) == 0).all()
    assert read_reduced(replace(catalog, max_pixels=150), changed).shape == (10, 15, 3)
    read_reduced(replace(catalog, bit_depth=12), changed)
    assert len(files(catalog)) == 4


def test_what_other_code_reduced_is_read_anew(large, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, record = large
    for reading in (("a", "1"), ("b", "1"), ("b", "2")):
        monkeypatch.setattr(working_size, "_reading", lambda reading=reading: reading)
        read_reduced(catalog, record)
    assert len(files(catalog)) == 3


@pytest.mark.parametrize("content", [b"", b"0" * 32, b"something of another hand, and longer"])
def test_a_damaged_file_of_the_cache_is_made_anew(large, content: bytes) -> None:
    catalog, record = large
    expected = read_reduced(catalog, record)
    (file,) = files(catalog)
    whole = file.read_bytes()
    for damaged in (content, whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        file.write_bytes(damaged)
        np.testing.assert_array_equal(read_reduced(catalog, record), expected)
        assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_done_without(large) -> None:
    catalog, record = large
    expected = read_reduced(catalog, record)
    (catalog.root / "file").write_bytes(b"")
    nowhere = replace(catalog, cache=catalog.root / "file" / "cache")
    np.testing.assert_array_equal(read_reduced(nowhere, record), expected)


def test_what_is_not_reduced_is_not_kept(large) -> None:
    catalog, record = large
    read_reduced(replace(catalog, max_pixels=60 * 40), record)
    assert files(catalog) == []


def test_cleaning_removes_what_is_not_read_any_more(finished: Path) -> None:
    del finished  # the working directory
    classes = project().folder("base", "dataset") / "classes.json"
    catalog = replace(read_catalog(classes), max_pixels=100)
    classes.write_bytes(catalog_json(catalog))
    catalog = read_catalog(classes)
    one, other, *_ = read_manifest(classes.with_name("images.csv"))
    read_reduced(catalog, one)
    (kept,) = files(catalog)
    read_reduced(replace(catalog, max_pixels=90), other)
    removed = set(files(catalog)) - {kept}
    assert removed <= set(clean(project(), dry_run=True)) and files(catalog) != [kept]
    clean(project(), dry_run=False)
    assert files(catalog) == [kept]
