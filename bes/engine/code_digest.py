"""A digest of the code that a module runs: an edit re-runs the stages that use it, no others."""

import ast
import functools
import hashlib
import itertools
from pathlib import Path

PACKAGE = Path(__file__).parents[1]

BOOKKEEPING = frozenset(
    f"bes.engine.{name}"
    for name in (
        "code_digest",
        "device",
        "files",
        "flags",
        "inputs",
        "lock",
        "log",
        "memo",
        "stage",
        "whole",
        "options",
        "per_image",
        "pool",
        "progress",
        "receipts",
        "run_training",
        "sealed",
        "vouched",
        "journal",
    )
)
"""Modules that decide when and where something is computed, not what: an edit re-runs nothing."""


@functools.cache
def code_digest(module: str, *assets: Path) -> str:
    """BLAKE2b-64 of a module of `bes` and of all that it imports there, inside functions too;
    and of files that it reads.

    Computed from the syntax tree without importing: comments, layout and docstrings do not count,
    nor does the version of Python.
    """
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(_closure(module)):
        digest.update(name.encode() + _own(name)[0])
    for path in assets:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _closure(module: str) -> set[str]:
    found, pending = set(), [module]
    while pending:
        name = pending.pop()
        if name not in found and name not in BOOKKEEPING:
            found.add(name)
            pending.extend(_own(name)[1])
    return found


@functools.cache
def _own(module: str) -> tuple[bytes, tuple[str, ...]]:
    """The bare syntax of one module, and the modules of the package that it imports."""
    path = _path(module)
    assert path is not None, f"no such module: {module}"
    tree = ast.parse(path.read_bytes())
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    inside = {name for name in imports if name.split(".")[0] == "bes" and _path(name)}
    return _bare(tree).encode(), tuple(sorted(inside))


UNUSED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
"""Fields that follow from the rest of the tree, or that nothing runs by."""


def _bare(part: object) -> str:
    """A part of a syntax tree as ASCII text that is the same on every Python from 3.11 on.

    `ast.dump` is not: newer versions add fields, leave out empty ones and divide f-strings in
    other places. Here what is empty is left out, and the text between two values of an f-string is
    one piece.
    """
    if isinstance(part, list):
        return f"[{','.join(_bare(member) for member in part if not _is_docstring(member))}]"
    if not isinstance(part, ast.AST):
        return ascii(part)  # `repr` writes the letters that its version of Unicode knows
    fields = dict(ast.iter_fields(part))
    if isinstance(part, ast.JoinedStr):
        fields["values"] = _merged(part.values)
    written = [
        f"{name}={text}"
        for name, value in sorted(fields.items())
        if name not in UNUSED and value is not None and (text := _bare(value)) != "[]"
    ]
    return f"{type(part).__name__}({','.join(written)})"


def _is_docstring(statement: object) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _merged(values: list[ast.expr]) -> list[ast.expr]:
    """The values of an f-string, neighbouring texts as one and empty ones left out."""
    merged: list[ast.expr] = []
    for text, group in itertools.groupby(values, lambda value: isinstance(value, ast.Constant)):
        if not text:
            merged += group
        elif joined := "".join(str(value.value) for value in group):  # type: ignore[attr-defined]
            merged.append(ast.Constant(joined))
    return merged


def _path(module: str) -> Path | None:
    base = PACKAGE.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None
