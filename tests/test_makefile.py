"""What `make` would install, by what it prints without doing it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout without an environment."""
    for name in ("Makefile", "pyproject.toml", "setup.py", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def printed(folder: Path, command: str) -> str:
    """What a command line says, whose `make` does nothing."""
    call = f"make() {{ command make --dry-run --no-print-directory PYTHON=python3 $@; }}; {command}"
    return subprocess.check_output(["bash", "-c", call], cwd=folder, text=True)


@pytest.mark.parametrize(("cuda", "build"), [("0", "+cpu"), ("cu126", "+cu126"), ("1", None)])
def test_the_build_of_pytorch_is_the_one_asked_for(
    folder: Path, cuda: str, build: str | None
) -> None:
    said = printed(folder, f"make demo CUDA={cuda}")
    assert set(re.findall(r" torch==[\d.]+(\+\w+)", said)) == ({build} if build else set())
    assert "--editable ." in said


def test_another_build_is_had_as_the_makefile_says(folder: Path) -> None:
    advice = re.search(r'another one: (.*)"', printed(folder, "make demo CUDA=0"))
    assert advice
    environment = folder / ".venv"
    environment.mkdir()
    (environment / ".ready").touch()
    assert "--editable ." not in printed(folder, "make demo CUDA=0")
    said = printed(folder, advice[1])
    assert "--editable ." in said and "+cpu" not in said
