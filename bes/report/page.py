"""The page: one HTML file that opens offline, with the pictures of its gallery beside it."""

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bes.data.images import BOUNDARY_PALETTE
from bes.method.boundary_labels import BoundaryLabel
from bes.metrics.iou import VOID
from bes.report.checks import Check
from bes.report.colours import PALETTE, colour
from bes.report.gallery import Extreme, Row
from bes.report.origins import Effort, Origin, Setting
from bes.report.published import published
from bes.report.results import Storage
from bes.report.supervision import MARK
from bes.report.tables import ClassFigures, Score
from bes.report.words import MEANINGS, NAMES

BOUNDARY_LABELS = {
    BoundaryLabel.BACKGROUND: "background",
    BoundaryLabel.FOREGROUND: "foreground",
    BoundaryLabel.BOUNDARY_FG_BG: "boundary with the background",
    BoundaryLabel.BOUNDARY_FG_FG: "boundary between classes",
    BoundaryLabel.UNCERTAIN: "uncertain",
}


@dataclass(frozen=True)
class Report:
    """All that the page shows."""

    title: str
    labels: str
    """Where the pseudo labels are, with the folder of results."""
    photographs: int
    """Of split `train`."""
    doubtful: int | None
    """Of these, photographs with a doubtful pseudo label that no person has dealt with; None
    without a ranking."""
    doubt: str | None
    """What there is to say of labels that are bad as a whole."""
    first: Sequence[Row]
    corrected: int
    """Of these, photographs whose pseudo label was corrected by hand."""
    scores: Sequence[Score]
    """Empty without masks."""
    supervised: Collection[str]
    """The stages into whose results more than image-level labels went."""
    scored: int
    """Photographs with a mask."""
    skipped: str
    """Why there are no scores, if there are none."""
    classes: Sequence[ClassFigures]
    """The background, then the classes in index order."""
    split: str | None
    """What the average precision of the classifier was measured on; None without a classifier."""
    mean_average_precision: float | None
    networks: Mapping[str, Mapping[str, object]]
    """The settings of each network."""
    thresholds_png: bytes
    losses_png: bytes
    threshold_sheet: bytes | None
    """A JPEG; None without a ranking."""
    thresholds: Sequence[float]
    """Of its columns."""
    checks: Sequence[Check]
    extremes: Sequence[Extreme]
    """Empty without masks and without a ranking."""
    gallery: Mapping[str, Any]
    """See `gallery_data`."""
    settings: Sequence[Setting]
    efforts: Sequence[Effort]
    origins: Sequence[Origin]
    versions: Sequence[tuple[str, str]]
    code: str
    """The digest of the code that made the page."""
    storage: Sequence[Storage]

    @property
    def final(self) -> Score | None:
        """The score of the pseudo labels."""
        named = (s for s in self.scores if s.name.removesuffix(MARK) == "pseudo label")
        return next(named, None)

    @property
    def warnings(self) -> list[str]:
        """What a user should look at first."""
        found = [self.doubt] if self.doubt else []
        found += [
            f"Classifier: average precision of {figures.name} is "
            f"{figures.average_precision:.2f} on {self.split}, so its CAMs cannot be trusted"
            for figures in self.classes
            if figures.weak
        ]
        return found + [
            f"{check.name}: {check.value}. {check.note}" for check in self.checks if check.warning
        ]


def render_page(report: Report) -> str:
    """The page as HTML; its pictures are expected in `pictures/<panel>/<id>.webp` beside it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "number": _number,
        "gain": _gain,
        "size": _size,
        "time": _time,
        "inline": _inline,
        "data": _data,
    }
    return environment.get_template("page.html").render(
        report=report,
        published=published(),
        mark=MARK,
        iou_names=NAMES,
        meanings=MEANINGS,
        class_colours={
            figures.name: colour(PALETTE, index) for index, figures in enumerate(report.classes)
        },
        void_colour=colour(PALETTE, VOID),
        boundary_colours={
            name: colour(BOUNDARY_PALETTE, value) for value, name in BOUNDARY_LABELS.items()
        },
    )


def _number(value: float | None, places: int = 1) -> str:
    return "—" if value is None else f"{value:.{places}f}"


def _gain(value: float) -> str:
    """With its sign; the sum turns a rounded -0.0 into 0.0."""
    return f"{round(value, 1) + 0.0:+.1f}"


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


def _time(seconds: float) -> str:
    """`12.3 s`, `4 min 05 s`, `2 h 04 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _data(value: Any) -> Markup:
    """JSON for a script element: a `<` could end it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _inline(picture: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode()
