"""Pictures of any depth and mode as 8-bit RGB."""

import io

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from bes.data.png_chunks import PNG_SIGNATURE, pixels_of_png

TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_COLOURS_OF_PNM = (b"P3", b"P6")
_BITS_TAG, _PHOTOMETRIC_TAG, _PLANES_TAG = 258, 262, 284


def to_rgb(image: Image.Image, content: bytes, bit_depth: int) -> Image.Image:
    """A decoded picture in mode RGB, of 8 bits a channel.

    `content` are the bytes that it was decoded from; of 16 bits a channel the lowest `bit_depth`
    are in use. Raises ValueError where there is no agreed conversion.
    """
    _check_tiff(image)
    if says_its_white(content):
        bit_depth = 16  # Pillow has scaled the values
    if bit_depth < 16 and has_deep_colours(content):
        image = Image.fromarray(_to_bytes(deep_colours(content), bit_depth))
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow's own conversion cuts values at 255 instead of scaling them.
        values = np.array(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"values from {values.min()} to {values.max()}")
        return Image.fromarray(_to_bytes(values, bit_depth)).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed range")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _check_tiff(image: Image.Image) -> None:
    """Raises ValueError for pixels of 16 bits that Pillow reads as others."""
    if not isinstance(image, TiffImageFile):
        return
    tags = image.tag_v2
    if max(tags.get(_BITS_TAG, (1,))) > 8 and tags.get(_PLANES_TAG) == 2:
        raise ValueError("a TIFF of 16 bits with a plane for each channel")
    if image.mode.startswith("I;16") and tags.get(_PHOTOMETRIC_TAG) == 0:
        raise ValueError("a TIFF of 16 bits in which 0 is white")


def has_deep_colours(content: bytes) -> bool:
    """Whether a picture that can be read has 16 bits in each of several channels."""
    if content.startswith(_COLOURS_OF_PNM):
        return white_of_pnm(content) == 65535
    if not content.startswith((PNG_SIGNATURE, *TIFF_SIGNATURES)):
        return False
    image = Image.open(io.BytesIO(pixels_of_png(content) or content), formats=("PNG", "TIFF"))
    arguments = [tile[3] for tile in image.tile]
    rawmodes = [each[0] if isinstance(each, tuple) and each else each for each in arguments]
    return any(";16" in str(mode) for mode in rawmodes)


def white_of_pnm(content: bytes) -> int | None:
    """The highest value that a PGM or PPM says it has; None of another picture that can be read."""
    if not content.startswith((*_COLOURS_OF_PNM, b"P2", b"P5")):
        return None
    arguments = Image.open(io.BytesIO(content), formats=("PPM",)).tile[0][3]
    if isinstance(arguments, tuple):
        return int(arguments[1])
    return 65535 if "16" in str(arguments) else 255


def says_its_white(content: bytes) -> bool:
    """Whether a picture that can be read says that less than 16 bits make white."""
    return (white_of_pnm(content) or 65535) < 65535


def deep_colours(content: bytes) -> np.ndarray:
    """The pixels of such a picture, uint16 (H, W, 3 or 4), RGB, by OpenCV, which keeps all bits."""
    import cv2

    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("OpenCV cannot read it")
    swap = cv2.COLOR_BGRA2RGBA if pixels.shape[-1] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(pixels, swap))


def _to_bytes(values: np.ndarray, bit_depth: int) -> np.ndarray:
    """Values of 0 to 2 ** bit_depth - 1, those above cut, as 0 to 255."""
    white = 2**bit_depth - 1
    values = np.minimum(values.astype(np.int64), white)
    return ((values * 255 + white // 2) // white).astype(np.uint8)
