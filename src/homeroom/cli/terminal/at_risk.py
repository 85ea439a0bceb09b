"""Enrolments at risk: a bar a course run with its trend, then the first of the list, each with its reason.

The reason is a sentence, so an enrolment takes two lines: who and where, and under it why.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from homeroom.cli.terminal.bars import bar, spark
from homeroom.cli.terminal.ink import Ink, ink_of
from homeroom.cli.terminal.wording import clean, cropped, percent, plural, shorten, wrapped
from homeroom.cohorts.answers import SUPPRESSED, AtRiskAnswer
from homeroom.cohorts.charts.words import count

__all__ = ["AtRiskView"]

COURSES_MAX: Final = 15
BAR_WIDTH_MAX: Final = 30
WEEKS_MAX: Final = 12
_ALL: Final = "all course runs"
_DIM: Final = Style(dim=True)
_BOLD: Final = Style(bold=True)
_PLAIN: Final = Style()


@dataclass(frozen=True, slots=True)
class AtRiskView:
    """One answer: numbers, trend and list."""

    answer: AtRiskAnswer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw heading, a bar a course run, and the first enrolments."""
        answer, ink = self.answer, ink_of(console)
        if not answer.current:
            yield Text(f"no current enrolments on {answer.date}", _DIM)
            return
        yield from self._courses(ink, options.max_width)
        if len(answer.shown):
            yield Text()
            yield from self._list(console, options.max_width)

    def _courses(self, ink: Ink, width: int) -> Iterator[Text]:
        answer = self.answer
        rows = [(one.course, one.current, one.at_risk) for one in answer.courses[:COURSES_MAX]]
        if len(rows) > 1:
            rows.insert(0, (_ALL, answer.current, answer.at_risk))
        trends = self._trends(rows)
        weeks = max((len(one) for one in trends), default=0)
        last = f"last {plural(weeks, 'week')}" if weeks else ""
        size = max(len("current"), len("at risk"), len(count(answer.current)))
        room = width - 2 * size - 10 - (max(weeks, len(last)) + 2 if weeks else 0)
        label = min(max(len(clean(name)) for name, _, _ in rows), max(room // 2, 12))
        long = max(min(room - label - 2, BAR_WIDTH_MAX), 0)
        yield cropped(
            f"{answer.date:<{label}}  {'current':>{size}}  {'at risk':>{size}}    %  {'':<{long}}  {last}",
            _DIM,
        )
        top = max(one.at_risk for one in answer.courses) if answer.courses else 0
        for number, (name, current, at_risk) in enumerate(rows):
            rate = at_risk / current if current and at_risk != SUPPRESSED else float("nan")
            told = "not told" if at_risk == SUPPRESSED else count(at_risk)
            line = cropped(
                f"{shorten(name, label):<{label}}  {count(current):>{size}}  {told:>{size}}  {percent(rate):>3}  ",
                _BOLD if name is _ALL else _PLAIN,
            )
            # The bar of all together would make the others too short to compare.
            line.append(
                f"{'' if name is _ALL else bar(at_risk, top, long):<{long}}  ",
                ink.mark("resurrecting"),
            )
            if weeks:
                line.append(trends[number], ink.mark("returning"))
            line.rstrip()
            yield line
        more = len(answer.courses) - COURSES_MAX
        if more > 0:
            yield cropped(f"{plural(more, 'more course run')}; --json holds all", _DIM)

    def _trends(self, rows: Sequence[tuple[str, int, int]]) -> list[str]:
        """Return for each row the share at risk of the newest weeks as a line of characters, all on one scale."""
        trend = self.answer.trend
        if trend is None:
            return []
        first = (
            1 if len(rows) == 1 else 0
        )  # of a single course run there is no line of all together
        shares = trend.shares[first : first + len(rows), -WEEKS_MAX:]
        top = float(np.nanmax(shares, initial=0))
        return [
            "".join(" " if np.isnan(share) else spark(np.array([share]), top) for share in row)
            for row in shares
        ]

    def _list(self, console: Console, width: int) -> Iterator[Text]:
        answer, shown = self.answer, self.answer.shown
        order = answer.question.sort.replace("-", " ")
        told = "" if answer.at_risk == SUPPRESSED else f" of {count(answer.at_risk)}"
        yield Text(f"the first {len(shown)}{told}, {order}", _DIM)
        names = answer.names or {}
        rows = zip(
            shown.learners(), shown.course_names(), shown.reasons(), self._results(), strict=True
        )
        for learner, course, reason, results in rows:
            line = cropped(learner, _BOLD)
            line.append(f"  {shorten(course, max(width - 36, 12))}", _PLAIN)
            if learner in names:
                line.append(f"  {clean(names[learner][1])}", _PLAIN)
            yield line
            for part in wrapped(console, "; ".join((reason, *results)), width - 2, _DIM):
                yield Text("  ").append_text(part)
        if answer.at_risk > len(shown):
            yield cropped("--limit shows more; --csv holds all", _DIM)

    def _results(self) -> list[tuple[str, ...]]:
        """Say what is known of grade and progress."""
        shown = self.answer.shown
        return [
            (
                *(() if np.isnan(grade) else (f"grade {grade:g}",)),
                *(() if np.isnan(progress) else (f"progress {percent(progress)}%",)),
            )
            for grade, progress in zip(shown.grade, shown.progress, strict=True)
        ]
