"""The subcommand with which a person goes through the pseudo labels."""

import argparse
import signal
from typing import Any

from bes.commands.arguments import add_experiment, project_of
from bes.options.flags import whole_number
from bes.storage.words import counted


class ReviewCommand:
    """Accept, reject and mend pseudo labels in a browser."""

    summary = "look through the pseudo labels in a browser, accept, reject and mend them"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument(
            "--no-browser", action="store_true", help="print the address and open no browser"
        )
        parser.add_argument(
            "--port",
            type=whole_number(65535),
            default=0,
            metavar="N",
            help="port of the page, such as for a tunnel (default: a free one)",
        )
        add_experiment(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        from bes.storage.pool import limit_threads

        project = project_of(args)
        limit_threads(1)
        # What follows loads numerical libraries, which settle their threads then.
        from bes.project.desk import open_desk
        from bes.project.reviewed import go_on, going_on
        from bes.review.desk import EARLIER
        from bes.review.server import ReviewServer

        desk = open_desk(project, args.experiment)

        def closing() -> dict[str, Any]:
            keys, then = go_on(project, args.configfile, args.config)
            return {"counts": desk.counts(), "keys": keys, "command": then}

        with ReviewServer(desk, port=args.port, closing=closing) as server:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: server.stop())
            print(
                f"{counted(len(desk.records), 'photograph')}, the least trusted first: {server.url}"
            )
            if again := desk.counts()[EARLIER]:
                print(f"{again} {EARLIER}: to be looked at again")
            print("Ctrl-C ends the review", flush=True)
            if not args.no_browser:
                import webbrowser

                webbrowser.open(server.url)
            server.serve_forever(poll_interval=0.1)
        counts = desk.counts()
        said = ", ".join(f"{counts[name]} {name}" for name in counts) or "no verdict"
        print(f"\n{said}, of {len(desk.records)}; in {desk.catalog.root / desk.places.review}")
        print(going_on(project, args.configfile, args.config))
