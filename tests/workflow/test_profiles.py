"""Where the profiles of clusters send the jobs of each rule, by what the rule asks for."""

import logging
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from test_rules import ROOT, TARGETS, rules

PROFILES = ROOT / "profiles"
JOBS = sorted(set(rules()) - TARGETS - {"of_image"})
"""Rules whose jobs are submitted; the others are done where Snakemake runs."""


def resources_of(rule: str) -> dict[str, int]:
    """What a rule asks for where there are GPUs, two for a training."""
    text = rules()[rule]
    found = {name: int(n) for name, n in re.findall(r"(mem_mb|runtime)=more\((\d+)\)", text)}
    assert set(found) == {"mem_mb", "runtime"}
    gpus = re.search(r"gpu=gpus\((.*)\)", text)
    return found | ({"gpu": 2 if gpus[1] else 1} if gpus else {})


def profile(name: str) -> dict[str, Any]:
    return yaml.safe_load((PROFILES / name / "config.yaml").read_text())


def slurm(rule: str) -> str:
    """The partition that the executor plugin chooses."""
    plugin = pytest.importorskip("snakemake_executor_plugin_slurm.partitions")
    config = profile("slurm")
    assert "slurm_partition" not in config["default-resources"]
    partitions = plugin.read_partition_file(PROFILES / "slurm" / config["slurm-partition-config"])
    resources = config["default-resources"] | resources_of(rule)
    job = SimpleNamespace(name=rule, resources=resources, threads=8)
    return plugin.get_best_partition(partitions, job, logging.getLogger())


def cluster_generic(rule: str) -> str:
    """The partition in the command that the shell is given."""
    config = profile("cluster-generic")
    resources = SimpleNamespace(**config["default-resources"] | resources_of(rule))
    command = config["cluster-generic-submit-cmd"].format(
        rule=rule, jobid=1, threads=8, resources=resources
    )
    words = subprocess.check_output(f"echo {command}", shell=True, text=True).split()
    assert f"--gpus={resources.gpu}" in words
    return next(word for word in words if word.startswith("--partition=")).partition("=")[2]


@pytest.mark.parametrize("chosen", [slurm, cluster_generic])
@pytest.mark.parametrize("rule", JOBS)
def test_a_rule_that_asks_for_a_gpu_is_sent_to_those_that_have_one(rule: str, chosen: Any) -> None:
    assert chosen(rule) == ("gpu" if "gpu=gpus(" in rules()[rule] else "cpu")


def test_all_that_runs_a_network_asks_for_a_gpu() -> None:
    asking = {rule for rule in JOBS if "gpu" in resources_of(rule)}
    assert asking == {rule for rule in JOBS if "--device" in rules()[rule]}
    assert {"segmenter", "segmentation_maps", "irnet"} < asking


def test_no_profile_names_a_rule() -> None:
    for file in PROFILES.glob("*/*.yaml"):
        content = yaml.safe_load(Path(file).read_text())
        assert not {"set-resources", "set-threads"} & content.keys(), file
