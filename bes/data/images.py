"""Pixels in and out: photographs, masks, label PNGs, boundary maps and map files."""

import contextlib
import io
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from PIL import Image, UnidentifiedImageError

from bes.data.png_chunks import PNG_BIT_DEPTH, PNG_SIGNATURE, pixels_of_png
from bes.data.rgb import TIFF_SIGNATURES, deep_colours, has_deep_colours, says_its_white, to_rgb
from bes.errors import BesError
from bes.storage.vouched import read_vouched
from bes.storage.words import convert, one_line, picture_of, pixels_of

# A closed list: Pillow would hand an EPS file to Ghostscript, which runs what is written in it.
FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF")
with contextlib.suppress(ImportError):
    from pillow_heif import register_heif_opener

    register_heif_opener()
    FORMATS += ("HEIF",)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}

# Pillow warns of broken EXIF blocks, which do not matter here, and of pictures from 89 Mpx on; what
# cannot be read, and a picture from 179 Mpx on, is an error anyway.
warnings.filterwarnings("ignore", module=r"PIL\.")

_ORIENTATION_TAG = 0x0112
_ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_photograph(path: Path, bit_depth: int = 16) -> np.ndarray:
    """A photograph as it is displayed: uint8 (H, W, 3), RGB.

    The EXIF rotation is applied; grey, palette, CMYK and 16-bit pictures are converted, alpha is
    laid over white, of an animation the first frame counts. Of 16 bits a channel the lowest
    `bit_depth` are in use: white is 2 ** bit_depth - 1.

    Raises BesError if the file is missing, damaged or no picture.
    """
    return decode_photograph(read_bytes(path), path, bit_depth)


def decode_photograph(content: bytes, path: Path, bit_depth: int = 16) -> np.ndarray:
    """`read_photograph` of bytes already read; `path` only names them in errors."""
    image = _open(content, path, formats=FORMATS)
    transpose = _ORIENTATIONS.get(_orientation(image))
    try:
        rgb = to_rgb(image, content, bit_depth)
    except ValueError as error:
        raise BesError(
            f"{path}: pixels of mode {image.mode} cannot be shown as RGB ({error}), "
            "expected 8 or 16 bits a channel"
        ) from None
    return np.array(rgb if transpose is None else rgb.transpose(transpose))


def size_of(path: Path) -> tuple[int, int] | None:
    """Height and width of a photograph as it is displayed, pixels, from the head of its file; None
    for what cannot be read, which the dataset stage will say more of."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            # Of a TIFF Pillow says the size as it is displayed.
            turned = _orientation(image) >= 5 and image.format != "TIFF"
    # A decoder may stumble over anything.
    except Exception:
        return None
    return (width, height) if turned else (height, width)


def bits_of(content: bytes) -> int | None:
    """How many bits the highest value has of a photograph with 16 bits a channel; None of others,
    and of those that say which value is white.

    `content` is that of a photograph that can be read.
    """
    if says_its_white(content):
        return None
    image = Image.open(io.BytesIO(pixels_of_png(content) or content), formats=FORMATS)
    if image.mode == "I" or image.mode.startswith("I;16"):
        return int(np.array(image).max()).bit_length()
    if has_deep_colours(content):
        if image.format == "PPM":
            return int(deep_colours(content).max()).bit_length()
        # Pillow keeps the upper 8 bits of colours.
        return 8 + int(np.array(image.convert("RGB")).max()).bit_length()
    return None


def read_mask(path: Path) -> np.ndarray:
    """The label indices of a mask as they are in the file: uint8 (H, W).

    Raises BesError unless the file is a whole 8-bit PNG with a palette or in grey.
    """
    return decode_mask(read_bytes(path), path)


def decode_mask(content: bytes, path: Path) -> np.ndarray:
    """`read_mask` of bytes already read; `path` only names them in errors."""
    image = _open(content, path, formats=("PNG",))
    if image.mode not in ("P", "L"):
        raise BesError(
            f"{path}: a mask of {pixels_of(image.mode)}, expected label indices in an 8-bit "
            "palette or grey PNG; `bes import` reads masks in the colours of a labelmap.txt, as "
            "CVAT writes them"
        )
    if (turned := _orientation(image)) != 1:
        raise BesError(
            f"{path}: a mask that is to be turned (EXIF orientation {turned}), expected one that "
            "lies as its photograph is displayed"
        )
    indices = np.array(image)
    # Pillow stretches grey of 2 and 4 bits to 255, palettes it leaves alone.
    highest = 2 ** content[PNG_BIT_DEPTH] - 1
    return indices // (255 // highest) if image.mode == "L" and highest < 255 else indices


def _voc_palette() -> bytes:
    """The 256 colours of PASCAL VOC: index bits 0, 1, 2 are the top bits of R, G, B, and so on."""
    index = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        colours[:, bit % 3] |= (((index >> bit) & 1) << (7 - bit // 3)).astype(np.uint8)
    return colours.tobytes()


def _boundary_palette() -> bytes:
    """Okabe and Ito's colours, told apart by the colour-blind too; greys for unused values."""
    colours = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    colours[0] = (0, 0, 0)  # background
    colours[50] = (86, 180, 233)  # foreground
    colours[100] = (213, 94, 0)  # boundary between two classes
    colours[150] = (240, 228, 66)  # boundary between a class and the background
    colours[200] = (110, 110, 110)  # uncertain
    return colours.tobytes()


