"""Labels go to annotation tools and come back, and a tool reads the pixels that were sent."""

import base64
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bes.data.images import VOC_PALETTE, decode_labels, encode_labels
from bes.data.manifest import read_catalog, read_manifest
from bes.data.ranking import RankedLabel, ranking_csv
from bes.data.review import read_review, review_csv, signed
from bes.errors import BesError
from bes.exchange.corrections import Imported, Places, import_corrections
from bes.exchange.drawing import names_of
from bes.exchange.masks import read_coloured
from bes.export.brush_code import decode_brush, encode_brush
from bes.method.trust import Signals
from bes.stages.export import ExportOptions, run_export
from bes.storage.files import digest_file

TRAIN = ["first", "grey", "lossless", "turned"]
FORMATS = ("cvat", "label-studio", "labelme", "coco")
H, W = 36, 48


@pytest.fixture
def labels(project: Any) -> dict[str, np.ndarray]:
    """The pseudo labels: one with void, one empty, one of specks, one as it was drawn."""
    found = {image: project.label(image) for image in TRAIN}
    found["first"][:, -5:] = 255
    found["grey"][:] = 0
    found["lossless"] = np.random.default_rng(0).integers(0, 3, (H, W)).astype(np.uint8)
    for image, label in found.items():
        project.write_label(image, encode_labels(label))
    return found


@pytest.fixture
def bring(project: Any) -> Callable[..., Imported]:
    """Imports a path into `corrections` and `review.csv`."""

    def bring(path: Path, **more: Any) -> Imported:
        return import_corrections(
            path,
            catalog=read_catalog(project.base / "dataset/classes.json"),
            records=read_manifest(project.base / "dataset/images.csv"),
            places=Places(project.root / "corrections", project.root / "review.csv"),
            **more,
        )

    return bring


def corrections(project: Any) -> dict[str, np.ndarray]:
    return {p.stem: decode_labels(p) for p in (project.root / "corrections").glob("*.png")}


def equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    return found.keys() == expected.keys() and all(
        np.array_equal(found[name], expected[name]) for name in expected
    )


@pytest.mark.parametrize("format", FORMATS)
def test_indices_come_back_as_they_went(project, labels, bring, format):
    done = bring(project.export(format))
    assert equal(corrections(project), labels)
    assert (done.written, done.replaced, done.empty) == (4, 0, 1)
    # The masks of photographs held out are in `coco` alone.
    assert done.held_out == (2 if format == "coco" else 0)
    review = read_review(project.root / "review.csv")
    assert {row.image: row.verdict for row in review.values()} == dict.fromkeys(TRAIN, "corrected")
    before = (project.root / "review.csv").read_bytes()
    again = bring(project.export(format))
    assert (again.written, again.same) == (0, 4)
    assert (project.root / "review.csv").read_bytes() == before


def test_what_was_not_changed_can_be_left_out(project, labels, bring):
    root = project.export("labelme")
    content = json.loads((root / "first.json").read_text())
    content["shapes"] = content["shapes"][:1]
    (root / "first.json").write_text(json.dumps(content))
    files = {image: project.pseudo_labels / f"{image}.png" for image in TRAIN}
    done = bring(root, pseudo_labels=files)
    assert (done.written, done.unchanged) == (1, 3)
    assert equal(corrections(project), {"first": np.where(labels["first"] == 1, 1, 0)})


def rank(project: Any) -> None:
    """A ranking; `later` is held out."""
    signals = dict.fromkeys(Signals._fields, 0.5)
    rows = [
        RankedLabel(n, image, ("cat",), score=n / 10, reason="", **signals)
        for n, image in enumerate(("turned", "later", "grey", "first", "lossless"), 1)
    ]
    (project.base / "quality").mkdir()
    (project.base / "quality/ranking.csv").write_text(ranking_csv(rows))


def worst(project: Any, format: str, count: int) -> Path:
    """An export of the least trusted."""
    out: Path = project.base / "worst" / format
    run_export(
        ExportOptions(),
        format=format,
        dataset=project.base / "dataset",
        pseudo_labels=project.pseudo_labels,
        quality=project.base / "quality",
        worst=count,
        out=out,
        threads=1,
    )
    return out


