"""Which photographs stand for all of them."""

from collections.abc import Sequence

from bes.data.manifest import ImageRecord


def evenly(records: Sequence[ImageRecord], count: int) -> list[ImageRecord]:
    """At most `count` records at equal steps; the manifest is sorted by id."""
    count = min(count, len(records))
    return [records[step * len(records) // count] for step in range(count)]
