"""The files of a dataset that nothing is done with, in words."""

from collections import Counter
from collections.abc import Iterable

from bes.data.file_names import HEIF, NOT_READ, suffix_of
from bes.storage.words import convert, counted


def endings(paths: Iterable[str]) -> str:
    """How many files have which ending: `5 .jpg, 1 .png`."""
    counts = Counter(suffix_of(path) or "without an ending" for path in paths)
    return ", ".join(f"{count} {ending}" for ending, count in counts.most_common())


def notes_of(others: list[str], passed: list[str]) -> list[str]:
    """Of the files beside the photographs: those that are no photographs that are read, and those
    that can be neither opened nor named."""
    unread = unread_of(others)
    rest = [path for path in others if suffix_of(path) not in NOT_READ]
    notes = []
    if unread:
        notes.append(
            f"{counted(len(unread), 'photograph')} not read, left out: {endings(unread)}; "
            f"{advice(unread)}"
        )
    if rest:
        notes.append(
            f"{counted(len(rest), 'file')} of another kind than photographs, left out: "
            f"{endings(rest)}"
        )
    if passed:
        notes.append(
            f"{counted(len(passed), 'file')} that cannot be opened or named, left out, such as "
            f"{passed[0]}"
        )
    return notes


def unread_of(others: Iterable[str]) -> list[str]:
    """Of the files beside the photographs, those that are photographs of a kind that is not
    read."""
    return [path for path in others if suffix_of(path) in NOT_READ]


def advice(unread: Iterable[str]) -> str:
    """What to do with photographs that are not read."""
    return convert(heic=any(suffix_of(path) in HEIF for path in unread))
