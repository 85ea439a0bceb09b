"""How many are at risk: now, by course run, and at the ends of weeks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers.answer import Counts
from homeroom.cohorts.at_risk.asked import NO_TIMES, Asked
from homeroom.cohorts.kernels import risk as kernels
from homeroom.cohorts.standings import all_changes
from homeroom.events.model import Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state.running import any_of, listed, summed
from homeroom.state.standing import COMPLETED, OUTCOME, STATUS
from homeroom.state.table import ANY
from homeroom.state.zones import date_of, day_start_ms

__all__ = ["Trend", "count_now", "trend_of"]


def count_now(asked: Asked) -> tuple[Counts, list[UInt64s]]:
    """Return rows by course and kind, int64 of shape (courses, 8), and by partition the bits of those at risk."""
    bits = [np.zeros((p.rows + 63) // 64, np.uint64) for p in asked.active.partitions]
    rule = (asked.day, asked.question.quiet_days, asked.spares, asked.until)

    def add(number: int, counts: Counts) -> None:
        kernels.count_now(asked.columns(number), rule, counts, bits[number])

    counts = summed(asked.numbers, (asked.course_count, 8), add, asked.state.run)
    return counts, [sealed(one) for one in bits]


@dataclass(frozen=True)
class Trend:
    """Counts at the ends of weeks: ``current`` and ``at_risk`` int64 of shape (courses, weeks)."""

    labels: tuple[str, ...]
    days: Int64s
    current: Counts
    at_risk: Counts
    complete: npt.NDArray[np.bool_]
    from_history: bool


def trend_of(asked: Asked) -> Trend:
    """Count at the ends of the last weeks, that of the day that is asked about included."""
    firsts = _weeks(asked)
    days = np.minimum(firsts + 6, asked.day)
    ends_ms = np.array([day_start_ms(int(day) + 1, asked.zone) for day in days], np.int64)
    points = (sealed(days), sealed(ends_ms))
    rule = (asked.question.quiet_days, asked.spares, asked.until)
    bits = [np.zeros((p.rows + 63) // 64, np.uint64) for p in asked.active.partitions]

    def words(number: int) -> tuple[UInt64s, int]:
        part = asked.active.partitions[number]
        return sealed(part.words[ANY]), part.first_word

    def add(number: int, changes: Counts) -> None:
        part = asked.standing.partitions[number]
        times = (part.set_ms.get(name, NO_TIMES) for name in (STATUS, OUTCOME, COMPLETED))
        since = tuple(sealed(one[: part.rows]) for one in times)
        found = (changes, bits[number])
        kernels.count_points(asked.columns(number), since, words(number), rule, points, found)

    shape = (asked.course_count, len(days) + 1, 2)
    changes = summed(asked.numbers, shape, add, asked.state.run)
    doubtful = [number for number in asked.numbers if bits[number].any()]
    is_doubtful = any_of(asked.state.run, [bool(doubtful)])
    if is_doubtful:
        said = all_changes(asked.state, asked.active)

        def add_changing(number: int, changes: Counts) -> None:
            one = said[number]
            changed = (one.offsets, one.time_ms, one.said)
            columns = asked.columns(number)
            kernels.count_changing(
                sealed(bits[number]), changed, columns, words(number), rule, points, changes
            )

        changes = changes + summed(doubtful, shape, add_changing, asked.state.run)
    counts = np.cumsum(changes, axis=1)[:, : len(days)]
    return Trend(
        labels=tuple(date_of(int(day)).isoformat() for day in firsts),
        days=days,
        current=counts[:, :, kernels.CURRENT],
        at_risk=counts[:, :, kernels.AT_RISK],
        complete=ends_ms <= asked.context.as_of_ms,
        from_history=is_doubtful,
    )


def _weeks(asked: Asked) -> Int64s:
    """Return the first days of the last weeks, that of the day included; none of them ends before there is anything."""
    shift = 0 if asked.question.week_start == "monday" else 6  # day 0 is a Monday, day 6 a Sunday
    newest = (asked.day - shift) // 7 * 7 + shift
    firsts = newest - 7 * np.arange(asked.question.weeks - 1, -1, -1, dtype=np.int64)
    ours = [int(p.start_day[: p.rows].min()) for p in asked.active.partitions if p.rows]
    began = listed(asked.state.run, ours)
    return firsts[firsts + 6 >= min(began)] if began else firsts[:0]
