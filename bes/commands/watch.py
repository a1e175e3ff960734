"""The subcommand that shows how far a run elsewhere is."""

import argparse
import time

from bes.commands.arguments import add_config


class WatchCommand:
    """The display of a run, by the files that its jobs write."""

    summary = "show how far a run is that goes on elsewhere, such as on a cluster"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        add_config(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`; ends when all is done."""
        from bes.project.console import EVERY, Display, outcome
        from bes.project.settings import read_project

        project = read_project(args.configfile, args.config)
        display = Display(project, since=0.0)
        display.start()
        try:
            while any(each.state != "done" for each in display.progress()):
                time.sleep(EVERY)
        finally:
            display.stop()
        words = ["--configfile", *map(str, args.configfile)]
        print("\n".join(outcome(project, words + (["--config", *args.config] * bool(args.config)))))
