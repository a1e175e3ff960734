"""The wheel has all that a run needs, and `bes run` runs it in any folder."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from typing import Any

import pytest
import yaml

import bes
from bes.cli import BY_HAND
from bes.commands.run import snakemake_words
from bes.incremental.stage import all_stages

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that has the wheel, and takes all else from that of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    tree.mkdir()
    for part in ("bes", "workflow", "config", "profiles", "envs"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, tree)

    def pip(*words: object) -> None:
        command = [sys.executable, "-m", "pip", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, tree)
    (wheel,) = folder.glob("bes_segmentation-*.whl")
    shutil.rmtree(tree)
    venv.create(folder / "venv", with_pip=False)
    (packages,) = (folder / "venv/lib").glob("python*/site-packages")
    pip("install", "--no-deps", "--no-index", "--target", packages, wheel)
    # After the wheel, so that a checkout which is installed there is not seen.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv"


def run(environment: Path, folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """`bes` of the environment, in a folder."""
    hidden = (
        "PYTHONPATH",
        "BES_WARM",
        "SLURM_JOB_ID",
        "CUDA_VISIBLE_DEVICES",
        "PYTHONDONTWRITEBYTECODE",
    )
    kept = {key: value for key, value in os.environ.items() if key not in hidden}
    return subprocess.run(
        [str(environment / "bin/python"), "-m", "bes", *map(str, words)],
        cwd=folder,
        env=kept | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )


def test_every_file_of_the_workflow_is_in_the_wheel(environment: Path) -> None:
    (package,) = environment.glob("lib/python*/site-packages/bes")
    for part in ("workflow", "config", "profiles", "envs"):
        there = {path.relative_to(ROOT) for path in (ROOT / part).rglob("*") if path.is_file()}
        shipped = package / "shipped"
        assert there == {p.relative_to(shipped) for p in (shipped / part).rglob("*") if p.is_file()}
    here = {path.relative_to(ROOT / "bes") for path in (ROOT / "bes").rglob("*.*")}
    here = {path for path in here if "__pycache__" not in path.parts}
    assert here <= {path.relative_to(package) for path in package.rglob("*.*")}
    assert (package / "py.typed").exists()


def test_the_demo_runs_in_an_empty_folder(environment: Path, tmp_path: Path) -> None:
    smaller = ["--config", "dataset={kind: synthetic, root: data, images: 12, size: [64, 64]}"]
    smaller += ["classifier={iterations: 3, batch_size: 4, crop: 64, resize_long: [64, 64]}"]
    smaller += ["cams={scales: [1.0]}", "benet={iterations: 2, batch_size: 4, crop: 64}"]
    # To compile the dense CRF for a package that is new takes longer than the run.
    smaller += ["boundary_labels={crf: false}", "pseudo_labels={crf: false, threshold: 0.4}"]
    smaller += ["device=cpu", "shards=1"]
    receipt = "results/demo/base/pseudo_labels/_receipts/000.json"
    done = run(environment, tmp_path, "run", receipt, "--max-threads", 1, *smaller)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    files = json.loads((tmp_path / receipt).read_text())["files"]
    assert files
    assert all((tmp_path / receipt).parents[1].joinpath(file).is_file() for file in files)
    again = run(environment, tmp_path, "run", receipt, *smaller)
    assert "Nothing to be done" in again.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"data", "results", ".snakemake"}
    status = run(environment, tmp_path, "status", *smaller)
    assert re.search(rf"^pseudo_labels +{len(files)} +0 +0", status.stdout, re.MULTILINE)


def test_options_and_targets_are_those_of_snakemake(environment: Path, tmp_path: Path) -> None:
    done = run(environment, tmp_path, "run", "-n", "classifier")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^classifier +1$", done.stdout, re.MULTILINE)
    assert not re.search(r"^cams ", done.stdout, re.MULTILINE)
    done = run(environment, tmp_path, "run", "--lint=wrong")
    assert done.returncode == 2
    assert "--lint" in done.stderr


def test_configurations_and_profiles_of_the_workflow_need_not_be_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--configfile", "config/voc12.yaml", "--workflow-profile=profiles/slurm", "config/no"]
    given = snakemake_words(words)[-4:]
    assert Path(given[1]) == ROOT / "config/voc12.yaml"
    assert given[2] == f"--workflow-profile={ROOT / 'profiles/slurm'}"
    assert given[3] == "config/no"
    own = tmp_path / "config/voc12.yaml"
    own.parent.mkdir()
    own.write_text("name: mine\n")
    assert snakemake_words(words)[-3] == "config/voc12.yaml"


def test_the_version_is_the_same_everywhere(environment: Path, tmp_path: Path) -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == bes.__version__
    done = run(environment, tmp_path, "--version")
    assert done.stdout == f"bes-segmentation {bes.__version__}\n"
    (metadata,) = environment.glob("lib/python*/site-packages/bes_segmentation-*/METADATA")
    assert f"\nVersion: {bes.__version__}\n" in metadata.read_text()


def test_every_configuration_names_its_schema() -> None:
    files = [*(ROOT / "config").glob("*.yaml"), *(ROOT / "config/studies").glob("*.yaml")]
    assert files
    for file in files:
        first = file.read_text().splitlines()[0]
        schema = first.removeprefix("# yaml-language-server: $schema=")
        assert (file.parent / schema).resolve() == ROOT / "workflow/schemas/config.schema.yaml"


def test_the_help_has_the_everyday_commands_first(environment: Path, tmp_path: Path) -> None:
    text = run(environment, tmp_path, "--help").stdout
    places: list[Any] = [text.index(f"\n    {name} ") for name in ("run", "status", "cams")]
    assert places == sorted(places)
    every = {*BY_HAND, *all_stages()}
    assert set(re.findall(r"^    (\w+)  +\S", text, re.MULTILINE)) == every


def test_the_image_runs_as_a_user_without_a_name(environment: Path, tmp_path: Path) -> None:
    lines = re.findall("^ENV (.*)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    image = dict(word.split("=", 1) for line in lines for word in line.split())
    image |= {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    code = "import pwd; pwd.getpwuid = {}.__getitem__; from bes.__main__ import main; main()"
    done = subprocess.run(
        [environment / "bin/python", "-c", code, "run", "-n", "dataset"],
        cwd=tmp_path,
        env=image,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def pins(lines: list[str]) -> dict[str, str]:
    """Package, by its normal name -> exact version."""
    found = (line.strip("- ").partition("==") for line in lines if "==" in line)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, _, version in found}


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_a_conda_environment_has_what_the_package_needs_as_constrained(name: str) -> None:
    content = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())
    (wheels,) = (part["pip"] for part in content["dependencies"] if isinstance(part, dict))
    constraints = pins((ROOT / "constraints.txt").read_text().splitlines())
    assert pins(wheels).items() <= constraints.items()
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.split("[><=]", package)[0] for package in needed} <= pins(wheels).keys()
