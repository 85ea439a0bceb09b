"""Texts and numbers that must fit a terminal, and must not do anything to it.

Names of verbs, courses and files come from outside: a course whose name holds an escape sequence must not retitle the
reader's terminal, and a mark that turns the direction of text must not reorder a table. So every text that comes from
the data passes through `clean` before it is shown. Titles and sentences are those of the charts
(``homeroom.cohorts.charts.words``), so that a figure is called the same wherever it is met.
"""

import re
from collections.abc import Iterator

from rich.console import Console
from rich.style import Style
from rich.text import Text

from homeroom.cohorts.answers import Answer
from homeroom.cohorts.charts.words import count, instant_label

__all__ = ["clean", "cropped", "percent", "plural", "setting", "shorten", "wrapped"]

_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def cropped(text: str, style: Style | str = "") -> Text:
    """Return a line of which the terminal shows what it has room for."""
    return Text(text, style, no_wrap=True, overflow="crop")


def clean(text: str) -> str:
    """Replace control characters, and marks that turn or hide text, by U+FFFD."""
    return _UNFIT.sub("\ufffd", text)


def shorten(text: str, width: int) -> str:
    """Cut a text in its middle: names of courses and activities differ at their ends."""
    text = clean(text)
    if len(text) <= width:
        return text
    keep = max(width - 1, 2)
    return f"{text[: keep - keep // 2]}…{text[len(text) - keep // 2 :]}"


def plural(number: int, one: str, many: str = "") -> str:
    """Write a count with its word: ``1 file``, ``3 files``."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def wrapped(console: Console, text: str, width: int, style: Style) -> Iterator[Text]:
    """Break a sentence into lines; rich alone leaves the space at which it breaks at the end of the line."""
    for line in Text(text, style).wrap(console, max(width, 1)):
        line.rstrip()
        yield line


def percent(rate: float) -> str:
    """Write a share in at most three characters; what is neither none nor all is never rounded to it."""
    if rate != rate:  # noqa: PLR0124 - NaN alone is not itself
        return "–"
    if 0 < rate < 0.005:
        return "<1"
    return "99" if 0.99 < rate < 1 else f"{100 * rate:.0f}"


def setting(answer: Answer) -> str:
    """Write how an answer stands: zone, first day of the week, range, and what it was answered from."""
    question = answer.question
    said = [clean(answer.timezone)]
    if question.week_start != "monday":
        said.append(f"weeks from {question.week_start.capitalize()}")
    if question.from_ or question.to:
        said.append(f"{question.from_ or '…'} to {question.to or '…'}")
    if answer.as_of:
        said.append(f"known up to {clean(instant_label(answer.as_of))}")
    said.append(f"answered from {answer.answered_from}")
    return " · ".join(said)
