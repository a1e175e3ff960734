"""An option is the same thing as a field, as a flag and in the help."""

import argparse
import math
import shlex
import subprocess
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal

import pytest

from bes.errors import BesError
from bes.options.declared import Names, Option, Range, docs_of, options_of
from bes.options.flags import add_flags, flags_of, options_from
from bes.project.sections import SECTIONS


@dataclass(frozen=True)
class Sample:
    """One option of every kind."""

    count: Annotated[int, Range(0)] = 3
    """How many, pieces."""
    share: Annotated[float, Range(0.0, 1.0)] = 0.5
    """How much: 100 % is 1."""
    mode: Literal["slow", "fast"] = "slow"
    """How."""
    lively: bool = True
    """Whether it moves."""
    quiet: bool = False
    """Whether it is silent."""
    polish: bool | Literal["by hand"] = True
    """Whether, or how, it is polished."""
    title: str = "a b"
    """What it is called."""
    comment: str | None = None
    """What is said of it."""
    animal: Annotated[str, Names(("cat", "dog"), prefix="zoo:")] = "cat"
    """Which."""
    pet: Annotated[str | None, Names(("cat", "dog"), prefix="zoo:")] = None
    """Which, if any."""
    sizes: Annotated[tuple[int, ...], Range(1, 9)] = (1, 2)
    """How large,
    each."""
    names: tuple[str, ...] = ()
    """Of whom."""


def parse(cls: type, words: list[str], *, documented: bool = False) -> Any:
    parser = argparse.ArgumentParser()
    add_flags(parser, cls, documented=documented)
    return options_from(parser.parse_args(words), cls)


