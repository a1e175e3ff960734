"""A sheet of the same photographs at several background thresholds, for datasets without masks."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from bes.method.foreground_prior import with_priors
from bes.method.hard_labels import hard_labels
from bes.report.contact_sheet import INK, PAPER, SIDE, caption_font, draw_thumbnail

PHOTOGRAPHS = 12
STEP = 1.2
"""From one threshold to the next, as a factor."""
COLUMNS = 7
COMMAND = "pseudo_labels='{threshold: 0.3}' after --config, beside what else you gave there"
_GAP, _LINE = 6, 20
_CHOSEN = (240, 228, 66)


def thresholds_around(chosen: float) -> list[float]:
    """The chosen threshold and others of two decimals below and above it, in (0, 1), ascending."""
    others = (round(chosen * STEP ** (n - COLUMNS // 2), 2) for n in range(COLUMNS))
    return sorted({chosen, *(each for each in others if 0 < each < 1)})


def draw_row(
    photo: np.ndarray,
    maps: np.ndarray,
    classes: Sequence[int] | np.ndarray,
    priors: Sequence[np.ndarray],
    thresholds: Sequence[float],
) -> np.ndarray:
    """A photograph under its labels at each threshold, before the dense CRF, side by side.

    Args:
        photo: (H,W,3) uint8 RGB.
        maps: (K,h,w) float32 revised maps of the classes present; K may be 0.
        classes: their K label indices.
        priors: what the pseudo labels take beside them, as `with_priors` does: (h,w) or (K,h,w)
            float32 in [0, 1].
        thresholds: as `pseudo_labels.threshold`.

    Returns:
        (SIDE, n * (SIDE + gap), 3) uint8 RGB.
    """
    scores = maps / max(maps.max(initial=0.0), 1e-12)
    label_of = np.array([0, *classes], np.uint8)
    row = np.full((SIDE, len(thresholds) * (SIDE + _GAP), 3), PAPER, np.uint8)
    for number, threshold in enumerate(thresholds):
        labels = hard_labels(*with_priors(scores, priors, threshold))
        picture = draw_thumbnail(photo, label_of[labels])
        height, width = picture.shape[:2]
        top, left = (SIDE - height) // 2, number * (SIDE + _GAP) + (SIDE - width) // 2
        row[top : top + height, left : left + width] = picture
    return row


def draw_threshold_sheet(
    rows: Sequence[np.ndarray], thresholds: Sequence[float], chosen: float
) -> Image.Image:
    """The rows of `draw_row` below the thresholds, the chosen one framed, and how to choose another
    beneath; an RGB picture."""
    font = caption_font(13)
    column, row = SIDE + _GAP, SIDE + _GAP
    height = _LINE + len(rows) * row
    sheet = Image.new("RGB", (_GAP + len(thresholds) * column, height + 2 * _LINE), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, pixels in enumerate(rows):
        sheet.paste(Image.fromarray(pixels), (_GAP, _LINE + number * row))
    for number, threshold in enumerate(thresholds):
        ink = _CHOSEN if threshold == chosen else INK
        text = f"{threshold:g}" + (" (this run)" if threshold == chosen else "")
        middle = _GAP + number * column + SIDE / 2
        draw.text((middle, _LINE / 2), text, ink, font, anchor="mm")
        if threshold == chosen:
            left = _GAP + number * column
            frame = (left - 3, _LINE - 3, left + SIDE + 2, height - 2)
            draw.rectangle(frame, outline=_CHOSEN, width=2)
    for number, text in enumerate(("Labels before the dense CRF. To choose another:", COMMAND)):
        draw.text((_GAP, height + (number + 0.5) * _LINE), text, INK, font, anchor="lm")
    return sheet
