"""The console that answers are printed on."""

import sys

from rich.console import Console

__all__ = ["stdout_console"]


def stdout_console() -> Console:
    """Return a console on standard output: as wide as the terminal, 80 columns into a pipe, plain under NO_COLOR.

    An output that cannot hold a block character (an old locale) shows a question mark for it and not an error.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    return Console(highlight=False, markup=False, emoji=False)