def refusal(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        parse(Sample, words)
    assert exit_.value.code == 2
    return capsys.readouterr().err


def other_value(option: Option) -> Any:
    """A valid value of an option that is not its default."""
    if option.choices:
        one = option.choices[-1] if option.default != option.choices[-1] else option.choices[0]
    elif option.names:
        one = f"{option.names.prefix}okapi.v2"
    elif option.kind is bool:
        one = not option.default
    elif option.kind is str:
        one = "it's a 'test' with $HOME & more"
    else:
        low, high = option.range or (0, 1)
        one = option.kind(low + 1 if high == float("inf") else high)
        one = option.kind(low) if one == option.default else one
    return (one,) * (option.length or 3) if option.many else one


def test_without_flags_options_have_their_defaults() -> None:
    assert parse(Sample, []) == Sample()
    assert flags_of(Sample()) == ""


@pytest.mark.parametrize("cls", [Sample, *SECTIONS.values()])
def test_flags_and_options_are_two_ways_to_write_the_same(cls: type) -> None:
    for option in options_of(cls):
        options = replace(cls(), **{option.name: other_value(option)})
        assert parse(cls, shlex.split(flags_of(options))) == options
    everything = cls(**{option.name: other_value(option) for option in options_of(cls)})
    assert parse(cls, shlex.split(flags_of(everything))) == everything


def test_flags_name_only_what_differs() -> None:
    options = Sample(lively=False, quiet=True, polish="by hand", sizes=(9, 8, 7), title="it's")
    assert shlex.split(flags_of(options)) == [
        *(
            "--no-lively",
            "--quiet",
            "--polish=by hand",
            "--title=it's",
            "--sizes=9",
            "--sizes=8",
            "--sizes=7",
        )
    ]


def test_a_switch_may_have_a_word_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(Sample, ["--polish"]).polish is True
    assert parse(Sample, ["--no-polish"]).polish is False
    assert "'by hand'" in refusal(["--polish=by foot"], capsys)


def test_a_list_is_typed_at_once_or_in_parts() -> None:
    for words in (["--sizes", "7", "8", "9"], ["--sizes=7", "--sizes", "8", "9"]):
        assert parse(Sample, words).sizes == (7, 8, 9)
    assert parse(Sample, ["--names=-x", "--names", "y"]).names == ("-x", "y")


ODD = (
    *("", " ", "-", "-x", "--title", "--title=a", "--help", "-1", "---", "-- ", "a b", " a", "a "),
    *("'", '"', "it's", '"a" b', "$(touch harm)", "`touch harm`", "$HOME", "a;b", "a&b|c>d", "*"),
    *("{1}", "{{x}}", "{params.flags}", "{", "}", "%s", "%(prog)s", "a=b", "=", "a\\b", "\\", "!x"),
    *("~", "#x", "@file", "café", "犬", "🐶", "a\u2028b", "null", "true", "0", "1e5", "[1]", "a,b"),
)
"""Legal texts that a shell, argparse or Snakemake could take for something else."""
EXTREME = (*(2**k for k in range(33)), 2**32 - 1, 999, 10_000, 1e-7, 1e-05, 0.1, 1 / 3, 1e5, 0, 100)


def legal_values(option: Option) -> list[Any]:
    """Odd values that an option takes."""
    if option.kind is bool:
        ones: list[Any] = [False, True, *option.words]
    elif option.kind is str:
        ones = [
            *option.choices,
            *filter(option._accepts_one, ODD),
            other_value(replace(option, many=False, length=None)),
        ]
    else:
        numbers = map(option.kind, filter(math.isfinite, [*EXTREME, *(option.range or ())]))
        ones = [n for n in numbers if option._accepts_one(n)]
    assert all(map(option._accepts_one, ones))
    if not option.many:
        return ones
    if option.length:
        return [(one,) * option.length for one in ones]
    return [(one,) for one in ones] + [tuple(ones), tuple(reversed(ones))]


def construct(cls: type, name: str, value: Any) -> Any:
    """Options with one value that differs, None where it does not go with the others."""
    try:
        return replace(cls(), **{name: value})
    except BesError:
        return None


@pytest.mark.parametrize("cls", [Sample, *SECTIONS.values()])
def test_every_legal_value_survives_the_shell_and_the_parser(cls: type) -> None:
    made = [
        made
        for option in options_of(cls)
        for value in legal_values(option)
        if (made := construct(cls, option.name, value)) is not None
    ]
    flags = list(map(flags_of, made))
    # By a real shell, all at once: a line for each, its words ended by NUL.
    script = "".join(f"printf '%s\\0' {line}; printf '\\n\\0'\n" for line in flags)
    said = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.decode()
    lines = [line.split("\0")[:-1] for line in said.split("\n\0")[:-1]]
    parser = argparse.ArgumentParser()
    add_flags(parser, cls, documented=False)
    for options, line, words in zip(made, flags, lines, strict=True):
        assert words in (shlex.split(line), [""])  # printf prints once where it has nothing to
        assert options_from(parser.parse_args(shlex.split(line)), cls) == options, line


@pytest.mark.parametrize("text", ["--", "a\nb", "a\n", "\0", "\x1b[1m", "\ud800", "a\tb"])
def test_text_that_is_no_line_is_no_value(text: str) -> None:
    title, names = (o for o in options_of(Sample) if o.name in ("title", "names"))
    assert not title.accepts(text) and not names.accepts((text,))
    assert title.accepts("—") and title.accepts("")


@pytest.mark.parametrize("cls", SECTIONS.values())
def test_every_number_has_both_bounds(cls: type) -> None:
    for option in options_of(cls):
        if option.kind in (int, float) and not option.choices:
            assert option.range is not None, option.name
            assert math.isfinite(option.range.low) and math.isfinite(option.range.high), option.name


def test_values_outside_an_option_are_refused_with_what_was_expected(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "argument --count: found '-1', expected an integer, >= 0" in refusal(
        ["--count", "-1"], capsys
    )
    assert "argument --count: found '1.5', expected an integer, >= 0" in refusal(
        ["--count", "1.5"], capsys
    )
    assert "found 'nan', expected a number, 0.0 to 1.0" in refusal(["--share", "nan"], capsys)
    assert "found '10', expected a list, each an integer, 1 to 9" in refusal(
        ["--sizes", "1", "10"], capsys
    )
    assert "argument --mode" in refusal(["--mode", "idle"], capsys)


@pytest.mark.parametrize(
    "name", ["cot", "cats", "zoo", "zoo:", "zoo:a b", "zoo:../cat", "cat\n", ""]
)
def test_a_name_that_is_neither_known_nor_of_the_library_is_refused_with_the_nearest(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(["--animal", name], capsys)
    assert f"argument --animal: found {name!r}, expected one of cat, dog, zoo:NAME; did you" in said
    if name == "cot":
        assert said.endswith("did you mean 'cat'?\n")


@pytest.mark.parametrize("cls", [Sample, *SECTIONS.values()])
def test_help_documents_every_flag_with_its_default(cls: type) -> None:
    parser = argparse.ArgumentParser(prog="bes", formatter_class=_Unwrapped)
    add_flags(parser, cls, documented=True)
    text = parser.format_help()
    docs = docs_of(cls)
    for option in options_of(cls):
        assert option.flag in text
        assert docs[option.name] in text, f"{cls.__name__}.{option.name} is not documented"
        default = option.default
        shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
        assert f"(default: {shown}" in text


class _Unwrapped(argparse.HelpFormatter):
    def _split_lines(self, text: str, width: int) -> list[str]:
        return [text]


def test_every_field_of_every_stage_is_an_option_with_a_valid_default() -> None:
    for cls in SECTIONS.values():
        assert [option.name for option in options_of(cls)] == [field.name for field in fields(cls)]
        for option in options_of(cls):
            assert option.accepts(option.default), f"{cls.__name__}.{option.name}"


def test_documentation_is_inherited_and_overridden() -> None:
    @dataclass(frozen=True)
    class Child(Sample):
        count: Annotated[int, Range(0)] = 4
        """Fewer than before."""

    docs = docs_of(Child)
    assert docs["count"] == "Fewer than before."
    assert docs["sizes"] == "How large, each."
