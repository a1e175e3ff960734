"""The page: scores, curves, health checks and the gallery, as one HTML file that opens offline."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bes.boundary_labels import BoundaryLabel
from bes.data.images import BOUNDARY_PALETTE, VOC_PALETTE
from bes.metrics.iou import VOID
from bes.report.checks import Check
from bes.report.tables import ClassFigures, Score

PUBLISHED = (
    ("CAM", 49.6),
    ("CAM with attention pooling", 50.4),
    ("CAM, revised with boundaries", 65.7),
    ("CAM with attention pooling, revised with boundaries", 66.4),
    ("the same, with dense CRF", 67.2),
)
"""Table 1 of the paper: mIoU in percent on the 1,464 training photographs of VOC 2012."""

BOUNDARY_LABELS = {
    BoundaryLabel.BACKGROUND: "background",
    BoundaryLabel.FOREGROUND: "foreground",
    BoundaryLabel.BOUNDARY_FG_BG: "boundary with the background",
    BoundaryLabel.BOUNDARY_FG_FG: "boundary between classes",
    BoundaryLabel.UNCERTAIN: "uncertain",
}


@dataclass(frozen=True)
class Storage:
    """What a stage keeps on disk, bytes."""

    name: str
    total: int
    photographs: int | None
    """Whose files these are; None for a network."""

    @property
    def per_photograph(self) -> float | None:
        """The mean."""
        return self.total / self.photographs if self.photographs else None


@dataclass(frozen=True)
class GalleryStrip:
    """One photograph of the gallery."""

    id: str
    labels: tuple[str, ...]
    width: int
    """Of the strip, pixels."""
    height: int
    miou: float | None
    """Of its pseudo label, percent; None without a mask."""


@dataclass(frozen=True)
class Report:
    """All that the page shows."""

    title: str
    photographs: int
    """Of split `train`."""
    scores: Sequence[Score]
    """Empty without masks."""
    scored: int
    """Photographs with a mask."""
    skipped: str
    """Why there are no scores, if there are none."""
    classes: Sequence[ClassFigures]
    """The background, then the classes in index order."""
    split: str
    """What the average precision of the classifier was measured on."""
    mean_average_precision: float | None
    networks: Mapping[str, Mapping[str, object]]
    """The settings of each network."""
    thresholds_png: bytes
    losses_png: bytes
    checks: Sequence[Check]
    storage: Sequence[Storage]
    gallery: Sequence[GalleryStrip]

    @property
    def warnings(self) -> list[str]:
        """What a user should look at first."""
        weak = [
            f"Classifier: average precision of {figures.name} is "
            f"{figures.average_precision:.2f} on {self.split}, so its CAMs cannot be trusted"
            for figures in self.classes
            if figures.weak
        ]
        return weak + [
            f"{check.name}: {check.value}. {check.note}" for check in self.checks if check.warning
        ]


def render_page(report: Report) -> str:
    """The page as HTML; its strips are expected in `strips/<id>.jpg` beside it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"number": _number, "size": _size, "inline": _inline}
    return environment.get_template("page.html").render(
        report=report,
        published=PUBLISHED,
        class_colours={
            figures.name: _colour(VOC_PALETTE, index)
            for index, figures in enumerate(report.classes)
        },
        void_colour=_colour(VOC_PALETTE, VOID),
        boundary_colours={
            name: _colour(BOUNDARY_PALETTE, value) for value, name in BOUNDARY_LABELS.items()
        },
    )


def _number(value: float | None, places: int = 1) -> str:
    return "—" if value is None else f"{value:.{places}f}"


def _size(count: float | None) -> str:
    """Bytes in decimal units: `12.3 KB`."""
    if count is None:
        return "—"
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("KB", "MB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} GB"


def _inline(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _colour(palette: bytes, index: int) -> str:
    return "#" + palette[3 * index : 3 * index + 3].hex()
