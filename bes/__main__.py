"""`python -m bes`: the command line without an installed script."""

import signal
import sys

from bes.storage.interrupts import on_interrupt

# Until the command has a sentence for it, Ctrl-C ends the imports without a traceback.
on_interrupt(signal.SIG_DFL)

from bes.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
