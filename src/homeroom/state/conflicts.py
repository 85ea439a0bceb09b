"""Where nodes said different things of one thing: found in history, when somebody asks.

The rules (`homeroom.state.settling`) leave one value and no trace of the others in a row. History has all of them, each
event with the entry that it came with, so what was settled is a question to history like any other: the fold pays
nothing for it, and two nodes that hold the same entries find the same conflicts. What is asked for is a stretch of
time; of the rest the numbers that are kept anyway tell.

The way not taken is to notice conflicts as they are folded: the fold would have to look at every value that it writes
over, and a node would notice those of which it happened to hear the loser last.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.events.model import EventBatch, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.log.origins import Origin
from homeroom.state.batches import chosen_events, event_pieces, joined_batches, picked_events
from homeroom.state.history import Places, Segment
from homeroom.state.places import are_in, places_of_ids, with_places, without_places
from homeroom.state.settling import Domain
from homeroom.state.standing import (
    COMPLETED,
    GRADE,
    OUTCOME,
    RESULTS,
    STATUS,
    standing_batch,
)
from homeroom.state.state import State
from homeroom.state.veils import Veil

__all__ = ["Conflict", "Conflicts", "conflicts_of"]

Column = npt.NDArray[Any]
_STANDINGS: Final = {
    STATUS: Domain.STATUS,
    OUTCOME: Domain.OUTCOME,
    COMPLETED: Domain.COMPLETION,
    GRADE: Domain.GRADE,
}
_THING: Final = ("field", "hi", "lo", "course")
"""What a fact is about: a field of a learner, or of a learner's enrolment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Several nodes said different things of one thing.

    Parameters
    ----------
    domain : what it is about; `homeroom.state.settling` has its rule
    field : which attribute, empty for others
    nodes : who said so, by name, rising
    values : how many different things were said
    first_ms, last_ms : times for which these were said, the earliest and the latest
    entries : the entries that they came with, as origin and number, the newest first; at most
        ``limits.CONFLICT_ENTRIES_MAX``
    """

    domain: Domain
    field: str
    nodes: tuple[str, ...]
    values: int
    first_ms: int
    last_ms: int
    entries: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicts:
    """What conflicts there are in a stretch of time.

    Parameters
    ----------
    counts : by domain how many
    newest : the newest of them
    is_whole : whether all facts of the stretch were looked at; else there were too many, and the newest were
    """

    counts: Mapping[Domain, int]
    newest: tuple[Conflict, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class _Facts:
    """Facts, columns of one length: what each is about, what it says, who said so, for when, and in which entry."""

    columns: dict[str, Column]

    @classmethod
    def of(cls, **columns: Column) -> "_Facts":
        return cls(columns)

    def __len__(self) -> int:
        return len(self.columns["value"])

    def picked(self, places: Column) -> "_Facts":
        return _Facts({name: column[places] for name, column in self.columns.items()})

    def joined(self, other: "_Facts") -> "_Facts":
        return _Facts(
            {
                name: np.concatenate([column, other.columns[name]])
                for name, column in self.columns.items()
            }
        )

    def distinct(self) -> "_Facts":
        """Return of the facts that say the same of the same thing, by the same node, the newest."""
        order, first = self.grouped(*_THING, "value", "node")
        return self.picked(
            order[np.append(np.flatnonzero(first)[1:], len(order)) - 1] if len(order) else order
        )

    def grouped(self, *names: str) -> tuple[Int64s, npt.NDArray[np.bool_]]:
        """Return an order by some columns and then by time, and where in it a group begins."""
        keys = [self.columns[name] for name in names]
        order = np.lexsort((self.columns["time_ms"], *reversed(keys)))
        first = np.ones(len(order), np.bool_)
        if len(order):
            first[1:] = np.logical_or.reduce([np.diff(key[order]) != 0 for key in keys])
        return order, first


def conflicts_of(state: State, since_ms: int, until_ms: int) -> Conflicts:
    """Return the conflicts in history between two instants, the second excluded; the state is sealed."""
    nodes, node_of = _nodes(state)
    fields = [*_STANDINGS, *sorted(state.dictionaries.attributes)]
    facts, is_whole = _none(), True
    pairs = zip(state.history.stored, state.history.veils, strict=True) if len(nodes) > 1 else ()
    for segment, veil in pairs:  # what one node alone said is no conflict
        for batch in _pieces(segment, veil, (since_ms, until_ms)):
            for more in _said(batch, fields, node_of):
                facts = facts.joined(more)
            if len(facts) > limits.CONFLICT_FACTS_MAX:
                facts = facts.distinct()
                is_whole &= len(facts) <= limits.CONFLICT_FACTS_MAX
                facts = _newest(facts)
    of_facts, counts = _of_facts(state, facts.distinct(), fields, nodes)
    of_ids = _of_ids(state, (since_ms, until_ms), nodes, node_of)
    counts[Domain.EVENT] = len(of_ids)
    counts[Domain.CONSENT] = _disagreeing(state)
    found = of_facts + of_ids
    found.sort(key=lambda one: (-one.last_ms, one.domain, one.field, one.entries))
    return Conflicts(
        counts={domain: counts[domain] for domain in Domain if counts.get(domain)},
        newest=tuple(found[: limits.CONFLICTS_TOLD_MAX]),
        is_whole=is_whole,
    )


def _nodes(state: State) -> tuple[list[str], Int64s]:
    """Return the names of nodes, and for each code of an origin the place of its node; the last is none."""
    texts = list(state.dictionaries.origin.stored)
    names = [Origin.parse(text).node for text in texts]
    known = sorted(set(names))
    places = {name: place for place, name in enumerate(known)}
    return known, np.array([*(places[name] for name in names), -1], np.int64)


def _pieces(segment: Segment, veil: Veil, span: tuple[int, int]) -> Iterator[EventBatch]:
    """Give the events of a stretch that a log tells of, those that are void too: it was said all the same."""
    since_ms, until_ms = span
    if "origin" not in segment.columns or segment.max_ms < since_ms or segment.min_ms >= until_ms:
        return
    untold = _untold(veil)
    for first, batch in event_pieces(segment):
        assert batch.origin is not None, "the segment has the column"
        inside = (batch.time_ms >= since_ms) & (batch.time_ms < until_ms) & (batch.origin >= 0)
        low, high = np.searchsorted(untold, (first, first + len(batch))).tolist()
        inside[untold[low:high] - first] = False
        if inside.any():
            yield chosen_events(batch, inside)


def _untold(veil: Veil) -> Places:
    """Return the places of events of which nothing is told: of people who are erased or withheld, and gone ones."""
    return with_places(with_places(veil.erased, veil.gone), veil.withheld)


def _said(batch: EventBatch, fields: list[str], node_of: Int64s) -> Iterator[_Facts]:
    """Give what events say of enrolments and of attributes, each node's newest of what says the same."""
    for name, codes in batch.attributes.items():
        says = np.flatnonzero(codes >= 0)
        yield _facts(batch, says, (fields.index(name), codes[says]), node_of, np.int64(-1))
    if batch.standing is None:
        return
    about = np.flatnonzero((batch.standing != 0) & (batch.course >= 0))
    results = {name: getattr(batch, name) for name in RESULTS}
    picked = {name: None if one is None else one[about] for name, one in results.items()}
    places = about.astype(np.uint64)  # in place of keys: which event says it
    keys = sealed(places), sealed(places)
    said = standing_batch(keys, sealed(batch.time_ms[about]), sealed(batch.standing[about]), picked)
    for name, column in said.codes.items():
        says = about[column >= 0]
        value = column[column >= 0].astype(np.int64)
        yield _facts(batch, says, (fields.index(name), value), node_of, batch.course[says])
    for name, grades in said.latest.items():
        is_one = ~np.isnan(grades)
        value = (grades[is_one] + 0.0).view(np.int64)
        says = about[is_one]
        yield _facts(batch, says, (fields.index(name), value), node_of, batch.course[says])


