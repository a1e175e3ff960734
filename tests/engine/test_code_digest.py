"""An edit of the package counts where it can change a result, and nowhere else."""

import shutil
from pathlib import Path

import pytest

from bes.engine import code_digest as module


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package that digests are taken of."""
    copy = tmp_path / "bes"
    shutil.copytree(module.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "PACKAGE", copy)
    return copy


STAGES = (
    "classifier",
    "cams",
    "boundary_labels",
    "benet",
    "irnet",
    "boundary_maps",
    "revised_maps",
    "pseudo_labels",
    "evaluation",
    "quality",
)


def digests() -> dict[str, str]:
    module.code_digest.cache_clear()
    module._own.cache_clear()
    return {stage: module.code_digest(f"bes.stages.{stage}") for stage in STAGES}


def changed_by(file: Path, *edits: tuple[str, str]) -> set[str]:
    """The stages whose digest differs after an edit."""
    before, text = digests(), file.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text, encoding="utf-8")
    after = digests()
    return {stage for stage in STAGES if before[stage] != after[stage]}


def test_the_digest_is_that_of_the_package_itself(package: Path) -> None:
    copied = digests()
    module.PACKAGE = Path(module.__file__).parents[1]
    assert digests() == copied


def test_comments_layout_and_docstrings_do_not_count(package: Path) -> None:
    walk = package / "random_walk.py"
    text = walk.read_text(encoding="utf-8")
    first = text.split('"""')[1]
    assert (
        changed_by(walk, (first, "Something else altogether."), ("\n\n\n", "\n\n# why\n\n\n"))
        == set()
    )
    options = package / "stages" / "cams.py"
    assert changed_by(options, ("Options of the localisation maps.", "Whatever.")) == set()


def test_the_documentation_of_an_option_does_not_count_its_default_does(package: Path) -> None:
    stage = package / "stages" / "pseudo_labels.py"
    assert changed_by(stage, ("Refine the labels with the dense CRF.", "CRF or not.")) == set()
    assert changed_by(stage, ("] = 0.25", "] = 0.26")) == {"pseudo_labels"}


def test_a_change_counts_for_the_stages_that_import_the_module_even_inside_a_function(
    package: Path,
) -> None:
    assert "random_walk" in (package / "stages" / "revised_maps.py").read_text(encoding="utf-8")
    assert changed_by(package / "random_walk.py", ("\nimport ", "\nEXTRA = 1\nimport ")) == {
        "revised_maps"
    }
    assert changed_by(package / "dense_crf.py", ("\nimport ", "\nEXTRA = 1\nimport ")) == {
        *("boundary_labels", "irnet", "pseudo_labels")
    }


def test_a_change_counts_through_modules_in_between(package: Path) -> None:
    changed = changed_by(
        package / "networks" / "backbones.py", ("\nimport ", "\nEXTRA = 1\nimport ")
    )
    assert changed == {"classifier", "cams", "benet", "irnet", "boundary_maps"}
    assert changed_by(package / "engine" / "training.py", ("60.0", "61.0")) == {
        "classifier",
        "benet",
        "irnet",
    }


def test_a_new_module_counts_once_it_is_imported(package: Path) -> None:
    (package / "helper.py").write_text("VALUE = 1\n")
    walk = package / "random_walk.py"
    assert changed_by(package / "helper.py", ("1", "2")) == set()
    assert changed_by(walk, ("\nimport ", "\nfrom bes import helper\nimport ")) == {"revised_maps"}
    assert changed_by(package / "helper.py", ("2", "3")) == {"revised_maps"}


@pytest.mark.parametrize("name", sorted(module.BOOKKEEPING))
def test_bookkeeping_is_in_the_package_and_does_not_count(package: Path, name: str) -> None:
    file = package.joinpath(*name.split(".")[1:]).with_suffix(".py")
    assert changed_by(file, ('"""\n', '"""\nEXTRA = 1\n')) == set()


def test_of_the_engine_only_how_a_network_is_trained_and_stored_counts() -> None:
    """Whatever else a stage comes to import there belongs to the bookkeeping."""
    read = {name for stage in STAGES for name in module._closure(f"bes.stages.{stage}")}
    assert {name for name in read if name.startswith("bes.engine.")} == {
        f"bes.engine.{name}" for name in ("checkpoints", "schedule", "training")
    }
