"""What came of a run, and what a person does next."""

import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from bes.data.ranking import read_ranking
from bes.errors import BesError
from bes.project.sections import BASE
from bes.project.settings import Project
from bes.project.shipped import SHIPPED
from bes.stages.quality import doubt

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
    first = math.ceil(len(ranked) / FIRST)
    command = shlex.join(["bes", "review", *words])
    page = project.folder(BASE, "report") / "page" / "index.html"
    return [
        "",
        f"{len(ranked)} masks: {project.folder(BASE, 'pseudo_labels')}",
        *([f"every photograph at every stage: {page}"] if page.exists() else []),
        *([f"WARNING: {sentence}"] if (sentence := doubt(ranked)) else []),
        f"look first at the {first} least trusted, those at the top of {ranking}:",
        f"    {command}",
        "then, for other programs:",
        f"    {shlex.join(['bes', 'run', 'export', *words])}",
    ]


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
