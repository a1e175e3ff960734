"""What is odd about the classes of a dataset, and which one a misspelt label means."""

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable

from bes.data.names import alike


def class_notes(classes: tuple[str, ...], shown: Iterable[str]) -> list[str]:
    """Classes that look alike, that are several in one, and that are not among those `shown` by the
    training photographs."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        groups[alike(name)].append(name)
    notes = [
        f"{' and '.join(map(repr, names))} are {len(names)} classes; if they are one, give them "
        "one spelling"
        for names in groups.values()
        if len(names) > 1
    ]
    for name in classes:
        parts = [part for part in re.split(r"[\s,/+&]+", name) if part]
        if len(parts) > 1 and set(parts) <= set(classes):
            notes.append(
                f"{name!r} is a class beside {' and '.join(map(repr, parts))}; if it is these, "
                "separate them by semicolons in all rows"
            )
    if absent := [name for name in classes if name not in set(shown)]:
        notes.append(f"no training photograph shows {', '.join(map(repr, absent))}")
    return notes


def unknown_class(label: str, classes: tuple[str, ...]) -> str:
    """The sentence on a label that is none of the classes; letters of another alphabet that look
    the same are shown by their numbers."""
    near = [name for name in classes if alike(name) == alike(label)]
    near = near or difflib.get_close_matches(label, classes, n=1)
    foreign = near and near[0].isascii() and not label.isascii()
    found = f"{label!r} ({label!a})" if foreign else repr(label)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"found class {found}, expected one of {', '.join(classes)}{hint}"
