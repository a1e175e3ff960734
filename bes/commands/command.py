"""What a subcommand of `bes` is."""

import argparse
from typing import Protocol


class Command(Protocol):
    """A subcommand: its flags, and what it does with them."""

    @property
    def summary(self) -> str:
        """What it does, in a line."""

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """Add the flags; their documentation takes a while, so only when it is `documented`."""

    def run(self, args: argparse.Namespace) -> None:
        """Do it."""
