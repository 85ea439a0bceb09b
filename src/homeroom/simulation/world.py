"""A world of made-up learners: its parameters, and its events in blocks.

A log of 100 million events does not fit in memory, and need not: time is cut into days, a day into parts of about a
quarter of a million events by the beginning of the visits, and each part (a *block*) is made alone. What is held is
eight bytes an enrolment and the visits of one day. How many events each day has is settled first, by counting the
visits of every day once (a fifth of the work), so that the whole has exactly the number that was asked for.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.errors import WorldError
from homeroom.events.model import Int64s, UInt64s
from homeroom.simulation.chance import hashed
from homeroom.simulation.curriculum import DAY_MS, EXTRA_COURSES, Rules, make_rules
from homeroom.simulation.learners import count_visits, order_enrolments, visits_of_day
from homeroom.simulation.sessions import (
    EVENT,
    Events,
    choose_repeats,
    share_out,
    write_visits,
)
from homeroom.simulation.texts import Texts

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Accounts", "Block", "LearnerWorld", "Population"]

Accounts: TypeAlias = Literal["short", "long"]
"""``short`` is ``learner-000123``; ``long`` has 27 bytes, as the accounts of real platforms do."""

_EPOCH: Final = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerWorld:
    """The parameters of a world; equal parameters make equal events.

    Parameters
    ----------
    seed : any integer from 0 to 2^64 - 1
    learners : people who enrol; not all are seen if there are few events
    events : lines that are written, repeats included
    days : length of the log in days of UTC
    start : its first day
    courses : course runs, begun in waves
    repeats : share of the lines that are an exact copy of an earlier one
    late : chance that the events of a visit reach the log only days after they happened
    late_days : the longest such delay
    accounts : form of the accounts

    Raises
    ------
    WorldError
        if a parameter is out of its bounds
    """

    seed: int = 1
    learners: int = 10_000
    events: int = 200_000
    days: int = 90
    start: dt.date = dt.date(2025, 1, 6)
    courses: int = 12
    repeats: float = 0.01
    late: float = 0.02
    late_days: int = 3
    accounts: Accounts = "short"

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        _within("seed", self.seed, 0, 2**64 - 1)
        _within("learners", self.learners, 1, limits.GENERATED_LEARNERS_MAX)
        _within("events", self.events, 1, limits.GENERATED_EVENTS_MAX)
        _within("days", self.days, 1, limits.GENERATED_DAYS_MAX)
        _within("courses", self.courses, 1, limits.GENERATED_COURSES_MAX)
        _within("repeats", self.repeats, 0, 0.5)
        _within("late", self.late, 0, 0.5)
        _within("late_days", self.late_days, 1, limits.GENERATED_LATE_DAYS_MAX)
        if self.accounts not in ("short", "long"):
            raise WorldError(f"accounts == {self.accounts!r}, must be short or long")
        first, last = _date(limits.TIME_MS_MIN), _date(limits.TIME_MS_MAX)
        end = last - dt.timedelta(days=self.days)
        if not first <= self.start <= end:
            raise WorldError(
                f"start == {self.start}, must be from {first} to {end}, so that all {self.days} days lie within "
                f"the times that an event may have"
            )
        if self.events > self.learners * self.days * limits.GENERATED_EVENTS_PER_DAY_MAX:
            raise WorldError(
                f"events == {self.events:,} are more than {limits.GENERATED_EVENTS_PER_DAY_MAX} a day for each of "
                f"{self.learners:,} learners in {self.days} days; ask for more learners or days, or fewer events"
            )

    @property
    def repeat_count(self) -> int:
        """Number of lines that are copies."""
        return round(self.events * self.repeats)

    @property
    def start_ms(self) -> int:
        """First instant of the world, milliseconds since 1970 UTC."""
        return (self.start - _EPOCH).days * DAY_MS

    def population(self) -> "Population":
        """Enrol the learners and plan the days: what all blocks need, the longest part of a small world."""
        return Population(self)

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """Yield the events as record batches, about in the order of time.

        Columns have the names of the event model; see `homeroom.simulation.columns.SCHEMA`.
        """
        from homeroom.simulation.columns import Columns

        population = self.population()
        columns = Columns(population.texts(), self.courses)
        for block in population.blocks():
            yield columns.batch(block.events)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Events of one part of one day, in the order of their lines.

    ``repeated`` (bool, by line) marks the copies.
    """

    events: Events
    repeated: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.events)


