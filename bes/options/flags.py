"""Options as command-line flags, both ways."""

import argparse
import shlex
from collections.abc import Callable
from typing import Any

from bes.options.declared import Option, did_you_mean, docs_of, options_of


def add_flags(
    parser: argparse.ArgumentParser, cls: type, *, documented: bool, given: bool = False
) -> None:
    """One flag for each option of a dataclass. Reading the documentation takes a while: on
    demand. With `given`, the flags have no default, for `given_in`."""
    docs = docs_of(cls) if documented else {}
    for option in options_of(cls):
        help_text = docs.get(option.name, "").replace("%", "%%")
        default = " ".join(map(str, option.default)) if option.many else option.default
        bounds = f"; {option.range}" if option.range else ""
        text = f"{help_text} (default: {'as in the run' if given else default}{bounds})"
        value = argparse.SUPPRESS if given else option.default
        if option.words:
            parser.add_argument(
                option.flag,
                nargs="?",
                const=True,
                choices=option.words,
                default=value,
                help=text,
            )
            parser.add_argument(
                _negated(option),
                dest=option.name,
                action="store_false",
                default=value,
                help=argparse.SUPPRESS,
            )
        elif option.kind is bool:
            parser.add_argument(
                option.flag,
                action=argparse.BooleanOptionalAction,
                default=value,
                help=text,
            )
        else:
            parser.add_argument(
                option.flag,
                type=_parser_of(option),
                default=value,
                choices=option.choices or None,
                nargs=(option.length or "+") if option.many else None,
                action=_Lengthen if option.many and not option.length else "store",
                help=text,
                metavar=None if option.choices else option.kind.__name__.upper(),
            )


def _negated(option: Option) -> str:
    """The flag that turns an option off."""
    return option.flag.replace("--", "--no-", 1)


class _Lengthen(argparse.Action):
    """Adds what a flag is given to what it was given before, in place of the default."""

    def __call__(self, parser, namespace, values, option_string=None):  # type: ignore[no-untyped-def]
        before = getattr(namespace, self.dest, self.default)
        setattr(namespace, self.dest, values if before is self.default else before + values)


def whole_number(high: int | None = None) -> Callable[[str], int]:
    """The type of a flag that takes a number from 1 on."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < 1 or (high is not None and int(text) > high):
            bounds = "from 1 on" if high is None else f"from 1 to {high}"
            raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number {bounds}")
        return int(text)

    return parse


def _parser_of(option: Option) -> Any:
    def parse(text: str) -> Any:
        try:
            value = option.kind(text)
        except ValueError:
            value = None
        if value is None or not option.accepts((value,) if option.many else value):
            near = did_you_mean(text, option.names.examples) if option.names else ""
            raise argparse.ArgumentTypeError(f"found {text!r}, expected {option.expected()}{near}")
        return value

    return parse


def given_in(args: argparse.Namespace, cls: type) -> dict[str, Any]:
    """Name -> value of the options whose flags were given."""
    found = {o.name: getattr(args, o.name) for o in options_of(cls) if hasattr(args, o.name)}
    return {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}


def options_from(args: argparse.Namespace, cls: type) -> Any:
    """The options dataclass of parsed flags."""
    values = {option.name: getattr(args, option.name) for option in options_of(cls)}
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def flags_of(options: Any) -> str:
    """The flags that say how options differ from their defaults, quoted for a shell.

    Text is joined to its flag, `--flag=text`, and a list is a flag for each item: a word by itself
    would be taken for a flag where it begins with a dash.
    """
    words = []
    for option in options_of(type(options)):
        value = getattr(options, option.name)
        if value == option.default:
            continue
        if isinstance(value, bool):
            words.append(option.flag if value else _negated(option))
        elif option.length:
            words += [option.flag, *map(str, value)]
        else:
            words += [f"{option.flag}={item}" for item in (value if option.many else [value])]
    return shlex.join(words)
