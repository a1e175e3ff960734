"""VOC 2012 and SBD as published: splits, labels of the boxes, masks for scores alone."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from PIL import Image

from bes.data import voc12
from bes.data.download import Archive
from bes.data.folder import VOC_CLASSES
from bes.data.images import VOC_PALETTE, read_mask
from bes.data.manifest import ImageRecord, read_catalog, read_manifest
from bes.data.sbd import read_boundaries, read_segmentation
from bes.data.voc12 import train_aug
from bes.errors import BesError
from bes.stages.dataset import DatasetOptions, run_dataset, write_sources

SIZE = (12, 10)
"""Width and height."""
TRAIN, VAL, MORE = ["2007_01", "2007_02"], ["2007_03", "2007_04"], ["2008_05", "2008_06"]


def boxes(*names: str, difficult: str = "", part: str = "") -> str:
    objects = "".join(
        f"<object><name>{name}</name><difficult>{int(name == difficult)}</difficult>"
        + (f"<part><name>{part}</name></part>" if part else "")
        + "</object>"
        for name in names
    )
    return f"<annotation><filename>x.jpg</filename>{objects}</annotation>"


def truth_file(mask: np.ndarray, boundaries: dict[int, np.ndarray]) -> bytes:
    """A `cls/*.mat` with sparse boundaries of 20 classes."""
    cells = np.empty((20, 1), object)
    for index in range(20):
        layer = boundaries.get(index + 1, np.zeros(mask.shape, bool))
        cells[index, 0] = scipy.sparse.csc_matrix(layer)
    content = io.BytesIO()
    present = np.unique(mask[mask > 0])[:, None]
    truth = {"Boundaries": cells, "Segmentation": mask, "CategoriesPresent": present}
    scipy.io.savemat(content, {"GTcls": truth}, do_compression=True)
    return content.getvalue()


class Published:
    """VOC 2012 and SBD in miniature: SBD adds two photographs and lists one of VOC's val."""

    def __init__(self, base: Path):
        self.root, self.out = base / "voc", base / "dataset"
        self.voc = "VOCdevkit/VOC2012"
        for image in TRAIN + VAL + MORE:
            pixels = np.random.default_rng(sum(image.encode())).integers(0, 256, (*SIZE[::-1], 3))
            picture = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(picture, "JPEG")
            self.write(f"{self.voc}/JPEGImages/{image}.jpg", picture.getvalue())
            self.write(f"{self.voc}/Annotations/{image}.xml", boxes("dog", "aeroplane", "dog"))
        for image in TRAIN + VAL:
            mask = io.BytesIO()
            Image.fromarray(np.resize(np.array([0, 1, 12, 255], np.uint8), SIZE[::-1])).save(
                mask, "PNG"
            )
            self.write(f"{self.voc}/SegmentationClass/{image}.png", mask.getvalue())
        for image in MORE:
            mask = np.resize(np.array([0, 12], np.uint8), SIZE[::-1])
            self.write(f"benchmark_RELEASE/dataset/cls/{image}.mat", truth_file(mask, {}))
        self.lists = {
            f"{self.voc}/ImageSets/Segmentation/train.txt": TRAIN,
            f"{self.voc}/ImageSets/Segmentation/val.txt": VAL,
            "benchmark_RELEASE/dataset/train.txt": [TRAIN[0], MORE[1], VAL[0]],
            "benchmark_RELEASE/dataset/val.txt": [MORE[0]],
        }
        for name, images in self.lists.items():
            self.write(name, "".join(f"{image}\n" for image in images))

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def options(self, **options: Any) -> DatasetOptions:
        return DatasetOptions(kind="voc12", root=str(self.root), **options)

    def run(self, **options: Any) -> dict[str, ImageRecord]:
        run_dataset(self.options(**options), out=self.out, shards=2, threads=2)
        return {record.id: record for record in read_manifest(self.out / "images.csv")}


@pytest.fixture
def voc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Published:
    """Files without faults, whose training set passes as the known one."""
    ids = "".join(f"{image}\n" for image in TRAIN + MORE)
    monkeypatch.setattr(voc12, "TRAIN_AUG_DIGEST", hashlib.sha256(ids.encode()).hexdigest())
    return Published(tmp_path)


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


