"""An export is there whole or not at all, and replaces nothing but an export."""

from pathlib import Path
from typing import Any

import pytest

from bes.data.images import encode_labels
from bes.data.manifest import shard_name, shard_of
from bes.errors import BesError
from bes.export.contents import Contents
from bes.storage.layout import receipt_file


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def beside(out: Path) -> set[str]:
    """What lies beside an export, without its lock and the copy of its marker."""
    own = {f".{out.name}.{ending}" for ending in ("lock", "json")}
    return {path.name for path in out.parent.iterdir()} - own


def test_a_second_export_has_nothing_to_do(project: Any, capsys: Any) -> None:
    out = project.export("torchvision")
    folder, marker = out.stat().st_ino, (out / "export.json").read_bytes()
    capsys.readouterr()
    project.export("torchvision")
    assert (out.stat().st_ino, (out / "export.json").read_bytes()) == (folder, marker)
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


def test_so_does_a_file_of_it_that_changed_but_not_in_size(project: Any) -> None:
    out = project.export("torchvision", copy=True)
    before = contents(out)
    for name in before.keys() - {"export.json"}:
        (out / name).write_bytes(before[name][:-1] + bytes([before[name][-1] ^ 1]))
    assert contents(project.export("torchvision", copy=True)) == before


def test_an_export_without_its_marker_is_known_by_the_copy(project: Any, capsys: Any) -> None:
    """Snakemake deletes the marker before the job."""
    out = project.export("torchvision")
    before, folder = contents(out), out.stat().st_ino
    (out / "export.json").unlink()
    capsys.readouterr()
    assert contents(project.export("torchvision")) == before
    assert out.stat().st_ino == folder
    assert capsys.readouterr().err == "export: torchvision: up to date\n"


def test_a_label_that_is_not_what_its_receipt_says_is_not_exported(project: Any) -> None:
    path = project.pseudo_labels / "first.png"
    path.write_bytes(encode_labels(project.label("grey")))
    with pytest.raises(BesError, match=r"first\.png: found other bytes than the digest in"):
        project.export("torchvision")
    assert not (project.base / "export/torchvision").exists()
    assert not receipt_of(project, "first").exists()


@pytest.mark.parametrize("name", ["JPEGImages/last.jpg", "SegmentationClass/last.png"])
def test_a_photograph_or_mask_that_changed_since_it_was_read_is_not_copied(
    project: Any, name: str
) -> None:
    path = project.root / name
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(BesError, match=r"last\.\w+: found other bytes than when the dataset was"):
        project.export("torchvision", copy=True)
    assert not (project.base / "export/torchvision").exists()
    assert all(receipt_of(project, image).exists() for image in ("first", "grey", "turned"))


def receipt_of(project: Any, image: str) -> Path:
    """The receipt that vouches for the pseudo label of an image."""
    shard = shard_name(shard_of(image, project.shards))
    return receipt_file(project.pseudo_labels, shard)


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
