"""Whoever asks, at whatever moment, sees the fold of the first entries of each origin: whole ones, and nothing else."""

import sys
import threading
from contextlib import nullcontext

import numpy as np
import pytest

from homeroom.events.dictionary import Dictionaries
from homeroom.log.entries import Head, make_entry
from homeroom.log.payloads import Part, pack, write_parts
from homeroom.node import folding
from homeroom.node.folding import Folding, TenantState
from homeroom.running.live import Live
from homeroom.state import table
from tests.log.chains import HERE, THERE, sign
from tests.state.plain import (
    batch_of,
    content,
    draw_facts,
    fresh_state,
    hash_of_id,
    history_of,
    plain_content,
)

ZONE = "America/New_York"


class Sent:
    """Entries of two origins that tell of facts and voids, and what any first ones of them add up to."""

    def __init__(self, rng, facts, most):
        self.told, self.entries, self.known = {HERE: [], THERE: []}, [], {}
        dictionaries = Dictionaries.under(bytes(32))
        heads, facts = {HERE: Head(), THERE: Head()}, draw_facts(rng, facts)
        ids = [fact.id for fact in facts if fact.id is not None]
        while facts:
            count, origin = int(rng.integers(1, most)), (HERE, THERE)[rng.integers(2)]
            some, facts = facts[:count], facts[count:]
            voids = rng.choice(ids, 2).tolist() if rng.random() < 0.2 else []
            hashes = np.array([hash_of_id(one) for one in voids], np.uint64)
            part = Part("main", batch_of(some, dictionaries), hashes)
            payload = pack(write_parts([part], {"main": dictionaries}))
            entry = make_entry(origin, heads[origin], (1_000 + len(self.entries), 0), payload, sign)
            heads[origin] = entry.head
            self.told[origin].append((some, voids))
            self.entries.append(entry)

    def expected(self, applied):
        """Return the content and the courses of what is applied."""
        first = (applied[HERE], applied[THERE])
        if first not in self.known:
            told = self.told[HERE][: first[0]] + self.told[THERE][: first[1]]
            voided = {one for _, voids in told for one in voids}
            come = [fact for facts, _ in told for fact in facts]
            left = [fact for fact in come if fact.id is None or fact.id not in voided]
            courses = {fact.course for fact in come} - {None}
            self.known[first] = plain_content(left, ZONE), courses
        return self.known[first]


def started():
    state = fresh_state(ZONE)
    return Live(Folding({"main": TenantState(state)}, None), lambda: 0), state


def columns_of(state):
    return content(state), set(state.dictionaries.course.values)


def whole(state):
    """Return the state that is frozen for those who ask about history."""
    len(state.segments)
    return state


class Looked:
    """A guard before and after which somebody looks: at all moments at which anything may have become other."""

    def __init__(self, guard, look):
        self.guard, self.look, self.depth = guard, look, 0

    def __enter__(self):
        if self.depth == 0:
            self.look()
        self.depth += 1
        return self.guard.__enter__()

    def __exit__(self, *error):
        self.guard.__exit__(*error)
        self.depth -= 1
        if self.depth == 0:
            self.look()


class Walk:
    """A state that is folded into in steps of all kinds, and what was seen of it."""

    def __init__(self, rng):
        self.rng, self.sent = rng, Sent(rng, 60, 5)
        self.live, self.state = started()
        self.to_come, self.frozen, self.looks = list(self.sent.entries), [], 0
        self.reserved = False
        guard = Looked(self.live._guard, self.look)
        self.live._folding.guard = self.state.guard = guard

    def look(self):
        seen, what = self.live.ask("main", columns_of)
        assert seen == self.sent.expected(what.applied)
        self.looks += 1

    def fold(self):
        count = int(self.rng.integers(1, 6))
        come = self.sent.entries[: len(self.sent.entries) - len(self.to_come)]
        again = [come[int(i)] for i in self.rng.integers(0, len(come), 2)] if come else []
        self.live.fold([*again, *self.to_come[:count]])
        del self.to_come[:count]

    def settle(self):
        self.live.settle(lambda: bool(self.rng.integers(2)))

    def cluster(self):
        self.live.cluster_some()

    def freeze(self):
        self.frozen.append(self.live.ask("main", whole))

    def snapshot(self):
        with self.live.held("main") as one:
            if self.reserved:
                one.state.hold(lambda history: history.release(None))
            else:
                one.state.history.reserve()
            self.reserved = not self.reserved

    def check(self):
        for part in (*self.state.learners.partitions, *self.state.enrolments.partitions):
            part.check_invariants()

    def end(self):
        while self.to_come:
            self.fold()
        for still, what in self.frozen:
            assert content(still) == self.sent.expected(what.applied)[0]


def test_at_every_moment_a_question_sees_the_first_entries_of_each_origin(rng, monkeypatch):
    monkeypatch.setattr(folding, "JOINED_BYTES", 3_000)
    monkeypatch.setattr(folding, "SEAL_EVENTS", 20)
    monkeypatch.setattr(table, "OUT_OF_PLACE_ROWS_MAX", 0)
    walk = Walk(rng)
    steps = ("fold", "fold", "settle", "cluster", "freeze", "snapshot")
    while walk.to_come:
        getattr(walk, steps[rng.integers(len(steps))])()
        walk.check()
    walk.end()
    assert walk.looks > 2 * len(walk.sent.entries)


@pytest.mark.parametrize("is_frozen", [False, True])
def test_threads_that_ask_while_others_fold_see_the_first_entries_of_each_origin(is_frozen, rng):
    sent, (live, state) = Sent(rng, 120, 5), started()
    found, ended = [], threading.Event()

    def ask():
        while not ended.is_set():
            if is_frozen:
                still, what = live.ask("main", whole)
                found.append((content(still), what.applied))
            else:
                seen, what = live.ask("main", columns_of)
                found.append((seen[0], what.applied))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for entry in sent.entries:
            live.fold([entry])
            live.cluster_some()
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(before)
    for seen, applied in found:
        assert seen == sent.expected(applied)[0]
    state.guard = nullcontext()
    state.seal()
    assert len(history_of(state)) == state.events