def test_the_worst_are_the_first_of_the_ranking(project, labels, bring):
    rank(project)
    for format in FORMATS:
        out = worst(project, format, 2)
        shutil.rmtree(project.root / "corrections", ignore_errors=True)
        bring(out)
        assert corrections(project).keys() == {"turned", "grey"}
        (project.root / "review.csv").unlink()
    # In the order of the dataset.
    images = json.loads((out / "annotations/instances_train.json").read_text())["images"]
    assert [Path(image["file_name"]).stem for image in images] == ["grey", "turned"]


def test_what_a_person_dealt_with_is_not_among_the_worst(project, labels, bring):
    rank(project)
    there = str(digest_file(project.pseudo_labels / "grey.png"))
    rows = [signed("turned", "corrected"), signed("grey", "accepted", there)]
    (project.root / "review.csv").write_text(review_csv(rows))
    bring(worst(project, "labelme", 1))
    assert corrections(project).keys() == {"first"}
    # Of a label that is another one by now, the verdict is no more.
    rows[1] = signed("grey", "accepted", "another")
    (project.root / "review.csv").write_text(review_csv([*rows, signed("first", "rejected")]))
    assert [path.stem for path in worst(project, "labelme", 1).glob("*.jpg")] == ["grey"]
    (project.root / "review.csv").write_text(
        review_csv(signed(image, "accepted") for image in TRAIN)
    )
    with pytest.raises(BesError, match="--worst: found every label mended, accepted or rejected"):
        worst(project, "labelme", 1)


@pytest.mark.parametrize("format", ("cvat", "label-studio", "labelme"))
def test_photographs_for_a_tool_are_files_of_their_own(project, labels, format):
    out = project.export(format, raw=True)
    assert not list(out.rglob("*Raw*"))  # a label once, in the colours that the tool knows
    photographs = list(out.rglob("*.jpg"))
    assert sorted(p.stem for p in photographs) == TRAIN
    assert not any(p.is_symlink() for p in photographs)


# What people make of them


def test_masks_in_the_colours_of_cvat_are_read(project, labels, bring, tmp_path):
    """As CVAT exports them: RGB, in a zip, with colours of its own."""
    colours = {0: (0, 0, 0), 1: (250, 50, 83), 2: (51, 221, 255), 255: (224, 224, 192)}
    table = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:250,50,83::\n"
    table += "dog:51,221,255::\nvoid:224,224,192::\n"
    with zipfile.ZipFile(tmp_path / "task.zip", "w") as archive:
        archive.writestr("labelmap.txt", table)
        for image, label in labels.items():
            pixels = np.zeros((*label.shape, 3), np.uint8)
            for index, colour in colours.items():
                pixels[label == index] = colour
            content = io.BytesIO()
            Image.fromarray(pixels).save(content, "PNG")
            archive.writestr(f"SegmentationClass/{image}.png", content.getvalue())
    bring(tmp_path / "task.zip")
    assert equal(corrections(project), labels)


def test_a_mask_is_not_lost_to_the_spelling_of_its_name(tmp_path):
    """What a list names and no mask has would be background."""
    (tmp_path / "labelmap.txt").write_text("cat:1,2,3::\n")
    masks, lists = tmp_path / "SegmentationClass", tmp_path / "ImageSets/Segmentation"
    masks.mkdir()
    lists.mkdir(parents=True)
    for name in ("one.PNG", "cafe\u0301.png", "._one.png"):
        Image.new("RGB", (3, 2), (1, 2, 3)).save(masks / name)
    (lists / "default.txt").write_text("one\ncaf\u00e9\nnothing\n")
    found = read_coloured(tmp_path / "labelmap.txt", names_of(["cat"]))
    drawn = {drawing.image: drawing.draw((2, 3)).max() for drawing in found}
    assert drawn == {"one": 1, "caf\u00e9": 1, "nothing": 0}


def test_the_xml_of_cvat_is_read(project, bring, tmp_path):
    expected = np.zeros((H, W), np.uint8)
    expected[2:5, 4:10] = 1
    expected[3, 5] = 0  # 6 + 1 inside, one out, the rest inside
    expected[20:30, 10:40] = 2
    (tmp_path / "annotations.xml").write_text(
        f"""<annotations><image id="0" name="first.jpg" width="{W}" height="{H}">
        <box label="dog" xtl="10" ytl="20" xbr="40" ybr="30" z_order="0"/>
        <mask label="cat" rle="0, 7, 1, 10" left="4" top="2" width="6" height="3"
              z_order="1"/>
        <tag label="cat"/></image></annotations>"""
    )
    bring(tmp_path / "annotations.xml")
    assert equal(corrections(project), {"first": expected})


