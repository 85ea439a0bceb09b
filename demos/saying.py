"""What a demo says: who it is about, and a text that is wrapped to the width of the terminal."""

import shutil
import textwrap

_WHO = 10


def say(who: str, text: str, hanging: int = 0) -> None:
    """Print a text, with all its lines but the first further in by ``hanging``."""
    width = max(min(shutil.get_terminal_size((120, 24)).columns, 120), 60)
    indent = " " * (_WHO + hanging)
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=" " * _WHO,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
        drop_whitespace=True,
    )
    print("\n".join([f"{who:<{_WHO}}{lines[0][_WHO:]}", *lines[1:]]), flush=True)
