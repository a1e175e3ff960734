"""Which photographs stand for all of them."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def evenly(items: Sequence[T], count: int) -> list[T]:
    """At most `count` items at equal steps, the first among them."""
    count = min(count, len(items))
    return [items[step * len(items) // count] for step in range(count)]
