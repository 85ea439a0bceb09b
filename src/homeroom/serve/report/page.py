"""Putting the page together: sections from answers, style and script with their hashes, and one template.

The style of the charts is written once for the page, not once a chart. Charts that are drawn (not tables) are drawn
in three widths, of which the style shows one: text in a chart scaled from a desk to a telephone is not readable, and
a script that measured the window would make the page jump.
"""

import base64
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from homeroom.cohorts.answers import Answer, RetentionAnswer, Source
from homeroom.cohorts.charts import draw_inline, draw_small, has_chart, words
from homeroom.cohorts.charts.numbers import Numbers
from homeroom.cohorts.charts.palette import DARK, LIGHT, STEPS, STRIPE_SHARE, rules, variables
from homeroom.cohorts.charts.svg import cleaned
from homeroom.cohorts.charts.tables import tabulate, tabulate_parts
from homeroom.cohorts.standing_out import standing_out
from homeroom.serve.report.download import csv_link
from homeroom.serve.report.figures import headlines
from homeroom.serve.report.reasons import explain
from homeroom.serve.report.triangle import Triangle, triangle

if TYPE_CHECKING:
    import jinja2

__all__ = ["Section", "render_report"]

NARROW_PX, MIDDLE_PX, WIDE_PX = 312, 640, 1056


@dataclass(frozen=True, slots=True)
class Section:
    """One answer on the page, and the command that makes it (empty if there is none to show)."""

    answer: Answer
    command: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    """A section as the template takes it."""

    anchor: str
    title: str
    summary: str
    command: str
    notes: tuple[str, ...]
    triangle: Triangle | None
    charts: tuple[tuple[str, str], ...]
    tables: tuple[Numbers, ...]
    cut: bool
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
    style, script = _style(), _file("report.js")
    answers = [section.answer for section in sections]
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return _template().render(
        title=title, style=style, script=script, policy=policy,
        headlines=headlines(answers, source), source=source, findings=standing_out(answers, source),
        known=_known(answers), timezone=answers[0].timezone if answers else "UTC",
        shares=_shares(source), reasons=_reasons(source), incomplete=words.INCOMPLETE,
        sections=[_part(section, number) for number, section in enumerate(sections, 1)],
    )  # fmt: skip


def _part(section: Section, number: int) -> _Part:
    answer = section.answer
    table = triangle(answer) if isinstance(answer, RetentionAnswer) and answer.periods else None
    # A triangle that is cut as a table, or that has parts to compare, is drawn too.
    drawn = has_chart(answer) and (table is None or bool(table.cut) or bool(answer.parts))
    tables = (*tabulate(answer), *tabulate_parts(answer))
    return _Part(
        anchor=f"{answer.question.name}-{number}", title=words.heading(answer), summary=words.summary(answer),
        command=section.command, notes=answer.notes, triangle=table,
        charts=_charts(answer) if drawn else (),
        tables=tables, cut=any(numbers.cut for numbers in tables),
        csv=csv_link(answer), csv_name=f"{answer.question.name}.csv",
        known=_known_words(answer),
    )  # fmt: skip


def _known_words(answer: Answer) -> str:
    known = f", known up to {words.instant_label(answer.as_of)}" if answer.as_of else ""
    return f"Answered from {answer.answered_from}{known}, periods in {answer.timezone}."


def _charts(answer: Answer) -> tuple[tuple[str, str], ...]:
    return (("narrow", draw_small(answer, NARROW_PX)), ("middle", draw_inline(answer, MIDDLE_PX)),
            ("wide", draw_inline(answer, WIDE_PX)))  # fmt: skip


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
    light, dark = variables(LIGHT), variables(DARK)
    cells = [f".cell.s{i}{{background-color:var(--step-{i})}}" for i in range(STEPS)]
    dark_root = f"color-scheme:dark;{dark}"
    theme = (
        f":root{{color-scheme:light;{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark_root}}}}}"
        f"@media screen{{:root[data-theme=dark]{{{dark_root}}}}}"
    )
    page = _file("report.css").replace("STRIPE", f"{100 * STRIPE_SHARE:.0f}%")
    return theme + "".join(cells) + rules() + page


@functools.cache
def _file(name: str) -> str:
    return resources.files("homeroom.serve.report").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def _template() -> "jinja2.Template":
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
        finalize=cleaned,
    )  # fmt: skip
    environment.filters |= {"count": words.count, "instant": words.instant_label}
    return environment.from_string(_file("report.html"))


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
