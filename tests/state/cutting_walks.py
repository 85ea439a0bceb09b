"""A world of entries and cuts, and nodes that learn of them in orders of their own."""

import dataclasses
import datetime as dt
import zoneinfo
from typing import Any

import numpy as np

from homeroom.log.consents import Consent
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.state.consents import Consents
from homeroom.state.copies import Source, origin_codes
from homeroom.state.cutting import rest_of
from homeroom.state.keys import halves
from homeroom.state.state import State, rebuild
from homeroom.state.withholding import take_consents
from homeroom.state.zones import DAY_ZERO, day_start_ms
from tests.oracle.cuts import PlainCut, Remaining, Sent, remaining
from tests.oracle.past import Past, Said
from tests.state.plain import (
    EPOCH,
    Fact,
    batch_of,
    content,
    draw_facts,
    fresh_state,
    hash_of_id,
    history_of,
    key_of,
    plain_content,
)
from tests.state.test_past import number
from tests.state.test_state import check

__all__ = ["ORIGINS", "Replica", "World", "assert_is_what_the_twin_says", "what_it_says"]

ORIGINS = [Origin(f"n{i}", f"{i:032x}", Stream.ANALYTIC) for i in range(3)]
LEARNERS = 8


@dataclasses.dataclass(frozen=True)
class Sending:
    """An entry: events and voids."""

    origin: Origin
    number: int
    facts: tuple[Fact, ...]
    voids: tuple[str, ...]


