"""Whether a run takes what people made of its pseudo labels."""

from pathlib import Path

from bes.data.corrections import CORRECTIONS
from bes.data.review import REVIEW, read_review
from bes.errors import BesError
from bes.stages.shared.dataset_kinds import DatasetOptions

PLACES = {"corrections": CORRECTIONS, "review": REVIEW}
"""Options of the dataset -> where `bes review` writes, unless they name another place."""


def free_places(root: Path) -> dict[str, str]:
    """`PLACES` where nothing is in the way of a review; none where something else has such a
    name."""
    if not any((root / place).exists() for place in PLACES.values()) or _is_review(root / REVIEW):
        return PLACES
    return {}


def not_named(options: DatasetOptions) -> dict[str, str]:
    """Those of `PLACES` that hold a review and that the configuration leaves out, so that no run
    takes them. What else has such a name is none."""
    root = Path(options.root)
    if not _is_review(root / (options.review or REVIEW)):
        return {}
    return {
        name: place
        for name, place in PLACES.items()
        if getattr(options, name) is None and (root / place).exists()
    }


def not_taken(options: DatasetOptions) -> list[str]:
    """A line where a review is there that no run takes."""
    if not (unused := not_named(options)):
        return []
    places = " and ".join(str(Path(options.root) / place) for place in unused.values())
    keys = ", ".join(f"{name}: {place}" for name, place in unused.items())
    return [
        f"WARNING: not used, as the configuration does not name it: the review in {places}; "
        f"dataset: {{{keys}}} has every run use it"
    ]


def not_there(options: DatasetOptions) -> list[str]:
    """A line where the configuration names what is not there yet, or elsewhere."""
    missing = [
        f"dataset.{name}: nothing at {Path(options.root) / given}"
        for name in PLACES
        if (given := getattr(options, name)) and not (Path(options.root) / given).exists()
    ]
    return [f"no review yet: {', '.join(missing)}"] if missing else []


def _is_review(table: Path) -> bool:
    """Whether a file is there that holds verdicts."""
    try:
        return bool(read_review(table))
    except BesError:
        return False
