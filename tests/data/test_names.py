"""Names that look the same are the same, wherever they are written."""

import json
import shutil
import unicodedata
from typing import Any

import pytest

from bes.data.file_names import folder_of, id_of
from bes.data.manifest import read_catalog, read_manifest
from bes.data.names import alike, clean

SPELLINGS = {
    "café": [
        "cafe\u0301",
        " café\t",
        "café\u200b",
        "\ufeffcafé",
        "ca\u00adfé",
        "ca\u200d\u200cfé\u2060",
        "\u202acafé\u202c",
        "caf\u00e9\ufe0f",
    ],
    "red pear": [
        "red\u00a0pear",
        "red  pear",
        "red\u2003pear\u202f",
        "red \u200b pear",
    ],
}
EVERY = [(name, other) for name, others in SPELLINGS.items() for other in others]


@pytest.mark.parametrize(("name", "other"), EVERY)
def test_a_name_has_one_spelling(name: str, other: str) -> None:
    assert clean(other) == name and clean(name) == name
    assert id_of(f"a/{other}.jpg") == name and folder_of(f"{other}/a.jpg") == f"{name}/"


def test_what_is_seen_stays() -> None:
    for name in ("C++", "Ünïcode 犬", "naïve-Bayes_2", "a.b", "\u0627\u0644\u0639", "-x", "🐈"):
        assert clean(unicodedata.normalize("NFD", name)) == name


def test_classes_that_differ_in_capitals_or_hyphens_are_alike() -> None:
    for one, other in (("Cat", "CAT"), ("traffic light", "traffic_light"), ("\uff21\uff22", "a-b")):
        assert alike(one) == alike(other)
    for one, other in (
        ("cat", "\u0441\u0430t"),
        ("CAT", "\u0421\u0410\u0422"),
        ("Box", "\u0392\u03bf\u03a7"),
    ):
        assert alike(one) == alike(other)
    assert alike("cat") != alike("cats") and alike("-") != alike("_")


@pytest.mark.parametrize(("name", "other"), EVERY)
@pytest.mark.parametrize("form", ["table", "json", "folders"])
def test_a_class_of_two_spellings_is_one(folder: Any, form: str, name: str, other: str) -> None:
    labels = {"0.jpg": name, "1.jpg": other, "2.jpg": "x"}
    if form == "table":
        rows = "".join(f'{image},"{label};x"\n' for image, label in labels.items())
        folder.write("labels", f"image,labels\n{rows}".replace("\n", "\r\n"))
    if form == "json":
        rows = [{"image": image, "labels": [label]} for image, label in labels.items()]
        folder.write("labels", "".join(f"{json.dumps(row)}\n" for row in rows))
        (folder.root / "labels").rename(folder.root / "labels.jsonl")
    if form == "folders":
        for image, label in labels.items():
            shutil.copy(folder.root / f"JPEGImages/{image}", folder.path(f"labels/{label}/{image}"))
    place = "labels.jsonl" if form == "json" else "labels"
    for given in ((), (f"{other}=3", "x=9")):
        folder.run(labels=place, classes=given, train="", val="", masks="")
        assert read_catalog(folder.out / "classes.json").classes == (name, "x")
        first, second, *_ = read_manifest(folder.out / "images.csv")
        assert first.labels == second.labels and name in first.labels


def test_images_and_lists_are_cleaned_as_well(folder: Any) -> None:
    folder.photograph("JPEGImages/my\u00a0cat.jpg")
    folder.write("labels.csv", "image,labels\nmy  cat\u200b.jpg,cat\n0\u200b.jpg,dog\n")
    folder.write("train.txt", "my cat\u00ad\n\u200b\n")
    folder.write("val.txt", "\u200e0.jpg\n")
    folder.run(train="train.txt", val="val.txt")
    records = {record.id: record for record in read_manifest(folder.out / "images.csv")}
    assert records["my cat"].path == "JPEGImages/my\u00a0cat.jpg" and records["0"].split == "val"
