"""Putting the page together: sections from answers, style and script with their hashes, and one template.

How an answer is shown is the affair of `homeroom.serve.looks`; here is what is of this page alone.
"""

import base64
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from homeroom.cohorts.answers import Answer, Source
from homeroom.cohorts.charts import words
from homeroom.cohorts.standing_out import standing_out
from homeroom.serve.looks.download import csv_link
from homeroom.serve.looks.showing import Shown, environment, sheet, shown, written
from homeroom.serve.looks.texts import LANGUAGES, texts_of
from homeroom.serve.report.figures import headlines
from homeroom.serve.report.reasons import explain

if TYPE_CHECKING:
    import jinja2

__all__ = ["Section", "render_report"]

_ROOM: Final = "homeroom.serve.report"


@dataclass(frozen=True, slots=True)
class Section:
    """One answer on the page, and the command that makes it (empty if there is none to show)."""

    answer: Answer
    command: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    """A section as the template takes it."""

    anchor: str
    shown: Shown
    command: str
    csv: str
    csv_name: str
    known: str


def render_report(
    sections: Sequence[Section], source: Source, title: str = "Learning report"
) -> str:
    """Render one self-contained HTML page.

    Parameters
    ----------
    sections : the answers in the order in which the page shows them, each with its command
    source : what was read for all of them
    title : heading of the page

    Returns
    -------
    str
        a whole HTML document in UTF-8, which loads nothing
    """
    style, script = _style(), written("report.js", _ROOM) + written("triangle.js")
    answers = [section.answer for section in sections]
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return _template().render(
        title=title, t=texts_of(LANGUAGES[0]), style=style, script=script, policy=policy,
        headlines=headlines(answers, source), source=source, findings=standing_out(answers, source),
        known=_known(answers), timezone=answers[0].timezone if answers else "UTC",
        shares=_shares(source), reasons=_reasons(source),
        sections=[_part(section, number) for number, section in enumerate(sections, 1)],
    )  # fmt: skip


def _part(section: Section, number: int) -> _Part:
    answer = section.answer
    return _Part(
        anchor=f"{answer.question.name}-{number}",
        shown=shown(answer),
        command=section.command,
        csv=csv_link(answer),
        csv_name=f"{answer.question.name}.csv",
        known=_known_words(answer),
    )


def _known_words(answer: Answer) -> str:
    known = f", known up to {words.instant_label(answer.as_of)}" if answer.as_of else ""
    return f"Answered from {answer.answered_from}{known}, periods in {answer.timezone}."


def _known(answers: Sequence[Answer]) -> str:
    return max((words.instant_label(a.as_of) for a in answers if a.as_of), default="")


def _shares(source: Source) -> list[tuple[str, str, str, str, float]]:
    """Return how what was read divides: class, name, count, share as text, and width in percent."""
    read = max(source.events_read, 1)
    parts = [("returning", "Accepted", source.events_accepted)]
    if source.events_duplicate is not None:
        parts.append(("new", "Exact repeats, counted once", source.events_duplicate))
    parts.append(("dormant", "Rejected", source.events_rejected))
    return [
        (style, name, words.count(n), words.share(n / read), round(100 * n / read, 3))
        for style, name, n in parts
    ]


def _reasons(source: Source) -> list[tuple[str, str, str]]:
    by_count = sorted(source.rejected_by_reason.items(), key=lambda item: (-item[1], item[0]))
    return [(*explain(reason), words.count(n)) for reason, n in by_count]


@functools.cache
def _style() -> str:
    return sheet() + written("report.css", _ROOM)


@functools.cache
def _template() -> "jinja2.Template":
    return environment(_ROOM).get_template("report.html")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
