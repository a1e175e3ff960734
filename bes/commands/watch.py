"""The subcommand that shows how far a run elsewhere is."""

import argparse
import signal
import time

from bes.commands.arguments import add_config


class WatchCommand:
    """The display of a run, by the files that its jobs write."""

    summary = "show how far a run is that goes on elsewhere, such as on a cluster"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        add_config(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`; ends when the run does, with status 1 if it failed."""
        from bes.project.console import EVERY, Display
        from bes.project.outcome import outcome
        from bes.project.progress import StartedRun
        from bes.project.settings import read_project

        project = read_project(args.configfile, args.config)
        run = StartedRun.read(project)
        display = Display(project, run)
        # Who ends this ends no run.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        display.start()
        try:
            while run.success is None and any(p.state != "done" for p in display.progress()):
                time.sleep(EVERY)
                run = StartedRun.read(project)
        except KeyboardInterrupt:
            return
        finally:
            display.stop()
        if run.success is False:
            print("the run ended before all was done; the same command continues it")
            raise SystemExit(1)
        words = ["--configfile", *map(str, args.configfile)]
        print("\n".join(outcome(project, words + (["--config", *args.config] * bool(args.config)))))
