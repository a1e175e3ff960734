"""A first configuration for a folder of photographs: `bes init`."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bes.data.class_notes import class_notes
from bes.data.evenly import evenly
from bes.data.folder import Collected, collect
from bes.data.found_labels import FoundLabels, find_labels, photographs_below
from bes.data.images import size_of
from bes.data.manifest import Catalog, ImageRecord
from bes.errors import BesError
from bes.project.fitted import FEW, fitted
from bes.project.reviewed import free_places
from bes.project.sections import NAME
from bes.stages.shared.dataset_kinds import DatasetOptions, layout_of
from bes.storage.files import write_atomic
from bes.storage.progress import say
from bes.storage.words import counted

BASED_ON = Path("config/photographs.yaml")
"""The configuration that a new one is laid over."""
LOOKED_AT = 200
"""Photographs whose size is looked at."""


@dataclass(frozen=True)
class Start:
    """A folder of photographs, and the labels found for it."""

    root: Path
    photographs: list[str]
    """All of them, relative to the root."""
    sizes: list[tuple[int, int]]
    """(height, width) of some of them, evenly spaced; the smallest area first."""
    labels: FoundLabels
    found: Collected | None
    """What a run will read; None where the table has no label yet."""

    @property
    def pixels(self) -> int:
        """Of the middle one."""
        height, width = self.sizes[len(self.sizes) // 2]
        return height * width

    @property
    def training(self) -> int:
        """Photographs to train on."""
        if self.found is None:
            return len(self.photographs)
        return sum(entry.split == "train" for entry in self.found.entries)

    @property
    def name(self) -> str:
        """Of the dataset: the folder's, as far as a name may have it."""
        name = re.sub(r"[^A-Za-z0-9._=+-]+", "-", self.root.absolute().name).strip("-._=+")
        return name if re.match(NAME, name) else "photographs"

    def record(self, catalog: Catalog) -> ImageRecord:
        """A photograph with a label, to try things on."""
        assert self.found is not None
        sizes = (
            (entry, size)
            for entry in self.found.entries
            if entry.labels and (size := size_of(catalog.root / entry.photograph))
        )
        entry, (height, width) = next(sizes)
        return ImageRecord(entry.id, entry.photograph, width, height, entry.labels, "train", "")


def look_at(root: Path, given: str | None) -> Start:
    """See what is in a folder, and write a table of labels to it where there is none that a run can
    read; what is there is never written to.

    Raises BesError for a folder without photographs, and with everything that is wrong with the
    labels.
    """
    if not root.is_dir():
        raise BesError(f"{root}: found no folder, expected one with photographs")
    say(f"reading {root}")
    inside = "JPEGImages" if (root / "JPEGImages").is_dir() else "."
    photographs = photographs_below(root, inside)
    say(f"looking at labels and sizes of {counted(len(photographs), 'photograph')}")
    labels = find_labels(root, photographs, given)
    if labels.content is not None:
        write_atomic(root / labels.labels, labels.content.encode())
    found = None
    if not labels.started:
        options = DatasetOptions(root=str(root), labels=labels.labels)
        found = collect(layout_of(options), ())
        if found.problems:
            heading = [f"{len(found.problems)} problems with {root}:"]
            raise BesError("\n".join((heading if len(found.problems) > 1 else []) + found.problems))
    seen = evenly(photographs, LOOKED_AT)
    sizes = [size for path in seen if (size := size_of(root / path))]
    if not sizes:
        raise BesError(f"{root / photographs[0]}: cannot be read, expected a photograph")
    return Start(root, photographs, sorted(sizes, key=lambda s: s[0] * s[1]), labels, found)


WHY_OF_FEW = {
    "cams": "the level of the background, which few photographs leave high, is 0",
    "revised_maps": "each photograph is split where its own scores fall apart",
    "pseudo_labels": "that is at 0.5",
    "teacher_maps": "few photographs do not teach enough; source: teacher tries it",
}
"""Sections that only few photographs have -> why."""


def configuration(start: Start, *, weights: str, gpu: bool) -> str:
    """The configuration in YAML, a comment with each choice."""
    settings = fitted(start.training, start.pixels)
    reduced = settings["dataset"].get("max_pixels")
    height, width = start.sizes[len(start.sizes) // 2]
    # Of a list, `=` separates a name from its value in the masks.
    classes = (
        [*start.found.classes] if start.found and "=" not in "".join(start.found.classes) else []
    )
    device = "a GPU was found" if gpu else "no GPU was found; one that comes is used"
    lines: list[tuple[str, Any, str]] = [
        ("name", start.name, "of the folder below results/"),
        ("dataset", None, ""),
        ("  root", str(start.root), counted(len(start.photographs), "photograph")),
        ("  labels", start.labels.labels, ""),
        *([("  classes", classes, "a label of another name is an error")] * bool(classes)),
        *(
            [("  max_pixels", reduced, f"yours have {width}x{height}; more takes longer")]
            * bool(reduced)
        ),
        *(
            (f"  {key}", place, "of `bes review`; what is not there yet counts as none")
            for key, place in free_places(start.root).items()
        ),
        ("shards", settings["shards"], "jobs of a stage; a change computes all anew"),
        ("device", "auto", device),
        ("backbone", "mobilenet_v2", "resnet50 is larger and slower"),
        ("weights", weights, "imagenet is downloaded once; or the path of a state-dict file"),
        ("classifier", settings["classifier"], _why(start.training)),
        ("irnet", settings["irnet"], "200 for few photographs, else 700, however many"),
        *((name, settings[name], why) for name, why in WHY_OF_FEW.items() if name in settings),
    ]
    text = f"# By `bes init`; laid over {BASED_ON}, so give both. All keys: config/README.md\n"
    for key, value, comment in lines:
        line = f"{key}:" if value is None else f"{key}: {_yaml(value)}"
        # Without a space before it, a comment belongs to the value.
        text += (f"{line:<33} # {comment}" if comment else line) + "\n"
    return text


def _why(training: int) -> str:
    if training < FEW:
        return "60 iterations at a low rate, as there are few photographs"
    return "passes over the photographs"


def _yaml(value: Any) -> str:
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def describe(start: Start) -> list[str]:
    """What was found, a line each."""
    small, large = start.sizes[0], start.sizes[-1]
    sizes = f"{small[1]}x{small[0]}" + (f" to {large[1]}x{large[0]}" if small != large else "")
    lines = [f"{counted(len(start.photographs), 'photograph')} in {start.root}, {sizes} pixels"]
    if start.found is None:
        return [*lines, *start.labels.notes]
    counts = Counter(n for e in start.found.entries if e.split == "train" for n in e.labels)
    shown = ", ".join(f"{name} {counts[name]}" for name in start.found.classes)
    lines.append(f"labels: {start.labels.source}; photographs of each class: {shown}")
    if start.labels.content is not None:
        lines.append(f"written from it: {start.root / start.labels.labels}")
    lines += start.labels.notes
    learned = [name for e in start.found.entries if e.split == "train" for name in e.labels]
    return lines + start.found.notes + class_notes(start.found.classes, learned)