def test_polygons_and_rectangles_are_filled(project, bring, tmp_path):
    square = [[10.0, 10.0], [20.0, 10.0], [20.0, 20.0], [10.0, 20.0]]
    expected = np.zeros((H, W), np.uint8)
    expected[10:20, 10:20] = 1
    images = [{"id": 7, "file_name": "a/first.jpg", "width": W, "height": H}]
    shape = {"image_id": 7, "category_id": 3, "segmentation": [np.ravel(square).tolist()]}
    coco = {"images": images, "annotations": [shape], "categories": [{"id": 3, "name": "cat"}]}
    percent = [[100 * x / W, 100 * y / H] for x, y in square]
    region = {"type": "polygonlabels", "original_width": W, "original_height": H}
    region |= {"value": {"points": percent, "polygonlabels": ["cat"]}}
    done = {"result": [region], "updated_at": "2"}
    task = {
        "data": {"image": "/data/upload/1/0a1b2c3d-first.jpg"},
        "annotations": [{"result": [], "updated_at": "1"}, done, {"was_cancelled": True}],
    }
    for content in (coco, [task]):
        (tmp_path / "file.json").write_text(json.dumps(content))
        bring(tmp_path / "file.json")
        assert equal(corrections(project), {"first": expected})
    labelme = {"shapes": [{"label": "cat", "points": square, "shape_type": "polygon"}]}
    labelme |= {"imagePath": "..\\first.jpg", "imageHeight": H, "imageWidth": W}
    (tmp_path / "file.json").write_text(json.dumps(labelme))
    bring(tmp_path / "file.json")
    # labelme counts the outline in.
    expected[10:21, 10:21] = 1
    assert equal(corrections(project), {"first": expected})


def test_label_pngs_of_any_program_are_read(project, labels, bring, tmp_path):
    (tmp_path / "drawn").mkdir()
    for image, label in labels.items():
        Image.fromarray(label).save(tmp_path / "drawn" / f"{image}.png")
    bring(tmp_path / "drawn")
    assert equal(corrections(project), labels)


# What is wrong with them


def labelme_of(project: Any, **changes: Any) -> Path:
    root = project.export("labelme")
    content = json.loads((root / "first.json").read_text())
    if label := changes.pop("label", None):
        content["shapes"][0]["label"] = label
    if mask := changes.pop("mask", None):
        content["shapes"][0]["mask"] = mask
    (root / "first.json").write_text(json.dumps(content | changes))
    return root


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"label": "bird"}, r"first.json: found the class 'bird', expected one of background, cat"),
        ({"imageWidth": 47}, r"first.json: found a label of 47x36 pixels, expected the 48x36 of"),
        ({"imagePath": "x.jpg"}, r"first.json: found the photograph 'x.jpg', expected one of the"),
        ({"imagePath": "grey.jpg"}, r"found a second label of 'grey', expected one; the first is"),
        ({"mask": "bm8="}, r"first.json: found a damaged shape .*, expected one by labelme"),
        ({"shapes": [{"points": []}]}, r"first.json: found a damaged shape \('label'\), expected"),
    ],
)
def test_one_fault_and_nothing_is_written(project, labels, bring, changes, sentence):
    bring(project.export("coco"))
    before = {p: p.read_bytes() for p in project.root.rglob("*") if p.is_file()}
    with pytest.raises(BesError, match=r"nothing is imported, 1 fault:\n.*" + sentence):
        bring(labelme_of(project, **changes))
    assert before == {p: p.read_bytes() for p in project.root.rglob("*") if p.is_file()}


def test_all_faults_are_listed_at_once(project, labels, bring):
    root = project.export("label-studio")
    tasks = json.loads((root / "tasks.json").read_text())
    tasks[0]["data"]["photograph"] = "nobody"
    tasks[2]["predictions"][0]["result"][0]["value"]["rle"] = [1, 2, 3]
    tasks[3]["predictions"][0]["result"][0]["original_height"] = 1
    (root / "tasks.json").write_text(json.dumps(tasks))
    with pytest.raises(BesError) as raised:
        bring(root)
    said = str(raised.value).splitlines()
    assert said[0] == "nothing is imported, 3 faults:"
    assert "task 1 (nobody): found the photograph 'nobody'" in said[1]
    assert "task 3 (lossless): found a damaged region (it ends too early)" in said[2]
    assert "task 4 (turned): found a label of 48x1 pixels" in said[3]