VOC_PALETTE = _voc_palette()
BOUNDARY_PALETTE = _boundary_palette()


def encode_labels(labels: np.ndarray) -> bytes:
    """Label indices, uint8 (H, W), as a PNG with the 256 VOC colours, 255 = (224, 224, 192)."""
    return _encode_palette(labels, VOC_PALETTE)


def encode_boundary_labels(labels: np.ndarray) -> bytes:
    """Values of BoundaryLabel, uint8 (H, W), as a PNG in which each has its colour."""
    return _encode_palette(labels, BOUNDARY_PALETTE)


def decode_labels(path: Path) -> np.ndarray:
    """The indices of a label PNG that a stage wrote: uint8 (H, W).

    Raises BesError if the file is missing, damaged or no label PNG.
    """
    return read_mask(path)


def encode_boundary_map(probability: np.ndarray) -> bytes:
    """Boundary probabilities in [0, 1], (h, w), as a 16-bit grey PNG: value / 65535."""
    values = np.rint(np.clip(probability, 0, 1).astype(np.float64) * 65535).astype(np.uint16)
    return _encode_png(Image.fromarray(values))


def read_boundary_map(path: Path) -> np.ndarray:
    """Boundary probabilities in [0, 1]: float32 (h, w).

    Raises BesError if the file is missing, damaged or no 16-bit grey PNG.
    """
    image = _open(read_bytes(path), path, formats=("PNG",))
    if image.mode not in ("I;16", "I"):
        raise BesError(f"{path}: found pixels of mode {image.mode}, expected 16-bit grey")
    return np.array(image).astype(np.float32) / np.float32(65535)


def encode_grey(values: np.ndarray) -> bytes:
    """Values, uint8 or uint16 (H, W), as a grey PNG of 8 or 16 bits."""
    return _encode_png(Image.fromarray(values))


def read_grey(path: Path) -> np.ndarray:
    """The values of a grey PNG: uint8 or uint16 (H, W).

    Raises BesError if the file is missing, damaged or a PNG of colours.
    """
    image = _open(read_bytes(path), path, formats=("PNG",))
    if image.mode == "L":
        return np.array(image)
    if image.mode in ("I;16", "I"):
        return np.array(image).astype(np.uint16)
    raise BesError(f"{path}: found a PNG of {pixels_of(image.mode)}, expected grey of 8 or 16 bits")


def encode_prior(values: np.ndarray | None) -> bytes:
    """A foreground prior, uint8 (H, W), as an 8-bit grey PNG; None, for a photograph that has none,
    as a PNG of one pixel of one bit."""
    return _encode_png(Image.new("1", (1, 1))) if values is None else encode_grey(values)


def read_prior(path: Path) -> np.ndarray | None:
    """What `encode_prior` wrote: float32 (H, W) in [0, 1]; None where there is no prior.

    Raises BesError if the file is missing, damaged or something else.
    """
    image = _open(read_bytes(path), path, formats=("PNG",))
    if image.mode == "1":
        return None
    if image.mode != "L":
        raise BesError(f"{path}: found pixels of mode {image.mode}, expected 8-bit grey")
    return np.array(image).astype(np.float32) / np.float32(255)


class Maps(NamedTuple):
    """The content of a map file."""

    maps: np.ndarray
    """float32 (K, h, w), in [0, 1]."""
    classes: np.ndarray
    """uint8 (K,): the label indices, from 1, that the maps belong to."""
    size: tuple[int, int]
    """Height and width of the photograph, pixels."""


