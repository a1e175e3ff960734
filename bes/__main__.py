"""`python -m bes`: the command line without an installed script."""

import sys

from bes.cli import main

if __name__ == "__main__":
    sys.exit(main())
