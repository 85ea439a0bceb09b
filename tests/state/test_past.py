"""Whatever is voided, merged, unmerged and erased between loads: the state is that of the events that are left.

The same facts are taken in, in portions and with repeats, while ids are voided (some that have not come yet) and
learners are joined and parted. After every step the invariants must hold, and after every settling the columns are
what plain sets hold of the remaining facts under their common learner, history shows just these, and a rebuild from
all that was stored is equal.
"""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.errors import InputError
from homeroom.log.consents import Consent, Need
from homeroom.state import sealing, table
from homeroom.state.consents import Consents
from homeroom.state.keys import halves
from homeroom.state.state import State, rebuild
from homeroom.state.veils import Veiled
from homeroom.state.withholding import need_consent, take_consents
from tests.examples import examples
from tests.oracle.past import Past, Said
from tests.state.plain import (
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
from tests.state.test_state import check

LEARNERS = 12
STEPS = (
    "fold",
    "fold",
    "void",
    "void",
    "merge",
    "merge",
    "unmerge",
    "seal",
    "settle",
    "freeze",
    "keep up",
    "erase",
    "write",
    "consent",
    "consent",
    "need",
)


def number(learner: int) -> int:
    hi, lo = key_of(learner)
    return hi << 64 | lo


def what_it_says(state: State) -> Any:
    return content(state), history_of(state), state.fingerprint(), state.events, state.time_range_ms


class Walk:
    """A state, and beside it the facts and what plain sets make of them."""

    def __init__(self, facts: list[Fact], zone: str, rng: np.random.Generator) -> None:
        self.state, self.zone, self.rng = fresh_state(zone), zone, rng
        self.to_come, self.come = list(facts), []
        self.past = Past(key_of, account_field="learner")
        self.ids = sorted({fact.id for fact in facts if fact.id is not None})
        self.next_edge, self.epoch = 1, 1
        self.frozen: list[tuple[State, Any]] = []

    def _keep_up(self) -> None:
        for _ in self.state.upkeep():
            check(self.state)

    def _freeze(self) -> None:
        looked_at, still = self.state.frozen(), self.state.frozen()
        check(looked_at)
        said = what_it_says(looked_at)
        # One has copied its rows by now; the other does when all else has happened.
        self.frozen += [(looked_at, said), (still, said)]

    def step(self, name: str) -> None:
        way = name.replace(" ", "_")
        getattr(self, f"_{way}", getattr(self.state, way, None))()
        check(self.state)

    def _fold(self) -> None:
        count = int(self.rng.integers(1, 12))
        facts, self.to_come = self.to_come[:count], self.to_come[count:]
        again = self.rng.integers(0, len(self.come), 2) if self.come else []
        facts += [self.come[int(i)] for i in again]
        self.come += [fact for fact in facts if fact.learner not in self.past.erased]
        self.state.fold(batch_of(facts, self.state.dictionaries))

    def _void(self) -> None:
        if self.ids:
            ids = self.rng.choice(self.ids, int(self.rng.integers(1, 3))).tolist()
            self.past.void(ids)
            self.state.void(np.array([hash_of_id(text) for text in ids], np.uint64))

    def _pair(self) -> tuple[int, int]:
        one, other = self.rng.choice(LEARNERS, 2, replace=False).tolist()
        return one, other

    def _merge(self) -> None:
        pair = self._pair()
        self.past.merge(self.next_edge, *pair)
        self.state.merge(self.next_edge, number(pair[0]), number(pair[1]))
        self.next_edge += 1

    def _unmerge(self) -> None:
        pairs = sorted(set(self.past.edges.values()))
        pair = pairs[int(self.rng.integers(len(pairs)))] if pairs else self._pair()
        self.past.unmerge(*pair)
        self.state.unmerge(number(pair[1]), number(pair[0]))

    def _consent(self) -> None:
        learner = int(self.rng.integers(LEARNERS))
        purpose = ("", "analytics", "analytics", "research")[int(self.rng.integers(4))]
        refuses = bool(self.rng.integers(2))
        # Some of others too, which takes nothing from them.
        known = [one.id for one in self.past.consents if self.rng.integers(3)]
        fact = Consent(
            key=number(learner).to_bytes(16, "big"),
            purpose=purpose,
            refuses=refuses,
            at_ms=len(self.past.consents),
            supersedes=tuple(sorted(known)),
        )
        self.past.consents.append(Said(fact.identity, learner, purpose, refuses, fact.supersedes))
        take_consents(self.state, Consents.of([fact]))

    def _need(self) -> None:
        self.epoch += 1
        self.past.is_consent_needed = not self.past.is_consent_needed
        need = Need.CONSENT if self.past.is_consent_needed else Need.NOTHING
        need_consent(self.state, need, self.epoch)
        need_consent(self.state, Need.CONSENT, self.epoch - 1)  # is done already

    def _erase(self) -> None:
        if len(self.past.erased) < LEARNERS // 2:
            learner = int(self.rng.integers(LEARNERS))
            self.past.erased.add(learner)
            self.state.erase(halves([number(learner)]))

    def _write(self) -> None:
        """Leave nothing of those who are erased in memory, as a snapshot does."""
        self.state.seal()
        history = self.state.history
        for segment, veil in list(zip(history.stored, history.veils, strict=True)):
            if len(veil.erased):
                history.rewrite(segment, history.merged([segment]))
        for _ in self.state.forget():
            check(self.state)
        gone = {key_of(learner) for learner in self.past.erased}
        for holder in (*history.stored, *self.state.learners.partitions):
            there = zip(holder.key_hi.tolist(), holder.key_lo.tolist(), strict=True)
            assert gone.isdisjoint(there)

    def assert_is_what_plain_sets_hold(self) -> None:
        left = self.past.remaining(self.come)
        assert content(self.state) == plain_content(left, self.zone)
        assert rebuild(self.state).fingerprint() == self.state.fingerprint()
        self._assert_history(left)

    def _assert_history(self, left: list[Fact]) -> None:
        names, state = self.past.names(), self.state
        come = [fact for fact in dict.fromkeys(self.come) if fact.learner not in self.past.erased]
        withheld = self.past.withheld()
        come = [fact for fact in come if not withheld(fact.learner)]
        distinct = [fact for fact in come if fact.id not in self.past.voided or not fact.id]
        digests = batch_of(distinct, state.dictionaries)
        keys = [key_of(names.get(fact.learner, fact.learner)) for fact in distinct]
        times = [fact.time_ms for fact in distinct]
        identities = zip(digests.identity_hi.tolist(), digests.identity_lo.tolist(), strict=True)
        expected = [(*k, at, *i) for k, at, i in zip(keys, times, identities, strict=True)]
        assert sorted(history_of(state)) == sorted(expected)
        assert state.events == len(distinct)
        assert state.counts.accepted == len(set(self.come))
        span = (min(times), max(times)) if times else None
        assert state.time_range_ms == span
        assert state.learners.rows == len({fact.learner for fact in left})
        enrolled = {(f.learner, f.course) for f in left if f.course is not None}
        assert state.enrolments.rows == len(enrolled)
        for segment in state.segments:
            assert_in_order(segment)


def assert_in_order(segment: Any) -> None:
    hidden = segment.hidden
    assert (np.diff(hidden) > 0).all()
    keys = list(zip(segment.key_hi.tolist(), segment.key_lo.tolist(), strict=True))
    assert keys == sorted(set(keys))
    for first, end in zip(segment.offsets[:-1], segment.offsets[1:], strict=True):
        assert (np.diff(segment.columns["time_ms"][first:end]) >= 0).all()


@given(st.integers(0, 1 << 30), st.sampled_from((0, 5, 30, 80)), st.sampled_from((None, 3)))
@examples(35)
def test_any_walk_ends_in_what_is_left(seed, count, few):
    rng = np.random.default_rng(seed)
    walk = Walk(draw_facts(rng, count, LEARNERS) if count else [], "Europe/Berlin", rng)
    with pytest.MonkeyPatch.context() as patch:
        if few:  # so that all ways are gone with few events, too
            patch.setattr(limits, "JOINED_SEGMENTS_MAX", few)
            patch.setattr(table, "_FEW_EVENTS", few)
            patch.setattr(table, "_PLACED_ROWS", 1)
            patch.setattr(sealing, "_FEW", 0)
        for _ in range(40):
            walk.step(STEPS[int(rng.integers(len(STEPS)))])
            if rng.integers(4) == 0:
                walk.state.seal()
                check(walk.state)
                walk.assert_is_what_plain_sets_hold()
        walk.step("settle")
        walk.assert_is_what_plain_sets_hold()
        assert len(walk.state.history.joined) <= limits.JOINED_SEGMENTS_MAX
        for still, said in walk.frozen:
            check(still)
            assert what_it_says(still) == said, "what was frozen stays as it was"


def test_the_same_changes_in_another_order_end_in_the_same_state(rng):
    facts = draw_facts(rng, 60, LEARNERS)
    ids = [fact.id for fact in facts if fact.id is not None][:7]
    hashes = np.array([hash_of_id(text) for text in ids], np.uint64)
    edges = [(n, *rng.choice(LEARNERS, 2, replace=False).tolist()) for n in range(1, 7)]

    erase = partial(State.erase, keys=halves([number(2), number(5)]))
    void = partial(State.void, id_hashes=hashes)

    refusal = Consent(number(3).to_bytes(16, "big"), "analytics", True, 1)
    pardon = Consent(number(3).to_bytes(16, "big"), "analytics", False, 2, (refusal.identity,))
    limit = Consent(number(4).to_bytes(16, "big"), "", True, 3)

    consent = partial(take_consents, consents=Consents.of([refusal, limit]))
    forgive = partial(take_consents, consents=Consents.of([pardon]))  # of what may still come

    def load(state: State) -> None:
        state.fold(batch_of(facts, state.dictionaries))
        state.settle()

    def merge(state: State) -> None:
        for edge_id, one, other in edges:
            state.merge(edge_id, number(one), number(other))

    def take_back(state: State) -> None:  # perhaps before the edges have come
        state.change_identities([], [2, 4])

    prints = set()
    for order in (
        (load, merge, take_back, void, erase, consent, forgive),
        (take_back, forgive, void, erase, consent, merge, load),
        (erase, merge, load, consent, void, forgive, take_back),
        (consent, merge, load, erase, void, take_back, forgive),
    ):
        state = fresh_state()
        for change in order:
            change(state)
        prints.add((state.fingerprint(), tuple(sorted(history_of(state)))))
    assert len(prints) == 1


def test_nobody_goes_under_the_key_of_who_was_erased_before_any_merge():
    at = 1_710_000_000_000
    learners = sorted(range(4), key=key_of)
    facts = [Fact(learner=one, time_ms=at + one, id=str(one)) for one in learners]
    state = fresh_state()
    state.erase(halves([number(learners[0])]))
    state.merge(1, number(learners[0]), number(learners[3]))
    state.fold(batch_of(facts, state.dictionaries))
    state.settle()
    assert content(state) == plain_content(facts[1:], "UTC")


def settled(facts: list[Fact], zone: str = "UTC") -> State:
    state = fresh_state(zone)
    state.fold(batch_of(facts, state.dictionaries))
    state.settle()
    return state


def hashes_of(*ids: str) -> np.ndarray[Any, Any]:
    return np.array([hash_of_id(text) for text in ids], np.uint64)


def test_both_events_that_share_an_id_are_voided_and_those_without_one_stay():
    at = 1_710_000_000_000
    facts = [
        Fact(learner=0, time_ms=at, id="a"),
        Fact(learner=1, time_ms=at + 1, id="a", verb="posted"),
        Fact(learner=2, time_ms=at + 2, id="b"),
        Fact(learner=3, time_ms=at + 3),
    ]
    state = settled(facts)
    state.void(hashes_of("a"))
    state.void(np.zeros(1, np.uint64))  # what events without an id have: it voids none of them
    assert content(state) == plain_content(facts[2:], "UTC")
    assert state.time_range_ms == (at + 2, at + 3)
    state.void(hashes_of("b"))
    assert state.time_range_ms == (at + 3, at + 3)


def test_a_voided_event_stays_known_as_a_repeat():
    fact = Fact(learner=0, time_ms=1_710_000_000_000, id="a")
    state = settled([fact])
    state.void(hashes_of("a"))
    state.fold(batch_of([fact], state.dictionaries))
    state.settle()
    assert (state.counts.accepted, state.counts.duplicate, state.events) == (1, 1, 0)
    assert state.time_range_ms is None
    assert content(state) == {"learner": {}, "enrolment": {}}


def test_a_void_moves_no_other_row_and_clusters_nothing(rng):
    facts = [
        Fact(learner=n % 900, time_ms=1_710_000_000_000 + n * 7_200_000, id=str(n), course="c")
        for n in range(5_000)
    ]
    state = settled(facts)
    columns = [id(part.start_day) for part in state.learners.partitions]
    runs = [part.run_starts.tolist() for part in state.learners.partitions]
    state.void(hashes_of("0"))  # the very first event: its learner began later now
    state.settle()
    assert [id(part.start_day) for part in state.learners.partitions] == columns
    assert [part.run_starts.tolist() for part in state.learners.partitions] == runs
    assert sum(len(part.displaced()) for part in state.learners.partitions) == 1
    assert content(state) == plain_content(facts[1:], "UTC")
    check(state)


def test_rows_that_hold_nothing_are_dropped_by_clustering(monkeypatch):
    facts = [Fact(learner=n, time_ms=1_710_000_000_000, id=str(n)) for n in range(40)]
    state = settled(facts)
    state.void(hashes_of(*(str(n) for n in range(1, 40))))
    assert sum(part.empty_rows for part in state.learners.partitions) == 39
    assert state.learners.rows == 1
    state.settle()
    assert sum(part.rows for part in state.learners.partitions) == 1
    assert content(state) == plain_content(facts[:1], "UTC")


def test_segments_without_a_change_are_shown_as_they_are():
    state = settled([Fact(learner=n, time_ms=1_710_000_000_000, id=str(n)) for n in range(9)])
    assert state.segments[0] is state.history.stored[0]
    state.void(hashes_of("3"))
    assert isinstance(state.segments[0], Veiled)
    assert state.segments[0].min_ms == 1_710_000_000_000
    with pytest.raises(AttributeError):
        state.segments[0].nothing  # noqa: B018 - it must not be there


def test_too_many_voids_and_edges_are_refused(monkeypatch):
    monkeypatch.setattr(limits, "VOIDS_MAX", 2)
    monkeypatch.setattr(limits, "EDGES_MAX", 1)
    state = settled([Fact(learner=n, time_ms=1_710_000_000_000, id=str(n)) for n in range(4)])
    state.void(hashes_of("0", "1"))
    with pytest.raises(InputError, match="3 ids would be voided, more than 2"):
        state.void(hashes_of("2"))
    state.merge(1, number(0), number(1))
    with pytest.raises(InputError, match="2 identity edges, more than 1"):
        state.merge(2, number(2), number(3))
