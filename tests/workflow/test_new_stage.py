"""The stage that the documentation adds works as it stands there: a module and a rule."""

import re
from pathlib import Path
from typing import Any

import pytest

from bes.data.images import read_maps

ROOT = Path(__file__).parents[2]


@pytest.fixture
def blocks() -> dict[str, str]:
    """What the documentation puts into which file."""
    text = (ROOT / "docs/workflow.md").read_text(encoding="utf-8")
    section = text[text.index("## Adding a stage") : text.index("## Adding an export")]
    found = re.findall(r"`(bes/\S+|workflow/\S+)`:\n\n```python\n(.*?)```", section, re.S)
    return dict(found)


def test_a_module_and_a_rule_are_a_stage(project: Any, blocks: dict[str, str]) -> None:
    assert [*blocks] == ["bes/stages/blurred_maps.py", "workflow/rules/labels.smk"]
    for name, text in blocks.items():
        assert len(text.splitlines()) <= 35
        file = project.path / name
        before = file.read_text(encoding="utf-8") + "\n\n" if file.exists() else ""
        file.write_text(before + text, encoding="utf-8")
    # The server of jobs knows the package as it is.
    project.run_by(None)
    assert project.snakemake().returncode == 0
    folder = project.folder("blurred_maps")
    images = len(project.records)
    assert len(list(folder.glob("*.npz"))) == images > 0
    plain, _, size = read_maps(project.file("revised_maps"))
    blurred, _, same_size = read_maps(folder / f"{project.records[0].id}.npz")
    assert same_size == size and blurred.shape == plain.shape
    assert project.is_done()
    # Its options are a section of the configuration, and a change of them runs it alone.
    project.configure({"blurred_maps": {"sigma": 2.0}})
    assert project.snakemake().returncode == 0
    assert sum(computed(folder)) == images and sum(computed(project.folder("cams"))) == 0
    assert "blurred_maps" in project.bes("status").stdout


def computed(folder: Path) -> list[int]:
    """The photographs that each job of the last run computed."""
    texts = (log.read_text() for log in sorted((folder / "_logs").glob("*.log")))
    return [int(count) for text in texts for count in re.findall(r": (\d+) of \d+ to do", text)]
