"""The format that the documentation adds works as it stands there: a module and nothing else."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bes.data.images import decode_labels
from bes.export import trainers
from bes.stages import export

ROOT = Path(__file__).parents[2]


def test_a_module_is_a_format(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs/workflow.md").read_text(encoding="utf-8")
    section = text[text.index("## Adding an export") : text.index("## Adding a backbone")]
    (name,) = re.findall(r"`bes/export/trainers/(\w+)\.py`", section)
    (module,) = re.findall(r"```python\n(.*?)```", section, re.S)
    folder = project.base / "formats"
    folder.mkdir()
    (folder / f"{name}.py").write_text(module)
    monkeypatch.setattr(trainers, "__path__", [*trainers.__path__, str(folder)])
    format = name.replace("_", "-")
    assert format in export._formats(trainers) and format not in export.FORMATS
    out = project.export(format)
    train = {image for image, record in project.records.items() if record.split == "train"}
    assert {path.stem for path in out.glob("photographs/*.jpg")} == train
    for image in train:
        assert np.array_equal(decode_labels(out / f"labels/{image}.png"), project.label(image))


@pytest.mark.parametrize("format", export.FORMATS + export.TOOLS)
def test_an_edit_of_a_format_is_another_code(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = export.STAGE.code()
    edited, known = export._module(format), export.code_digest
    monkeypatch.setattr(export, "code_digest", lambda name: known(name) + "x" * (name == edited))
    assert export.STAGE.code() != before
