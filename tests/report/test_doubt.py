"""What is said of labels that are bad as a whole."""

from dataclasses import replace

import pytest

from bes.data.ranking import RankedLabel
from bes.report.doubt import doubt


def row(reason: str, *labels: str) -> RankedLabel:
    signals = dict.fromkeys(
        ("stability", "separation", "agreement", "boundary", "margin", "frame", "colour"), 0.5
    )
    return RankedLabel(rank=1, image="a", labels=labels, score=0.5, **signals, reason=reason)


GOOD = row("classes compete for pixels", "cat", "dog")
# One class of two is often too small to be found.
PART = row("nothing found of dog", "cat", "dog")
NONE = row("no class to find")


@pytest.mark.parametrize(
    "bad",
    [
        row("fills the frame", "cat"),
        row("touches all four borders; cat is never without dog", "cat"),
        row("nothing found of cat, dog", "cat", "dog"),
        row("nothing found of cat; follows no boundary", "cat", "dog"),
    ],
)
def test_many_labels_that_look_wrong_are_said_whatever_their_rank(bad: RankedLabel) -> None:
    assert doubt([bad] * 2 + [GOOD, PART] * 4 + [NONE] * 9, set()) is None
    said = doubt([bad] * 3 + [GOOD, PART] * 4 + [NONE] * 9, set())
    assert said is not None and said.startswith("3 of 11 labels are empty, fill the frame")


def test_what_a_person_dealt_with_is_in_doubt_no_more() -> None:
    rows = [replace(row("fills the frame", "cat"), image=str(n)) for n in range(4)] + [GOOD] * 6
    assert str(doubt(rows, {"0"})).startswith("3 of 10 labels")
    assert doubt(rows, {"0", "1"}) is None


def test_of_no_label_nothing_is_said() -> None:
    assert doubt([], set()) is None
    assert doubt([NONE], set()) is None