def encode_maps(
    maps: np.ndarray, classes: Sequence[int] | np.ndarray, size: tuple[int, int]
) -> bytes:
    """Maps (K, h, w) in [0, 1] with their K label indices, as an npz that `np.load` reads.

    The maps are rounded to float16. Equal arguments give equal bytes.
    """
    arrays = {
        "maps": np.asarray(maps, np.float16),
        "classes": np.asarray(classes, np.uint8),
        "size": np.asarray(size, np.int32),
    }
    content = io.BytesIO()
    # bzip2 makes these maps a quarter smaller than deflate does; each member bears the fixed
    # date that ZipInfo starts with.
    with zipfile.ZipFile(content, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy"),
                member.getvalue(),
                zipfile.ZIP_BZIP2 if name == "maps" else zipfile.ZIP_STORED,
            )
    return content.getvalue()


def read_maps(path: Path) -> Maps:
    """The content of a map file; K may be 0.

    Raises BesError if the file is missing, damaged or no map file.
    """
    content = read_bytes(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            maps, classes, size = archive["maps"], archive["classes"], archive["size"]
            if maps.ndim != 3 or classes.shape != maps.shape[:1] or size.shape != (2,):
                raise ValueError(f"shapes {maps.shape}, {classes.shape}, {size.shape}")
            height, width = (int(length) for length in size)
            return Maps(maps.astype(np.float32), classes.astype(np.uint8), (height, width))
    # Damage surfaces as whatever zipfile, bz2 or numpy's header parser stumbles over.
    except Exception as error:
        raise BesError(
            f"{path}: damaged or no map file ({one_line(error)}), "
            "expected an npz with `maps`, `classes` and `size`"
        ) from None


def read_bytes(path: Path) -> bytes:
    """The bytes of a file; raises BesError if it cannot be read, or is not what was vouched for."""
    try:
        return read_vouched(Path(path))
    except FileNotFoundError:
        raise BesError(f"{path}: no such file") from None
    except OSError as error:
        raise BesError(f"{path}: cannot be read ({error.strerror})") from None


def _open(content: bytes, path: Path, *, formats: tuple[str, ...]) -> Image.Image:
    """The first picture in the bytes, decoded to its last pixel."""
    try:
        return _load(content, formats)
    except Exception as error:
        if pixels := pixels_of_png(content):
            with contextlib.suppress(Exception):
                return _load(pixels, formats)
        if not isinstance(error, UnidentifiedImageError):
            # Damage surfaces as whatever the decoder stumbles over: OSError, struct.error...
            raise BesError(
                f"{path}: a damaged picture ({one_line(error)}), expected a whole one"
            ) from None
    _refuse(content, path, formats)


def _load(content: bytes, formats: tuple[str, ...]) -> Image.Image:
    image = Image.open(io.BytesIO(content), formats=formats)
    image.load()
    return image


def _refuse(content: bytes, path: Path, formats: tuple[str, ...]) -> NoReturn:
    """Raises BesError, which says what the bytes are that Pillow takes for no such picture."""
    if not content:
        raise BesError(f"{path}: an empty file, expected {picture_of(formats)}")
    if content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS:
        raise BesError(
            f"{path}: found a HEIC picture, expected {picture_of(formats)}; {convert(heic=True)}"
        )
    if content.startswith(TIFF_SIGNATURES) and "TIFF" in formats:
        raise BesError(
            f"{path}: a TIFF that is damaged or of pixels that are not read, expected a whole one "
            "of integers of 8 or 16 bits a channel"
        )
    if content[4:8] == b"ftyp" and content[8:12] in _AVIF_BRANDS and "AVIF" in formats:
        raise BesError(f"{path}: a damaged picture, expected a whole AVIF")
    if content.startswith(PNG_SIGNATURE) and len(content) > len(PNG_SIGNATURE):
        raise BesError(f"{path}: a damaged picture, expected a whole PNG")
    raise BesError(
        f"{path}: found a file that starts with {content[:8]!r}, expected {picture_of(formats)}"
    )


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where the EXIF block is missing or damaged."""
    try:
        return image.getexif().get(_ORIENTATION_TAG, 1)
    # A photograph with a broken EXIF block is still displayed by every viewer.
    except Exception:
        return 1


def _encode_palette(labels: np.ndarray, palette: bytes) -> bytes:
    image = Image.fromarray(labels)
    image.putpalette(palette)
    return _encode_png(image)


def _encode_png(image: Image.Image) -> bytes:
    content = io.BytesIO()
    # Level 9 takes 5 to 10 times as long on a label PNG for a tenth less.
    image.save(content, "PNG", compress_level=6)
    return content.getvalue()
