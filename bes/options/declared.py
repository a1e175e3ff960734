"""Typed options of a stage: a frozen dataclass that is also CLI flags, config section and schema.

Each field is annotated with its type, optionally `Annotated` with a `Range` or `Names`, has a
default, and is followed by a string that documents it with its unit. The string is no part of the
code digest.
"""

import ast
import difflib
import inspect
import math
import re
import textwrap
import types
import typing
import unicodedata
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, NamedTuple

from bes.errors import BesError


class Range(NamedTuple):
    """Inclusive bounds of a number, or of each number of a list."""

    low: float
    high: float = float("inf")

    def __str__(self) -> str:
        return f">= {self.low}" if self.high == float("inf") else f"{self.low} to {self.high}"


class Names(NamedTuple):
    """Known values of a text, and a prefix that opens it to the names of a library."""

    known: tuple[str, ...]
    prefix: str

    @property
    def examples(self) -> tuple[str, ...]:
        """The known values, and one for all with the prefix."""
        return (*self.known, f"{self.prefix}NAME")

    @property
    def pattern(self) -> str:
        """What a value matches, as a regular expression of Python and of JSON Schema."""
        return f"^({'|'.join(map(re.escape, self.known))}|{re.escape(self.prefix)}[A-Za-z0-9_.]+)$"

    def __str__(self) -> str:
        return "one of " + ", ".join(self.examples)


@dataclass(frozen=True)
class Option:
    """One field of an options dataclass, taken apart."""

    name: str
    kind: type
    """int, float, bool or str."""
    default: Any
    choices: tuple[Any, ...] = ()
    range: Range | None = None
    names: Names | None = None
    many: bool = False
    """A list of `kind`, empty only where the default is."""
    length: int | None = None
    """How many the list must have; None: any number."""
    optional: bool = False
    """None is a value too."""
    words: tuple[str, ...] = ()
    """Of a bool: what it may be beside true and false."""

    @property
    def flag(self) -> str:
        """`theta_scale` is typed `--theta-scale`."""
        return "--" + self.name.replace("_", "-")

    def expected(self) -> str:
        """What a value must be, in words."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        if self.names:
            return str(self.names) + (" or null" * self.optional)
        words = {
            int: "an integer",
            float: "a number",
            bool: "true or false",
            str: "a line of text",
        }
        if self.words:
            return "one of " + ", ".join(["true", "false", *self.words])
        listed = f"a list of {self.length}" if self.length else "a list"
        word = f"{listed}, each {words[self.kind]}" if self.many else words[self.kind]
        return word + (f", {self.range}" if self.range else "") + (" or null" * self.optional)

    def accepts(self, value: Any) -> bool:
        """Whether a value has the type, the range and the choices of this option."""
        if value is None:
            return self.optional
        if self.many:
            return isinstance(value, list | tuple) and all(map(self._accepts_one, value))
        return self._accepts_one(value)

    def _accepts_one(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        if isinstance(value, str) and value in self.words:
            return True
        if isinstance(value, bool) != (self.kind is bool):
            return False
        if not isinstance(value, (int, float) if self.kind is float else self.kind):
            return False
        if isinstance(value, float) and not math.isfinite(value):
            return False
        if isinstance(value, str) and not is_line(value):
            return False
        if self.names:
            return re.fullmatch(self.names.pattern, str(value)) is not None
        number: Any = value
        return self.range is None or self.range.low <= number <= self.range.high


def is_line(text: str) -> bool:
    """Whether a text can be a flag's: on one line, of characters that have a name in UTF-8.

    `--` alone ends the flags of a command, on some versions of Python after a `=` too.
    """
    return text != "--" and not any(unicodedata.category(c) in ("Cc", "Cs") for c in text)


def check_ascending(place: str, low: float, high: float) -> None:
    """Raises BesError, which names the place, unless the lower bound comes first."""
    if low > high:
        raise BesError(f"{place}: found {low:g} {high:g}, expected the smaller one first")


def options_of(cls: type) -> list[Option]:
    """The options of a dataclass, in order."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return [_option(field.name, hints[field.name], field.default) for field in fields(cls)]


def _option(name: str, hint: Any, default: Any) -> Option:
    assert default is not MISSING, f"{name} needs a default"
    properties: dict[str, Any] = {}
    while True:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            hint, bound = arguments
            properties["names" if isinstance(bound, Names) else "range"] = bound
        elif origin is typing.Union:  # of bool and words, which are a Literal
            assert arguments[0] is bool
            hint, properties["words"] = bool, typing.get_args(arguments[1])
        elif origin is types.UnionType:
            properties["optional"] = True
            (hint,) = (argument for argument in arguments if argument is not type(None))
        elif origin is tuple:
            properties["many"], hint = True, arguments[0]
            properties["length"] = None if ... in arguments else len(arguments)
        elif origin is Literal:
            properties["choices"], hint = arguments, type(arguments[0])
        else:
            return Option(name, hint, default, **properties)


def did_you_mean(found: object, known: Sequence[str]) -> str:
    """The end of a message: which of the known words is nearest, nothing if there are none."""
    near = difflib.get_close_matches(str(found), known, n=1, cutoff=0.0)
    return f"; did you mean {near[0]!r}?" if near else ""


def docs_of(cls: type) -> dict[str, str]:
    """The string that follows each field, inherited fields included."""
    docs: dict[str, str] = {}
    for base in reversed([base for base in cls.__mro__ if base is not object]):
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for statement, following in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(following, ast.Expr)
                and isinstance(following.value, ast.Constant)
                and isinstance(text := following.value.value, str)
            ):
                docs[statement.target.id] = " ".join(text.split())
    return docs
