"""Which photographs the page shows."""

from bes.data.manifest import ImageRecord
from bes.report.gallery import Chosen, extremes
from bes.report.measures import Facts, Measured, measures_csv, read_measures

CLASSES = ["cat", "dog"]


def record(image_id: str, *labels: str) -> ImageRecord:
    return ImageRecord(image_id, f"{image_id}.jpg", 8, 8, labels, "train", "")


def measured(image_id: str, **iou: float) -> Measured:
    return Measured(image_id, "train", None, None, iou)


RECORDS = [record(name, "cat") for name in "abc"] + [record("d", "dog")]


def test_the_worst_and_the_median_are_of_the_iou_of_the_class():
    rows = {
        "a": measured("a", cat=70, dog=0),
        "b": measured("b", cat=10),
        "c": measured("c", cat=40),
    }
    (cat,) = extremes(CLASSES, RECORDS[:3], rows, {})
    assert (cat.name, cat.worst, cat.median) == ("cat", Chosen("b", 10), Chosen("c", 40))


def test_a_class_that_no_mask_shows_is_left_out():
    rows = {name: measured(name, cat=50) for name in "abc"} | {"d": measured("d", background=90)}
    assert [extreme.name for extreme in extremes(CLASSES, RECORDS, rows, {})] == ["cat"]


def test_without_masks_the_trust_in_the_labels_decides():
    rows = {row.id: measured(row.id) for row in RECORDS}
    (cat,) = extremes(CLASSES, RECORDS, rows, {"a": 2, "b": 9, "c": 5})
    assert (cat.worst, cat.median) == (Chosen("a", 2), Chosen("c", 5))


def test_without_masks_and_without_a_ranking_there_are_none():
    assert extremes(CLASSES, RECORDS, {row.id: measured(row.id) for row in RECORDS}, {}) == []


def test_what_is_measured_outlives_its_table():
    rows = [
        Measured("ä, b", "train", Facts("ä, b", 0.01, 0.25, 1.0, False), 62.5, {"cat": 62.5}),
        Measured("c", "train", Facts("c", 0.0, 1.0, 0.0, True), None, {}),
        Measured("d", "val", None, 40.0, {"background": 80.0, "dog": 0.0}),
    ]
    assert read_measures(measures_csv(rows, CLASSES), CLASSES) == rows