def test_a_colour_that_no_line_explains_is_named(project, labels, bring):
    root = project.export("cvat")
    pixels = np.array(Image.open(root / "SegmentationClass/turned.png").convert("RGB"))
    pixels[0, 0] = 1, 2, 3
    Image.fromarray(pixels).save(root / "SegmentationClass/turned.png")
    with pytest.raises(BesError, match=r"turned.png: found the colour \(1, 2, 3\), expected one"):
        bring(root)
    (root / "labelmap.txt").write_text("cat:1,2::\n")
    with pytest.raises(BesError, match=r"labelmap.txt: line 1: found 'cat:1,2::', expected"):
        bring(root)
    (root / "labelmap.txt").write_text("bird:1,2,3::\n")
    with pytest.raises(BesError, match=r"labelmap.txt: line 1: found the class 'bird', expected"):
        bring(root)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.zip", b"PK\x03\x04no", r"x.zip: damaged or locked .*, expected a whole zip"),
        ("x.json", b"{", r"x.json: damaged .*, expected a JSON"),
        ("x.xml", b"<a>", r"x.xml: damaged .*, expected an XML"),
        ("x.json", b"[1]", r"x.json: found no labels, expected a folder, file or zip of CVAT"),
        ("x.json", b'[{"data": {}}]', r"x.json: task 1: found no task, expected one of Label St"),
        ("x.json", b'{"images": [], "annotations": []}', r"found no 'categories', expected a COCO"),
        ("labelmap.txt", b"cat:1,2,3::", r"labelmap.txt: found no labels, expected a folder, file"),
        ("x.txt", b"", r"x.txt: found no labels, expected a folder, file or zip of CVAT"),
        ("x.png", b"", r"nothing is imported, 1 fault:\n.*x.png: found the photograph 'x.png'"),
    ],
)
def test_what_is_no_label_is_refused(project, bring, tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BesError, match=sentence):
        bring(tmp_path / name)
    with pytest.raises(BesError, match=r"nowhere: no such file or folder"):
        bring(tmp_path / "nowhere")
    assert not (project.root / "corrections").exists()
    assert not (project.root / "review.csv").exists()


def test_a_class_called_void_goes_to_no_tool(tmp_path):
    from bes.export.labelmap import labelmap
    from bes.export.names import UnfitName

    for name in ("void", "a:b", "#a"):
        with pytest.raises(UnfitName, match=r"found the class name .*, expected"):
            labelmap([name])


def test_what_a_brush_painted_is_what_is_more_opaque_than_not() -> None:
    pixels = [(9, 200, 9, alpha) for alpha in (0, 1, 127, 128, 255)]
    values = [value for pixel in pixels for value in pixel]
    # The sizes of blocks, then each value in one of its own.
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    bits += "".join(f"000000{value:08b}" for value in values)
    bits += "0" * (-len(bits) % 8)
    code = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    assert decode_brush(code, (1, 5)).tolist() == [[False, False, False, True, True]]


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (200, 300)])
def test_the_brush_code_has_every_pixel(shape):
    generator = np.random.default_rng(0)
    for mask in (np.zeros(shape, bool), np.ones(shape, bool), generator.random(shape) < 0.5):
        assert np.array_equal(decode_brush(encode_brush(mask), shape), mask)


# The tools' own readers


def test_labelme_reads_the_same_pixels(project, labels):
    """Its own reader where it can be loaded, otherwise what that does to a mask."""
    root = project.export("labelme")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    labelme = pytest.importorskip("labelme", exc_type=ImportError)
    from labelme import _label_file

    values = {"background": 0, "cat": 1, "dog": 2, "void": 255}
    for image, label in labels.items():
        data = _label_file.read_label_file(str(root / f"{image}.json"))
        found, _ = labelme.utils.shapes_to_label(label.shape, data.shapes, values)
        assert np.array_equal(found, label)


