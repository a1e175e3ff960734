"""Each format says the same to the reader that it is for."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import imageio.v3 as imageio
import numpy as np
import pytest
import torchvision
from PIL import Image
from torchvision.datasets import CocoDetection, VOCSegmentation

from bes.data.manifest import catalog_json, read_catalog

TRAIN, VAL = ["first", "grey", "lossless", "turned"], ["last", "later"]


def test_torchvision_reads_a_voc_devkit(project: Any, indices: Any) -> None:
    root = project.export("torchvision")
    for split, images in (("train", TRAIN), ("val", VAL)):
        dataset = VOCSegmentation(root, year="2012", image_set=split)
        assert len(dataset) == len(images)
        for image, (photograph, target) in zip(images, dataset, strict=True):
            assert np.array_equal(np.array(target), indices(image))
            assert photograph.size == target.size


def vocaug(root: Path, split: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """What `NAME: vocaug` of deeplab-pytorch does with a list: two columns, a slash in front."""
    folder = root / "VOC2012"
    pairs = []
    for line in (folder / f"ImageSets/SegmentationAug/{split}.txt").read_text().splitlines():
        photograph, label = (folder / column[1:] for column in line.rstrip().split(" "))
        colours = cv2.imread(str(photograph), cv2.IMREAD_COLOR)
        pairs.append((colours, np.asarray(Image.open(label), dtype=np.int32)))
    return pairs


def test_deeplab_pytorch_reads_lists_of_paths(project: Any, indices: Any) -> None:
    root = project.export("deeplab-pytorch")
    for split, images in (("train_aug", TRAIN), ("val", VAL)):
        for image, (colours, label) in zip(images, vocaug(root, split), strict=True):
            assert np.array_equal(label, indices(image))
            assert colours.shape[:2] == label.shape
    names = [line.split("\t") for line in (root / "labels.txt").read_text().splitlines()]
    assert names == [["0", "background"], ["1", "cat"], ["2", "dog"]]


def test_pycocotools_decodes_the_same_pixels(project: Any, indices: Any) -> None:
    root = project.export("coco")
    for split, images in (("train", TRAIN), ("val", VAL)):
        dataset = CocoDetection(
            root / "images" / split, root / f"annotations/instances_{split}.json"
        )
        names = {c["id"]: c["name"] for c in dataset.coco.loadCats(dataset.coco.getCatIds())}
        assert names == {1: "cat", 2: "dog"}
        for image, (photograph, annotations) in zip(images, dataset, strict=True):
            labels = np.zeros(photograph.size[::-1], np.uint8)
            for annotation in annotations:
                mask = dataset.coco.annToMask(annotation).astype(bool)
                assert annotation["area"] == mask.sum()
                left, top, width, height = (int(value) for value in annotation["bbox"])
                assert mask[top : top + height, left : left + width].sum() == mask.sum()
                labels[mask] = annotation["category_id"]
                # Of a crowd COCO's scores take no account.
                assert annotation["iscrowd"] == 0
            expected = indices(image)
            assert np.array_equal(labels, np.where(expected == 255, 0, expected))


def test_datasets_reads_an_imagefolder(
    project: Any, indices: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    loaded = datasets.load_dataset(
        "imagefolder",
        data_dir=str(project.export("imagefolder")),
        cache_dir=str(tmp_path / "cache"),
    )
    assert set(loaded) == {"train", "validation"}
    for split, images in (("train", TRAIN), ("validation", VAL)):
        assert [row["id"] for row in loaded[split]] == images
        for row in loaded[split]:
            assert np.array_equal(np.array(row["mask"]), indices(row["id"]))
            assert row["image"].size == row["mask"].size
            assert row["labels"] == ["cat", "dog"]


def test_the_classes_of_a_photograph_are_its_own(project: Any) -> None:
    classes = {image: ["cat", "dog"] for image in TRAIN + VAL} | {"first": ["dog"], "last": ["cat"]}
    rows = [f"{image},{' '.join(names)}\n" for image, names in classes.items()]
    (project.root / "labels.csv").write_text("image,labels\n" + "".join(rows))
    project.read()
    folder = project.export("imagefolder")
    for split, images in (("train", TRAIN), ("validation", VAL)):
        lines = (folder / split / "metadata.jsonl").read_text().splitlines()
        listed = {row["id"]: row["labels"] for row in map(json.loads, lines)}
        assert listed == {image: classes[image] for image in images}
    root = project.export("cls-labels")
    vectors = np.load(root / "cls_labels_onehot.npy", allow_pickle=True).item()
    table = (root / "labels.csv").read_text().splitlines()[1:]
    assert dict(line.split(",") for line in table) == {k: ";".join(v) for k, v in classes.items()}
    for image, names in classes.items():
        assert vectors[image].tolist() == [float(name in names) for name in ("cat", "dog")]


def test_cls_labels_have_the_places_of_the_classes(project: Any) -> None:
    root = project.export("cls-labels")
    table = np.load(root / "cls_labels_onehot.npy", allow_pickle=True).item()
    assert set(table) == {*TRAIN, *VAL}
    assert all(vector.dtype == np.float32 and vector.shape == (2,) for vector in table.values())
    assert np.flatnonzero(table["first"]).tolist() == [0, 1]
    assert (root / "labels.csv").read_text().splitlines()[1] == "first,cat;dog"
    assert (root / "classes.txt").read_text() == "cat\ndog\n"


def test_cls_labels_by_number_are_left_out_where_names_are_none(project: Any, capsys: Any) -> None:
    root = project.export("cls-labels")
    assert not (root / "cls_labels.npy").exists()
    assert "cls_labels.npy is left out" in capsys.readouterr().err


def test_the_mmsegmentation_config_is_python_with_the_classes(project: Any, indices: Any) -> None:
    root = project.export("mmsegmentation")
    config: dict[str, Any] = {}
    exec((root / "bes_dataset.py").read_text().replace("{{ fileDirname }}", str(root)), config)
    assert config["num_classes"] == len(config["metainfo"]["palette"]) == 3
    assert config["metainfo"]["classes"] == ("background", "cat", "dog")
    # The colours of VOC, as the label PNGs have them.
    assert config["metainfo"]["palette"] == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    for split, images in (("train", TRAIN), ("val", VAL)):
        dataset = config[f"{split}_dataloader"]["dataset"]
        assert dataset["reduce_zero_label"] is False and dataset["ignore_index"] == 255
        folder = Path(dataset["data_root"])
        assert (folder / dataset["ann_file"]).read_text().split() == images
        for image in images:
            label = folder / dataset["data_prefix"]["seg_map_path"] / f"{image}.png"
            assert np.array_equal(np.array(Image.open(label)), indices(image))


def by_pil(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def by_cv2(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def by_torchvision(path: Path) -> np.ndarray:
    return torchvision.io.decode_image(str(path), "UNCHANGED").numpy()[0]


def test_a_grey_label_is_the_same_to_every_reader(project: Any, indices: Any) -> None:
    root = project.export("mmsegmentation", raw=True)
    for image, folder in (("first", "PseudoLabels"), ("last", "SegmentationClass")):
        raw = root / f"{folder}Raw" / f"{image}.png"
        for read in (by_pil, by_cv2, imageio.imread, by_torchvision):
            assert np.array_equal(read(raw), indices(image)), read


def test_a_palette_label_is_indices_to_pil_and_torchvision_and_colours_to_others(
    project: Any, indices: Any
) -> None:
    path = project.export("mmsegmentation") / "PseudoLabels/first.png"
    for read in (by_pil, by_torchvision, lambda path: imageio.imread(path, mode="P")):
        assert np.array_equal(read(path), indices("first"))
    assert by_cv2(path).shape == imageio.imread(path).shape == (36, 48, 3)
    palette = np.array(Image.open(path).getpalette()).reshape(-1, 3)
    assert len(palette) == 256
    assert palette[[1, 2, 255]].tolist() == [[128, 0, 0], [0, 128, 0], [224, 224, 192]]


def test_photographs_are_upright_jpegs_of_the_size_of_their_labels(project: Any) -> None:
    folder = project.export("torchvision") / "VOCdevkit/VOC2012/JPEGImages"
    for image in TRAIN + VAL:
        path = folder / f"{image}.jpg"
        with Image.open(path) as photograph:
            assert photograph.format == "JPEG"
            assert photograph.size == (48, 36)
            shown = np.array(photograph.convert("RGB"), np.float32)
        # A link is the very file, a JPEG made anew is near to it.
        assert path.is_symlink() == (image not in ("lossless", "turned"))
        assert np.abs(shown - project.photograph(image)).mean() < (0.01 if path.is_symlink() else 4)


def test_a_photograph_for_printing_is_written_anew_for_the_screen(project: Any) -> None:
    path = project.root / "JPEGImages/first.jpg"
    Image.open(path).convert("CMYK").save(path)
    project.read()
    exported = project.export("coco") / "images/train/first.jpg"
    assert not exported.is_symlink()
    with Image.open(exported) as photograph:
        assert photograph.mode == "RGB"
        shown = np.array(photograph, np.float32)
    assert np.abs(shown - project.photograph("first")).mean() < 6


def test_white_is_that_of_the_bits_in_use(project: Any) -> None:
    white = np.full((36, 48), 4095, np.uint16)
    Image.fromarray(white).save(project.root / "JPEGImages/lossless.png")
    project.read()
    classes = project.base / "dataset/classes.json"
    classes.write_bytes(catalog_json(replace(read_catalog(classes), bit_depth=12)))
    exported = project.export("coco") / "images/train/lossless.jpg"
    assert np.array(Image.open(exported)).min() > 250


def test_rows_of_an_imagefolder_name_the_grey_labels_too(project: Any, indices: Any) -> None:
    root = project.export("imagefolder", raw=True)
    for split, images in (("train", TRAIN), ("validation", VAL)):
        lines = (root / split / "metadata.jsonl").read_text().splitlines()
        for row in map(json.loads, lines):
            raw = Image.open(root / split / row["raw_mask_file_name"])
            assert raw.mode == "L" and row["id"] in images
            assert np.array_equal(np.array(raw), indices(row["id"]))


def test_links_lead_from_anywhere_to_the_photographs(
    project: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose folder is given as a relative path; those of a copied project lead to the copies."""
    monkeypatch.chdir(project.base)
    classes = Path("dataset/classes.json")
    classes.write_bytes(catalog_json(replace(read_catalog(classes), root=Path("photographs"))))
    project.export("coco")
    copied = replace(project, base=tmp_path_factory.mktemp("other") / "copied")
    shutil.copytree(project.base, copied.base, symlinks=True)
    monkeypatch.chdir(copied.base)
    copied.export("coco")
    monkeypatch.chdir("/")
    for one in (project, copied):
        link = one.base / "export/coco/images/train/first.jpg"
        assert link.is_symlink() and link.samefile(one.root / "JPEGImages/first.jpg")


def test_copies_are_no_links(project: Any) -> None:
    for format in ("torchvision", "coco", "imagefolder"):
        out = project.export(format, copy=True)
        assert not [path for path in out.rglob("*") if path.is_symlink()]
        source = project.root / "JPEGImages/first.jpg"
        (copy,) = out.rglob("first.jpg")
        assert copy.read_bytes() == source.read_bytes()


def test_coco_images_have_the_size_of_the_photographs(project: Any) -> None:
    content = json.loads((project.export("coco") / "annotations/instances_train.json").read_text())
    assert {(image["height"], image["width"]) for image in content["images"]} == {(36, 48)}
