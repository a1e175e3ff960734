"""A digest of the code that a module runs: an edit re-runs the stages that use it, no others."""

import ast
import contextlib
import functools
import hashlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any

from bes.errors import BesError
from bes.storage.files import digest_bytes, write_atomic

PACKAGE = Path(__file__).parents[1]

BOOKKEEPING = frozenset({"errors", "storage", "options", "incremental", "project", "commands"})
"""Rooms of the package that decide when and where something is computed and what is said of it, not
what comes of it: an edit re-runs nothing."""


@functools.cache
def code_digest(module: str, *assets: Path) -> str:
    """BLAKE2b-64 of a module of `bes` and of all that it imports there, inside functions too;
    and of files that it reads.

    Computed from the syntax tree without importing: comments, layout, docstrings, annotations, what
    an error says and where a module lies do not count, nor does the version of Python.
    """
    digest = hashlib.blake2b(digest_size=8)
    digest.update(" ".join(sorted(_own(name)[0] for name in _closure(module))).encode())
    _remember()
    for path in assets:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _closure(module: str) -> set[str]:
    found, pending = set(), [module]
    while pending:
        name = pending.pop()
        if name not in found and _room(name) not in BOOKKEEPING:
            found.add(name)
            pending.extend(_own(name)[1])
    return found


def _room(module: str) -> str:
    """`storage` of `bes.storage.files`."""
    return f"{module}.".split(".")[1]


@functools.cache
def _own(module: str) -> tuple[str, tuple[str, ...]]:
    """The digest of the bare syntax of one module, and the modules of the package that it imports;
    as in `__pycache__` if the file has the same bytes."""
    path = _path(module)
    assert path is not None, f"no such module: {module}"
    content = path.read_bytes()
    of_bytes = digest_bytes(content)
    known = _known().get(module)
    if known is None or known["bytes"] != of_bytes:
        digest, imports = _read(content)
        known = {"bytes": of_bytes, "digest": digest, "imports": imports}
        _known()[module] = known
        _news.add(module)
    return known["digest"], tuple(known["imports"])


def _read(content: bytes) -> tuple[str, list[str]]:
    tree = ast.parse(content)
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    inside = {name for name in imports if name.split(".")[0] == "bes" and _path(name)}
    return hashlib.blake2b(_bare(tree).encode(), digest_size=8).hexdigest(), sorted(inside)


CACHE = PACKAGE / "__pycache__" / "code_digests.json"
_news: set[str] = set()
"""Modules whose digests the cache does not have yet."""


@functools.cache
def _known() -> dict[str, Any]:
    """What was read before, by module. The digest of this module tells one form of it from
    others."""
    try:
        known = json.loads(CACHE.read_bytes())
        return known["modules"] if known["form"] == _form() else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _remember() -> None:
    """As Python does with its bytecode: where that is allowed, and may be lost."""
    if _news and not sys.dont_write_bytecode:
        _news.clear()
        with contextlib.suppress(OSError, BesError):
            content = json.dumps({"form": _form(), "modules": _known()})
            write_atomic(CACHE, content.encode())


def _form() -> str:
    return digest_bytes(Path(__file__).read_bytes())


UNUSED = frozenset({"annotation", "ctx", "kind", "returns", "type_comment", "type_ignores"})
"""Fields that follow from the rest of the tree, or that nothing runs by."""


def _bare(part: object) -> str:
    """A part of a syntax tree as ASCII text that is the same on every Python from 3.11 on.

    `ast.dump` is not: newer versions add fields, leave out empty ones and divide f-strings in
    other places. Here what is empty is left out, and the text between two values of an f-string is
    one piece.
    """
    if isinstance(part, list):
        return f"[{','.join(_bare(member) for member in part if not _is_idle(member))}]"
    if not isinstance(part, ast.AST):
        return ascii(part)  # `repr` writes the letters that its version of Unicode knows
    fields = dict(ast.iter_fields(part))
    if isinstance(part, ast.Raise) and isinstance(part.exc, ast.Call):
        fields["exc"] = part.exc.func
    if isinstance(part, ast.JoinedStr):
        fields["values"] = _merged(part.values)
    written = [
        f"{name}={text}"
        for name, value in sorted(fields.items())
        if name not in UNUSED and value is not None and (text := _bare(value)) != "[]"
    ]
    return f"{type(part).__name__}({','.join(written)})"


def _is_idle(statement: object) -> bool:
    """Whether a statement is a docstring, or an import from the package, whose modules count by
    themselves."""
    if isinstance(statement, ast.ImportFrom):
        return (statement.module or "").split(".")[0] == PACKAGE.name
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
