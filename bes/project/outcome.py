"""What came of a run, and what a person does next."""

import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from bes.data.manifest import read_catalog
from bes.data.ranking import read_ranking
from bes.data.review import REVIEW
from bes.errors import BesError
from bes.export.folder import MARKER
from bes.project.sections import BASE
from bes.project.settings import Project
from bes.project.shipped import SHIPPED
from bes.project.solved import solved_on_others
from bes.report.doubt import doubt
from bes.stages.dataset import left_out_of
from bes.stages.export import FORMATS, SKIPPED
from bes.stages.shared.looked_at import looked_at
from bes.storage.layout import model_receipt
from bes.storage.words import counted

FIRST = 5
"""Of the labels, the share to look at first: one in so many, the least trusted."""


def outcome(project: Project, words: Sequence[str]) -> list[str]:
    """What came of a run, and what to do next, a line each; nothing before there are pseudo labels.

    `words` are those of the command line that name the configuration.
    """
    try:
        ranking = project.folder(BASE, "quality") / "ranking.csv"
        ranked = read_ranking(ranking)
    except BesError:
        return []
    labels, seen = project.folder(BASE, "pseudo_labels"), _dealt_with(project)
    lines = ["", f"{counted(len(ranked), 'mask')}: {labels}"]
    if left_out := left_out_of(project.folder(BASE, "dataset")):
        lines.append(f"{counted(left_out, 'photograph')} left out; this says why:")
        lines.append(_command("bes", "dataset", "check", *words))
    page = project.folder(BASE, "report") / "page" / "index.html"
    if page.exists():
        lines.append(f"photographs at every stage: {page}")
    if sentence := doubt(ranked, seen):
        lines.append(f"WARNING: {sentence}")
    if left := sum(row.image not in seen for row in ranked):
        of = f" of the {left} that nobody has dealt with yet" if left < len(ranked) else ""
        first = math.ceil(left / FIRST)
        lines.append(f"look first at the {first} least trusted{of}, by {ranking}:")
        lines.append(_command("bes", "review", *words))
    if earlier := solved_on_others(project, BASE, {row.image for row in ranked}):
        lines.append(
            f"{counted(earlier, 'correction')} by strokes on maps that are others now; as you open "
            "them, the review solves them anew, to accept:"
        )
        lines.append(_command("bes", "review", *words))
    network = project.folder(BASE, "segmenter")
    if "segmenter" in project.wanted_by(BASE) and model_receipt(network).exists():
        lines.append(f"the network that learnt them, {network}, labels other photographs:")
        lines.append(
            _command("bes", "predict", "FOLDER", "--out", "OUT", "--network", str(network))
        )
    return [*lines, "then, for other programs:", _command("bes", "run", "export", *words)]


def exports(project: Project) -> list[str]:
    """Where the exports of a run are, a line for each experiment that has any."""
    lines = []
    for experiment in project.experiments:
        folder = project.folder(experiment, "export")
        there = [
            name
            for name in FORMATS
            if (folder / name / MARKER).exists() and not (folder / name / SKIPPED).exists()
        ]
        if there:
            lines.append(f"{counted(len(there), 'export')} in {folder}: {', '.join(there)}")
    return lines


def _command(*words: str) -> str:
    """A line to type."""
    return f"    {shlex.join(words)}"


def _dealt_with(project: Project) -> set[str]:
    """See `looked_at`; a table that cannot be read says nothing."""
    dataset, labels = (project.folder(BASE, stage) for stage in ("dataset", "pseudo_labels"))
    review = project.experiments[BASE].options["dataset"].review or REVIEW
    try:
        root = read_catalog(dataset / "classes.json").root
        return looked_at(dataset, labels, review=root / review)
    except BesError:
        return set()


def words_of(arguments: Sequence[str]) -> list[str]:
    """The words of a command line of Snakemake that name the configuration; the workflow's own
    files as they are found in any folder."""
    found: list[str] = []
    taking = False
    for word in arguments:
        if word.startswith("-"):
            flag = word.partition("=")[0]
            taking = flag in ("--configfile", "--configfiles", "--config", "-C")
        if taking:
            own = Path(word).is_relative_to(SHIPPED / "config")
            found.append(str(Path(word).relative_to(SHIPPED)) if own else word)
    return found