class Population:
    """Everybody of a world, and how many events each day has."""

    def __init__(self, world: LearnerWorld) -> None:
        self.world = world
        extra = round(world.learners * EXTRA_COURSES) if world.courses > 1 else 0
        rules = make_rules(world.start, world.days, world.courses)
        rules["seed"] = hashed(np.uint64(world.seed), 0)
        rules["learners"] = world.learners
        rules["enrolments"] = world.learners + extra
        rules["late"] = round(world.late * 2**32)
        rules["late_days"] = world.late_days
        self.rules: Rules = rules[()]
        self._keys, self._begins = order_enrolments(self.rules)
        for day in range(world.days):
            self._keys[self._begins[day] : self._begins[day + 1]].sort()
        self._keys.flags.writeable = False
        self._begins.flags.writeable = False

    @cached_property
    def visits(self) -> Int64s:
        """Visits of each day, int64 of shape (days,)."""
        return count_visits(self._keys, self._begins, self.rules)

    @cached_property
    def events(self) -> Int64s:
        """Events of each day without the copies, int64 of shape (days,)."""
        return _apportion(self.world.events - self.world.repeat_count, self.visits)

    @cached_property
    def repeats(self) -> Int64s:
        """Copies on each day, int64 of shape (days,)."""
        return _apportion(self.world.repeat_count, self.events)

    def texts(self) -> Texts:
        """Return what writes accounts, ids and times of this world."""
        world = self.world
        dates = [world.start + dt.timedelta(days=day) for day in range(world.days)]
        return Texts(world.learners, world.accounts, self.rules["seed"], dates)

    def blocks(self) -> Iterator[Block]:
        """Yield all events, block by block."""
        for day in range(self.world.days):
            yield from self.day(day)

    def day(self, day: int) -> Iterator[Block]:
        """Yield the blocks of one day; no other day needs to have been made."""
        events = int(self.events[day])
        if events == 0:
            return
        visits = np.empty(int(self.visits[day]), np.uint64)
        visits_of_day(self._keys, self._begins, day, visits, self.rules)
        visits.sort()
        lengths = share_out(visits, day, events, self.rules)
        reach = np.concatenate(([0], np.cumsum(lengths)))
        parts = -(-events // limits.GENERATED_BLOCK_EVENTS)
        cuts = np.searchsorted(reach, np.arange(1, parts) * events // parts)
        edges = np.unique(np.concatenate(([0], cuts, [len(visits)])))
        sizes = np.diff(reach[edges])
        repeats = _apportion(int(self.repeats[day]), sizes)
        for part, (low, high) in enumerate(pairwise(edges.tolist())):
            if sizes[part]:
                yield self._block(
                    day, visits[low:high], lengths[low:high], int(sizes[part]), int(repeats[part])
                )

    def _block(self, day: int, visits: UInt64s, lengths: Int64s, size: int, repeats: int) -> Block:
        events = np.empty(size, EVENT)
        write_visits(visits, lengths, day, events, self.rules)
        events["time_ms"] += self.world.start_ms
        key = visits[0] ^ np.uint64(day << 48)
        chosen, delays_ms = choose_repeats(key, size, repeats, self.rules)
        lines = np.concatenate((np.arange(size), chosen))
        arrival_ms = events["arrival_ms"][lines]
        arrival_ms[size:] += delays_ms
        # The line number in the low bits makes every key different: any sort gives the one order.
        order = np.sort((arrival_ms << 32) | np.arange(len(lines))) & 0xFFFF_FFFF
        return Block(events=np.take(events, lines[order]), repeated=order >= size)


def _apportion(total: int, weights: Int64s) -> Int64s:
    """Divide a total by weights into whole numbers, at most one from their shares, exact in sum."""
    whole = int(weights.sum())
    reach = np.array([w * total // whole for w in np.cumsum(weights).tolist()], np.int64)
    return np.diff(reach, prepend=0)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise WorldError(f"{name} == {value:,}, must be from {low:,} to {high:,}")


def _date(time_ms: int) -> dt.date:
    return _EPOCH + dt.timedelta(milliseconds=time_ms)
