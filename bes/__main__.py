"""`python -m bes`: the command line without an installed script."""

import signal
import sys

# Until the command has a sentence for it, Ctrl-C ends the imports without a traceback.
if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from bes.cli import main

if __name__ == "__main__":
    sys.exit(main())
