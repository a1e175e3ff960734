"""An edit of the package counts where it can change a result, and nowhere else."""

import ast
import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bes.incremental.stage import TrainingStage, WholeStage, all_stages
from bes.project.sections import SECTIONS
from bes.storage import code_digest as module


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
SHOW = ("export", "comparison")
"""Stages of their own kind that write what others show."""


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
    walk = package / "method" / "random_walk.py"
    text = walk.read_text(encoding="utf-8")
    first = text.split('"""')[1]
    assert (
        changed_by(walk, (first, "Something else altogether."), ("\n\n\n", "\n\n# why\n\n\n"))
        == set()
    )
    options = package / "stages" / "cams.py"
    assert changed_by(options, ("Options of the localisation maps.", "Whatever.")) == set()


def test_the_documentation_of_an_option_does_not_count_its_default_does(package: Path) -> None:
    stage = package / "stages" / "shared" / "walk_labels.py"
    assert changed_by(stage, ("Refine the labels with the dense CRF", "CRF or not")) == set()
    assert changed_by(stage, ("] = 0.25", "] = 0.26")) == {"pseudo_labels"}


def test_what_an_error_says_and_what_is_annotated_does_not_count(package: Path) -> None:
    """Nobody trains anew for a better sentence."""
    walk = package / "method" / "random_walk.py"
    text = walk.read_text(encoding="utf-8")
    said = next(line for line in text.splitlines() if "raise " in line)
    assert changed_by(walk, (said, said.replace("(", "('more', ", 1))) == set()
    assert changed_by(walk, ("steps: int", "steps: float")) == set()
    assert (
        changed_by(package / "stages" / "cams.py", ("Range(0.1, 8.0)", "Range(0.1, 9.0)")) == set()
    )
    other = said.replace("raise ", "raise KeyError or ", 1)
    assert changed_by(walk, (said, other)) == {"revised_maps"}


@pytest.mark.parametrize(
    "file, old, new",
    [
        ("data/images.py", "a TIFF that is damaged", "a TIFF that broke"),
        ("stages/shared/boundary_network.py", "so the training went astray", "so it went wrong"),
        ("storage/words.py", "convert to JPEG", "make JPEGs of them"),
        ("storage/words.py", "weights 'imagenet': could not get", "weights: failed to get"),
        ("errors.py", "class BesError(Exception):", "class BesError(ValueError):"),
    ],
)
def test_a_sentence_counts_nowhere_though_others_share_it(
    package: Path, file: str, old: str, new: str
) -> None:
    assert changed_by(package / file, (old, new)) == set()


def sentences(part: ast.AST) -> Iterator[str]:
    """Those that are neither raised nor printed, nor documentation."""
    if isinstance(part, ast.Raise | ast.Assert) or module._is_idle(part):
        return
    if isinstance(part, ast.Call) and ast.unparse(part.func) == "print":
        return
    if isinstance(part, ast.Constant) and re.search("([a-z]+ ){3}[a-z]+", str(part.value)):
        yield part.value
    for inner in ast.iter_child_nodes(part):
        yield from sentences(inner)


def test_no_training_depends_on_a_sentence_of_an_error() -> None:
    """It is put together where it is raised."""
    trainings = [n for n, stage in all_stages().items() if isinstance(stage, TrainingStage)]
    for name in set().union(*(module._closure(f"bes.stages.{each}") for each in trainings)):
        path = module._path(name)
        assert path is not None
        assert not list(sentences(ast.parse(path.read_bytes()))), name


def test_one_more_backbone_of_a_known_family_trains_nothing_anew(package: Path) -> None:
    names = package / "options" / "backbones.py"
    assert changed_by(names, ('"resnet18", ', '"resnet18", "resnet34", ')) == set()