def test_a_damaged_mask_of_sbd_is_named(voc: Published) -> None:
    path = voc.root / f"benchmark_RELEASE/dataset/cls/{MORE[1]}.mat"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(BesError, match=rf"cls/{MORE[1]}\.mat: not one of SBD's"):
        voc.run(sbd_masks=True)


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


BOMB = (
    '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">'
    + "".join(f'<!ENTITY {chr(c)} "{f"&{chr(c - 1)};" * 10}">' for c in range(ord("c"), ord("k")))
    + "]><annotation><object><name>&j;</name></object></annotation>"
)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda v: (v.root / v.voc / f"JPEGImages/{MORE[0]}.jpg").unlink(), r"_05.jpg: no such"),
        (lambda v: (v.root / v.voc / f"Annotations/{VAL[0]}.xml").unlink(), r"_03.xml: cannot"),
        (lambda v: v.write(f"{v.voc}/Annotations/{VAL[0]}.xml", "<a><b></a>"), "mismatched tag"),
        (lambda v: v.write(f"{v.voc}/Annotations/{VAL[0]}.xml", boxes("hat")), "class 'hat'"),
        (lambda v: v.write(f"{v.voc}/Annotations/{VAL[0]}.xml", BOMB), "found a DOCTYPE"),
        (lambda v: v.write(f"{v.voc}/Annotations/{VAL[0]}.xml", BOMB.encode("utf-16")), "DOCTYPE"),
        (
            lambda v: v.write(f"{v.voc}/ImageSets/Segmentation/val.txt", f"{VAL[0]}\n" * 2),
            f"'{VAL[0]}' in val again",
        ),
        (lambda v: (v.root / v.voc / "ImageSets/Segmentation/val.txt").unlink(), "val.txt: cannot"),
        (lambda v: (v.root / v.voc).rename(v.root / "else"), "no PASCAL VOC 2012 .*download: true"),
        (lambda v: (v.root / "benchmark_RELEASE").rename(v.root / "else"), "found no SBD"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    voc: Published, break_it: Callable[[Published], Any], message: str
) -> None:
    break_it(voc)
    with pytest.raises(BesError, match=message):
        voc.run()
    assert not (voc.out / "images.csv").exists()


@pytest.mark.parametrize("name", ["photographs", "labels", "masks", "val"])
def test_options_of_other_datasets_are_refused(voc: Published, name: str) -> None:
    with pytest.raises(BesError, match=f"dataset.{name}: found 'x'"):
        voc.run(**{name: "x"})


def test_a_folder_is_never_downloaded(tmp_path: Path) -> None:
    with pytest.raises(BesError, match=r"dataset\.download: found True"):
        write_sources(tmp_path / "out", DatasetOptions(root=str(tmp_path), download=True))


def sources_of(voc: Published, **options: Any) -> bytes:
    write_sources(voc.out, voc.options(**options))
    return (voc.out / "_sources.tsv").read_bytes()


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
    seen = (voc.out / "_sources.tsv").read_bytes()
    assert before != seen == sources_of(voc, sbd_masks=True)
    (voc.root / f"SegmentationClassAug/{MORE[0]}.png").unlink()
    assert sources_of(voc, sbd_masks=True) != seen


def test_files_that_are_still_to_be_downloaded_are_no_fault(voc: Published) -> None:
    (voc.root / "VOCdevkit").rename(voc.root.parent / "elsewhere")
    assert sources_of(voc, download=True) == b""
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


@pytest.mark.parametrize("read", [read_boundaries, read_segmentation])
@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file" + bytes(200), None])
def test_a_file_that_is_not_sbds_is_an_error(
    tmp_path: Path, read: Callable[[Path], Any], content: bytes | None
) -> None:
    if content is None:
        scipy.io.savemat(tmp_path / "a.mat", {"GTinst": {"Segmentation": 1}})
    else:
        (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(BesError, match=r"a\.mat: not one of SBD's"):
        read(tmp_path / "a.mat")
    with pytest.raises(BesError, match=r"b\.mat: "):
        read(tmp_path / "b.mat")
