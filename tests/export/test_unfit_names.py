"""A name is read as it is, or the format refuses it; with `--skip` that is said and no error."""

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CocoDetection, VOCSegmentation
from vouching import vouch_for

from bes.data.images import encode_labels
from bes.data.manifest import read_manifest
from bes.export.names import UnfitName
from bes.stages.dataset import run_dataset
from bes.stages.export import FORMATS, SKIPPED, ExportOptions, run_export
from bes.stages.shared.dataset_kinds import DatasetOptions

IMAGES = ["a b", "v1.2", "val-1", "a::b", "-x", "犬"]
UNFIT = {
    "deeplab-pytorch": {"a b", "v1.2"},
    "mmsegmentation": set(),
    "torchvision": set(),
    "coco": set(),
    "imagefolder": {"a::b"},
    "cls-labels": set(),
}
SIZE = (24, 32)


class Odd:
    """Photographs with given names, of given classes, the first of them for validation."""

    def __init__(self, base: Path, images: list[str], classes: tuple[str, ...]):
        self.base, self.images = base, images
        (base / "photographs/SegmentationClass").mkdir(parents=True)
        (base / "pseudo_labels").mkdir()
        for number, image in enumerate(images):
            photograph = np.random.default_rng(number).integers(0, 256, (*SIZE, 3), np.uint8)
            Image.fromarray(photograph).save(base / f"photographs/{image}.jpg")
            folder = "pseudo_labels" if number else "photographs/SegmentationClass"
            (base / folder / f"{image}.png").write_bytes(encode_labels(self.label(number)))
        lines = (json.dumps({"image": f"{i}.jpg", "labels": classes}) + "\n" for i in images)
        (base / "photographs/labels.jsonl").write_text("".join(lines))
        (base / "photographs/val.txt").write_text(f"{images[0]}.jpg\n")
        run_dataset(self.options("labels.jsonl"), out=base / "dataset", shards=1, threads=1)
        vouch_for(base / "pseudo_labels", base / "dataset")
        assert len(read_manifest(base / "dataset/images.csv")) == len(images)

    def options(self, labels: str) -> DatasetOptions:
        return DatasetOptions(root=str(self.base / "photographs"), labels=labels, val="val.txt")

    def label(self, number: int) -> np.ndarray:
        labels = np.zeros(SIZE, np.uint8)
        labels[2:20, 2 : 12 + number] = 1
        return labels

    def export(self, format: str, *, skip: bool = False) -> Path:
        out = self.base / "export" / format
        folders = {name: self.base / name for name in ("dataset", "pseudo_labels")}
        run_export(ExportOptions(), format=format, **folders, out=out, threads=1, skip=skip)
        return out


def pixels(format: str, root: Path, cache: Path) -> list[np.ndarray]:
    """The labels of the training photographs as the reader of a format gets them."""
    if format == "torchvision":
        return [np.array(label) for _, label in VOCSegmentation(root, image_set="train")]
    if format == "coco":
        train = CocoDetection(root / "images/train", root / "annotations/instances_train.json")
        return [train.coco.annToMask(one) for _, (one,) in train]
    if format == "imagefolder":
        loaded = datasets.load_dataset("imagefolder", data_dir=str(root), cache_dir=str(cache))
        assert {split: len(rows) for split, rows in loaded.items()} == {"train": 1, "validation": 1}
        return [np.array(row["mask"]) for row in loaded["train"]]
    (label,) = root.rglob("*abels/*.png")
    return [np.array(Image.open(label))]


