"""The workflow as a part of others: a module from a folder, or from a tag of a repository."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TAG = "v0"

BESIDE_OTHERS = f"""
configfile: "config/config.yaml"

module bes:
    snakefile: gitfile("{{repository}}", path="workflow/Snakefile", tag="{TAG}")
    config: config["bes"]
    prefix: "labels"

use rule * from bes as bes_*

rule count:
    input: "labels/results/tiny/base/pseudo_labels/scene_00000.png", rules.bes_all.input
    output: "count.txt"
    shell: "ls labels/results/tiny/base/pseudo_labels/*.png | wc -l > {{{{output}}}}"
"""
FROM_A_FOLDER = """
configfile: "config/config.yaml"

module bes:
    snakefile: "{snakefile}"
    config: config

use rule * from bes
"""
# As `snakedeploy deploy-workflow` writes it.
DEPLOYED = f"""
configfile: "config/config.yaml"

module bes:
    snakefile:
        github("somebody/bes", path="workflow/Snakefile", tag="{TAG}")
    config:
        config

use rule * from bes
"""


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the rules, without the package, with a tag and a later commit."""
    path = tmp_path_factory.mktemp("repository") / "somebody" / "bes"
    path.mkdir(parents=True)
    for part in ("workflow", "config", "profiles", "envs"):
        shutil.copytree(ROOT / part, path / part)
    shutil.copy(ROOT / "Snakefile", path)

    def git(*words: str) -> None:
        who = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
        subprocess.run(["git", *who, *words], cwd=path, check=True, capture_output=True)

    git("init")
    git("add", "--all")
    git("commit", "--message", "rules")
    git("tag", TAG)
    (path / "workflow/Snakefile").write_text("rule broken: 1\n")
    git("commit", "--all", "--message", "broken")
    return path


def outer(project: Any, text: str) -> Any:
    """Put a workflow in the place of the project's own."""
    shutil.rmtree(project.path / "workflow")
    (project.path / "Snakefile").unlink()
    (project.path / "workflow").mkdir()
    (project.path / "workflow/Snakefile").write_text(text)
    return project


def test_a_tag_with_a_prefix_beside_other_rules_makes_the_same_files(
    finished: Any, new_project: Any, repository: Path
) -> None:
    project = outer(new_project(), BESIDE_OTHERS.format(repository=repository))
    config = project.path / "config/config.yaml"
    keys = config.read_text().splitlines()
    config.write_text("bes:\n" + "".join(f"  {key}\n" for key in keys))
    done = project.command(*project.SNAKEMAKE, "count")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (project.path / "count.txt").read_text() == "12\n"
    assert not (project.path / "results").exists()

    project.path = project.path / "labels"
    assert project.contents() == finished.contents()
    project.path = project.path.parent

    assert project.is_done("count")
    (project.path / "labels/results/tiny/base/cams/scene_00001.npz").unlink()
    forced = project.command(*project.SNAKEMAKE, "--dry-run", "-R", "bes_pseudo_labels")
    assert "bes: perhaps out of date (scene_00001.npz): cams\n" in forced.stderr
    counted = dict(re.findall(r"^(bes_\w+) +(\d+)$", forced.stdout, re.MULTILINE))
    assert (counted["bes_cams"], counted["bes_pseudo_labels"]) == ("1", "2"), forced.stdout


def test_a_folder_is_a_module_whose_results_are_those_of_its_own_run(project: Any) -> None:
    before = project.contents()
    elsewhere = project.path / "checkout"
    elsewhere.mkdir()
    for part in ("Snakefile", "workflow", "bes", "config", "envs"):
        shutil.move(project.path / part, elsewhere / part)
    shutil.copytree(elsewhere / "config", project.path / "config")
    text = FROM_A_FOLDER.format(snakefile=elsewhere / "Snakefile")
    (project.path / "Snakefile").write_text(text)
    project.file("pseudo_labels").unlink()
    done = project.snakemake()
    assert done.returncode == 0, done.stderr[-3000:]
    assert project.computed() == {"pseudo_labels": 1}
    assert project.disturbed(before) == set()
    assert project.is_done()


def test_what_snakedeploy_writes_reads_the_rules_of_the_tag(
    new_project: Any, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = outer(new_project(), DEPLOYED)
    # In place of the host there is this folder.
    settings = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repository.parents[1]}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "XDG_CACHE_HOME": str(project.path / "cache"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    receipt = "results/tiny/base/dataset/_receipts/whole.json"
    done = project.command(*project.SNAKEMAKE, receipt)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "images.csv" in json.loads((project.path / receipt).read_text())["files"]
    done = project.command(*project.SNAKEMAKE, "--dry-run")
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"^report +1$", done.stdout, re.MULTILINE), done.stdout


def test_rules_without_their_package_say_what_to_install(
    new_project: Any, repository: Path
) -> None:
    text = BESIDE_OTHERS.format(repository=repository).replace('config["bes"]', "config")
    project = outer(new_project(), text)
    shutil.rmtree(project.path / "bes")
    (project.path / "bes.py").write_text("# another package of this name\n")
    done = project.command(*project.SNAKEMAKE, "--dry-run")
    assert done.returncode == 2
    assert "install bes-segmentation" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_either_file_of_rules_works_from_another_folder(new_project: Any, tmp_path: Path) -> None:
    project = new_project()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "data").symlink_to(project.path / "data")
    for snakefile in ("Snakefile", "workflow/Snakefile"):
        command = [*project.SNAKEMAKE, "--snakefile", project.path / snakefile, "--dry-run"]
        done = project.command(*command, "--directory", elsewhere)
        assert done.returncode == 0, done.stderr[-3000:]
        # By the configuration beside the rules, and for the target that is theirs.
        assert re.search(r"^all +1$", done.stdout, re.MULTILINE), done.stdout
