"""The results of a report's runs, as a page and as Markdown beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from homeroom.adapters.whole_files import whole_file
from homeroom.proving.regressions import Regression
from homeroom.proving.report import decide, render_markdown, render_page
from homeroom.proving.report.page import Extras
from homeroom.proving.results import Results

__all__ = ["HTML", "MARKDOWN", "leave_pages"]

HTML: Final = "report.html"
MARKDOWN: Final = "report.md"


def leave_pages(
    folder: Path, found: Sequence[Results], worse: Sequence[Regression], command: str
) -> None:
    """Write both pages of these runs into a folder; ``command`` is how to run them again.

    Parameters
    ----------
    worse : what became worse since earlier runs
    """
    decision = decide([one.to_json() for one in found], worse)
    extras = Extras(commands=(command,))
    for name, text in (
        (HTML, render_page(decision, extras)),
        (MARKDOWN, render_markdown(decision, extras)),
    ):
        with whole_file(folder / name) as sink:
            sink.write(text.encode())
