"""`bes run`: the workflow in any folder, by the package alone."""

import argparse
import runpy
import sys
from pathlib import Path

from bes.errors import BesError
from bes.project.shipped import SHIPPED, found


class RunCommand:
    """Snakemake with the rules of the package; all that follows `run` is Snakemake's."""

    summary = "run the workflow; takes the targets and options of snakemake, such as -n"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`: Snakemake goes on in this process, in which Ctrl-C has its sentence until
        the first job starts."""
        files = _values(args.rest, "--configfile", "--configfiles")
        for path in files:
            if not found(Path(path)).is_file():
                raise BesError(f"--configfile: found no file {path}, expected a YAML file")
        for word in _values(args.rest, "--config", "-C"):
            if "=" not in word:
                raise BesError(
                    f"--config: found {word!r}, expected KEY=VALUE; a target comes before the "
                    "options, or after another one than --config"
                )
        # Snakemake takes some seconds to say its first word.
        print("bes: starting", file=sys.stderr, flush=True)
        # Snakemake would not say where a file is no YAML.
        from bes.project.config_files import read_yaml

        for path in files:
            read_yaml(found(Path(path)))
        sys.argv = ["snakemake", *snakemake_words(args.rest)]
        runpy.run_module("snakemake", run_name="__main__", alter_sys=True)


def _values(given: list[str], *flags: str) -> list[str]:
    """The words after any of these flags, up to the next flag."""
    values, among = [], False
    for word in given:
        if word.startswith("-"):
            flag, _, value = word.partition("=")
            among = flag in flags
            values += [value] * bool(among and value)
        elif among:
            values.append(word)
    return values


def snakemake_words(given: list[str]) -> list[str]:
    """The command line of Snakemake; what the user gives comes later and so counts. Files of the
    workflow, such as config/photographs.yaml, need not be in the folder."""
    profile = found(Path("profiles/default"))
    before = [
        "--snakefile",
        str(SHIPPED / "workflow/Snakefile"),
        "--workflow-profile",
        str(profile),
    ]
    return [*before, *map(_found_word, given)]


def _found_word(word: str) -> str:
    flag, equals, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
    own = Path(value).parts[:1] in (("config",), ("profiles",))
    return f"{flag}{equals}{found(Path(value))}" if own else word
