"""A photograph whose results could not have its name is found before anything is computed."""

import os
from typing import Any

import pytest

from bes.cli import main


@pytest.mark.parametrize("letter", ["a", "犬"])
def test_a_name_too_long_for_the_results_is_named_at_once(
    folder: Any, letter: str, capsys: pytest.CaptureFixture
) -> None:
    limit = os.pathconf(folder.root, "PC_NAME_MAX") - len(".webp")
    longest = letter * (limit // len(letter.encode()))
    longest += "b" * (limit - len(longest.encode()))
    folder.write("ImageSets/Segmentation/train.txt", f"{longest}\n")
    folder.photograph(f"JPEGImages/{longest}.jpg")
    folder.rows[f"{longest}.jpg"] = "cat"
    folder.table()
    run = ["dataset", "check", "--root", str(folder.root), "--threads", "1"]
    assert main(run) == 0
    capsys.readouterr()

    os.rename(*(folder.root / f"JPEGImages/{name}.jpg" for name in (longest, f"{longest}b")))
    folder.rows[f"{longest}b.jpg"] = folder.rows.pop(f"{longest}.jpg")
    folder.table()
    folder.write("ImageSets/Segmentation/train.txt", f"{longest}b\n")
    for command in (run, ["dataset", *run[2:], "--out", str(folder.root / "no" / "such")]):
        assert main(command) == 2
        said = capsys.readouterr().err
        assert f"{longest}b.jpg: found a name of {limit + 1} bytes without its ending" in said
        assert f"expected at most {limit}, so that its results can have names" in said
