"""Labels corrected by hand are checked like masks, and take the place of what was computed."""

from typing import Any

import pytest

from bes.data.manifest import ImageRecord, read_catalog, read_manifest
from bes.data.truth import read_correction, read_truth
from bes.errors import BesError
from bes.stages.shared.dataset_kinds import DatasetOptions, stamp_of


def records_of(folder: Any) -> dict[str, ImageRecord]:
    return {record.id: record for record in read_manifest(folder.out / "images.csv")}


def test_a_correction_is_in_the_manifest(folder: Any, capsys: pytest.CaptureFixture) -> None:
    folder.mask("corrected/1.png", [0, 2, 255])
    folder.run(corrections="corrected")
    records = records_of(folder)
    assert records["1"].correction == "corrected/1.png" and records["1"].correction_digest
    assert not records["0"].correction and not records["0"].correction_digest
    assert "corrections: 1" in capsys.readouterr().out.splitlines()
    pixels = read_correction(read_catalog(folder.out / "classes.json"), records["1"])
    assert pixels[0, :3].tolist() == [0, 2, 255]


def test_a_correction_has_the_label_indices_whatever_the_masks_have(folder: Any) -> None:
    for image in range(6):
        folder.mask(f"SegmentationClass/{image}.png", [0, 8, 12])
    folder.mask("corrected/2.png", [0, 1, 2, 255])
    for classes, expected in ((("cat=8", "dog=12"), [0, 1, 2]), (("dog=12", "cat=8"), [0, 2, 1])):
        folder.run(corrections="corrected", classes=classes)
        catalog, record = read_catalog(folder.out / "classes.json"), records_of(folder)["2"]
        assert read_correction(catalog, record)[0, :4].tolist() == [0, 1, 2, 255]
        assert read_truth(catalog, record)[0, :3].tolist() == expected


@pytest.mark.parametrize("values", [[0, 1], [0, 8]])
def test_a_file_that_is_mask_and_correction_has_to_be_right_as_both(
    folder: Any, values: list[int]
) -> None:
    options = {"corrections": "SegmentationClass", "classes": ("cat=8", "dog=12")}
    for image in range(6):
        folder.mask(f"SegmentationClass/{image}.png", [0])
    folder.run(**options)
    folder.mask("SegmentationClass/0.png", values)
    with pytest.raises(
        BesError, match=r"0\.png: found the (mask value 1|label 8), expected 0, 255"
    ):
        folder.run(**options)


@pytest.mark.parametrize("where", ["JPEGImages", "SegmentationClass", "."])
def test_corrections_within_another_folder_are_told_apart(folder: Any, where: str) -> None:
    folder.mask(f"{where}/corrected/1.png", [0])
    folder.run(photographs="JPEGImages", corrections=f"{where}/corrected")
    records = records_of(folder)
    assert [record.id for record in records.values() if record.correction] == ["1"]
    assert records["1"].path == "JPEGImages/1.jpg"
    assert records["1"].mask == "SegmentationClass/1.png"


def test_a_changed_correction_changes_its_row_alone(folder: Any) -> None:
    folder.mask("corrected/1.png", [0])
    folder.run(corrections="corrected")
    before = (folder.out / "images.csv").read_text().splitlines()
    folder.mask("corrected/1.png", [2])
    folder.run(corrections="corrected")
    after = (folder.out / "images.csv").read_text().splitlines()
    assert [new[0] for new, old in zip(after, before, strict=True) if new != old] == ["1"]


def test_corrections_that_nothing_reads_are_counted(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    for name in ("4", "nobody"):  # for validation; no photograph
        folder.mask(f"corrected/{name}.png", [0])
    for name in ("1.jpg", "2.tif"):
        folder.write(f"corrected/{name}", "x")
    (folder.root / "corrected/3.png").symlink_to("nowhere")
    folder.run(corrections="corrected")
    said = capsys.readouterr().out
    assert "2 corrections of no training photograph, left out" in said
    assert "2 files in corrected of another kind than PNG, left out: 1 .jpg, 1 .tif" in said
    assert "1 file that cannot be opened or named, left out, such as corrected/3.png" in said
    assert not any(record.correction for record in records_of(folder).values())


def test_a_folder_that_is_not_there_yet_has_no_correction_and_is_named(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    options = DatasetOptions(root=str(folder.root), corrections="corrections")
    assert "corrections" not in stamp_of(options)
    folder.run(corrections="corrections")
    said = capsys.readouterr().out
    assert f"no correction yet: found no folder {folder.root}/corrections" in said
    assert not any(record.correction for record in records_of(folder).values())


def test_corrections_are_files_that_a_run_depends_on(folder: Any) -> None:
    options = DatasetOptions(root=str(folder.root), corrections="corrected")
    sources = []
    for name in ("1", "2"):
        folder.mask(f"corrected/{name}.png", [0])
        sources.append(stamp_of(options))
    assert sources[0] != sources[1]


def test_a_manifest_without_corrections_is_of_another_version(folder: Any) -> None:
    folder.run()
    file = folder.out / "images.csv"
    lines = file.read_text().splitlines()
    assert lines[0].endswith(",correction,correction_digest,rejected")
    file.write_text("".join(f"{line.rsplit(',', 3)[0]}\n" for line in lines))
    with pytest.raises(BesError, match=r"images\.csv: not a manifest of this version of bes"):
        read_manifest(file)
