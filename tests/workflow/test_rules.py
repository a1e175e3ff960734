"""The rules are complete, and reading them is cheap."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bes.data.ranking import read_ranking
from bes.project.schema import json_schema, markdown_tables

ROOT = Path(__file__).parents[2]
TARGETS = {"all", "export", "fig4", "table2_to_4", "target"}
"""Rules that only ask for what others give."""
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))


def rules() -> dict[str, str]:
    """Name -> text of every rule. Those that are made in a loop are called by what they are: of an
    image, or of a comparison."""
    found = {}
    for file in [ROOT / "workflow" / "Snakefile", *RULES]:
        for part in re.split(r"^(?= *rule\b)", file.read_text(), flags=re.MULTILINE)[1:]:
            name = re.match(r" *rule ?(\w*):", part)
            assert name
            found[name[1] or ("of_image" if file.stem == "companions" else "target")] = part
    return found


@pytest.mark.parametrize("rule", rules())
def test_a_rule_says_what_it_takes_and_leaves(rule: str) -> None:
    text = rules()[rule]
    needed = {"input", "output", "log", "benchmark", "threads", "resources", "message", "shell"}
    if rule in TARGETS:
        needed = {"input", "message"}
    if rule == "dataset":  # the photographs are looked at before the run
        needed -= {"input"}
    if rule == "of_image":  # looks whether a file is there
        needed -= {"benchmark", "threads", "resources"}
    assert needed <= set(re.findall(r"^ +(\w+):", text, re.MULTILINE))
    if "resources" in needed:
        assert {"mem_mb", "runtime"} <= set(re.findall(r"^ +(\w+)=", text, re.MULTILINE))


def test_a_rule_for_every_stage() -> None:
    stages = set(json_schema(documented=False)["properties"])
    others = {"of_image", "stage_folder", "comparison", "tables", "export_format", "submission"}
    assert set(rules()) - TARGETS - others <= stages


def test_the_linter_has_nothing_else_to_say(finished: Any) -> None:
    done = finished.command(*finished.SNAKEMAKE, "--lint")
    found = set(re.findall(r"^ +\* (.+?)(?: in line \d+)?\.?:?$", done.stderr, re.MULTILINE))
    allowed = (
        # Set here for the jobs, not taken from the user.
        "Environment variable ",
    )
    assert not {finding for finding in found if not finding.startswith(allowed)}, done.stderr


def test_the_rules_are_formatted() -> None:
    snakefmt = Path(sys.executable).with_name("snakefmt")
    done = subprocess.run(
        [snakefmt, "--check", ROOT / "Snakefile", ROOT / "workflow"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_schema_and_the_tables_of_the_keys_are_those_of_the_settings() -> None:
    schema = (ROOT / "workflow/schemas/config.schema.yaml").read_text()
    assert yaml.safe_load(schema) == yaml.safe_load(yaml.safe_dump(json_schema(documented=True)))
    assert (ROOT / "config/README.md").read_text().endswith(f"\n{markdown_tables()}")


@pytest.mark.parametrize("report", ["report.html", "report.zip"])
def test_snakemake_makes_its_report_in_one_file_or_with_the_pages(
    project: Any, report: str
) -> None:
    done = project.command(*project.SNAKEMAKE, "--report", *([report] if ".zip" in report else []))
    assert done.returncode == 0, done.stderr[-3000:]
    assert (project.path / report).stat().st_size > 100_000
    assert ("--report report.zip" in done.stderr) == (report == "report.html")
    assert project.is_done()


def test_a_stage_is_a_target(project: Any) -> None:
    project.configure({"experiments": {"strict": {"pseudo_labels": {"threshold": 0.9}}}})
    done = project.snakemake("pseudo_labels")
    assert done.returncode == 0, done.stderr[-3000:]
    assert len([*project.folder("pseudo_labels", "strict").glob("*.png")]) == 12
    assert not project.folder("report", "strict").exists()
    assert project.is_done("pseudo_labels")
    before = project.contents()
    done = project.snakemake("pseudo_labels", "--force")
    assert done.returncode == 0, done.stderr[-3000:]
    assert project.computed("strict") == project.computed() == {"pseudo_labels": 12}
    assert project.disturbed(before) == set()
    # What comes after it is not looked at.
    assert project.snakemake("--dry-run", "boundary_maps").returncode == 0


def test_the_device_is_nothing_that_jobs_are_run_for(project: Any) -> None:
    project.configure({"device": "cuda"})
    done = project.command(*project.SNAKEMAKE, "--dry-run")
    assert "Nothing to be done" in done.stdout, done.stdout[-2000:]


@pytest.mark.parametrize(
    ("device", "visible", "threads"),
    [("auto", "0", "4"), ("cuda", "", "4"), ("auto", "", "8"), ("cpu", "0", "8")],
)
def test_a_job_whose_network_is_on_a_gpu_leaves_cores_to_others(
    finished: Any, device: str, visible: str, threads: str
) -> None:
    words = ["--cores", "8", "--dry-run", "--forceall", "--printshellcmds"]
    done = subprocess.run(
        [*finished.SNAKEMAKE[:3], *words, "--config", f"device={device}"],
        cwd=finished.path,
        env=finished.environment | {"CUDA_VISIBLE_DEVICES": visible},
        capture_output=True,
        text=True,
    )
    found = dict(re.findall(r"-m bes (\w+) .*--threads (\d+)", done.stdout + done.stderr))
    assert found["cams"] == found["boundary_maps"] == threads
    assert found["classifier"] == found["revised_maps"] == found["pseudo_labels"] == "8"


def test_every_training_photograph_is_ranked(finished: Any) -> None:
    ranking = read_ranking(finished.folder("quality") / "ranking.csv")
    assert {row.image for row in ranking} == {record.id for record in finished.records}


@pytest.mark.parametrize("graph", ["--dag", "--rulegraph"])
def test_the_graph_can_be_drawn(finished: Any, graph: str) -> None:
    done = finished.command(*finished.SNAKEMAKE, graph)
    assert done.returncode == 0
    assert done.stdout.startswith("digraph snakemake_dag {")
    names = set(re.findall(r'label = "(\w+)', done.stdout))
    assert {"dataset", "classifier", "cams", "benet", "pseudo_labels", "report", "all"} <= names


PROBE = """
import sys
from snakemake.cli import main
try:
    main(["--cores", "1", "--dry-run", "--quiet", "all"])
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def test_reading_the_rules_imports_nothing_heavy(finished: Any) -> None:
    done = finished.command(sys.executable, "-c", PROBE)
    modules = set(done.stderr.splitlines()[-1].split())
    assert {"snakemake", "bes"} <= modules
    heavy = {"torch", "torchvision", "cv2", "scipy", "matplotlib", "lightning_fabric", "numba"}
    assert not modules & heavy
