"""COCO 2014 for weak supervision: contiguous classes, masks of the objects that are no crowds."""

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from small_datasets import HEIGHT, NUMBERS, WIDTH, Coco, square

from bes.data import coco14
from bes.data.download import Archive
from bes.data.manifest import read_catalog
from bes.data.stamps import changed_parts
from bes.errors import BesError
from bes.stages.dataset import stamp_file
from bes.stages.shared.dataset_kinds import stamp_of


def test_cocos_numbers_become_1_to_80_in_order(coco: Coco) -> None:
    for number in NUMBERS:
        coco.add("train", 30, number, square(0, 0, 2))
    coco.write()
    records = coco.run()
    catalog = read_catalog(coco.out / "classes.json")
    assert catalog.classes == tuple(f"class {number}" for number in NUMBERS)
    assert catalog.mask_values == tuple(range(1, 81))
    assert catalog.indices(records["COCO_train2014_000000000030"]) == list(range(1, 81))
    assert records["COCO_train2014_000000000009"].labels == ("class 90",)
    assert coco.mask("train", 9)[5, 5] == 80 and coco.mask("train", 25)[6, 6] == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_annotations_may_begin_with_a_byte_order_mark(coco: Coco, encoding: str) -> None:
    coco.write()
    path = coco.path("annotations/instances_train2014.json")
    path.write_text(path.read_text(), encoding=encoding)
    assert len(coco.run()) == 4


def test_training_images_without_labels_are_left_out_and_counted(
    coco: Coco, capsys: pytest.CaptureFixture[str]
) -> None:
    coco.write()
    splits = {id_: record.split for id_, record in coco.run().items()}
    assert splits == {
        "COCO_train2014_000000000009": "train",
        "COCO_train2014_000000000025": "train",
        "COCO_val2014_000000000042": "val",
        "COCO_val2014_000000000073": "val",
    }
    assert "1 training photographs without labels, left out" in capsys.readouterr().out


def test_photographs_without_an_annotation_are_counted(
    coco: Coco, capsys: pytest.CaptureFixture[str]
) -> None:
    coco.write()
    coco.path("val2014/more.jpg").write_bytes(b"x")
    coco.run()
    assert "1 file in val2014 of no annotation, left out" in capsys.readouterr().out


def test_a_polygon_covers_its_pixels_and_nothing_else(coco: Coco) -> None:
    coco.write()
    coco.run()
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[2:12, 2:12] = 80
    assert (coco.mask("train", 9) == expected).all()


def test_later_objects_lie_over_earlier_ones(coco: Coco) -> None:
    coco.add("train", 9, 2, square(6, 6, 10))
    coco.write()
    coco.run()
    mask = coco.mask("train", 9)
    assert (mask[6:16, 6:16] == 2).all() and (mask[2:6, 2:12] == 80).all()


def test_an_object_may_have_several_polygons_or_a_run_length_encoding(coco: Coco) -> None:
    coco.add("train", 9, 3, [*square(20, 20, 4), *square(30, 20, 4)])
    # Column by column: 20 columns and 3 pixels without, then 5 within.
    first = 20 * HEIGHT + 3
    counts = [first, 5, WIDTH * HEIGHT - first - 5]
    coco.add("train", 9, 4, {"size": [HEIGHT, WIDTH], "counts": counts})
    coco.write()
    coco.run()
    mask = coco.mask("train", 9)
    assert (mask[20:24, 20:24] == 3).all() and (mask[20:24, 30:34] == 3).all()
    assert (mask[20:24, 24:30] == 0).all()
    assert (mask[3:8, 20] == 4).all() and (mask == 4).sum() == 5


def test_crowds_are_neither_drawn_nor_labels(coco: Coco) -> None:
    crowd = {"size": [HEIGHT, WIDTH], "counts": [0, WIDTH * HEIGHT]}
    coco.add("train", 9, 1, crowd, crowd=1)
    coco.add("train", 30, 1, crowd, crowd=1)
    coco.write()
    records = coco.run()
    assert records["COCO_train2014_000000000009"].labels == ("class 90",)
    assert set(np.unique(coco.mask("train", 9))) == {0, 80}
    assert "COCO_train2014_000000000030" not in records


def test_an_image_without_objects_is_background(coco: Coco) -> None:
    coco.write()
    record = coco.run()["COCO_val2014_000000000073"]
    assert record.labels == () and not coco.mask("val", 73).any()


def test_masks_are_drawn_once(coco: Coco) -> None:
    coco.write()
    coco.run()
    paths = sorted((coco.root / "class_masks").rglob("*.png"))
    assert len(paths) == 4
    dates = [path.stat().st_mtime_ns for path in paths]
    paths[0].unlink()
    coco.run()
    assert paths[0].exists()
    assert [path.stat().st_mtime_ns for path in paths[1:]] == dates[1:]


@pytest.mark.parametrize("folder", ["JPEGImages/", "coco2014/", "images/"])
def test_photographs_may_lie_in_a_folder_of_their_own(coco: Coco, folder: str) -> None:
    coco.photographs = folder
    coco.write()
    assert coco14.missing(coco.root) == ()
    record = coco.run()["COCO_train2014_000000000009"]
    assert record.path == f"{folder}train2014/COCO_train2014_000000000009.jpg"
    assert record.mask == "class_masks/train2014/COCO_train2014_000000000009.png"


def test_a_missing_library_is_named(coco: Coco, monkeypatch: pytest.MonkeyPatch) -> None:
    coco.write()
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(BesError, match="pip install pycocotools"):
        coco.run()


@pytest.mark.parametrize(
    "name",
    [
        "train2014/new.jpg",
        "val2014/new.jpg",
        "annotations/instances_train2014.json",
        "annotations/instances_val2014.json",
        "class_masks/train2014/COCO_train2014_000000000009.png",
    ],
)
def test_photographs_annotations_and_masks_are_watched(coco: Coco, name: str) -> None:
    coco.write()
    coco.run()
    seen = stamp_of(coco.options())
    assert changed_parts(stamp_file(coco.out), coco.root, seen, keep=False) == []
    coco.path(name).write_bytes(b"another content")
    now = stamp_of(coco.options())
    assert len(changed_parts(stamp_file(coco.out), coco.root, now, keep=False)) == 1


def test_missing_archives_are_downloaded_and_unpacked(
    coco: Coco, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coco.write()
    expected = coco.run()
    archives = []
    for published in coco14.ARCHIVES:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as zipped:
            folder = published.parts[0].partition("/")[0]
            for path in sorted((coco.root / folder).iterdir()):
                zipped.write(path, f"{folder}/{path.name}")
        file = tmp_path / published.name
        file.write_bytes(content.getvalue())
        digest = hashlib.md5(content.getvalue()).hexdigest()
        archives.append(Archive(file.as_uri(), digest, published.parts))
    monkeypatch.setattr(coco14, "ARCHIVES", tuple(archives))
    coco.root = tmp_path / "new"
    assert stamp_of(coco.options(download=True)) == {}
    assert coco.run(download=True) == expected
