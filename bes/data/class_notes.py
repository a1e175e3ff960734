"""What is odd about the classes of a dataset, and which one a misspelt label means."""

import difflib
import re
import string
from collections import defaultdict
from collections.abc import Iterable

from bes.data.names import alike

NOTHING = {
    *("void", "bg", "ignore", "ignored", "unlabelled", "unlabeled", "unknown", "undefined"),
    *("nothing", "empty", "missing", "0", "-1"),
}
"""What datasets call the pixels or photographs of no class."""


def class_notes(classes: tuple[str, ...], shown: Iterable[str]) -> list[str]:
    """Classes that look alike, that are several in one, whose names say that they are none, and
    that are not among those `shown` by the training photographs."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        groups[alike(name)].append(name)
    notes = [
        f"found the classes {', '.join(_shown(name, names) for name in names)}, which differ in "
        "capitals, spaces, hyphens or letters that look the same alone; expected one spelling if "
        "they are one"
        for names in groups.values()
        if len(names) > 1
    ]
    for name in classes:
        parts = [part for part in re.split(r"[\s,/+&]+", name) if part]
        if len(parts) > 1 and set(parts) <= set(classes):
            notes.append(
                f"found the class {name!r} beside {', '.join(map(repr, parts))}; expected "
                "semicolons between them in all rows if it is these"
            )
    if nothing := [
        name
        for name in classes
        if name.casefold().strip("_") in NOTHING or not name.strip(string.punctuation)
    ]:
        notes.append(
            f"found the class {', '.join(map(repr, nothing))}, which is learnt like any other; "
            "expected no label if it stands for none"
        )
    seen = set(shown)
    if absent := [name for name in classes if name not in seen]:
        notes.append(f"no training photograph shows {', '.join(map(repr, absent))}")
    return notes


def unknown_class(label: str, classes: tuple[str, ...]) -> str:
    """The sentence on a label that is none of the classes."""
    near = [name for name in classes if alike(name) == alike(label)]
    near = near or difflib.get_close_matches(label, classes, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"found class {_shown(label, near)}, expected one of {', '.join(classes)}{hint}"


def _shown(name: str, others: Iterable[str]) -> str:
    """A name beside others like it: letters of another alphabet look the same, their numbers do
    not."""
    foreign = not name.isascii() and any(other.isascii() for other in others)
    return f"{name!r} ({name!a})" if foreign else repr(name)
