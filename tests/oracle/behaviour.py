"""Funnels and paths, by trying everything.

The twin of a funnel makes every chain that the definition allows (``docs/reference/funnels-and-paths.md``) and chooses
among them; it keeps nothing from event to event, as the engine does. The twin of paths cuts each learner's events into
visits and reads each visit off.
"""

import bisect
import datetime as dt
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from homeroom.cohorts.questions.behaviour import Funnel, Paths
from homeroom.cohorts.questions.rule_parsing import milliseconds_of
from tests.oracle.conditions import Learners
from tests.oracle.events import Event

__all__ = ["funnel", "paths"]

Figures: TypeAlias = dict[str, Any]
DateOf: TypeAlias = Callable[[int], dt.date]
DAY_S = 86_400
EDGES_S = (0, 1, 10, 60, 600, 3_600, 21_600, *(DAY_S * days for days in (1, 3, 7, 30, 90, 365)))


@dataclass(frozen=True, slots=True)
class Marked:
    """An event of a funnel: when, which steps it is (from 0), which exclusions it meets."""

    time_ms: int
    steps: frozenset[int]
    excluded: frozenset[int]


@dataclass(frozen=True, slots=True)
class Attempt:
    """How far an attempt came: the times of its steps, and whether it could still go on."""

    times_ms: tuple[int, ...]
    is_open: bool


def _by_learner(events: Sequence[Event]) -> dict[str, list[Event]]:
    """Return the events of each learner; an exact repeat is the same event."""
    found: dict[str, list[Event]] = {}
    for event in {repr(event): event for event in events}.values():
        found.setdefault(event.account, []).append(event)
    return found


def _is_shown(question: Funnel | Paths, date: dt.date) -> bool:
    return (question.from_ is None or date >= question.from_) and (
        question.to is None or date <= question.to
    )


# --- funnels ---------------------------------------------------------------------------------------------------


def funnel(
    events: Sequence[Event],
    question: Funnel,
    learners: Learners,
    date_of: DateOf,
    as_of_ms: int | None,
) -> Figures:
    """Return the figures of a funnel over the events that its filters let through."""
    attempts = [
        attempt
        for own in _by_learner(events).values()
        for attempt in _Chains(question, _marked(question, own, learners), date_of, as_of_ms).all()
    ]
    steps: list[Figures] = []
    for step in range(len(question.steps)):
        came = [one.times_ms for one in attempts if len(one.times_ms) > step]
        first = [times[step] - times[0] for times in came] if step else []
        previous = [times[step] - times[step - 1] for times in came] if step else []
        steps.append(
            {
                "count": len(came),
                "median_from_first_s": _median(first),
                "median_from_previous_s": _median(previous),
                "times_from_first": _bins(first),
                "times_from_previous": _bins(previous),
            }
        )
    return {
        "unit": "attempts" if question.count == "every" else "learners",
        "steps": steps,
        "open": sum(one.is_open for one in attempts),
    }


def _median(spans_ms: list[int]) -> float | None:
    return statistics.median(spans_ms) / 1000 if spans_ms else None


def _bins(spans_ms: list[int]) -> list[int]:
    places = Counter(bisect.bisect_right(EDGES_S, span / 1000) - 1 for span in spans_ms)
    return [places[place] for place in range(len(EDGES_S))]


def _marked(question: Funnel, events: Sequence[Event], learners: Learners) -> list[Marked]:
    """Return the line of a learner's events: by time, then by the earliest step, then by all that they are."""
    steps = len(question.steps)
    line = []
    for event in events:
        is_step = {i for i, s in enumerate(question.steps) if learners.meets(event, s.where)}
        ends = {i for i, one in enumerate(question.exclude) if learners.meets(event, one.where)}
        line.append(Marked(event.time_ms, frozenset(is_step), frozenset(ends)))

    def place(event: Marked) -> tuple[int, int, int]:
        bits = [*event.steps, *(steps + i for i in event.excluded)]
        return event.time_ms, min(bits, default=-1), sum(2**bit for bit in bits)

    return sorted(line, key=place)