class World:
    """All entries by origin, and all cuts in control order: what every node learns in the end."""

    def __init__(self, rng: np.random.Generator, facts: int, zone: str, days: int = 40) -> None:
        self.rng, self.zone = rng, zone
        self.info = zoneinfo.ZoneInfo(zone)
        self.facts = draw_facts(rng, facts, LEARNERS, days)
        self.entries: dict[Origin, list[Sending]] = {origin: [] for origin in ORIGINS}
        self._send()
        self.cuts: list[tuple[int, Vector]] = []
        self._cut()

    def day_of(self, fact: Fact) -> int:
        date = (EPOCH + dt.timedelta(milliseconds=fact.time_ms)).astimezone(self.info).date()
        return (date - DAY_ZERO).days

    def _send(self) -> None:
        """Send each fact once, and some again, by any node; void some ids once or more often, before or after."""
        ids = sorted({fact.id for fact in self.facts if fact.id is not None})
        again = [self.facts[int(i)] for i in self.rng.integers(0, len(self.facts), len(self.facts))]
        facts = [*self.facts, *again[: len(self.facts) // 2]]
        facts = [facts[int(i)] for i in self.rng.permutation(len(facts))]
        while facts:
            count = int(self.rng.integers(0, 5))
            sent, facts = facts[:count], facts[count:]
            voids = self.rng.choice(ids, int(self.rng.integers(0, 2))).tolist() if ids else []
            origin = ORIGINS[int(self.rng.integers(len(ORIGINS)))]
            mine = self.entries[origin]
            mine.append(Sending(origin, len(mine) + 1, tuple(sent), tuple(voids)))

    def _cut(self) -> None:
        """Cut some times, each time at a later day and at a vector that covers more."""
        days = sorted({self.day_of(fact) for fact in self.facts})
        count = min(int(self.rng.integers(1, 4)), len(days))
        picked = sorted(self.rng.choice(days, count, replace=False).tolist())
        vector = Vector()
        for day in picked:
            numbers = {
                origin: int(self.rng.integers(vector[origin], len(entries) + 1))
                for origin, entries in self.entries.items()
            }
            vector = vector.joined(numbers)
            self.cuts.append((day + 1, vector))

    @property
    def vector(self) -> Vector:
        return Vector({origin: len(entries) for origin, entries in self.entries.items()})


class Replica:
    """A node: what it has folded, which cuts it has made, and the twin of both."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.world, self.rng = world, rng
        self.state = fresh_state(world.zone)
        self.applied, self.cuts = Vector(), 0
        self.sent = Sent()
        self.past = Past(key_of, account_field="learner")
        self.next_edge = 1
        self.watched: set[tuple[int, int]] = set()

    @property
    def is_done(self) -> bool:
        return self.applied == self.world.vector and self.cuts == len(self.world.cuts)

    def step(self) -> None:
        """Fold an entry, or make the cut that is next, if all that it covers is folded."""
        is_due = self.cuts < len(self.world.cuts) and self.applied.covers(
            self.world.cuts[self.cuts][1]
        )
        left = [origin for origin in ORIGINS if self.applied[origin] < self.world.vector[origin]]
        if is_due and (not left or self.rng.integers(4) == 0):
            day, vector = self.world.cuts[self.cuts]
            self.cuts += 1
            self.state.cut(day, vector, epoch=self.cuts)
        elif left:
            self.fold(left[int(self.rng.integers(len(left)))])

    def fold(self, origin: Origin) -> None:
        entry = self.world.entries[origin][self.applied[origin]]
        self.applied = self.applied.advanced(origin, entry.number)
        self.sent.entry(str(origin), entry.number, entry.facts, entry.voids)
        (code,) = origin_codes([origin], self.state.dictionaries.origin)
        if entry.facts:
            batch = batch_of(entry.facts, self.state.dictionaries)
            self.state.fold(
                dataclasses.replace(
                    batch,
                    origin=np.full(len(batch), code, np.int32),
                    entry=np.full(len(batch), entry.number, np.int64),
                )
            )
        if entry.voids:
            hashes = np.array([hash_of_id(one) for one in entry.voids], np.uint64)
            self.state.void(hashes, Source(code, entry.number))

    def erase(self, learner: int) -> None:
        self.past.erased.add(learner)
        self.state.erase(halves([number(learner)]))

    def consent(self, learner: int, fact: Consent) -> None:
        said = Said(fact.identity, learner, fact.purpose, fact.refuses, fact.supersedes)
        self.past.consents.append(said)
        take_consents(self.state, Consents.of([fact]))

    def merge(self, one: int, other: int) -> None:
        self.past.merge(self.next_edge, one, other)
        self.state.merge(self.next_edge, number(one), number(other))
        self.next_edge += 1

    def unmerge(self, one: int, other: int) -> None:
        self.past.unmerge(one, other)
        self.state.unmerge(number(one), number(other))

    def twin(self) -> Remaining:
        cuts = [
            PlainCut(day, {str(origin): n for origin, n in vector.items()})
            for day, vector in self.world.cuts[: self.cuts]
        ]
        left = remaining(self.sent, cuts, self.world.day_of)
        return Remaining(self._unerased(left.base), self._unerased(left.history))

    def _unerased(self, facts: list[Fact]) -> list[Fact]:
        return [fact for fact in facts if fact.learner not in self.past.erased]

    def forget(self) -> None:
        """Leave nothing of those who are erased in memory, as a snapshot does, and see that nothing is."""
        state = self.state
        state.seal()
        for segment, places in state.history.to_rewrite():
            state.history.rewrite(segment, rest_of(segment, places))
        for _ in state.forget():
            check(state)
        gone = {key_of(learner) for learner in self.past.erased}
        tables = [state.tables] if state.base is None else [state.tables, state.base]
        rows = [part for one in tables for part in one.learners.partitions]
        owners = [part.owners for one in tables for part in one.enrolments.partitions]
        keys = [(one.key_hi, one.key_lo) for one in (*state.history.stored, *rows)]
        keys += [(one["hi"], one["lo"]) for one in owners if one]
        for hi, lo in keys:
            assert gone.isdisjoint(zip(hi.tolist(), lo.tolist(), strict=True))
        theirs = [fact for fact in self.sent.events if fact.learner in self.past.erased]
        digests = batch_of(theirs, state.dictionaries)
        copies = state.history.copies.keys
        identities = {*zip(digests.identity_hi.tolist(), digests.identity_lo.tolist(), strict=True)}
        assert identities.isdisjoint(zip(*(half.tolist() for half in copies), strict=True))


def assert_is_what_the_twin_says(replica: Replica) -> None:
    """Compare all that a state holds and shows with the twin. The state is sealed by it."""
    state, left, names = replica.state, replica.twin(), replica.past.names()
    state.seal()
    check(state)

    def named(facts: list[Fact]) -> list[Fact]:
        return [
            dataclasses.replace(fact, learner=names.get(fact.learner, fact.learner))
            for fact in facts
        ]

    withheld = replica.past.withheld()
    base_days = list(map(replica.world.day_of, left.base))
    left = Remaining(
        *([one for one in some if not withheld(one.learner)] for some in (left.base, left.history))
    )
    rows = [*left.base, *left.history]
    assert content(state) == plain_content(named(rows), replica.world.zone)
    assert rebuild(state).fingerprint() == state.fingerprint()
    digests = batch_of(left.history, state.dictionaries)
    identities = zip(digests.identity_hi.tolist(), digests.identity_lo.tolist(), strict=True)
    learners = [key_of(names.get(fact.learner, fact.learner)) for fact in left.history]
    expected = [
        (*key, fact.time_ms, *identity)
        for key, fact, identity in zip(learners, left.history, identities, strict=True)
    ]
    assert sorted(history_of(state)) == sorted(expected)
    assert state.events == len(left.history)
    times = [fact.time_ms for fact in left.history]
    for day in base_days:
        times += [day_start_ms(day, state.zone), day_start_ms(day + 1, state.zone) - 1]
    assert state.time_range_ms == ((min(times), max(times)) if times else None)
    assert (state.cut_made is not None) == bool(replica.cuts)
    if state.base is not None:
        for partition in (*state.base.learners.partitions, *state.base.enrolments.partitions):
            partition.check_invariants()


def what_it_says(state: State) -> Any:
    return content(state), history_of(state), state.fingerprint(), state.events, state.time_range_ms