def _facts(
    batch: EventBatch,
    places: Column,
    said: tuple[int, Column],
    node_of: Int64s,
    course: Any,  # noqa: ANN401 - a number, or a column
) -> _Facts:
    assert batch.origin is not None
    assert batch.entry is not None
    count = len(places)
    return _Facts.of(
        field=np.full(count, said[0], np.int64),
        hi=batch.key_hi[places],
        lo=batch.key_lo[places],
        course=np.broadcast_to(course, count).astype(np.int64),
        value=said[1].astype(np.int64),
        node=node_of[batch.origin[places]],
        time_ms=batch.time_ms[places],
        origin=batch.origin[places].astype(np.int64),
        entry=batch.entry[places],
    ).distinct()


def _none() -> _Facts:
    nothing = np.empty(0, np.int64)
    names = ("field", "course", "value", "node", "time_ms", "origin", "entry")
    keys: dict[str, Column] = {half: np.empty(0, np.uint64) for half in ("hi", "lo")}
    return _Facts({**keys, **dict.fromkeys(names, nothing)})


def _newest(facts: _Facts) -> _Facts:
    order = np.argsort(facts.columns["time_ms"], kind="stable")
    return facts.picked(np.sort(order[-limits.CONFLICT_FACTS_MAX :]))


def _of_facts(
    state: State, facts: _Facts, fields: list[str], nodes: list[str]
) -> tuple[list[Conflict], dict[Domain, int]]:
    """Return the newest things of which several nodes said several things, and by domain how many there are."""
    counts = dict.fromkeys(Domain, 0)
    order, first = facts.grouped(*_THING)
    if not len(order):
        return [], counts
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(order))

    def differ(name: str) -> npt.NDArray[np.bool_]:
        column = facts.columns[name][order]
        most, least = (join.reduceat(column, starts) for join in (np.maximum, np.minimum))
        return np.asarray(most != least)

    several = np.flatnonzero(differ("value") & differ("node"))
    kinds = facts.columns["field"][order[starts[several]]]
    for field, count in zip(*np.unique(kinds, return_counts=True), strict=True):
        counts[_STANDINGS.get(fields[int(field)], Domain.ATTRIBUTE)] += int(count)
    newest_ms = facts.columns["time_ms"][
        order[ends[several] - 1]
    ]  # within a thing they are in order of time
    told = several[np.argsort(-newest_ms, kind="stable")[: limits.CONFLICTS_TOLD_MAX]]
    found = []
    for place in told.tolist():
        mine = facts.picked(order[starts[place] : ends[place]])
        field = fields[int(mine.columns["field"][0])]
        domain = _STANDINGS.get(field, Domain.ATTRIBUTE)
        name = field if domain is Domain.ATTRIBUTE else ""
        found.append(_conflict(state, (domain, name), mine, nodes))
    return found, counts