def test_a_module_may_move(package: Path) -> None:
    before = digests()
    (package / "method" / "random_walk.py").rename(package / "method" / "walk.py")
    walked = package / "stages" / "shared" / "walked_maps.py"
    text = walked.read_text(encoding="utf-8")
    walked.write_text(text.replace("bes.method.random_walk", "bes.method.walk"), encoding="utf-8")
    assert digests() == before


def test_what_was_read_is_remembered_until_the_file_changes(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHE", package / "__pycache__" / "code_digests.json")
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    before = digests()
    module._known.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(module, "_read", lambda content: pytest.fail("parsed again"))
        assert digests() == before
    module._known.cache_clear()
    extra = ("\nimport ", "\nEXTRA = 1\nimport ")
    assert changed_by(package / "method" / "random_walk.py", extra) == {"revised_maps"}
    after = digests()
    for content in (b"", b"[]", b'{"form": "of another time", "modules": {}}'):
        module.CACHE.write_bytes(content)
        module._known.cache_clear()
        assert digests() == after


def test_a_change_counts_for_the_stages_that_import_the_module_even_inside_a_function(
    package: Path,
) -> None:
    imported = package / "stages" / "shared" / "walked_maps.py"
    assert "\n    from bes.method.random_walk import" in imported.read_text(encoding="utf-8")
    assert changed_by(
        package / "method" / "random_walk.py", ("\nimport ", "\nEXTRA = 1\nimport ")
    ) == {"revised_maps"}
    assert changed_by(
        package / "method" / "dense_crf.py", ("\nimport ", "\nEXTRA = 1\nimport ")
    ) == {*("boundary_labels", "irnet", "pseudo_labels")}


def test_a_change_counts_through_modules_in_between(package: Path) -> None:
    changed = changed_by(
        package / "networks" / "backbones.py", ("\nimport ", "\nEXTRA = 1\nimport ")
    )
    assert changed == {"classifier", "cams", "benet", "irnet", "boundary_maps"}
    assert changed_by(package / "training" / "loop.py", ("60.0", "61.0")) == {
        "classifier",
        "benet",
        "irnet",
    }


def test_a_new_module_counts_once_it_is_imported(package: Path) -> None:
    (package / "helper.py").write_text("VALUE = 1\n")
    walk = package / "method" / "random_walk.py"
    assert changed_by(package / "helper.py", ("1", "2")) == set()
    assert changed_by(walk, ("\nimport ", "\nfrom bes import helper\nimport ")) == {"revised_maps"}
    assert changed_by(package / "helper.py", ("2", "3")) == {"revised_maps"}


@pytest.mark.parametrize(
    "name", ["storage/memo", "options/flags", "incremental/per_image", "project/settings"]
)
def test_bookkeeping_does_not_count(package: Path, name: str) -> None:
    assert name.split("/")[0] in module.BOOKKEEPING
    assert changed_by(package / f"{name}.py", ('"""\n', '"""\nEXTRA = 1\n')) == set()


def test_all_that_counts_lies_in_rooms_that_change_a_pixel_or_a_weight() -> None:
    shown, others = set(), set()
    for name, stage in all_stages().items():
        rooms = shown if isinstance(stage, WholeStage) or name in SHOW else others
        rooms |= {each.split(".")[1] for each in module._closure(f"bes.stages.{name}")}
    assert others == {"data", "method", "metrics", "networks", "stages", "training"}
    assert shown - others == {"report", "export"}


FORMS = r'''
"""A module of many forms."""
from __future__ import annotations
import os.path as path, sys
from . import sibling as other

CONSTANTS = (None, True, ..., 1, 1.5e300, 2j, "ä\U0001fadf", u"kind", b"\x00", -1, 1_000, 0xFF)
TEXT = "a" "b" f"c{path!r:>{len('d')}}{{}}" f"" "e" rf"\d{sys = }" f"{sys:}" f"{sys:{1}{2}}"
EMPTY = [(), [], {}, set(), f"", ""]


@other.decorated(1, *CONSTANTS, key=2, **{**{}, "a": 1})
class Form(dict, metaclass=type):
    """A class."""

    field: int = 3
    """Of documentation."""
    bare: str

    def method(self, a, /, b: int = 1, *rest, c, d=None, **more) -> list[int]:
        """A method."""
        global CONSTANTS
        x = y = lambda *_, z=1: (yield)
        if a < b <= c != d is not None not in rest and not a or b:
            del x, more["d"], more[1:2, ::3, ...]
        elif (n := a @ b // c ** -d) % 2:
            n += ~a << 1 | 2 & 3 ^ 4
        else:
            "text that nothing uses"
            return [*rest, *(i for i in b if i for j in i)]
        assert a, "why"

    async def later(self):
        async with self as one, other as (two, three):
            async for i in one:
                await i
        return {k: v async for k, v in two if k}


def plain(): "nothing but documentation"


def loops(values):
    def inner():
        nonlocal values
        values: list = []
    for i, *rest in values, 1:
        while i:
            break
        else:
            continue
    try:
        with (open(i) as a, open(i)):
            raise ValueError from None
    except (ValueError, TypeError) as error:
        pass
    except OSError:
        ...
    else:
        return {*rest}
    finally:
        print(values[0].real, values[*rest])
    match values:
        case [1, -2.5, "a" | None, *_] if i:
            yield
        case {"k": v, **kw} | Form(0, b=[_, (1 as v, *kw)]):
            yield from v
        case other.name | True:
            return
'''


def test_the_digest_of_a_source_never_changes(package: Path) -> None:
    (package / "forms.py").write_text(FORMS, encoding="utf-8")
    assert module.code_digest("bes.forms") == "d34a0170062f4760"


def test_code_that_differs_has_another_digest(package: Path) -> None:
    """Of pairs that are alike: what is left out of the tree must never be a difference."""
    sources = (
        *("x = None", "x = []", "x = ()", "x = ''", "x = b''", "x = 0", "x = 0.0", "x = False"),
        *("x = f''", "x = f'{y}'", "x = f'{y:}'", "x = f'{y!r}'", "x = f'{y}a'", "x = f'a{y}'"),
        *("x = 'y'", "x = y", "x: y", "x: y = None", "(x): y", "x = 'None'", "x = '[]'", "x = [0]"),
        *("from y import x", "from .y import x", "import y.x", "import y as x", "import y, x"),
        *("def x(): return", "def x(): return None, ", "def x(): yield", "async def x(): yield"),
        *("def x(a, b=1): a", "def x(a=1, *, b): a", "def x(*, a=1, b): a", "def x(*, a, b=1): a"),
        *("x = {**y}", "x = {None: y}", "x[0:]", "x[:0]", "x[::0]", "x[0]", "x[0,]", "x = 'ä'"),
    )
    found = {}
    for number, source in enumerate(sources):
        (package / f"form_{number}.py").write_text(source, encoding="utf-8")
        found[module._own(f"bes.form_{number}")[0]] = source
    assert len(found) == len(sources), set(sources) - set(found.values())


PRINT = """
import sys
from bes.storage.code_digest import code_digest
print(*map(code_digest, sys.argv[1:]))
"""


@functools.cache
def interpreter(version: str) -> str | None:
    """A Python of a version such as `3.12`, if there is one that runs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for candidate in (
        shutil.which(f"python{version}"),
        *map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python"))),
    ):
        command = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if (
            candidate
            and subprocess.run(command, capture_output=True, text=True).stdout.strip() == version
        ):
            return candidate
    return None


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_every_python_gives_a_stage_the_same_digest(package: Path, version: str) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    (package / "forms.py").write_text(FORMS, encoding="utf-8")
    names = ["bes.forms", *(f"bes.stages.{stage}" for stage in SECTIONS)]
    # Without the packages that are installed: the module needs none.
    found = subprocess.run(
        [python, "-S", "-c", PRINT, *names],
        cwd=package.parent,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert not found.stderr
    assert found.stdout.split() == [module.code_digest(name) for name in names]
