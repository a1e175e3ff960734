"""The example notebook runs from its first cell to its last."""

import json
import os
import subprocess
import sys
from pathlib import Path

from warm import HANDED, Warm

ROOT = Path(__file__).parents[1]


def test_the_notebook_runs_and_the_second_run_trains_nothing(tmp_path: Path, warm: Warm) -> None:
    notebook = json.loads((ROOT / "examples/three_classes.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] for cell in cells), "the notebook is kept without outputs"
    script = "\n".join("".join(cell["source"]) + "\nprint('-- end of cell')" for cell in cells)
    # Fewer photographs and hardly any training: the scores are not looked at.
    for given, less in (
        ("len(rows) <= 60", "len(rows) <= 12"),
        ("iterations: 80", "iterations: 3"),
    ):
        assert given in script
        script = script.replace(given, less)
    script = f"import sys; sys.executable = {str(warm.python)!r}\n{script}"
    handed = {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", HANDED: str(warm.socket)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | handed,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    *_, first, _, _, second, _ = done.stdout.split("-- end of cell\n")
    assert "Training the classifier" in first and "Training" not in second, done.stdout
    assert "pseudo label" in second
