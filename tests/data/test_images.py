"""Pixels in and out: what is odd but valid is converted, what is damaged is named."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from bes.data.images import (
    BOUNDARY_PALETTE,
    bits_of,
    decode_labels,
    encode_boundary_labels,
    encode_boundary_map,
    encode_labels,
    encode_maps,
    read_boundary_map,
    read_maps,
    read_mask,
    read_photograph,
    size_of,
)
from bes.data.png_chunks import PNG_SIGNATURE
from bes.errors import BesError
from bes.method.boundary_labels import BoundaryLabel

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
    assert size_of(path) == photograph.shape[:2]


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


# Metadata that no pixel depends on


def chunk(kind: bytes, data: bytes, wrong: int = 0) -> bytes:
    checksum = zlib.crc32(kind + data) ^ wrong
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


LONG = zlib.compress(np.random.default_rng(0).integers(97, 123, 1_200_000).astype(np.uint8), 1)
METADATA = {
    "zTXt": chunk(b"zTXt", b"Comment\0\0" + LONG),
    "iTXt": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LONG),
    "iCCP": chunk(b"iCCP", b"profile\0\0" + LONG),
    "many": 80 * chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000), 1)),
    "80 MB in a few bytes": chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(80_000_000), 1)),
    "damaged stream": chunk(b"iCCP", b"profile\0\0abc"),
} | {
    f"checksum of {kind.decode()}": chunk(kind, data, wrong=1)
    for kind, data in {
        b"tEXt": b"a\0b",
        b"tIME": bytes(7),
        b"gAMA": bytes(4),
        b"pHYs": bytes(9),
        b"sRGB": b"\0",
        b"eXIf": b"MM\0*",
        b"abCd": b"x",
    }.items()
}


@pytest.mark.parametrize("case", METADATA)
@pytest.mark.parametrize("after", [33, -12])
def test_metadata_of_a_png_does_not_matter(tmp_path: Path, case: str, after: int) -> None:
    path = tmp_path / "a.png"
    picture().save(path)
    plain = path.read_bytes()
    path.write_bytes(plain[:after] + METADATA[case] + plain[after:])
    assert (read_photograph(path) == np.asarray(picture())).all()
    labels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    plain = encode_labels(labels)
    path.write_bytes(plain[:after] + METADATA[case] + plain[after:])
    assert (read_mask(path) == labels).all()


def test_what_a_png_shows_outlives_its_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    half_clear().save(path, exif=exif)
    expected = read_photograph(path)
    assert expected.shape == (WIDTH, HEIGHT, 3)
    content = path.read_bytes()
    path.write_bytes(content[:33] + METADATA["checksum of tEXt"] + content[33:])
    assert (read_photograph(path) == expected).all()


def test_pixels_of_a_png_with_a_wrong_checksum_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture().save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 10] ^= 1
    path.write_bytes(content[:33] + METADATA["zTXt"] + content[33:])
    with pytest.raises(BesError, match=r"a\.png: a damaged picture"):
        read_photograph(path)


@pytest.mark.parametrize("bits", [0, 1, 8, 10, 12, 14, 16])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_the_bits_in_use_of_16(tmp_path: Path, ending: str, channels: int, bits: int) -> None:
    pixels = np.full((HEIGHT, WIDTH, channels), 2**bits - 1, np.uint16)
    pixels[..., 3:] = 65535
    cv2.imwrite(str(tmp_path / f"a.{ending}"), pixels)
    expected = bits if channels == 1 else max(bits, 8)  # of colours the upper 8 are looked at
    assert bits_of((tmp_path / f"a.{ending}").read_bytes()) == expected


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_white_is_the_largest_value_of_the_bits_in_use(
    tmp_path: Path, ending: str, channels: int
) -> None:
    values = np.linspace(0, 4095, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    pixels = np.repeat(values[..., None], channels, axis=-1).round().astype(np.uint16)
    if channels > 1:
        pixels[..., 0] = 0  # OpenCV's first channel is blue
    pixels[..., 3:] = 65535  # opaque
    path = tmp_path / f"a.{ending}"
    cv2.imwrite(str(path), pixels)
    photo = read_photograph(path, bit_depth=12)
    expected = np.rint(values.round() / 4095 * 255)
    np.testing.assert_array_equal(photo[..., 0], expected)
    assert photo[0, 0, 0] == 0 and photo[-1, -1, 0] == 255
    assert photo[..., 2].max() == (0 if channels > 1 else 255)
    assert read_photograph(path).max() <= 16


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("white", [4095, 65535])
def test_white_is_that_which_a_pnm_says(tmp_path: Path, channels: int, white: int) -> None:
    values = np.repeat(np.array([4095, 2048, 0], ">u2"), channels)
    path = tmp_path / "a.pnm"
    path.write_bytes(b"P%d 3 1 %d\n" % (5 if channels == 1 else 6, white) + values.tobytes())
    assert read_photograph(path, bit_depth=12)[0, :, 0].tolist() == [255, 128, 0]
    assert bits_of(path.read_bytes()) == (12 if white == 65535 else None)
    assert read_photograph(path)[0, 0, 0] == (16 if white == 65535 else 255)


def test_a_depth_changes_nothing_of_8_bits_and_cuts_what_is_above_it(tmp_path: Path) -> None:
    eight, deep = tmp_path / "8.png", tmp_path / "16.png"
    cv2.imwrite(str(eight), np.arange(48, dtype=np.uint8).reshape(6, 8))
    cv2.imwrite(str(deep), np.full((6, 8), 5000, np.uint16))
    assert (read_photograph(eight, bit_depth=12) == read_photograph(eight)).all()
    assert (read_photograph(deep, bit_depth=12) == 255).all()


@pytest.mark.parametrize("case", ODD)
def test_8_bits_are_no_16(tmp_path: Path, case: str) -> None:
    make, name, *_ = ODD[case]
    make().save(tmp_path / name, format="PNG" if name.startswith("png_") else None)
    assert (bits_of((tmp_path / name).read_bytes()) is None) == (not case.startswith("16-bit"))


def test_heic_is_read_where_the_extra_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture().save(tmp_path / "a.heic", exif=exif.tobytes())
    photograph = read_photograph(tmp_path / "a.heic")
    assert photograph.shape == (WIDTH, HEIGHT, 3)
    assert np.abs(photograph[2].astype(int) - RED).max() < 12


def png(pixels: np.ndarray, bits: int) -> bytes:
    """Grey of fewer bits than 8, which no writer at hand makes."""
    height, width = pixels.shape
    rows = np.unpackbits(pixels[..., None], axis=-1)[..., -bits:].reshape(height, -1)
    data = zlib.compress(b"".join(b"\0" + np.packbits(row).tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_mask_of_few_bits_has_the_indices_that_are_in_it(tmp_path: Path, bits: int) -> None:
    labels = np.arange(2**bits, dtype=np.uint8).repeat(2).reshape(-1, 4)
    (tmp_path / "a.png").write_bytes(png(labels, bits))
    read = read_mask(tmp_path / "a.png")
    assert read.dtype == np.uint8 and (read == labels).all()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_so_has_a_mask_with_a_palette_of_few_colours(tmp_path: Path, bits: int) -> None:
    labels = np.arange(2**bits, dtype=np.uint8).repeat(2).reshape(-1, 2)
    image = Image.fromarray(labels)
    image.putpalette(bytes(range(3 * 2**bits)))
    image.save(tmp_path / "a.png", bits=bits)
    assert (tmp_path / "a.png").read_bytes()[24] == bits
    assert (read_mask(tmp_path / "a.png") == labels).all()


def test_a_mask_that_is_to_be_turned_is_refused(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(np.eye(6, dtype=np.uint8)).save(tmp_path / "a.png", exif=exif)
    with pytest.raises(BesError, match=r"a\.png: a mask that is to be turned \(EXIF orientation 3"):
        read_mask(tmp_path / "a.png")


@pytest.mark.parametrize("fault", ["planes", "0 is white"])
@pytest.mark.parametrize("bit_depth", [12, 16])
def test_a_tiff_that_would_be_read_as_another_is_refused(
    tmp_path: Path, fault: str, bit_depth: int
) -> None:
    tags = ImageFileDirectory_v2()
    if fault == "0 is white":
        image = Image.fromarray(np.arange(48, dtype=np.uint16).reshape(6, 8) * 900)
        tags[262] = 0
        image.save(tmp_path / "a.tif", tiffinfo=tags)
    else:
        planes = np.arange(144, dtype="<u2").reshape(3, 6, 8) * 400
        (tmp_path / "a.tif").write_bytes(planar_tiff(planes))
    with pytest.raises(BesError, match=rf"a\.tif: .*TIFF of 16 bits .*{fault.split()[-1][:5]}"):
        read_photograph(tmp_path / "a.tif", bit_depth)


def planar_tiff(planes: np.ndarray) -> bytes:
    """An uncompressed TIFF of 16 bits with each channel for itself."""
    count, height, width = planes.shape
    size = height * width * 2
    lists = 8 + count * size
    bits, places, sizes = lists, lists + 6, lists + 18
    start = lists + 30
    entries = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, 3, bits),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 3, places),
        (277, 3, 1, 3),
        (278, 3, 1, height),
        (279, 4, 3, sizes),
        (284, 3, 1, 2),
    ]
    return (
        struct.pack("<2sHI", b"II", 42, start)
        + planes.tobytes()
        + struct.pack("<3H", 16, 16, 16)
        + struct.pack("<3I", *(8 + i * size for i in range(3)))
        + struct.pack("<3I", size, size, size)
        + struct.pack("<H", len(entries))
        + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        + struct.pack("<I", 0)
    )
