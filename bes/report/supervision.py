"""The mark of what used more than image-level labels: it never stands in a row without it."""

from collections.abc import Iterable, Mapping
from typing import Any

MARK = " (+S)"
LABELS, MORE = "I", "I+S"
"""Supervision as papers write it: image-level labels, and these with saliency, segments, maps of
other networks or corrections by hand."""


def more_than_labels(scores: Mapping[str, Any], stages: Iterable[str]) -> bool:
    """Whether more than image-level labels went into the results of any of some stages; `scores` is
    `evaluation/scores.json`."""
    found = (scores.get(stage) for stage in stages)
    return any(isinstance(each, dict) and each.get("supervision") == MORE for each in found)


def marked(name: str, more: bool) -> str:
    """What a row is called in a table."""
    return name + MARK if more else name
