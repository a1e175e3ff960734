"""Pixels in and out: what is odd but valid is converted, what is damaged is named."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from bes.boundary_labels import BoundaryLabel
from bes.data.images import (
    BOUNDARY_PALETTE,
    decode_labels,
    encode_boundary_labels,
    encode_boundary_map,
    encode_labels,
    encode_maps,
    read_boundary_map,
    read_maps,
    read_mask,
    read_photograph,
)
from bes.errors import BesError

HEIGHT, WIDTH = 24, 40


def picture() -> Image.Image:
    """A red left half and a blue right half."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, : WIDTH // 2] = (200, 20, 20)
    pixels[:, WIDTH // 2 :] = (20, 20, 200)
    return Image.fromarray(pixels)


def half_clear() -> Image.Image:
    image = picture().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, WIDTH // 2, HEIGHT))
    return image


def sixteen_bit() -> Image.Image:
    return Image.fromarray(np.full((HEIGHT, WIDTH), 200 * 257, np.uint16))


RED, BLUE, WHITE, GREY = (200, 20, 20), (20, 20, 200), (255, 255, 255), (200, 200, 200)

ODD: dict[str, tuple[Callable[[], Image.Image], str, tuple, tuple]] = {
    "png": (picture, "a.png", RED, BLUE),
    "jpeg": (picture, "a.jpg", RED, BLUE),
    "webp": (picture, "a.webp", RED, BLUE),
    "tiff": (picture, "a.tiff", RED, BLUE),
    "bmp": (picture, "a.bmp", RED, BLUE),
    "gif": (picture, "a.gif", RED, BLUE),
    "wrong ending": (picture, "png_named.jpg", RED, BLUE),
    "palette": (lambda: picture().quantize(2), "a.png", RED, BLUE),
    "cmyk jpeg": (lambda: picture().convert("CMYK"), "a.jpg", RED, BLUE),
    "cmyk tiff": (lambda: picture().convert("CMYK"), "a.tif", RED, BLUE),
    "grey jpeg": (lambda: Image.new("L", (WIDTH, HEIGHT), 200), "a.jpg", GREY, GREY),
    "one bit": (lambda: Image.new("1", (WIDTH, HEIGHT), 1), "a.png", WHITE, WHITE),
    "alpha": (half_clear, "a.png", WHITE, BLUE),
    "alpha webp": (half_clear, "a.webp", WHITE, BLUE),
    "grey alpha": (lambda: Image.new("LA", (WIDTH, HEIGHT), (0, 0)), "a.png", WHITE, WHITE),
    "16-bit png": (sixteen_bit, "a.png", GREY, GREY),
    "16-bit tiff": (sixteen_bit, "a.tif", GREY, GREY),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_pictures_look_as_people_expect(tmp_path: Path, case: str) -> None:
    make, name, left, right = ODD[case]
    path = tmp_path / name
    make().save(path, format="PNG" if name.startswith("png_") else None)
    photograph = read_photograph(path)
    assert photograph.shape == (HEIGHT, WIDTH, 3) and photograph.dtype == np.uint8
    assert np.abs(photograph[:, 2].astype(int) - left).max() < 12
    assert np.abs(photograph[:, -3].astype(int) - right).max() < 12


def test_16_bit_colours_are_scaled(tmp_path: Path) -> None:
    pixels = np.full((HEIGHT, WIDTH, 3), (20 * 257, 20 * 257, 200 * 257), np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)  # B, G, R
    assert (read_photograph(tmp_path / "a.png") == RED).all()


def test_a_transparent_palette_colour_shows_white(tmp_path: Path) -> None:
    picture().quantize(2).save(tmp_path / "a.png", transparency=bytes([0, 0]))
    assert (read_photograph(tmp_path / "a.png") == 255).all()


def test_the_first_frame_of_an_animation_counts(tmp_path: Path) -> None:
    frames = [picture(), Image.new("RGB", (WIDTH, HEIGHT), "white")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert np.abs(read_photograph(tmp_path / "a.gif")[:, 2].astype(int) - RED).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_the_exif_rotation_is_applied(tmp_path: Path, ending: str, orientation: int) -> None:
    path = tmp_path / f"a.{ending}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture().save(path, exif=exif)
    displayed = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    photograph = read_photograph(path)
    assert (photograph == displayed).all()
    assert photograph.shape[:2] == ((HEIGHT, WIDTH) if orientation < 5 else (WIDTH, HEIGHT))


def test_a_broken_exif_block_does_not_matter(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + bytes(9))
    assert read_photograph(tmp_path / "a.jpg").shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1)])
