"""Rulings on entries come to one state, in whatever order entries come and are folded, beside cuts of history."""

from itertools import pairwise

import pytest

from homeroom.log.control import HistoryCut
from homeroom.log.origins import Stream
from homeroom.log.rulings import EntriesLost, Restamped
from homeroom.regions.stated import Stated
from tests.node.test_folding import NOW_MS, Node, event, fresh_folding, state_of

DAY = 19_790 - 4  # 2024-03-08, counted from Monday 5 January 1970
SENT = [(1, 2, 3), (4, 5), (6, 7, 24), (8, 28)]


def node_with(*facts, sent=SENT, after=None):
    """Return a node that has taken events, an entry each, and then these facts; ``after`` so many of the entries."""
    node = Node()
    for number, some in enumerate(sent):
        if number == after:
            state_all(node, facts)
        node.send(*(event(one) for one in some))
    if after is None:
        state_all(node, facts)
    return node


def state_all(node, facts):
    for make in facts:
        assert "error" not in node.state(make(str(analytic(node))))


def analytic(node):
    return next((e.origin for e in node.entries if e.origin.stream is Stream.ANALYTIC), None)


def lost(first, last):
    return lambda origin: EntriesLost(origin=origin, first=first, last=last)


def counts(first, last):
    return lambda origin: Restamped(origin=origin, first=first, last=last, hybrid=NOW_MS << 16)


def cut(up_to):
    return lambda origin: HistoryCut(tenant="main", day=DAY, vector={origin: up_to})


def folded(entries):
    """Return what entries come to: folded as they come, and anew if they are in doubt then."""
    folding = given(fresh_folding(), entries)
    if folding.is_in_doubt:
        facts = [one for one in entries if one.origin.stream is Stream.CONTROL]
        stated = Stated()
        for one in facts:
            stated.take(one)
        folding = fresh_folding()
        folding.fold(sorted(facts, key=lambda one: one.hybrid))
        folding.known = stated.control
        given(folding, entries)
    return state_of(folding)


def given(folding, entries):
    while left := [one for one in entries if one.number > folding.applied[one.origin]]:
        for one in left:
            if one.number == folding.applied[one.origin] + 1:
                folding.fold([one])
        assert not folding.troubles
    return folding


def orders(entries, rng, count=8):
    """Return entries in some orders, those of each origin as they are."""
    yield entries
    yield sorted(entries, key=lambda one: (one.origin.stream is Stream.CONTROL, one.number))
    yield sorted(entries, key=lambda one: (one.origin.stream is not Stream.CONTROL, one.number))
    for _ in range(count):
        turns = rng.permutation([str(one.origin) for one in entries]).tolist()
        mine = {o: iter([e for e in entries if str(e.origin) == o]) for o in set(turns)}
        yield [next(mine[o]) for o in turns]


def same(node, rng):
    """Return the state that entries come to in all orders."""
    states = [folded(some) for some in orders(node.entries, rng)]
    assert len({(one.fingerprint(), one.events) for one in states}) == 1
    return states[0]


@pytest.mark.parametrize("after", [None, 2])
def test_what_is_lost_is_as_if_it_had_never_been(rng, after):
    found = same(node_with(lost(1, 1), lost(3, 3), after=after), rng)
    left = state_of(node_with(sent=SENT[1:2] + SENT[3:]).folding)
    assert (found.fingerprint(), found.events) == (left.fingerprint(), left.events)


def test_the_last_ruling_counts(rng):
    found = same(node_with(lost(1, 4), counts(2, 4)), rng)
    left = state_of(node_with(sent=SENT[1:]).folding)
    assert (found.fingerprint(), found.events) == (left.fingerprint(), left.events)


def test_what_a_cut_had_covered_stays_and_the_rest_is_lost(rng):
    found = same(node_with(cut(2), lost(1, 3)), rng)
    left = state_of(node_with(cut(2), sent=SENT[:2] + SENT[3:]).folding)
    assert (found.fingerprint(), found.events) == (left.fingerprint(), left.events)


def test_what_was_lost_before_a_cut_is_in_no_base(rng):
    found = same(node_with(lost(1, 2), cut(4)), rng)
    left = state_of(node_with(cut(2), sent=SENT[2:]).folding)
    assert (found.fingerprint(), found.events) == (left.fingerprint(), left.events)


def test_a_ruling_that_is_of_nothing_folded_puts_nothing_in_doubt():
    node = node_with(sent=SENT[:1])
    node.state(EntriesLost(origin=str(analytic(node)), first=2, last=2))
    assert not node.folding.is_in_doubt
    node.send(event(9))
    assert state_of(node.folding).events == len(SENT[0])
    numbers = [one.number for one in node.entries if one.origin.stream is Stream.ANALYTIC]
    assert all(b - a == 1 for a, b in pairwise(numbers))
