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


def modules() -> Iterator[tuple[str, set[str]]]:
    """Each module by its name in the package, and those of the package that it imports, inside
    functions too."""
    names = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }
    for name, path in names.items():
        found = set()
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bes"):
                base = (node.module or "").removeprefix("bes").removeprefix(".")
                whole = [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)]
                found |= {each for each in whole if each in names}
        yield name, found


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
    assert up == set()


def test_no_import_is_part_of_a_circle() -> None:
    assert len([*TopologicalSorter(IMPORTS).static_order()]) == len(IMPORTS)
