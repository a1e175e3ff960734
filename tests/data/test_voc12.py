"""VOC 2012 and SBD as published: splits, labels of the boxes, masks for scores alone."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from PIL import Image
from small_datasets import MORE, TRAIN, VAL, Published, boxes, truth_file

from bes.data import voc12
from bes.data.download import Archive
from bes.data.folder import VOC_CLASSES
from bes.data.images import VOC_PALETTE, read_mask
from bes.data.manifest import read_catalog
from bes.data.sbd import read_boundaries, read_segmentation
from bes.data.stamps import Stamps, changed_parts
from bes.data.voc12 import train_aug
from bes.errors import BesError
from bes.stages.dataset import stamp_file
from bes.stages.shared.dataset_kinds import DatasetOptions, stamp_of


def test_the_training_set_is_the_union_of_the_lists_without_val() -> None:
    assert train_aug(["d", "a"], ["a", "c", "v"], ["b"], without=["v", "w"]) == ["a", "b", "c", "d"]


def test_training_images_are_those_of_voc_and_sbd_without_vocs_val(voc: Published) -> None:
    splits = {id_: record.split for id_, record in voc.run().items()}
    assert splits == dict.fromkeys(TRAIN + MORE, "train") | dict.fromkeys(VAL, "val")


def test_another_training_set_than_the_known_one_is_refused(
    voc: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    with pytest.raises(BesError, match=r"found 4 training images .* expected 10582 with d1326bd5"):
        voc.run()
    assert not (voc.out / "images.csv").exists()


def test_a_list_of_ones_own_needs_no_sbd(voc: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    (voc.root / "benchmark_RELEASE").rename(voc.root / "elsewhere")
    voc.write("mine.txt", f"/JPEGImages/{TRAIN[1]}.jpg /SegmentationClassAug/{TRAIN[1]}.png\n")
    assert [id_ for id_, r in voc.run(train="mine.txt").items() if r.split == "train"] == TRAIN[1:]


@pytest.mark.parametrize("place", ["VOCdevkit/VOC2012", "VOC2012", "."])
def test_the_root_may_be_voc_itself(voc: Published, place: str) -> None:
    (voc.root / voc.voc).rename(voc.root.parent / "moving")
    (voc.root / "VOCdevkit").rmdir()
    if place == ".":
        (voc.root / "benchmark_RELEASE").rename(voc.root.parent / "moving/benchmark_RELEASE")
        voc.root.rmdir()
    (voc.root / place).parent.mkdir(exist_ok=True)
    (voc.root.parent / "moving").rename(voc.root / place)
    record = voc.run(sbd_masks=True)[TRAIN[0]]
    prefix = "" if place == "." else f"{place}/"
    assert record.path == f"{prefix}JPEGImages/{TRAIN[0]}.jpg"
    assert record.mask == f"{prefix}SegmentationClass/{TRAIN[0]}.png"


def test_labels_are_those_of_the_boxes_with_the_difficult_ones(voc: Published) -> None:
    annotation = boxes("person", "cat", difficult="cat", part="head")
    voc.write(f"{voc.voc}/Annotations/{TRAIN[0]}.xml", annotation)
    assert voc.run()[TRAIN[0]].labels == ("cat", "person")


def test_classes_have_vocs_numbers(voc: Published) -> None:
    voc.run()
    catalog = read_catalog(voc.out / "classes.json")
    assert catalog.classes == VOC_CLASSES and catalog.mask_values == tuple(range(1, 21))


def test_scores_are_of_vocs_own_masks(voc: Published, capsys: pytest.CaptureFixture[str]) -> None:
    records = voc.run()
    assert [id_ for id_, record in records.items() if record.mask] == TRAIN + VAL
    assert "2 of 4 training photographs have a mask" in capsys.readouterr().out
    assert not (voc.root / "SegmentationClassAug").exists()


def test_sbds_masks_are_added_on_demand_and_written_once(voc: Published) -> None:
    records = voc.run(sbd_masks=True)
    assert records[MORE[0]].mask == f"SegmentationClassAug/{MORE[0]}.png"
    assert records[TRAIN[0]].mask == f"{voc.voc}/SegmentationClass/{TRAIN[0]}.png"
    paths = sorted((voc.root / "SegmentationClassAug").iterdir())
    assert [path.name for path in paths] == [f"{image}.png" for image in MORE]
    cls = voc.root / "benchmark_RELEASE/dataset/cls"
    assert (read_mask(paths[0]) == read_segmentation(cls / f"{MORE[0]}.mat")).all()
    with Image.open(paths[0]) as picture:
        assert bytes(picture.getpalette() or []) == VOC_PALETTE
    paths[0].unlink()
    before = paths[1].stat().st_mtime_ns
    voc.run(sbd_masks=True)
    assert paths[0].exists() and paths[1].stat().st_mtime_ns == before


def test_test_photographs_have_no_labels(voc: Published) -> None:
    voc.write(f"{voc.voc}/ImageSets/Segmentation/test.txt", "2008_07\n")
    picture = (voc.root / voc.voc / f"JPEGImages/{TRAIN[0]}.jpg").read_bytes()
    voc.write(f"{voc.voc}/JPEGImages/2008_07.jpg", picture)
    record = voc.run()["2008_07"]
    assert (record.split, record.labels, record.mask) == ("test", (), "")


def test_a_test_list_without_photographs_is_left_out(
    voc: Published, capsys: pytest.CaptureFixture[str]
) -> None:
    voc.write(f"{voc.voc}/ImageSets/Segmentation/test.txt", "2008_07\n2008_08\n")
    assert "test" not in {record.split for record in voc.run().values()}
    assert "2 test images have no photographs, left out" in capsys.readouterr().out


def test_photographs_in_no_list_are_counted_and_lists_are_cleaned(
    voc: Published, capsys: pytest.CaptureFixture[str]
) -> None:
    voc.write(f"{voc.voc}/JPEGImages/2008_09.jpg", b"x")
    voc.write("train.txt", f"\ufeff{TRAIN[0]}\u200b\r\n\u200b\n")
    assert list(voc.run(train="train.txt")) == [TRAIN[0], *VAL]
    assert "4 photographs in no list, left out" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["photographs", "labels", "masks", "val"])
def test_options_of_other_datasets_are_refused(voc: Published, name: str) -> None:
    with pytest.raises(BesError, match=f"dataset.{name}: found 'x'"):
        voc.run(**{name: "x"})


def test_a_folder_is_never_downloaded(tmp_path: Path) -> None:
    with pytest.raises(BesError, match=r"dataset\.download: found True"):
        stamp_of(DatasetOptions(root=str(tmp_path), download=True))


def sources_of(voc: Published, **options: Any) -> Stamps:
    return stamp_of(voc.options(**options))


SBD = "benchmark_RELEASE/dataset"


@pytest.mark.parametrize(
    ("name", "counts", "counts_with_sbd_masks"),
    [
        (f"VOCdevkit/VOC2012/JPEGImages/{VAL[0]}.jpg", True, True),
        (f"VOCdevkit/VOC2012/Annotations/{VAL[0]}.xml", True, True),
        (f"VOCdevkit/VOC2012/SegmentationClass/{VAL[0]}.png", True, True),
        ("VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt", True, True),
        (f"{SBD}/val.txt", True, True),
        (f"{SBD}/cls/{MORE[0]}.mat", False, True),
        (f"{SBD}/img/{MORE[0]}.jpg", False, False),
    ],
)
def test_the_files_that_count_are_watched(
    voc: Published, name: str, counts: bool, counts_with_sbd_masks: bool
) -> None:
    before = sources_of(voc), sources_of(voc, sbd_masks=True)
    voc.write(name, "another content")
    assert (sources_of(voc) != before[0]) == counts
    assert (sources_of(voc, sbd_masks=True) != before[1]) == counts_with_sbd_masks


def test_what_the_run_itself_wrote_is_no_change(voc: Published) -> None:
    before = sources_of(voc, sbd_masks=True)
    voc.run(sbd_masks=True)
    seen = sources_of(voc, sbd_masks=True)
    assert before != seen
    assert changed_parts(stamp_file(voc.out), voc.root, seen, keep=False) == []
    (voc.root / f"SegmentationClassAug/{MORE[0]}.png").unlink()
    now = sources_of(voc, sbd_masks=True)
    assert changed_parts(stamp_file(voc.out), voc.root, now, keep=False) == ["SegmentationClassAug"]


def test_files_that_are_still_to_be_downloaded_are_no_fault(voc: Published) -> None:
    (voc.root / "VOCdevkit").rename(voc.root.parent / "elsewhere")
    assert sources_of(voc, download=True) == {}
    with pytest.raises(BesError, match="no PASCAL VOC 2012"):
        sources_of(voc)


@pytest.mark.parametrize("place", ["VOCdevkit/VOC2012", "VOC2012"])
def test_only_what_lies_nowhere_is_downloaded(voc: Published, place: str) -> None:
    (voc.root / voc.voc).rename(voc.root / "moving")
    (voc.root / place).parent.mkdir(exist_ok=True)
    (voc.root / "moving").rename(voc.root / place)
    assert voc12.missing(voc.root, train=None, sbd_masks=False) == ()
    (voc.root / "benchmark_RELEASE/dataset").rename(voc.root / "moving")
    needed = {
        (train, sbd_masks): [
            a.name for a in voc12.missing(voc.root, train=train, sbd_masks=sbd_masks)
        ]
        for train in (None, "mine.txt")
        for sbd_masks in (False, True)
    }
    assert needed.pop(("mine.txt", False)) == []
    assert set(map(tuple, needed.values())) == {("benchmark.tgz",)}
    (voc.root / "moving").rename(voc.root / "SBD")
    assert voc12.missing(voc.root, train=None, sbd_masks=True) == ()


def test_missing_archives_are_downloaded_and_unpacked(
    voc: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives = []
    for name, folder, part in (
        ("voc.tar", "VOCdevkit", voc.voc),
        ("sbd.tgz", "benchmark_RELEASE", "benchmark_RELEASE/dataset"),
    ):
        with tarfile.open(tmp_path / name, "w:gz" if name == "sbd.tgz" else "w") as tar:
            tar.add(voc.root / folder, folder)
        digest = hashlib.md5((tmp_path / name).read_bytes()).hexdigest()
        archives.append(Archive((tmp_path / name).as_uri(), digest, (part,)))
    expected = voc.run()
    monkeypatch.setattr(voc12, "ARCHIVES", tuple(archives))
    voc.root = tmp_path / "new"
    assert voc.run(download=True) == expected
    assert json.loads((voc.out / "classes.json").read_text())["root"] == str(voc.root)


def test_boundaries_are_those_of_all_classes(tmp_path: Path) -> None:
    first, second = np.zeros((2, 4, 5), bool)
    first[1], second[:, 3] = True, True
    path = tmp_path / "a.mat"
    path.write_bytes(truth_file(np.zeros((4, 5), np.uint8), {1: first, 20: second}))
    boundaries = read_boundaries(path)
    assert boundaries.dtype == bool and (boundaries == (first | second)).all()


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file" + bytes(200), None])
def test_a_file_that_is_not_sbds_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        scipy.io.savemat(tmp_path / "a.mat", {"GTinst": {"Segmentation": 1}})
    else:
        (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(BesError, match=r"a\.mat: not one of SBD's"):
        read_boundaries(tmp_path / "a.mat")
    with pytest.raises(BesError, match=r"b\.mat: "):
        read_boundaries(tmp_path / "b.mat")
