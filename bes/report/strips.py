"""A strip: one photograph beside everything that the pipeline made of it, captioned."""

import io

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bes.data.images import BOUNDARY_PALETTE, VOC_PALETTE

PANEL = 220
"""Longer side of a panel, pixels."""
_CAPTION = 24
_GAP = 6
_PAPER = (24, 24, 27)
_INK = (235, 235, 235)


def draw_strip(
    *,
    photo: np.ndarray,
    cam: np.ndarray,
    boundary_labels: np.ndarray,
    boundary_map: np.ndarray,
    revised: np.ndarray,
    pseudo_labels: np.ndarray,
    mask: np.ndarray | None = None,
) -> Image.Image:
    """The stages of one photograph in a row.

    Args:
        photo: (H,W,3) uint8 RGB.
        cam: (K,H,W) float in [0, 1]; the highest of the K scores is shown. K may be 0.
        boundary_labels: (H,W) uint8 of `BoundaryLabel` values.
        boundary_map: (H,W) float in [0, 1], white where 1.
        revised: (K,H,W) float in [0, 1], shown like `cam`.
        pseudo_labels: (H,W) uint8 label indices, in VOC colours.
        mask: (H,W) uint8 label indices, 255 void; without it the strip is one panel shorter.

    Returns:
        An RGB picture.
    """
    panels = {
        "photograph": photo,
        "CAM": _heat(photo, cam),
        "boundary label": _colours(BOUNDARY_PALETTE)[boundary_labels],
        "boundary map": _grey(boundary_map),
        "revised map": _heat(photo, revised),
        "pseudo label": _overlay(photo, pseudo_labels),
    }
    if mask is not None:
        panels["mask"] = _overlay(photo, mask)
    return _row({caption: _fit(panel) for caption, panel in panels.items()})


def encode_jpeg(picture: Image.Image) -> bytes:
    """A strip as JPEG; equal strips give equal bytes."""
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=85)
    return content.getvalue()


def _colours(palette: bytes) -> np.ndarray:
    return np.frombuffer(palette, np.uint8).reshape(256, 3)


def _grey(scores: np.ndarray) -> np.ndarray:
    """Scores in [0, 1], (H,W), as uint8 (H,W,3), black where 0."""
    return np.repeat(np.rint(scores * 255).astype(np.uint8)[..., None], 3, axis=2)


def _heat(photo: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The highest score of each pixel as a colour from black to yellow, over a faint photograph."""
    highest = np.rint(scores.max(0, initial=0.0) * 255).astype(np.uint8)
    heat = cv2.applyColorMap(highest, cv2.COLORMAP_INFERNO)[..., ::-1]
    return _blend(photo, 0.3, heat, 0.8)


def _overlay(photo: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels in VOC colours over a grey photograph; the background is left dark."""
    return _blend(photo, 0.45, _colours(VOC_PALETTE)[labels], 0.9)


def _blend(photo: np.ndarray, strength: float, over: np.ndarray, opacity: float) -> np.ndarray:
    """Colours over the photograph in grey, brighter than a mean of the two; uint8 (H,W,3)."""
    grey = cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(grey, strength, np.ascontiguousarray(over), opacity, 0)


def _fit(panel: np.ndarray) -> np.ndarray:
    """Resized so that the longer side is PANEL pixels."""
    height, width = panel.shape[:2]
    scale = PANEL / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(panel, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _row(panels: dict[str, np.ndarray]) -> Image.Image:
    """Panels of one size side by side, each under its caption."""
    font = ImageFont.load_default(size=15)
    height, width = next(iter(panels.values())).shape[:2]
    # A narrow photograph still has room for its captions.
    column = max(width, *(round(font.getlength(caption)) for caption in panels)) + _GAP
    strip = Image.new("RGB", (column * len(panels) + _GAP, _CAPTION + height + _GAP), _PAPER)
    draw = ImageDraw.Draw(strip)
    for number, (caption, panel) in enumerate(panels.items()):
        left = _GAP + number * column
        draw.text((left + (column - _GAP) / 2, _CAPTION / 2), caption, _INK, font, anchor="mm")
        strip.paste(Image.fromarray(panel), (left + (column - _GAP - width) // 2, _CAPTION))
    return strip