def test_the_converter_of_label_studio_reads_the_same_pixels(project, labels):
    brush = pytest.importorskip("label_studio_sdk.converter.brush", exc_type=ImportError)
    tasks = json.loads((project.export("label-studio") / "tasks.json").read_text())
    for task in tasks:
        label = labels[task["data"]["photograph"]]
        found = np.zeros_like(label)
        for region in task["predictions"][0]["result"]:
            index = {"cat": 1, "dog": 2, "void": 255}[region["value"]["brushlabels"][0]]
            code = region["value"]["rle"]
            mask = brush.decode_rle(code).reshape(*label.shape, 4)
            found[mask[..., 3] > 127] = index
            assert np.array_equal(mask[..., 0] > 127, label == index)
            assert decode_brush(brush.mask2rle((label == index) * np.uint8(255)), (H, W)).any()
        assert np.array_equal(found, label)


def test_label_studio_takes_the_tasks_for_its_labels(project, labels):
    interface = pytest.importorskip(
        "label_studio_sdk.label_interface", exc_type=ImportError
    ).LabelInterface
    root = project.export("label-studio")
    config = interface((root / "labels.xml").read_text())
    config.validate()
    for task in json.loads((root / "tasks.json").read_text()):
        assert config.validate_task({"data": task["data"]})
        assert all(config.validate_prediction(one) for one in task["predictions"])


@pytest.mark.parametrize("format", ["cvat", "torchvision", "coco"])
def test_datumaro_reads_the_same_pixels(project, labels, format):
    """By which CVAT imports."""
    datumaro = pytest.importorskip("datumaro", exc_type=ImportError)
    root = project.export(format, copy=True)
    if format == "torchvision":
        root = root / "VOCdevkit/VOC2012"
    reader = {"cvat": "voc_segmentation", "torchvision": "voc_segmentation"}.get(format, "coco")
    dataset = datumaro.Dataset.import_from(str(root), reader)
    names = [label.name for label in dataset.categories()[datumaro.AnnotationType.label]]
    assert [name for name in names if name not in ("background", "void")] == ["cat", "dog"]
    index = {"background": 0, "cat": 1, "dog": 2, "void": 255}
    found = {}
    for item in dataset:
        assert item.media.data.shape[:2] == (H, W)
        found[item.id] = np.zeros((H, W), np.uint8)
        for annotation in item.annotations:
            if annotation.type == datumaro.AnnotationType.bbox:  # COCO has one beside each mask
                continue
            found[item.id][annotation.image > 0] = index[names[annotation.label]]
    if format == "coco":  # has no place for void
        labels["first"][labels["first"] == 255] = 0
    assert equal({image: found[image] for image in TRAIN}, labels)


def test_the_labels_of_a_task_have_the_colours_of_its_masks(project, labels):
    root = project.export("cvat")
    task = {row["name"]: row["color"] for row in json.loads((root / "labels.json").read_text())}
    assert task == {"cat": "#800000", "dog": "#008000", "void": "#e0e0c0"}
    assert VOC_PALETTE[3:6] == bytes.fromhex("800000")
    with zipfile.ZipFile(root / "annotations.zip") as archive:
        for name in archive.namelist():
            assert archive.read(name) == (root / name).read_bytes()
        assert len(archive.namelist()) == 2 + 2 * len(TRAIN)


def test_a_mask_of_labelme_is_its_crop(project, labels):
    (cat, dog) = json.loads((project.export("labelme") / "turned.json").read_text())["shapes"]
    assert cat["points"] == [[6.0, 4.0], [29.0, 22.0]]
    crop = Image.open(io.BytesIO(base64.b64decode(cat["mask"])))
    assert crop.size == (24, 19) and dog["label"] == "dog"


# CVAT makes its export "Segmentation mask 1.1" by it.
@pytest.mark.parametrize(("form", "media"), [("voc_segmentation", True), ("coco_instances", False)])
def test_what_datumaro_writes_comes_back(project, labels, bring, tmp_path, form, media):
    datumaro = pytest.importorskip("datumaro", exc_type=ImportError)
    dataset = datumaro.Dataset.import_from(str(project.export("cvat")), "voc_segmentation")
    dataset.export(str(tmp_path / "written"), form, save_media=media)
    bring(tmp_path / "written")
    assert equal(corrections(project), labels)
