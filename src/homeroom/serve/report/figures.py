"""The few figures at the head of the page: what a team asks first, each with the words that bound it.

Only complete periods are used: the last week of a log is nearly always cut, and a headline that falls each Monday
teaches people not to look.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homeroom.cohorts.answers import ActiveAnswer, Answer, LifecycleAnswer, RetentionAnswer, Source
from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.scale import pool

__all__ = ["Headline", "headlines"]


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure: its name, its value as text, and what it counts exactly."""

    name: str
    value: str
    note: str


def headlines(answers: Sequence[Answer], source: Source) -> list[Headline]:
    """Choose the figures that the answers hold."""
    out = [
        Headline("Learners", words.count(source.learners), "with at least one event"),
        Headline("Events", words.count(source.events_accepted), _range(source)),
    ]
    out += [
        figure
        for answer in answers
        if isinstance(answer, ActiveAnswer)
        for figure in _active(answer)
    ]
    out += [
        figure
        for answer in answers
        if isinstance(answer, RetentionAnswer)
        for figure in _retention(answer)
    ]
    out += [
        figure
        for answer in answers
        if isinstance(answer, LifecycleAnswer)
        for figure in _new(answer)
    ]
    return out


def _range(source: Source) -> str:
    if not source.first_event or not source.last_event:
        return "accepted"
    return f"{source.first_event[:10]} to {source.last_event[:10]}"


def _active(answer: ActiveAnswer) -> list[Headline]:
    ended = np.flatnonzero(answer.week.complete)
    if not len(ended):
        return []
    last = int(ended[-1])
    return [Headline("Active in the last whole week", words.count(int(answer.week.values[last])),
                     f"week of {answer.week.periods[last]}")]  # fmt: skip


def _retention(answer: RetentionAnswer) -> list[Headline]:
    cells = pool(answer)
    if len(cells) < 2 or not cells[1].learners:
        return []
    one, after = words.unit(answer.question).capitalize(), words.since_label(answer.columns[1])
    cell = cells[1]
    return [Headline(f"{one} {after} retention", words.share(cell.rate),
                     f"{cell.returned:,} of {cell.learners:,} learners in {cell.groups:,} groups")]  # fmt: skip


def _new(answer: LifecycleAnswer) -> list[Headline]:
    ended = np.flatnonzero(answer.complete)
    if not len(ended):
        return []
    last, one = int(ended[-1]), words.unit(answer.question)
    label = words.period_label(answer.periods[last], one)
    return [
        Headline(
            f"New in the last whole {one}", words.count(int(answer.new[last])), f"{one} of {label}"
        )
    ]