@pytest.mark.parametrize("image", IMAGES)
def test_a_reader_gets_what_a_format_takes(
    tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    odd = Odd(tmp_path, ["other", image], ("cat",))
    for format in FORMATS:
        if image in UNFIT[format]:
            with pytest.raises(UnfitName, match=r"found the image name .*, expected one without"):
                odd.export(format)
            assert not (tmp_path / "export" / format).exists()
            continue
        root = odd.export(format)
        if format == "cls-labels":
            table = np.load(root / "cls_labels_onehot.npy", allow_pickle=True).item()
            assert set(table) == {"other", image}
        else:
            (label,) = pixels(format, root, tmp_path / "cache")
            assert np.array_equal(label, odd.label(1)), format


@pytest.mark.parametrize(
    ("name", "format"),
    [("salt, pepper", "deeplab-pytorch"), ("{{ _base_ }}", "mmsegmentation")],
)
def test_so_it_is_with_the_names_of_classes(tmp_path: Path, name: str, format: str) -> None:
    odd = Odd(tmp_path, ["other", "one"], (name,))
    for each in FORMATS:
        if each == format:
            with pytest.raises(UnfitName, match=r"found the class name .*, expected one without"):
                odd.export(each)
        else:
            odd.export(each)


@pytest.mark.parametrize("images", [["other", "one"], ["a.jpg", "b, c"], ['"a"', "'b", "=1"]])
@pytest.mark.parametrize(
    "classes", [("potted plant",), ("cup, saucer", "cat"), ("'x'", "a/b", "犬")]
)
def test_the_table_of_labels_is_read_as_it_was_written(
    tmp_path: Path, images: list[str], classes: tuple[str, ...]
) -> None:
    odd = Odd(tmp_path, images, classes)
    table = odd.export("cls-labels") / "labels.csv"
    (odd.base / "photographs/labels.csv").write_bytes(table.read_bytes())
    before = read_manifest(odd.base / "dataset/images.csv")
    run_dataset(odd.options("labels.csv"), out=odd.base / "again", shards=1, threads=1)
    assert read_manifest(odd.base / "again/images.csv") == before


@pytest.mark.parametrize("classes", [("a|b",), ("a|b", "c"), ("['x']", "y|z")])
def test_a_table_that_would_be_read_otherwise_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture, classes: tuple[str, ...]
) -> None:
    root = Odd(tmp_path, ["other", "one"], classes).export("cls-labels")
    assert not (root / "labels.csv").exists() and (root / "cls_labels_onehot.npy").exists()
    assert "labels.csv is left out: one.jpg: found (" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a:b", "#a", "void"])
def test_what_datumaro_knows_classes_by_is_left_out_where_it_cannot_hold_one(
    tmp_path: Path, capsys: pytest.CaptureFixture, name: str
) -> None:
    root = Odd(tmp_path, ["other", "one"], (name,)).export("torchvision")
    assert not [*root.rglob("labelmap.txt")] and [*root.rglob("SegmentationClass/one.png")]
    said = capsys.readouterr().err
    assert f"torchvision: without labelmap.txt: found the class name {name!r}" in said


def test_the_table_is_left_out_for_a_photograph_held_out_too(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    odd = Odd(tmp_path, ["held", "one"], ("a|b", "cat"))
    rows = [{"image": "held.jpg", "labels": ["a|b"]}, {"image": "one.jpg", "labels": ["cat"]}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (odd.base / "photographs/labels.jsonl").write_text(lines)
    run_dataset(odd.options("labels.jsonl"), out=odd.base / "dataset", shards=1, threads=1)
    vouch_for(odd.base / "pseudo_labels", odd.base / "dataset")
    assert not (odd.export("cls-labels") / "labels.csv").exists()
    assert "labels.csv is left out: held.jpg: found (" in capsys.readouterr().err


def test_an_export_of_odd_names_is_skipped_and_made_once_they_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    odd = Odd(tmp_path / "odd", ["other", "a b", "c d"], ("cat",))
    out = odd.export("deeplab-pytorch", skip=True)
    sentence = "deeplab-pytorch is skipped: a b.jpg: found the image name 'a b' and 1 more, exp"
    assert sentence in capsys.readouterr().err
    assert {path.name for path in out.iterdir()} == {SKIPPED, "export.json"}
    assert (out / SKIPPED).read_text().startswith(sentence)
    odd.export("deeplab-pytorch", skip=True)
    said = capsys.readouterr().err
    assert "deeplab-pytorch: up to date" in said and sentence in said
    with pytest.raises(UnfitName):  # where it is not to be skipped, it still is an error
        odd.export("deeplab-pytorch")
    fit = Odd(tmp_path / "fit", ["other", "ab", "cd"], ("cat",))
    out.rename(fit.base / "moved")
    (fit.base / "export").mkdir()
    (fit.base / "moved").rename(fit.base / "export/deeplab-pytorch")
    made = fit.export("deeplab-pytorch", skip=True)
    assert not (made / SKIPPED).exists() and (made / "labels.txt").exists()


def test_names_that_do_not_fit_take_the_place_of_an_older_export(tmp_path: Path) -> None:
    fit = Odd(tmp_path / "fit", ["other", "ab"], ("cat",))
    odd = Odd(tmp_path / "odd", ["other", "a b"], ("cat",))
    (odd.base / "export").mkdir()
    fit.export("deeplab-pytorch", skip=True).rename(odd.base / "export/deeplab-pytorch")
    out = odd.export("deeplab-pytorch", skip=True)
    assert {path.name for path in out.iterdir()} == {SKIPPED, "export.json"}
