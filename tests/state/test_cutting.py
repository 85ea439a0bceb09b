"""Retention cuts: in whatever order nodes learn of events, voids and cuts, all end in what the rule says, told plainly.

The world sends events several times, by several origins; voids ids before and after their events; merges and unmerges
accounts; withholds and erases people; and cuts where the vector covers some copies and not others.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom import limits
from homeroom.log.consents import Consent
from homeroom.log.origins import Origin, Vector
from homeroom.state import sealing, table
from homeroom.state.copies import Source, origin_codes
from homeroom.state.keys import halves
from homeroom.state.past import History
from homeroom.state.state import State, rebuild
from homeroom.state.zones import local_days
from tests.state.cutting_walks import (
    LEARNERS,
    ORIGINS,
    Replica,
    World,
    assert_is_what_the_twin_says,
    what_it_says,
)
from tests.state.plain import (
    Fact,
    batch_of,
    content,
    fresh_state,
    hash_of_id,
    key_of,
    plain_content,
)
from tests.state.test_past import number

ERASED = (2, 5)
"""Learners whom every node erases at some time."""
AT = 1_710_000_000_000
DAY = 86_400_000


def said_of(learner: int, at_ms: int, refuses: bool, *before: Consent) -> tuple[int, Consent]:
    named = tuple(sorted(one.identity for one in before))
    return learner, Consent(number(learner).to_bytes(16, "big"), "analytics", refuses, at_ms, named)


_NO = said_of(1, 1, True)
CONSENTS = (_NO, said_of(1, 2, False, _NO[1]), said_of(3, 3, True), said_of(5, 4, True))
"""What every node hears at some time, in an order of its own: no and yes of one, and no of two others."""


def walk(replica: Replica, pairs: list[tuple[int, int]], frozen: list) -> None:
    """Go on until all is known, with merges, upkeep, looks, and snapshots that are under way in between."""
    changes, erasures = list(pairs), list(ERASED)
    consents = [CONSENTS[int(i)] for i in replica.rng.permutation(len(CONSENTS))]

    def consent() -> None:
        if consents:
            replica.consent(*consents.pop())

    def merge() -> None:
        if changes:
            replica.merge(*changes.pop())

    def freeze() -> None:
        still = replica.state.frozen()
        frozen.append((still, what_it_says(still)))

    between = (
        merge,
        consent,
        freeze,
        replica.state.seal,
        lambda: list(replica.state.upkeep()),
        lambda: assert_is_what_the_twin_says(replica),
        lambda: reserve_or_release(replica.state.history),
        lambda: erase_next(replica, erasures),
        lambda: forget(replica),
    )
    while not replica.is_done or changes or erasures or consents:
        replica.step()
        if replica.rng.integers(2):
            between[int(replica.rng.integers(len(between)))]()


def erase_next(replica: Replica, erasures: list[int]) -> None:
    if erasures:
        replica.erase(erasures.pop())


def forget(replica: Replica) -> None:
    if replica.state.history.reserved:  # one snapshot at a time
        reserve_or_release(replica.state.history)
    replica.forget()


def reserve_or_release(history: History) -> None:
    """Begin to write a snapshot, or have it written: what a cut took meanwhile is in its file."""
    if history.reserved:
        history.release(history.merged(history.reserved))
    else:
        history.reserve()


def check_nodes(seed: int, count: int, zone: str, few: int | None) -> None:
    rng = np.random.default_rng(seed)
    world = World(rng, count, zone)
    pairs = [tuple(rng.choice(LEARNERS, 2, replace=False).tolist()) for _ in range(3)]
    prints, frozen = set(), []
    with pytest.MonkeyPatch.context() as patch:
        if few:  # so that all ways are gone with few events, too
            patch.setattr(limits, "JOINED_SEGMENTS_MAX", few)
            patch.setattr(table, "_FEW_EVENTS", few)
            patch.setattr(sealing, "_FEW", 0)
        for _ in range(2):
            replica = Replica(world, rng)
            walk(replica, pairs, frozen)
            replica.unmerge(*pairs[0])
            replica.state.settle()
            assert_is_what_the_twin_says(replica)
            forget(replica)
            assert_is_what_the_twin_says(replica)
            prints.add(replica.state.fingerprint())
        for still, said in frozen:
            assert what_it_says(still) == said, "what was frozen stays as it was"
    assert len(prints) == 1, "all nodes agree"


SEEDS = st.integers(0, 1 << 30)
ZONES = st.sampled_from(("UTC", "America/Sao_Paulo"))
FEW = st.sampled_from((None, 3))


@given(SEEDS, st.sampled_from((3, 12)), ZONES, FEW)
@settings(max_examples=2)
def test_nodes_that_learn_in_any_order_end_in_what_the_rule_says(seed, count, zone, few):
    check_nodes(seed, count, zone, few)


@pytest.mark.slow
@given(SEEDS, st.sampled_from((3, 20, 60, 150)), ZONES, FEW)
@settings(max_examples=40)
def test_many_nodes_that_learn_in_any_order_end_in_what_the_rule_says(seed, count, zone, few):
    check_nodes(seed, count, zone, few)


# --- one by one ------------------------------------------------------------------------------------------------------

HERE, THERE = ORIGINS[0], ORIGINS[1]


def fact(day: int, **fields: Any) -> Fact:
    return Fact(**{"learner": 0, "time_ms": AT + day * DAY, "id": f"e{day}", **fields})


def given_to(state: State, origin: Origin, entry: int, *facts: Fact) -> None:
    (code,) = origin_codes([origin], state.dictionaries.origin)
    batch = batch_of(facts, state.dictionaries)
    count = len(batch)
    state.fold(
        replace(
            batch,
            origin=np.full(count, code, np.int32),
            entry=np.full(count, entry, np.int64),
        )
    )


def voided(state: State, origin: Origin, entry: int, *ids: str) -> None:
    (code,) = origin_codes([origin], state.dictionaries.origin)
    state.void(np.array([hash_of_id(one) for one in ids], np.uint64), Source(code, entry))


def cut(state: State, day: int, vector: dict[Origin, int], epoch: int = 1) -> None:
    start = int(local_days(np.array([AT], np.int64), state.zone)[0])
    state.cut(start + day, Vector(vector), epoch)


def holds(state: State, *facts: Fact) -> None:
    state.settle()
    assert content(state) == plain_content(facts, state.zone.name)
    assert rebuild(state).fingerprint() == state.fingerprint()


def test_what_is_covered_stays_in_the_rows_and_leaves_history():
    state = fresh_state()
    facts = [fact(day, course="c", attributes=(("country", "DE"),), standing=1) for day in range(6)]
    given_to(state, HERE, 1, *facts)
    cut(state, 4, {HERE: 1})
    holds(state, *facts)
    assert state.events == 2
    assert state.time_range_ms == (AT - AT % DAY, AT + 5 * DAY), "of what was cut the day is known"
    assert (state.cut_made.day, state.cut_made.lost) == (state.history.begins.day, 0)


def test_an_event_that_no_vector_covers_is_lost_wherever_it_was_and_counted():
    first, second = fact(0), fact(1)
    here, there = fresh_state(), fresh_state()
    for state in (here, there):
        given_to(state, HERE, 1, first)
    given_to(here, HERE, 2, second)
    for state in (here, there):
        cut(state, 3, {HERE: 1})
    given_to(there, HERE, 2, second)
    for state in (here, there):
        holds(state, first)
        assert state.cut_made.lost == 1
    assert (here.counts.late, there.counts.late) == (0, 1)


def test_one_covered_copy_is_enough_whichever_was_kept():
    one = fact(0)
    state = fresh_state()
    given_to(state, HERE, 5, one)
    state.seal()
    given_to(state, THERE, 2, one)
    given_to(state, HERE, 9, one)  # says nothing that the kept copy does not
    state.seal()
    assert len(state.history.copies) == 1
    cut(state, 3, {HERE: 4, THERE: 2})
    holds(state, one)
    assert not len(state.history.copies), "what was cut needs no copies any more"


def test_what_no_log_tells_of_is_always_covered():
    one, loaded = fact(0), fact(1)
    state = fresh_state()
    state.fold(batch_of([loaded], state.dictionaries))
    given_to(state, HERE, 7, one)
    state.seal()
    state.fold(batch_of([one], state.dictionaries))
    cut(state, 3, {})
    holds(state, one, loaded)


def test_a_void_that_is_not_covered_takes_nothing_out_of_a_base_and_one_that_is_does():
    one, two, later = fact(0, id="a"), fact(1, id="b"), fact(5, id="b")
    state = fresh_state()
    given_to(state, HERE, 1, one, two, later)
    voided(state, HERE, 2, "a")
    voided(state, HERE, 3, "b")
    holds(state)
    cut(state, 3, {HERE: 2})
    holds(state, two)  # of the two with one id, the one that is still in history is voided
    voided(state, HERE, 4, "a", "b")
    holds(state, two)
    assert state.cut_made.lost == 0


def test_a_void_that_came_twice_is_covered_by_either_copy_and_then_for_good():
    one, later = fact(0, id="a"), fact(5, id="a")
    state = fresh_state()
    given_to(state, HERE, 1, one, later)
    voided(state, HERE, 9, "a")
    voided(state, THERE, 1, "a")
    state.seal()
    assert len(state.history.void_copies) == 2
    cut(state, 3, {HERE: 1, THERE: 1})
    holds(state)
    assert not len(state.history.void_copies)
    voided(state, HERE, 12, "a")
    state.seal()
    assert not len(state.history.void_copies), "it has been covered before"


def test_bases_are_of_accounts_and_follow_who_is_one_learner():
    facts = [fact(0, learner=1, id="a", course="c"), fact(1, learner=2, id="b", course="c")]
    later = [fact(5, learner=1, id="x"), fact(6, learner=2, id="y", course="c")]
    state = fresh_state()
    given_to(state, HERE, 1, *facts, *later)
    state.merge(1, number(1), number(2))
    cut(state, 3, {HERE: 1})
    state.unmerge(number(1), number(2))
    holds(state, *facts, *later)
    state.merge(2, number(1), number(2))
    least = min((1, 2), key=key_of)
    holds(state, *(replace(one, learner=least) for one in (*facts, *later)))
    assert state.have_keys(halves([number(1), number(2), number(3)])).tolist() == [1, 1, 0]


def test_a_later_cut_goes_on_from_the_base_and_one_that_was_made_is_passed_over():
    facts = [fact(day) for day in range(9)]
    state = fresh_state()
    given_to(state, HERE, 1, *facts[:5])
    cut(state, 3, {HERE: 1})
    base = state.base
    cut(state, 4, {HERE: 1})
    assert state.base is base
    given_to(state, HERE, 2, *facts[5:])
    cut(state, 7, {HERE: 2}, epoch=2)
    holds(state, *facts)
    assert state.events == 2


def test_events_around_a_midnight_that_is_shown_twice_are_on_the_side_of_their_day():
    # On 2018-02-17 clocks in Sao Paulo went from 24:00 back to 23:00.
    midnight_ms = 1_518_919_200_000  # 2018-02-18T02:00Z, the first time that 24:00 would have been
    facts = [Fact(learner=n, time_ms=midnight_ms + n * 1_200_000, id=str(n)) for n in range(-3, 7)]
    state = fresh_state("America/Sao_Paulo")
    given_to(state, HERE, 1, *facts)
    days = local_days(np.array([one.time_ms for one in facts], np.int64), state.zone)
    state.cut(int(days[-1]), Vector({HERE: 1}), 1)
    assert state.events == int((days == days[-1]).sum()) == 4
    late = Fact(learner=99, time_ms=midnight_ms + 1_000, id="late")
    given_to(state, HERE, 2, late)
    assert state.cut_made.lost == 1
    holds(state, *facts)


def test_an_attribute_that_could_identify_people_leaves_the_base_too(monkeypatch):
    monkeypatch.setattr(limits, "ATTRIBUTE_VALUES_MAX", 3)
    state = fresh_state()
    facts = [fact(0, learner=n, id=str(n), attributes=(("country", f"c{n}"),)) for n in range(6)]
    given_to(state, HERE, 1, *facts[:2])
    cut(state, 3, {HERE: 1})
    state.base_file = "written"
    given_to(state, HERE, 2, *(replace(one, time_ms=AT + 4 * DAY) for one in facts[2:]))
    state.settle()
    assert not any("country" in one.codes for one in state.base.learners.partitions)
    assert state.base_file is None, "it is to be written anew without it"
    voided(state, HERE, 3, "5")
    state.settle()
    assert state.learners.rows == 5
