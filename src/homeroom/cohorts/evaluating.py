"""From definitions to members: which rules the columns answer, which history, and how they join.

On one date every rule that is not made of rules becomes a set of learners, and what is made of rules joins those. The
columns answer what they hold: attributes, lists, and days of activity of tracks, anywhere or in one course run, in the
zone in which days are cut, and the grade and progress of a course run as a whole. All other rules are asked of history,
together, in one walk: results are mostly among these, since a rule about a score means that of any activity.
Learners are those who had been active by the end of the date, so that "not" never means somebody who had not come yet.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, TypeAlias

import numpy as np

from homeroom.cohorts.activity import partition_mask
from homeroom.cohorts.course_results import by_course_result
from homeroom.cohorts.days import MANY, Days, rows_of_days
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.members import NOBODY, Members, existing, pack, unpack
from homeroom.cohorts.probes import (
    Both,
    Counted,
    FirstTime,
    InOrder,
    Kind,
    Probe,
    Reached,
    Then,
    ask_history,
    by_row,
)
from homeroom.cohorts.questions.conditions import Condition
from homeroom.cohorts.questions.definitions import Definitions
from homeroom.cohorts.questions.rules import (
    ALWAYS,
    AllOf,
    AnyOf,
    Attribute,
    Conditions,
    Did,
    DidThenNot,
    First,
    InCohort,
    Listed,
    Not,
    Result,
    Rule,
    Stopped,
    Window,
    leaves,
)
from homeroom.cohorts.questions.rules import Sequence as Steps
from homeroom.cohorts.selections import Selections
from homeroom.cohorts.stretches import Stretch, course_windows, stretch
from homeroom.errors import QuestionError
from homeroom.events.model import UInt64s
from homeroom.events.texts import sealed
from homeroom.state.running import added
from homeroom.state.state import COURSE, State
from homeroom.state.table import NO_DAY, Partition
from homeroom.state.zones import DAY_MS, Zone, day_start_ms, load_zone, local_days

__all__ = ["Evaluation", "Evaluator", "Place"]

_ACTIVE: Final = Did(where=())
Place: TypeAlias = tuple[Rule, int]
"""A rule on a local day."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Members of cohorts on one day.

    ``answered_from`` says whether history was asked; ``notes`` what a reader should know.
    """

    members: Mapping[str, Members]
    answered_from: Literal["columns", "history"]
    notes: tuple[str, ...] = ()


class Evaluator:
    """Evaluates the cohorts of some definitions on one state. Sets it has found it keeps, so it is made anew each time.

    Parameters
    ----------
    state : settled
    definitions : checked
    selections : conditions that were looked up before, of the same dictionaries
    columns : what the columns tell, where it was asked for before (`from_columns`); then the state need have none
    """

    def __init__(
        self,
        state: State,
        definitions: Definitions,
        selections: Selections | None = None,
        columns: Mapping[Place, Members | None] | None = None,
    ) -> None:
        self._state = state
        self._definitions = definitions
        self.zone: Zone = load_zone(definitions.timezone or state.zone.name)
        self._columns = columns
        self._found: dict[Place, Members] = {}
        self._counted_days: dict[Days, Members] = {}
        self._there: dict[int, Members] = {}
        self._from_history: set[Rule] = set()
        self._selection = (selections or Selections(state.dictionaries)).of
        self._notes: dict[str, None] = {}
        span = state.time_range_ms
        first = 0 if span is None else int(local_days(np.array(span, np.int64), self.zone)[0])
        self._first_day = first - 1

    def evaluate(self, names: Sequence[str], day: int) -> Evaluation:
        """Return the members of cohorts at the end of a local day. Raises `QuestionError`."""
        return self.on_days(names, [day])[0]

    def on_days(self, names: Sequence[str], days: Sequence[int]) -> list[Evaluation]:
        """Return the members on each of several days, with one walk through history for all."""
        rules = [self._definitions.cohort(name).rule for name in names]
        for name, rule in zip(names, rules, strict=True):
            self.check(name, rule)
        self._find([(leaf, day) for rule in rules for leaf in self._leaves(rule) for day in days])
        return [
            Evaluation(
                {name: self.holds(rule, day) for name, rule in zip(names, rules, strict=True)},
                self._answered_from(rules),
                tuple(self._notes),
            )
            for day in days
        ]

    def check(self, name: str, rule: Rule) -> None:
        """Raise `QuestionError` with the name of the cohort whose rule asks for what the data do not have."""
        for leaf in leaves(rule):
            if isinstance(leaf, InCohort):
                self.check(leaf.name, self._definitions.cohort(leaf.name).rule)
                continue
            try:
                self._check_leaf(leaf)
            except QuestionError as error:
                raise QuestionError(f"cohort.{name}: {error}") from None

    def courses(self, rules: Iterable[Rule]) -> set[int]:
        """Return the codes of the course runs of which the columns are asked about days or results."""
        asked = {leaf for rule in rules for leaf in self._leaves(rule)}
        kinds = [
            self._events(leaf.where)
            for leaf in asked
            if isinstance(leaf, Did | First | Stopped | Result)
        ]
        return {kind.course for kind in kinds if kind.course is not None}

    def _check_leaf(self, leaf: Rule) -> None:
        match leaf:
            case Attribute():
                if not self._selection((leaf.condition,)).learners:
                    raise QuestionError(
                        f"attribute = '{leaf.condition}' is about events, not about learners; "
                        f"write did = '{leaf.condition}'"
                    )
            case Steps():
                for step in leaf.steps:
                    self._events(step)
            case Result():
                self._events((*leaf.where, leaf.condition))
            case DidThenNot():
                self._events(leaf.where)
                self._events(leaf.then_not)
            case Did() | First() | Stopped():
                self._events(leaf.where)

    def holds(self, rule: Rule, day: int) -> Members:
        """Return for whom a rule holds on a day; its leaves must have been asked for before."""
        match rule:
            case AllOf():
                sets_ = [self.holds(inner, day) for inner in rule.rules]
                return _reduced(sets_, Members.__and__)
            case AnyOf():
                sets_ = [self.holds(inner, day) for inner in rule.rules]
                return _reduced(sets_, Members.__or__)
            case Not():
                return self.everybody(day) - self.holds(rule.rule, day)
            case InCohort():
                return self.holds(self._definitions.cohort(rule.name).rule, day)
            case _:
                return self._found[rule, day]

    def leaves(self, rule: Rule) -> list[Rule]:
        """Return the rules without rules in them that a rule comes down to, through the cohorts that it names."""
        return list(dict.fromkeys(self._leaves(rule)))

    def answered_from(self, rule: Rule) -> Literal["columns", "history"]:
        """Say where a rule that was asked for was answered from."""
        return self._answered_from([rule])

    def _answered_from(self, rules: Iterable[Rule]) -> Literal["columns", "history"]:
        asked = {leaf for rule in rules for leaf in self._leaves(rule)}
        from_columns = self._is_zone_of_columns and not asked & self._from_history
        return "columns" if from_columns else "history"

    def _leaves(self, rule: Rule) -> Iterable[Rule]:
        for leaf in leaves(rule):
            if isinstance(leaf, InCohort):
                yield from self._leaves(self._definitions.cohort(leaf.name).rule)
            else:
                yield leaf

    def everybody(self, day: int) -> Members:
        """Return who had been active by the end of a day; in another zone than that of the columns history tells."""
        if day not in self._there:
            if self._is_zone_of_columns:
                self._there[day] = existing(self._state.learners, day)
            else:
                self._find([(_ACTIVE, day)])
        return self._there[day]

    @property
    def _is_zone_of_columns(self) -> bool:
        return self.zone.name == self._state.zone.name

    def _find(self, places: Sequence[Place]) -> None:
        """Answer what the columns hold, and the rest with one walk through history."""
        asked: dict[Place, Probe] = {}
        if not self._is_zone_of_columns:
            days = dict.fromkeys(day for _, day in places if day not in self._there)
            asked = {(_ACTIVE, day): self._probe(_ACTIVE, day) for day in days}
        new = [place for place in dict.fromkeys(places) if place not in self._found]
        if self._columns is None:
            self._count_days(new)
        for place in new:
            found = self._told(place)
            if found is not None:
                self._found[place] = found
            elif place not in asked:
                asked[place] = self._probe(*place)
                self._from_history.add(place[0])
        self._found |= self._walked(asked)
        self._there |= {day: self._found[rule, day] for rule, day in asked if rule is _ACTIVE}
        for place in new:
            self._found[place] &= self.everybody(place[1])

    def _walked(self, asked: Mapping[Place, Probe]) -> dict[Place, Members]:
        """Return for whom the probes hold."""
        if not asked:
            return {}
        roster, flags = ask_history(self._state, list(asked.values()))
        return dict(zip(asked, by_row(self._state, roster, flags), strict=True))

    def from_columns(self, names: Sequence[str], day: int) -> dict[Place, Members | None]:
        """Return what the columns tell of the rules that cohorts come down to, None where they do not.

        Lists are not among them: of whoever is on one no more than the row is asked for.
        """
        rules = [self._definitions.cohort(name).rule for name in names]
        places = {(leaf, day) for rule in rules for leaf in self._leaves(rule)}
        return {
            place: self._from_columns(*place)
            for place in places
            if not isinstance(place[0], Listed)
        }

    def _told(self, place: Place) -> Members | None:
        if self._columns is None or isinstance(place[0], Listed):
            return self._from_columns(*place)
        return self._columns[place]

    # --- columns ---------------------------------------------------------------------------------------------

    def _from_columns(self, rule: Rule, day: int) -> Members | None:
        """Return for whom a rule holds, None if the columns do not tell."""
        match rule:
            case Attribute():
                return self._of_attribute(rule.condition)
            case Listed():
                return self._of_list(rule.name)
            case Did() | First() | Stopped():
                parts = self._in_columns(rule, day)
                if parts is None:
                    return None
                return _reduced([self._of_days(part) for part in parts], Members.__and__)
            case Result():
                return self._of_result(rule, day)
        return None

    def _of_result(self, rule: Result, day: int) -> Members | None:
        """Ask the grade or the progress of a course run; None for any other result."""
        if not self._is_zone_of_columns or rule.window != ALWAYS:
            return None
        test = self._selection((rule.condition,)).tests[0]
        kind = (rule.of, test, self._events(rule.where))
        return by_course_result(self._state, kind, day_start_ms(day + 1, self.zone))

    def _as_days(self, rule: Did | First | Stopped, day: int) -> list[Days] | None:
        """Return what must hold together for a rule to hold; None where the window depends on the course run."""
        if isinstance(rule, Stopped):
            quiet = self._stretch(Window(last_days=rule.quiet_days), day)
            before = Stretch(min(self._first_day, quiet.first), quiet.first)
            return [Days(rule.where, before, 1, MANY), Days(rule.where, quiet, 0, 0)]
        if rule.window.is_of_calendar:
            return None
        inside = self._stretch(rule.window, day)
        if isinstance(rule, First):
            before = Stretch(min(self._first_day, inside.first), inside.first)
            return [Days(rule.where, before, 0, 0), Days(rule.where, inside, 1, MANY)]
        high = MANY if rule.high is None else rule.high
        return [Days(rule.where, inside, rule.low, high, rule.unit == "days")]

    def _stretch(self, window: Window, day: int) -> Stretch:
        """Return the days of a window, none of them before there is anything."""
        found = stretch(window, day)
        first = max(found.first, self._first_day)
        return Stretch(min(first, found.end), found.end)

    def _in_columns(self, rule: Did | First | Stopped, day: int) -> list[Days] | None:
        """Return what must hold together for a rule to hold; None if the columns do not tell."""
        parts = self._as_days(rule, day)
        if parts is None or not self._is_zone_of_columns:
            return None
        are_told = all(
            part.is_of_days and not self._selection(part.where).needs_history for part in parts
        )
        return parts if are_told else None

    def _count_days(self, places: Sequence[Place]) -> None:
        """Count the days that rules ask for, those of the same tracks together."""
        asked: dict[frozenset[int] | None, dict[Days, None]] = {}
        for rule, day in places:
            if isinstance(rule, Did | First | Stopped):
                for part in self._in_columns(rule, day) or ():
                    selection = self._selection(part.where)
                    if selection.course is None and self._is_counted(part, selection):
                        asked.setdefault(selection.tracks, {})[part] = None
        for tracks, together in asked.items():
            parts = list(together)
            found = self._by_partition_each(len(parts), partial(rows_of_days, parts, tracks=tracks))
            self._counted_days |= dict(zip(parts, found, strict=True))

    def _is_counted(self, part: Days, selection: Selection) -> bool:
        """Say whether days must be counted: from the beginning on, any activity is a first day that is early enough."""
        from_the_beginning = selection.tracks is None and part.stretch.first <= self._first_day
        return not from_the_beginning or (part.high != 0 and (part.low, part.high) != (1, MANY))

    def _of_days(self, part: Days) -> Members:
        if part in self._counted_days:
            return self._counted_days[part]
        selection = self._selection(part.where)
        if selection.course is not None:
            return self._of_course_days(part, selection)
        if self._is_counted(part, selection):
            choose = partial(rows_of_days, [part], tracks=selection.tracks)
            return self._by_partition_each(1, choose)[0]
        early = existing(self._state.learners, part.stretch.end - 1)
        return early if part.high != 0 else existing(self._state.learners, NO_DAY) - early

    def _of_course_days(self, part: Days, selection: Selection) -> Members:
        """Ask the enrolments in a course run; whoever is not in it has no days there."""
        code, state = selection.course, self._state

        def choose(partition: Partition) -> UInt64s:
            number = state.learners.partitions.index(partition)
            enrolments, owners = state.enrolments.partitions[number], state.owner_rows(number)
            chosen = np.full(partition.rows, part.low <= 0)
            if enrolments.rows:
                inside = enrolments.codes[COURSE][: enrolments.rows] == code
                [rows] = rows_of_days([part], enrolments, selection.tracks)
                holds = unpack(rows, enrolments.rows)
                chosen[owners[inside]] = holds[inside]
            return pack(chosen)

        return self._by_partition(choose)

    def _by_partition(self, choose: Callable[[Partition], UInt64s]) -> Members:
        return self._by_partition_each(1, lambda partition: [choose(partition)])[0]

    def _by_partition_each(
        self, count: int, choose: Callable[[Partition], Sequence[UInt64s]]
    ) -> list[Members]:
        """Return so many sets, which ``choose`` gives partition by partition."""
        partitions = self._state.learners.partitions
        words: list[Sequence[UInt64s]] = [[NOBODY] * count] * len(partitions)

        def task(number: int) -> Callable[[], None]:
            def work() -> None:
                words[number] = choose(partitions[number])

            return work

        self._state.run([task(i) for i, part in enumerate(partitions) if part.rows])
        rows = tuple(part.rows for part in partitions)
        return [Members(one, rows) for one in zip(*words, strict=True)]

    def _of_attribute(self, condition: Condition) -> Members:
        selection = self._selection((condition,))

        def choose(partition: Partition) -> UInt64s:
            mask = partition_mask(partition, selection)
            assert mask is not None
            return pack(mask != 0)

        return self._by_partition(choose)

    def _of_list(self, name: str) -> Members:
        listed = list(dict.fromkeys(self._definitions.lists[name]))
        halves = np.array(
            [int(half, 16) for text in listed for half in (text[:16], text[16:])], np.uint64
        )
        keys = self._state.shown_keys(sealed(halves[0::2]), sealed(halves[1::2]))
        is_known = np.zeros(len(listed), np.bool_)

        def choose(partition: Partition) -> UInt64s:
            rows = partition.find(*keys)
            here = np.flatnonzero(rows >= 0)
            here = here[partition.start_day[rows[here]] != NO_DAY]
            is_known[here] = True  # a key is in one partition, so no two tasks write to one place
            flags = np.zeros(partition.rows, np.bool_)
            flags[rows[here]] = True
            return pack(flags)

        chosen = self._by_partition(choose)
        unknown = len(listed) - int(added(self._state.run, is_known.astype(np.int64)).sum())
        if unknown:
            self._notes[
                f"{unknown:,} of {len(listed):,} on the list {name} are not in the data"
            ] = None
        return chosen

    # --- history ---------------------------------------------------------------------------------------------

    def _probe(self, rule: Rule, day: int) -> Probe:
        if self._state.scanned_ms is not None:
            raise QuestionError(
                "a scan keeps nothing but days of any activity, and this cohort asks for more; read the files in whole"
            )
        match rule:
            case Did() | First() | Stopped():
                parts = self._as_days(rule, day)
                if parts is None:
                    return self._of_windows(rule, day)
                return Both(tuple(self._counted(part) for part in parts))
            case DidThenNot():
                during_ms = MANY if rule.during_days is None else rule.during_days * DAY_MS
                then_not = Kind(self._events(rule.then_not), Stretch(self._first_day, day + 1))
                return Then(
                    self._kind(rule.where, rule.window, day), then_not, during_ms, self.zone
                )
            case Result():
                return self._reached(rule, day)
            case Steps():
                return self._steps(rule, day)
        raise TypeError(f"{type(rule).__name__} is no rule of history")

    def _counted(self, part: Days) -> Counted:
        kind = Kind(self._events(part.where), part.stretch)
        by_day = part.by_day and (part.low, part.high) not in ((1, MANY), (0, 0))
        return Counted(kind, part.low, part.high, self.zone, by_day)

    def _kind(self, where: Conditions, window: Window, day: int) -> Kind:
        windows = None
        if window.is_of_calendar:
            courses = self._state.dictionaries.course
            windows = course_windows(window, self._definitions.calendars, courses, self.zone)
        return Kind(self._events(where), self._stretch(window, day), windows)

    def _of_windows(self, rule: Did | First | Stopped, day: int) -> Probe:
        """Return the probe of a rule whose window depends on the course run."""
        assert not isinstance(rule, Stopped), "it has no window"
        kind = self._kind(rule.where, rule.window, day)
        if isinstance(rule, First):
            return FirstTime(kind, self.zone)
        high = MANY if rule.high is None else rule.high
        return Counted(kind, rule.low, high, self.zone, rule.unit == "days")

    def _reached(self, rule: Result, day: int) -> Probe:
        test = self._selection((rule.condition,)).tests[0]
        kind = self._kind(rule.where, rule.window, day)
        if rule.of == "any":
            # An event without the value is of no result, also where a condition (!=) would let it pass.
            tests = (*kind.selection.tests, test, test.of_presence())
            some = replace(kind, selection=replace(kind.selection, tests=tests))
            return Counted(some, 1, MANY, self.zone)
        return Reached(kind, test, rule.of, self.zone)

    def _steps(self, rule: Steps, day: int) -> Probe:
        kinds = tuple(self._kind(step, rule.window, day) for step in rule.steps)
        return InOrder(kinds, rule.within_ms, self.zone)

    def _events(self, where: Conditions) -> Selection:
        """Return what events must pass. Raises `QuestionError` for a condition on learners."""
        selection = self._selection(where)
        if selection.learners:
            name = selection.learners[0][0]
            raise QuestionError(
                f"{name} is an attribute of learners, not of events; "
                f"write {{attribute = '{name}=…'}} beside it under all"
            )
        return selection


def _reduced(found: Sequence[Members], join: Callable[[Members, Members], Members]) -> Members:
    total = found[0]
    for one in found[1:]:
        total = join(total, one)
    return total
