"""The pictures of the gallery: a photograph and, to lay over it, what each stage made of it."""

import io

import cv2
import numpy as np
from PIL import Image

from bes.report.colours import OUTLINE, PALETTE

LONGER_SIDE = 480
"""Of photographs and labels, pixels at most."""
SCORES_SIDE = 240
"""Of score maps, which were computed at a quarter of the photograph's size."""

_INFERNO = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)
_GREYS = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)


def photograph_picture(photograph: np.ndarray) -> bytes:
    """(H,W,3) uint8 RGB as WebP."""
    return _webp(Image.fromarray(_fit(photograph, LONGER_SIDE, cv2.INTER_AREA)), quality=75)


def heat_picture(maps: np.ndarray) -> bytes:
    """The highest of K scores of each pixel, black 0 to yellow 1, as opaque WebP.

    Args:
        maps: (K,H,W) float in [0, 1]; K may be 0.
    """
    return _scores_picture(maps.max(0, initial=0.0), _INFERNO[:, 0, ::-1])


def probability_picture(probability: np.ndarray) -> bytes:
    """(H,W) float in [0, 1], black 0 to white 1, as opaque WebP."""
    return _scores_picture(probability, _GREYS)


def labels_picture(labels: np.ndarray, palette: bytes, *, outlined: bool = False) -> bytes:
    """(H,W) uint8 labels in the colours of a palette, 768 bytes; 0 is clear. WebP without loss."""
    small = _fit(labels, LONGER_SIDE, cv2.INTER_NEAREST)
    colours = np.zeros((256, 4), np.uint8)
    colours[:, :3] = np.frombuffer(palette, np.uint8).reshape(256, 3)
    colours[1:, 3] = 255
    picture = colours[small]
    if outlined:
        picture[_outline(small)] = (*OUTLINE, 255)
    return _webp(Image.fromarray(picture), lossless=True)


def tinted(photo: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A photograph, uint8 (H,W,3), tinted with its labels, uint8 (H,W), in the colours of the
    classes; objects are outlined. Returns uint8 (H,W,3)."""
    colours = np.frombuffer(PALETTE, np.uint8).reshape(256, 3)[labels]
    picture = np.where(labels[..., None] > 0, cv2.addWeighted(photo, 0.5, colours, 0.5, 0), photo)
    picture[_outline(labels)] = OUTLINE
    return picture


def _outline(labels: np.ndarray) -> np.ndarray:
    """Where a label meets another, bool (H,W), a pixel wide."""
    return cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0


def _scores_picture(scores: np.ndarray, colours: np.ndarray) -> bytes:
    small = _fit(np.ascontiguousarray(scores, np.float32), SCORES_SIDE, cv2.INTER_AREA)
    return _webp(Image.fromarray(colours[np.rint(small * 255).astype(np.uint8)]), quality=80)


def _fit(pixels: np.ndarray, side: int, interpolation: int) -> np.ndarray:
    """Reduced, if it must be, so that the longer side is `side` pixels."""
    height, width = pixels.shape[:2]
    scale = min(1, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(pixels, size, interpolation=interpolation)


def _webp(picture: Image.Image, **options: object) -> bytes:
    content = io.BytesIO()
    # Method 4 and above take twice as long for 2 % less.
    picture.save(content, "WEBP", method=2, **options)
    return content.getvalue()
