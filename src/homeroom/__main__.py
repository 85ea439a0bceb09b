"""Run the command line with ``python -m homeroom``."""

import sys

from homeroom.cli import main

if __name__ == "__main__":
    sys.exit(main())
