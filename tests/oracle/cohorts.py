"""Cohorts, one learner, one rule and one date at a time.

The twin reads the rule as it is written down in ``docs/reference/cohorts.md``: it collects a learner's events up to
the end of the date and looks at them one by one.
"""

import datetime as dt
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence

from homeroom.cohorts.questions.definitions import Definitions
from homeroom.cohorts.questions.rules import (
    AllOf,
    AnyOf,
    Attribute,
    Did,
    DidThenNot,
    First,
    InCohort,
    Not,
    Result,
    Rule,
    Stopped,
    Window,
)
from homeroom.cohorts.questions.rules import (
    Sequence as Steps,
)
from tests.oracle.conditions import COMPARE, Learners
from tests.oracle.events import Event

__all__ = ["members"]

DAY_MS = 86_400_000


def members(
    events: Sequence[Event], definitions: Definitions, name: str, date: dt.date, zone: str
) -> set[str]:
    """Return the accounts of a cohort's members at the end of a local date."""
    return _Twin(events, definitions, date, zone).members(definitions.cohort(name).rule)


class _Twin:
    def __init__(
        self, events: Sequence[Event], definitions: Definitions, date: dt.date, zone: str
    ) -> None:
        self.zone = zoneinfo.ZoneInfo(definitions.timezone or zone)
        self.date, self.definitions = date, definitions
        self.learners = Learners(events)
        self.events: dict[str, list[Event]] = {}
        for event in {repr(event): event for event in events}.values():
            if self.local(event) <= date:
                self.events.setdefault(event.account, []).append(event)

    def local(self, event: Event) -> dt.date:
        instant = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=event.time_ms)
        return instant.astimezone(self.zone).date()

    def members(self, rule: Rule) -> set[str]:
        if isinstance(rule, AllOf):
            return set.intersection(*map(self.members, rule.rules))
        if isinstance(rule, AnyOf):
            return set.union(*map(self.members, rule.rules))
        if isinstance(rule, Not):
            return set(self.events) - self.members(rule.rule)
        if isinstance(rule, InCohort):
            return self.members(self.definitions.cohort(rule.name).rule)
        return {account for account in self.events if self.holds(rule, account)}

    def holds(self, rule: Rule, account: str) -> bool:
        return {
            Attribute: self._attribute,
            Did: self._did,
            First: self._first,
            Stopped: self._stopped,
            DidThenNot: self._did_then_not,
            Steps: self._steps,
            Result: self._result,
        }[type(rule)](rule, account)

    def _attribute(self, rule: Attribute, account: str) -> bool:
        value = self.learners.attribute(account, rule.condition.field) or "(none)"
        return (value in rule.condition.values) == (rule.condition.op == "=")

    def _did(self, rule: Did, account: str) -> bool:
        found = self.kind(account, rule.where, rule.window)
        count = len(found) if rule.unit == "events" else len({self.local(e) for e in found})
        return rule.low <= count and (rule.high is None or count <= rule.high)

    def _first(self, rule: First, account: str) -> bool:
        found = self.kind(account, rule.where, Window())
        first = min((event.time_ms for event in found), default=None)
        return any(event.time_ms == first for event in self.inside(found, rule.window))

    def _stopped(self, rule: Stopped, account: str) -> bool:
        quiet = self.date - dt.timedelta(days=rule.quiet_days - 1)
        dates = {self.local(event) for event in self.kind(account, rule.where, Window())}
        return any(date < quiet for date in dates) and not any(date >= quiet for date in dates)

    def _steps(self, rule: Steps, account: str) -> bool:
        return _in_order([self.kind(account, s, rule.window) for s in rule.steps], rule.within_ms)

    def _did_then_not(self, rule: DidThenNot, account: str) -> bool:
        did = self.kind(account, rule.where, rule.window)
        if not did:
            return False
        last = max(event.time_ms for event in did)
        during = None if rule.during_days is None else rule.during_days * DAY_MS
        return not any(
            event.time_ms > last and (during is None or event.time_ms - last <= during)
            for event in self.kind(account, rule.then_not, Window())
        )

    def _result(self, rule: Result, account: str) -> bool:
        name, condition = rule.condition.field, rule.condition
        values = [
            (event.time_ms, float(value))
            for event in self.kind(account, rule.where, rule.window)
            if (value := getattr(event, name)) is not None
        ]
        if name in ("success", "completion"):
            wanted = {1.0 if text == "true" else 0.0 for text in condition.values}
        else:
            wanted = {float(text) for text in condition.values}

        def passes(value: float) -> bool:
            if condition.op in ("=", "!="):
                return (value in wanted) == (condition.op == "=")
            return bool(COMPARE[condition.op](value, next(iter(wanted))))

        if rule.of == "any":
            return any(passes(value) for _, value in values)
        if not values:
            return False
        return passes(max(values)[1] if rule.of == "latest" else max(value for _, value in values))

    def kind(self, account: str, where: Iterable, window: Window) -> list[Event]:
        return self.inside(
            [e for e in self.events[account] if self.learners.meets(e, tuple(where))], window
        )

    def inside(self, events: Sequence[Event], window: Window) -> list[Event]:
        return [event for event in events if self._is_inside(event, window)]

    def _is_inside(self, event: Event, window: Window) -> bool:
        date = self.local(event)
        if window.last_days is not None:
            end = self.date - dt.timedelta(days=window.ago_days)
            return end - dt.timedelta(days=window.last_days - 1) <= date <= end
        if window.after is not None or window.before is not None:
            marks = self._marks(event.course)
            if any(
                mark is not None and mark not in marks for mark in (window.after, window.before)
            ):
                return False
            after = window.after is None or date >= marks[window.after]
            return after and (window.before is None or date < marks[window.before])
        return (window.from_ is None or date >= window.from_) and (
            window.to is None or date <= window.to
        )

    def _marks(self, course: str | None) -> Mapping[str, dt.date]:
        for calendar in self.definitions.calendars:
            if calendar.course == course:
                return calendar.marks
        return {}


def _in_order(steps: Sequence[Sequence[Event]], within_ms: int) -> bool:
    """Try every chain. Of events at one instant, that whose earliest step comes first is first."""
    numbered: dict[int, tuple[int, set[int]]] = {}
    for number, step in enumerate(steps):
        for event in step:
            numbered.setdefault(id(event), (event.time_ms, set()))[1].add(number)
    line = sorted(numbered.values(), key=lambda e: (e[0], min(e[1]), sum(2**n for n in e[1])))

    def goes_on(place: int, step: int, first_ms: int) -> bool:
        if step == len(steps):
            return True
        return any(
            step in line[i][1]
            and line[i][0] - first_ms <= within_ms
            and goes_on(i + 1, step + 1, first_ms)
            for i in range(place, len(line))
        )

    return any(0 in taken and goes_on(i + 1, 1, at) for i, (at, taken) in enumerate(line))
