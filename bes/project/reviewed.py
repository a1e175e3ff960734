"""Whether a run takes what people made of its pseudo labels, and what to type so that it does."""

import shlex
import textwrap
from pathlib import Path

from bes.data.corrections import CORRECTIONS
from bes.data.review import REVIEW, read_review
from bes.errors import BesError
from bes.project.sections import BASE
from bes.project.settings import Project
from bes.project.shipped import DEFAULT_CONFIG
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
    left_out = {
        name: place
        for name, place in PLACES.items()
        if getattr(options, name) is None and (root / place).exists()
    }
    return left_out if left_out and _is_review(root / (options.review or REVIEW)) else {}


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
    if not Path(options.root).is_dir():
        return []  # all of it is elsewhere, which is said by itself
    missing = [
        f"dataset.{name}: nothing at {Path(options.root) / given}"
        for name in PLACES
        if (given := getattr(options, name)) and not (Path(options.root) / given).exists()
    ]
    return [f"no review yet: {', '.join(missing)}"] if missing else []


def go_on(project: Project, files: list[Path], overrides: list[str]) -> tuple[str, str]:
    """The lines that the configuration lacks below `dataset`, empty if none, and what to type to
    have the workflow heed the review: the run's own words, and what these lines say."""
    import yaml

    more = not_named(project.experiments[BASE].options["dataset"])
    words = ["bes", "run"]
    if files != [DEFAULT_CONFIG]:
        words += ["--configfile", *map(str, files)]
    if more:
        sections = [word for word in overrides if word.partition("=")[0] == "dataset"]
        overrides = [word for word in overrides if word not in sections]
        dataset = dict(yaml.safe_load(sections[-1].partition("=")[2]) if sections else {}) | more
        line = yaml.safe_dump(dataset, default_flow_style=True, sort_keys=False, width=10**6)
        overrides = [f"dataset={line.strip()}", *overrides]
    keys = "\n".join(f"{name}: {place}" for name, place in more.items())
    return keys, shlex.join(words + (["--config", *overrides] if overrides else []))


def going_on(project: Project, files: list[Path], overrides: list[str]) -> str:
    """The same in sentences."""
    keys, then = go_on(project, files, overrides)
    said = f"To go on with it:\n\n    {then}"
    if not keys:
        return said
    lines = textwrap.indent(keys, "    ")
    first = "For every run to use it, write below `dataset:` of your configuration:"
    return f"{first}\n\n{lines}\n\n{said}"


def _is_review(table: Path) -> bool:
    """Whether a file is there that holds verdicts."""
    try:
        return bool(read_review(table))
    except BesError:
        return False
