"""The benchmark of the workflow's own time: ready-made files are those that the rules declare."""

import os
from pathlib import Path

import pytest
from warm import HANDED, Warm

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_every_stage_ends_with_ready_made_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm: Warm
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import workflow_scale

    monkeypatch.setenv(HANDED, str(warm.socket))
    monkeypatch.setenv("PATH", f"{warm.python.parent}{os.pathsep}{os.environ['PATH']}")
    workflow = workflow_scale.Workflow(tmp_path, shards=2)
    workflow.add_photographs(range(6))
    assert workflow.computed(workflow.run()) == "6 6 6 6 6"
    workflow.file("cams", 0).unlink()
    assert workflow.computed(workflow.run()) == "1 0 0 0 0"
    assert workflow.jobs() == 1
