"""What came of a run, and what a person does next."""

import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from bes.data.manifest import read_catalog
from bes.data.ranking import read_ranking
from bes.data.review import REVIEW
from bes.errors import BesError
from bes.project.sections import BASE
from bes.project.settings import Project
from bes.project.shipped import SHIPPED
from bes.stages.quality import doubt
from bes.stages.shared.looked_at import looked_at
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
    left = sum(row.image not in seen for row in ranked)
    first = math.ceil(left / FIRST)
    of = f" of the {left} that nobody has dealt with yet" if left < len(ranked) else ""
    command = shlex.join(["bes", "review", *words])
    page = project.folder(BASE, "report") / "page" / "index.html"
    return [
        "",
        f"{counted(len(ranked), 'mask')}: {labels}",
        *([f"every photograph at every stage: {page}"] if page.exists() else []),
        *([f"WARNING: {sentence}"] if (sentence := doubt(ranked, seen)) else []),
        *(
            [f"look first at the {first} least trusted{of}, by {ranking}:", f"    {command}"]
            * bool(first)
        ),
        "then, for other programs:",
        f"    {shlex.join(['bes', 'run', 'export', *words])}",
    ]


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