def _conflict(state: State, about: tuple[Domain, str], facts: _Facts, nodes: list[str]) -> Conflict:
    columns, stored = facts.columns, state.dictionaries.origin.stored
    order = np.argsort(-columns["time_ms"], kind="stable")
    entries = dict.fromkeys(
        (stored[int(columns["origin"][place])], int(columns["entry"][place]))
        for place in order
        if columns["origin"][place] >= 0
    )
    return Conflict(
        domain=about[0],
        field=about[1],
        nodes=tuple(nodes[one] for one in np.unique(columns["node"]).tolist() if one >= 0),
        values=len(np.unique(columns["value"])),
        first_ms=int(columns["time_ms"].min()),
        last_ms=int(columns["time_ms"].max()),
        entries=tuple(entries)[: limits.CONFLICT_ENTRIES_MAX],
    )


# --- ids -------------------------------------------------------------------------------------------------------------


def _of_ids(
    state: State, span: tuple[int, int], nodes: list[str], node_of: Int64s
) -> list[Conflict]:
    """Return the ids under which several events came, at least one of them in a stretch of time and told by a log."""
    stored, veils = state.history.stored, state.history.veils
    again = _ids_again(stored)
    found: list[Conflict] = []
    if not len(again):
        return found
    pairs = zip(stored, veils, strict=True)
    places = [
        (one, without_places(places_of_ids(one, again), _untold(veil))) for one, veil in pairs
    ]
    batch = joined_batches([picked_events(*one) for one in places])
    origin = np.full(len(batch), -1, np.int64) if batch.origin is None else batch.origin
    facts = _Facts.of(
        field=batch.id_hash.view(np.int64),
        hi=np.zeros(len(batch), np.uint64),
        lo=np.zeros(len(batch), np.uint64),
        course=np.zeros(len(batch), np.int64),
        value=batch.identity_hi.view(np.int64),
        node=node_of[origin],
        time_ms=batch.time_ms,
        origin=origin.astype(np.int64),
        entry=np.zeros(len(batch), np.int64) if batch.entry is None else batch.entry,
    )
    order, first = facts.grouped("field")
    for group in np.split(order, np.flatnonzero(first)[1:]):
        mine = facts.picked(group)
        inside = (mine.columns["time_ms"] >= span[0]) & (mine.columns["time_ms"] < span[1])
        is_several = len(np.unique(mine.columns["value"])) > 1
        if is_several and (inside & (mine.columns["origin"] >= 0)).any():
            found.append(_conflict(state, (Domain.EVENT, ""), mine, nodes))
    return found


def _ids_again(stored: list[Segment]) -> UInt64s:
    """Return the ids that several events have, at most ``limits.CONFLICT_FACTS_MAX``, sorted."""
    found = [np.empty(0, np.uint64)]
    for number, segment in enumerate(stored):
        given = segment.sorted_ids
        found.append(given[1:][given[1:] == given[:-1]])
        found += [given[are_in(one.sorted_ids, given)] for one in stored[:number]]
    return sealed(np.unique(np.concatenate(found))[: limits.CONFLICT_FACTS_MAX])


def _disagreeing(state: State) -> int:
    """Return of how many persons and purposes facts stand that say different things."""
    said: dict[tuple[bytes, str], set[bool]] = {}
    for one in state.history.consents.told():
        if one.stands:
            said.setdefault((one.consent.key, one.consent.purpose), set()).add(one.consent.refuses)
    return sum(len(one) > 1 for one in said.values())
