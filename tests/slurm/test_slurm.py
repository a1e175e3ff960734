"""The demo's workflow through profiles/slurm, with jobs that die."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from cluster import Slurm, wait

pytestmark = pytest.mark.slurm

ROOT = Path(__file__).parents[2]
GPU_RULES = {
    *("classifier", "cams", "benet", "irnet", "boundary_maps"),
    *("teacher", "teacher_maps", "segmenter", "segmentation_maps"),
}
CPU_RULES = {
    *("dataset", "boundary_labels", "revised_maps", "teacher_labels", "revised_teacher_maps"),
    *("pseudo_labels", "predictions", "evaluation", "quality", "report"),
}
TAUGHT = {"teacher_labels", "teacher_maps", "revised_teacher_maps"}
HELD_OUT = {"segmentation_maps", "predictions"}
SHARDED = {
    *("cams", "boundary_labels", "boundary_maps", "revised_maps", "pseudo_labels"),
    *TAUGHT,
    *HELD_OUT,
}
ONCE = {"dataset", "classifier", "cams", "boundary_labels", "benet", "irnet", "teacher", *TAUGHT}
"""Of both experiments together, or of the one that has a teacher; they differ in their boundary
maps, and in all that follows."""
SHARDS = 2
CONFIG = {
    "name": "tiny",
    "dataset": {"kind": "synthetic", "root": "data", "images": 16, "size": [64, 64]},
    "shards": SHARDS,
    "backbone": "resnet18",
    "weights": "none",
    "classifier": {
        "iterations": 3,
        "batch_size": 4,
        "crop": 64,
        "resize_long": [64, 64],
        "frozen_stages": 0,
        "batch_norm": "train",
    },
    "cams": {"scales": [1.0]},
    "boundary_labels": {"crf_iterations": 2},
    "benet": {"iterations": 2, "batch_size": 4, "crop": 64, "weights": "classifier"},
    "pseudo_labels": {"crf_iterations": 2},
    "goal": "predictions",
    "segmenter": {
        "iterations": 2,
        "batch_size": 4,
        "crop": 64,
        "output_stride": 16,
        "loss_scales": [1.0],
    },
    "segmentation_maps": {"scales": [1.0]},
    "irnet": {
        **{"iterations": 2, "batch_size": 4, "crop": 64, "weights": "classifier"},
        **{"crf_iterations": 2, "radius": 4},
    },
    "experiments": {
        "irnet": {"boundary_maps": {"network": "irnet"}, "teacher_maps": {"source": "teacher"}}
    },
}
"""`device` is `auto`: a job whose GPU is none computes on the CPU."""


@pytest.fixture
def snakemake(tmp_path: Path) -> Callable[[], subprocess.Popen]:
    """Start the workflow, its messages going to log.txt, in a folder of its own."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    command = [sys.executable, "-m", "snakemake", "--snakefile", f"{ROOT}/Snakefile"]
    command += ["--workflow-profile", f"{ROOT}/profiles/slurm", "--configfile", "config.json"]
    # There is no accounting and no network file system here.
    command += ["--slurm-no-account", "--slurm-status-command", "squeue", "--latency-wait", "10"]
    command += ["--slurm-init-seconds-before-status-checks", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("CUDA_VISIBLE_DEVICES", None)

    def start() -> subprocess.Popen:
        with open(tmp_path / "log.txt", "wb") as log:
            return subprocess.Popen(
                command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    return start


def test_jobs_get_their_gpus_and_killed_jobs_are_made_good(
    slurm: Slurm, snakemake: Callable[[], subprocess.Popen], tmp_path: Path
) -> None:
    run = snakemake()
    try:
        killed, worker = wait(lambda: slurm.worker("classifier"), 600, unless=run.poll)
        worker.kill()
        cancelled, _ = wait(lambda: slurm.worker("cams"), 600, unless=run.poll)
        slurm.cancel(cancelled)
        assert run.wait(1800) == 0
    finally:
        run.kill()
        print((tmp_path / "log.txt").read_text())

    jobs = slurm.jobs()
    assert {job["rule"] for job in jobs} == GPU_RULES | CPU_RULES
    visible = slurm.visible()
    for job in jobs:
        on_gpu = job["rule"] in GPU_RULES
        assert job["Partition"] == ("gpu" if on_gpu else "cpu"), job
        assert job["JOB_GRES"] == ("gpu:1" if on_gpu else "(null)"), job
        assert visible[job["JobId"]] in (("0", "1") if on_gpu else ("none",)), job
    states = {job["JobId"]: job["JobState"] for job in jobs}
    assert states[killed] == "FAILED"
    assert states[cancelled] == "CANCELLED"
    completed = Counter(job["rule"] for job in jobs if job["JobState"] == "COMPLETED")
    assert completed == {
        rule: (SHARDS if rule in SHARDED else 1) * (1 if rule in ONCE else 2)
        for rule in GPU_RULES | CPU_RULES
    }

    lists = tmp_path / "data/ImageSets/Segmentation"
    for stage in SHARDED:
        of = "val" if stage in HELD_OUT else "train"
        for name in (
            ["irnet"] if stage in TAUGHT else ["base"] if stage in ONCE else ["base", "irnet"]
        ):
            folder = tmp_path / "results" / "tiny" / name / stage
            expected = set((lists / f"{of}.txt").read_text().split())
            assert {path.stem for path in folder.glob("*.*")} == expected, folder
    for name in ("base", "irnet"):
        assert (tmp_path / "results/tiny" / name / "report/page/index.html").is_file()

    assert snakemake().wait(600) == 0
    assert "Nothing to be done" in (tmp_path / "log.txt").read_text()