class _Chains:
    """All chains of one learner."""

    def __init__(
        self, question: Funnel, line: list[Marked], date_of: DateOf, as_of_ms: int | None
    ) -> None:
        self.question, self.line, self.as_of_ms = question, line, as_of_ms
        self.within_ms = milliseconds_of(question.within, "within")
        self.steps = len(question.steps)
        self.is_shown = [_is_shown(question, date_of(event.time_ms)) for event in line]

    def all(self) -> Iterator[Attempt]:
        """Give the attempts that count."""
        if self.question.order == "any":
            yield from self._windows()
        elif self.question.count == "best":
            yield from self._best()
        else:
            yield from self._one_by_one()

    # --- in order ----------------------------------------------------------------------------------------------

    def _chains_from(self, first: int) -> Iterator[tuple[int, ...]]:
        """Give every chain that begins at an event: the places of its events in the line."""
        waiting = [(first,)]
        while waiting:
            chain = waiting.pop()
            yield chain
            if len(chain) < self.steps:
                waiting += [
                    (*chain, place)
                    for place in range(chain[-1] + 1, len(self.line))
                    if self._may_follow(chain, place)
                ]

    def _may_follow(self, chain: tuple[int, ...], place: int) -> bool:
        event, last = self.line[place], self.line[chain[-1]]
        return (
            len(chain) in event.steps
            and event.time_ms - self.line[chain[0]].time_ms <= self.within_ms
            and not (self.question.increasing and event.time_ms == last.time_ms)
            and self._lives(chain, place - 1)
            and not self._is_ended_by(chain, event)
        )

    def _is_ended_by(self, chain: tuple[int, ...], event: Marked) -> bool:
        for one in event.excluded:
            first, last = self.question.exclude[one].between or (1, self.steps)
            if first <= len(chain) < last:
                return True
        return False

    def _lives(self, chain: tuple[int, ...], last: int) -> bool:
        """Whether nothing up to a place, included, has ended a chain since its last step."""
        for event in self.line[chain[-1] + 1 : last + 1]:
            is_other = bool(event.steps) and len(chain) - 1 not in event.steps
            if self._is_ended_by(chain, event) or (self.question.order == "strict" and is_other):
                return False
        return True

    def _can_begin(self, place: int) -> bool:
        return 0 in self.line[place].steps and self.is_shown[place]

    def _can_go_on(self, chains: Sequence[tuple[int, ...]], last: int) -> bool:
        """Whether one of the chains is not at its end, lives up to a place, and has time left after the last data."""
        return self.as_of_ms is not None and any(
            len(chain) < self.steps
            and self._lives(chain, last)
            and self.line[chain[0]].time_ms + self.within_ms > self.as_of_ms
            for chain in chains
        )

    def _chosen(self, chains: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Return the longest chain, of those the first to end, of those the last to begin, then the earliest steps."""
        return min(
            chains,
            key=lambda chain: (
                -len(chain),
                chain[-1],
                -self.line[chain[0]].time_ms,
                chain[::-1],
            ),
        )

    def _attempt(self, chains: Sequence[tuple[int, ...]], last: int) -> Attempt:
        chain = self._chosen(chains)
        times = tuple(self.line[place].time_ms for place in chain)
        return Attempt(times, len(chain) < self.steps and self._can_go_on(chains, last))

    def _best(self) -> Iterator[Attempt]:
        chains = [
            chain
            for place in range(len(self.line))
            if self._can_begin(place)
            for chain in self._chains_from(place)
        ]
        if chains:
            yield self._attempt(chains, len(self.line) - 1)

    def _one_by_one(self) -> Iterator[Attempt]:
        place = 0
        while place < len(self.line):
            if not self._can_begin(place):
                place += 1
                continue
            chains = list(self._chains_from(place))
            last, place = self._end_of(place, chains)
            yield self._attempt([chain for chain in chains if chain[-1] <= last], last)
            if self.question.count == "first":
                return

    def _end_of(self, first: int, chains: Sequence[tuple[int, ...]]) -> tuple[int, int]:
        """Return the last event of the attempt that begins at an event, and the first that may begin the next."""
        for place in range(first + 1, len(self.line)):
            if self.line[place].time_ms - self.line[first].time_ms > self.within_ms:
                return place - 1, place
            if any(len(chain) == self.steps and chain[-1] == place for chain in chains):
                return place, place + 1
            if not any(chain[-1] <= place and self._lives(chain, place) for chain in chains):
                return place, place
        return len(self.line) - 1, len(self.line)

    # --- in any order ------------------------------------------------------------------------------------------

    def _windows(self) -> Iterator[Attempt]:
        line = [place for place, event in enumerate(self.line) if event.steps]
        if self.question.count == "best":
            found = [self._window(line, i) for i in range(len(line)) if self.is_shown[line[i]]]
            if found:
                chosen = min(found, key=lambda one: (-len(one[0]), one[0][-1], -one[2]))
                began = [self.line[place].time_ms for place in line if self.is_shown[place]]
                yield self._met(chosen[0], max(began))
            return
        i = 0
        while i < len(line):
            if not self.is_shown[line[i]]:
                i += 1
                continue
            met, i, _ = self._window(line, i)
            yield self._met(met, self.line[met[0]].time_ms)
            if self.question.count == "first":
                return

    def _window(self, line: list[int], first: int) -> tuple[list[int], int, int]:
        """Return where each further step is met in the window that begins at an event, and what follows it."""
        begun_ms, seen, met = self.line[line[first]].time_ms, set[int](), list[int]()
        for i in range(first, len(line)):
            event = self.line[line[i]]
            if len(seen) == self.steps or event.time_ms - begun_ms > self.within_ms:
                return met, i, first
            met += [line[i]] * len(event.steps - seen)
            seen |= event.steps
        return met, len(line), first

    def _met(self, met: list[int], latest_ms: int) -> Attempt:
        times = tuple(self.line[place].time_ms for place in met)
        has_time = self.as_of_ms is not None and latest_ms + self.within_ms > self.as_of_ms
        return Attempt(times, len(times) < self.steps and has_time)


# --- paths -----------------------------------------------------------------------------------------------------


def paths(
    events: Sequence[Event],
    question: Paths,
    learners: Learners,
    date_of: DateOf,
    as_of_ms: int | None,
) -> Figures:
    """Return the figures of paths over the events that the question's filters let through."""
    found: list[tuple[str, list[str]]] = []
    open_paths = 0
    gap_ms = None if question.within == "none" else milliseconds_of(question.within, "within")
    for account, own in _by_learner(events).items():
        for visit in _visits(question, own, learners, gap_ms):
            hung = _hung(question, visit, learners)
            if hung is None or not _is_shown(question, date_of(visit[hung].time_ms)):
                continue
            nodes = _read_off(question, visit, hung)
            found.append((account, nodes))
            is_whole = len(nodes) > question.depth and not question.before
            if gap_ms is not None and not is_whole and as_of_ms is not None:
                open_paths += visit[-1].time_ms + gap_ms > as_of_ms
    return {
        "paths": len(found),
        "learners": len({account for account, _ in found}),
        "open": open_paths,
        **_flows(question, found),
    }


def _node(question: Paths, event: Event) -> str:
    value = event.track or "other" if question.by == "track" else getattr(event, question.by)
    return "(none)" if value is None else str(value)


def _visits(
    question: Paths, events: Sequence[Event], learners: Learners, gap_ms: int | None
) -> list[list[Event]]:
    def place(event: Event) -> tuple[int, bool, str, bool]:
        node = _node(question, event)
        hangs = learners.meets(event, question.anchor)
        return event.time_ms, node != "(none)", node, hangs

    visits: list[list[Event]] = []
    for event in sorted(events, key=place):
        if visits and (gap_ms is None or event.time_ms - visits[-1][-1].time_ms <= gap_ms):
            visits[-1].append(event)
        else:
            visits.append([event])
    return visits


def _hung(question: Paths, visit: Sequence[Event], learners: Learners) -> int | None:
    """Return the place of the event that the visit's path hangs at."""
    if not question.anchor:
        return 0
    there = [i for i, event in enumerate(visit) if learners.meets(event, question.anchor)]
    if not there:
        return None
    return there[0] if question.after else there[-1]


def _read_off(question: Paths, visit: Sequence[Event], hung: int) -> list[str]:
    """Return the nodes of a path, one more than is shown."""
    nodes = [_node(question, event) for event in visit]
    row = ["(begin)", *nodes]
    if question.anchor:
        row = nodes[hung:] if question.after else nodes[hung::-1]
    if question.fold == "loops":
        row = [node for i, node in enumerate(row) if not i or node != row[i - 1]]
    return row[1 : question.depth + 2]


def _flows(question: Paths, found: Sequence[tuple[str, list[str]]]) -> Figures:
    """Join what is rare at each step, then count the steps."""
    told: list[list[str]] = []
    for step in range(question.depth):
        there = [(account, nodes[step]) for account, nodes in found if len(nodes) > step]
        count = Counter(node for _, node in there)
        who = {node: {account for account, other in there if other == node} for node in count}
        ranked = sorted(count, key=lambda node: (-count[node], node != "(none)", node))
        told.append(
            [node for node in ranked if len(who[node]) >= question.least][: question.branches]
        )
    ways: dict[tuple[int, str, str], list[str]] = {}
    for account, nodes in found:
        shown = [
            node if node in told[step] else "(other)"
            for step, node in enumerate(nodes[: question.depth])
        ]
        row = ["(begin)", *shown, *(["(end)"] if len(nodes) <= question.depth else [])]
        for step in range(1, len(row)):
            ways.setdefault((step, row[step - 1], row[step]), []).append(account)
    names = [[*one, "(other)"] for one in told]
    return {"nodes": _nodes(names, ways), "edges": _edges(names, ways)}


def _nodes(names: list[list[str]], ways: dict[tuple[int, str, str], list[str]]) -> list[Figures]:
    out = []
    for step, node in ((s, n) for s, row in enumerate(names, 1) for n in row):
        came = [who for (s, _, to), all_who in ways.items() if (s, to) == (step, node) for who in all_who]  # fmt: skip
        ended = len(ways.get((step + 1, node, "(end)"), []))
        if came:
            out.append(
                {"step": step, "value": node, "paths": len(came), "learners": len(set(came)), "ended": ended}
            )  # fmt: skip
    return out


def _edges(names: list[list[str]], ways: dict[tuple[int, str, str], list[str]]) -> list[Figures]:
    rows = [["(begin)"], *names, []]
    order = [
        (step, source, target)
        for step in range(1, len(rows))
        for source in rows[step - 1]
        for target in [*rows[step], "(end)"]
    ]
    return [
        {"step": way[0], "from": way[1], "to": way[2], "paths": len(ways[way]), "learners": len(set(ways[way]))}
        for way in order
        if way in ways
    ]  # fmt: skip