def test_tiny_pictures(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, RED).save(tmp_path / "a.jpg")
    assert read_photograph(tmp_path / "a.jpg").shape == (*size[::-1], 3)


@pytest.mark.parametrize(
    "read", [read_photograph, read_mask, decode_labels, read_boundary_map, read_maps]
)
def test_missing_files_are_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(BesError, match=r"gone: no such file"):
        read(tmp_path / "gone")
    with pytest.raises(BesError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize("mode", ["L", "P"])
def test_masks_are_read_as_indices(tmp_path: Path, mode: str) -> None:
    labels = np.array([[0, 1], [20, 255]], np.uint8)
    image = Image.fromarray(labels)
    if mode == "P":
        image.putpalette(bytes(768))
    image.save(tmp_path / "m.png")
    assert (read_mask(tmp_path / "m.png") == labels).all()


def test_labels_come_back_under_the_colours_of_voc(tmp_path: Path) -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    (tmp_path / "l.png").write_bytes(encode_labels(labels))
    assert (decode_labels(tmp_path / "l.png") == labels).all()
    colours = np.asarray(Image.open(tmp_path / "l.png").convert("RGB")).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) == 256
    known = {0: (0, 0, 0), 1: (128, 0, 0), 15: (192, 128, 128), 20: (0, 64, 128)}
    for index, colour in (known | {255: (224, 224, 192)}).items():
        assert tuple(colours[index]) == colour


def test_boundary_labels_have_a_colour_each(tmp_path: Path) -> None:
    labels = np.array([[int(label) for label in BoundaryLabel]], np.uint8)
    (tmp_path / "l.png").write_bytes(encode_boundary_labels(labels))
    assert (decode_labels(tmp_path / "l.png") == labels).all()
    assert len({BOUNDARY_PALETTE[3 * value : 3 * value + 3] for value in labels[0].tolist()}) == 5


def test_boundary_maps_keep_16_bits(tmp_path: Path) -> None:
    probability = np.random.default_rng(0).random((7, 9))
    probability[0, :2] = 0, 1
    (tmp_path / "b.png").write_bytes(encode_boundary_map(probability))
    read = read_boundary_map(tmp_path / "b.png")
    assert read.dtype == np.float32 and read[0, 0] == 0 and read[0, 1] == 1
    assert np.abs(read - probability).max() <= 0.5 / 65535 + 1e-7


def test_a_boundary_map_of_8_bits_is_none(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(encode_labels(np.zeros((4, 4), np.uint8)))
    with pytest.raises(BesError, match=r"b\.png.*expected 16-bit grey"):
        read_boundary_map(tmp_path / "b.png")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_maps_come_back_by_plain_numpy_too(tmp_path: Path, count: int) -> None:
    maps = np.random.default_rng(0).random((count, 6, 8)).astype(np.float32)
    content = encode_maps(maps, range(1, count + 1), (24, 32))
    assert content == encode_maps(maps, range(1, count + 1), (24, 32))
    (tmp_path / "m.npz").write_bytes(content)
    read = read_maps(tmp_path / "m.npz")
    assert read.maps.dtype == np.float32 and (read.maps == maps.astype(np.float16)).all()
    assert read.classes.tolist() == list(range(1, count + 1)) and read.size == (24, 32)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as plain:
        assert plain["maps"].dtype == np.float16 and plain["size"].dtype == np.int32
        assert plain["classes"].dtype == np.uint8
