"""A digest of the code that a module runs: an edit re-runs the stages that use it, no others."""

import ast
import functools
import hashlib
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
        "once",
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
def code_digest(module: str) -> str:
    """BLAKE2b-64 of a module of `bes` and of all that it imports there, inside functions too.

    Computed from the syntax tree without importing: comments, layout and docstrings do not count.
    """
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(_closure(module)):
        digest.update(name.encode() + _own(name)[0])
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
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [  # type: ignore[attr-defined]
                statement
                for statement in body
                if not (
                    isinstance(statement, ast.Expr)
                    and isinstance(statement.value, ast.Constant)
                    and isinstance(statement.value.value, str)
                )
            ]
    inside = {name for name in imports if name.split(".")[0] == "bes" and _path(name)}
    return ast.dump(tree).encode(), tuple(sorted(inside))


def _path(module: str) -> Path | None:
    base = PACKAGE.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None
