"""An export is there whole or not at all, and replaces nothing but an export."""

from pathlib import Path
from typing import Any

import pytest

from bes.data.images import encode_labels
from bes.export.contents import Contents


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def beside(out: Path) -> set[str]:
    """What lies beside an export, without the lock."""
    return {path.name for path in out.parent.iterdir()} - {f".{out.name}.lock"}


def stamp(out: Path) -> int:
    return (out / "export.json").stat().st_ino


def test_a_second_export_has_nothing_to_do(project: Any, capsys: Any) -> None:
    first = stamp(project.export("torchvision"))
    capsys.readouterr()
    assert stamp(project.export("torchvision")) == first
    assert capsys.readouterr().err == "export: torchvision: up to date\n"


def test_a_changed_label_makes_it_anew(project: Any) -> None:
    before = contents(project.export("torchvision"))
    project.write_label("first", encode_labels(project.label("grey")))
    after = contents(project.export("torchvision"))
    assert {name for name in before if before[name] != after[name]} == {
        "export.json",
        "VOCdevkit/VOC2012/SegmentationClass/first.png",
    }


def test_so_does_a_file_of_it_that_is_missing_or_cut(project: Any) -> None:
    out = project.export("torchvision")
    before = contents(out)
    labels = out / "VOCdevkit/VOC2012/SegmentationClass"
    (labels / "first.png").unlink()
    (labels / "grey.png").write_bytes(b"")
    assert contents(project.export("torchvision")) == before


def test_so_does_another_option(project: Any) -> None:
    assert not list(project.export("torchvision").rglob("SegmentationClassRaw"))
    assert list(project.export("torchvision", raw=True).rglob("SegmentationClassRaw"))
    assert not list(project.export("torchvision").rglob("SegmentationClassRaw"))


def test_an_error_on_the_way_leaves_the_export_before_it(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = project.export("torchvision")
    before = contents(out)

    def break_down(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Contents, "write_lines", break_down)
    with pytest.raises(KeyboardInterrupt):
        project.export("torchvision", raw=True)
    assert contents(out) == before
    with pytest.raises(KeyboardInterrupt):
        project.export("imagefolder")
    assert beside(out) == {"torchvision", ".imagefolder.lock"}


def test_what_a_killed_run_left_is_put_right(project: Any) -> None:
    out = project.export("torchvision")
    before = contents(out)
    out.rename(out.with_name(".torchvision.old"))
    out.with_name(".torchvision.new").mkdir()
    assert contents(project.export("torchvision")) == before
    assert beside(out) == {"torchvision"}


def test_an_empty_folder_is_filled(project: Any) -> None:
    (project.base / "export/coco").mkdir(parents=True)
    assert (project.export("coco") / "annotations").is_dir()


def test_without_masks_for_validation_there_are_training_lists_alone(project: Any) -> None:
    for mask in (project.root / "SegmentationClass").iterdir():
        mask.unlink()
    project.read()
    for format in ("torchvision", "deeplab-pytorch", "mmsegmentation", "coco", "imagefolder"):
        names = {path.name for path in project.export(format).rglob("*")}
        assert not {"val.txt", "instances_val.json", "validation"} & names
    assert "val_dataloader" not in (project.export("mmsegmentation") / "bes_dataset.py").read_text()
