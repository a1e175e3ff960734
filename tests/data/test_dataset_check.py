"""`bes dataset check` reads everything, writes nothing, and says all there is to say at once."""

from pathlib import Path
from typing import Any

import pytest

from bes.cli import main


def check(folder: Any, *flags: str) -> int:
    return main(["dataset", "check", "--root", str(folder.root), "--threads", "2", *flags])


def test_a_dataset_in_order_is_summed_up(folder: Any, capsys: pytest.CaptureFixture) -> None:
    folder.photograph("JPEGImages/5.png")
    (folder.root / "JPEGImages/5.jpg").unlink()
    folder.mask("corrected/1.png", [0, 2, 255])
    before = sorted(folder.root.rglob("*"))
    assert check(folder, "--corrections", "corrected") == 0
    lines = capsys.readouterr().out.splitlines()
    for line in (
        "6 photographs: 4 train, 2 val",
        "  1 cat: 3",
        "masks: 6",
        "corrections: 1",
        "sizes: 32x24 to 32x24 pixels",
        "endings: 5 .jpg, 1 .png",
    ):
        assert line in lines
    table = lines.index("photographs that show both classes:")
    assert lines[table + 1 :] == ["       1  2", "1 cat  4  2", "2 dog  2  4"]
    assert sorted(folder.root.rglob("*")) == before and folder.written() == {}


def test_every_problem_is_named_and_the_rest_summed_up(
    folder: Any, capsys: pytest.CaptureFixture
) -> None:
    folder.write("JPEGImages/0.jpg", "no picture")
    folder.mask("SegmentationClass/1.png", [9])
    folder.mask("corrected/2.png", [0], size=(4, 4))
    folder.rows["9.jpg"] = "cat"
    folder.table()
    assert check(folder, "--corrections", "corrected", "--classes", "cat", "dog") == 2
    done = capsys.readouterr()
    assert "bes: 4 problems in the dataset:" in done.err
    for problem in ("0.jpg: found", "1.png: found", "2.png: found a mask of 4x4", "of '9' below"):
        assert problem in done.err
    assert "photographs: 2 train, 2 val" in done.out


def test_the_options_can_be_those_of_a_configuration(
    folder: Any, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for image in range(6):
        folder.mask(f"SegmentationClass/{image}.png", [0, 8, 12])
    file = tmp_path / "config.yaml"
    file.write_text(f"dataset: {{root: {folder.root}, classes: [dog=12, cat=8]}}\n")
    assert main(["dataset", "check", "--configfile", str(file)]) == 0
    assert "  1 dog (mask value 12): 2" in capsys.readouterr().out.splitlines()
    assert main(["dataset", "check", "--configfile", str(file), "--root", "elsewhere"]) == 2
    assert "found --root=elsewhere beside a configuration" in capsys.readouterr().err
