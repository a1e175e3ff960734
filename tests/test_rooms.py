"""The rooms of the package: imports point one way, down this list, and never in a circle."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import bes

PACKAGE = Path(bes.__file__).parent

FLOORS = (
    {"__main__"},
    {"cli"},
    {"commands"},
    {"predict"},
    {"project"},
    {"review", "exchange"},
    {"stages"},
    {"export", "report"},
    {"training"},
    {"incremental"},
    {"networks"},
    {"data"},
    {"method", "metrics"},
    {"options"},
    {"storage"},
    {"errors"},
)
UP = {"incremental.stage": {"stages"}}
"""The one exception: a stage is found by its name, in the module of that name. What another stage
wrote is read from any floor, and how its files end is for its declaration to say."""


def modules() -> Iterator[tuple[str, set[str]]]:
    """Each module by its name in the package, and those of the package that it imports, inside
    functions too; a whole room where the name of the module is put together."""
    names = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }
    for name, path in names.items():
        found = set()
        for node in ast.walk(ast.parse(path.read_bytes())):
            found |= {o.removeprefix("bes.") for o in imported(node) if o.startswith("bes.")}
        yield name, found & (names.keys() | set().union(*FLOORS))


def imported(node: ast.AST) -> list[str]:
    """What a part of a module imports, or may: `from a import b` may be the module `a.b`."""
    match node:
        case ast.Import(names):
            return [alias.name for alias in names]
        case ast.ImportFrom(str(module), names):
            return [module, *(f"{module}.{alias.name}" for alias in names)]
        case ast.Call(ast.Name("import_module") | ast.Attribute(attr="import_module"), [name]):
            return [".".join(ast.unparse(name).strip("f'\"").split(".")[:2])]
    return []


IMPORTS = dict(modules())


def room(name: str) -> str:
    return name.split(".")[0]


def test_every_module_is_in_a_room() -> None:
    assert {room(name) for name in IMPORTS} == set().union(*FLOORS)


@pytest.mark.parametrize("name", IMPORTS)
def test_no_import_points_up(name: str) -> None:
    floor = {each: number for number, rooms in enumerate(FLOORS) for each in rooms}
    up = {
        other
        for other in IMPORTS[name]
        if room(other) != room(name) and floor[room(other)] <= floor[room(name)]
    }
    assert up == UP.get(name, set())


def test_no_import_is_part_of_a_circle() -> None:
    assert IMPORTS.keys() <= {*TopologicalSorter(IMPORTS).static_order()}
