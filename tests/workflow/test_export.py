"""`snakemake export` writes the labels for other trainers, and again only what changed."""

from pathlib import Path
from typing import Any

import pytest
from torchvision.datasets import VOCSegmentation

from bes.data.images import decode_labels
from bes.stages.export import FORMATS


def marker(project: Any, format: str) -> str:
    """The file of an export that Snakemake follows, as a target."""
    return str(Path("results/tiny/base/export", format, "export.json"))


def made(project: Any) -> set[str]:
    """The formats that the last run wrote, by the logs of its jobs."""
    logs = (project.folder("export") / "_logs").glob("*.log")
    return {log.stem for log in logs if "up to date" not in log.read_text()}


@pytest.fixture
def exported(project: Any) -> Any:
    """A project with all exports."""
    project.run("export")
    assert made(project) == set(FORMATS)
    return project


def test_all_formats_are_one_target(exported: Any) -> None:
    assert all((exported.path / marker(exported, format)).is_file() for format in FORMATS)
    root = exported.folder("export") / "torchvision"
    dataset = VOCSegmentation(root, image_set="train")
    assert [Path(path).stem for path in dataset.images] == [r.id for r in exported.records]
    for number, (_, target) in enumerate(dataset):
        assert (decode_labels(exported.file("pseudo_labels", number)) == target).all()


def test_one_format_is_a_target_of_its_own(project: Any) -> None:
    project.run(marker(project, "coco"))
    assert made(project) == {"coco"}


def test_the_report_needs_no_export(finished: Any) -> None:
    assert finished.is_done()
    assert not finished.folder("export").exists()


def test_a_changed_setting_of_the_export_touches_nothing_else(exported: Any) -> None:
    exported.configure({"export": {"raw": True}})
    assert exported.run(marker(exported, "torchvision")) == {}
    assert made(exported) == {"torchvision"}
    assert list(exported.folder("export").glob("torchvision/VOCdevkit/*/SegmentationClassRaw"))
    assert exported.is_done()


def test_changed_labels_are_exported_anew(exported: Any) -> None:
    before = exported.contents()
    exported.configure({"pseudo_labels": {"threshold": 1.0, "crf": False}})
    assert exported.run("export") == {"pseudo_labels": 12}
    assert any(name.endswith(".png") for name in exported.disturbed(before))
    assert made(exported) == set(FORMATS)


def test_a_label_that_was_deleted_and_mended_exports_nothing_anew(exported: Any) -> None:
    exported.file("pseudo_labels").unlink()
    assert exported.run("export") == {"pseudo_labels": 1}
    assert made(exported) == set()


def test_a_format_that_cannot_take_a_name_is_skipped(project: Any) -> None:
    scene, odd = project.spare[0], "a scene.v2"
    scenes = project.path / "data/scenes"
    for name in (f"JPEGImages/{scene}.jpg", f"SegmentationClass/{scene}.png"):
        (scenes / name).rename((scenes / name).with_stem(odd))
    table = scenes / "labels.csv"
    table.write_text(table.read_text().replace(f"{scene}.jpg,", f"{odd}.jpg,"))
    project.add(odd)
    project.configure({"policy": "frozen"})
    targets = [marker(project, format) for format in ("deeplab-pytorch", "coco")]
    done = project.snakemake(*targets)
    assert done.returncode == 0, done.stderr
    sentence = "deeplab-pytorch is skipped: JPEGImages/a scene.v2.jpg: found the image name"
    assert sentence in done.stderr
    skipped, written = (project.path / target for target in targets)
    assert {path.name for path in skipped.parent.iterdir()} == {"export.json", "skipped.txt"}
    assert (written.parent / f"images/train/{odd}.jpg").exists()
    assert not (written.parent / "skipped.txt").exists()
    assert project.is_done(*targets)


def test_a_leak_stops_the_job_and_names_the_image(project: Any) -> None:
    project.configure({"dataset": {"corrections": "SegmentationClass"}})
    done = project.snakemake(marker(project, "coco"))
    assert done.returncode != 0
    log = (project.folder("export") / "_logs/coco.log").read_text()
    assert "12 leaks:\nscene_00000: " in log
    assert not (project.path / marker(project, "coco")).exists()


def test_a_rejected_photograph_leaves_the_exports_and_nothing_is_computed(exported: Any) -> None:
    name, root = exported.records[3].id, exported.path / "data/photographs"
    before = exported.contents()
    (root / "review.csv").write_text(f"image,verdict\n{name},rejected\n")
    exported.configure({"dataset": {"review": "review.csv"}})
    assert exported.run("export") == {}
    assert made(exported) == set(FORMATS)
    voc = exported.folder("export") / "torchvision"
    images = VOCSegmentation(voc, image_set="train").images
    assert {Path(path).stem for path in images} == {r.id for r in exported.records} - {name}
    assert not list(exported.folder("export").glob(f"*/**/{name}.*"))
    (root / "review.csv").write_text("image,verdict\n")
    assert exported.run("export") == {}
    assert {n for n in exported.disturbed(before) if not n.endswith("/whole.json")} == set()
