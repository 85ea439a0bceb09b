"""Which events make a batch, and how much may wait."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from homeroom.client.batching import Batch, Batching
from homeroom.client.options import SenderOptions
from homeroom.errors import InputError


def made(**fields):
    bounds = {"batch_events_max": 3, "batch_bytes_max": 100, "queue_events_max": 7}
    return Batching(SenderOptions(**{**bounds, "queue_bytes_max": 200, **fields}))


def test_a_full_batch_is_due_at_once():
    batching = made()
    for line in (b"a", b"b"):
        batching.add(line, 0)
    assert batching.due_in_ms(0) == 1_000
    batching.add(b"c", 0)
    assert batching.due_in_ms(0) == 0
    assert batching.take(0, "id").lines == (b"a", b"b", b"c")
    assert batching.due_in_ms(0) is None


def test_a_batch_is_due_when_its_first_event_has_waited_long_enough():
    batching = made()
    batching.add(b"a", 10)
    batching.add(b"b", 900)
    assert batching.due_in_ms(1_009) == 1
    assert batching.due_in_ms(1_010) == 0
    assert batching.take(1_010, "id") == Batch((b"a", b"b"), "id")


def test_a_batch_has_no_more_bytes_than_it_may_unless_one_event_has():
    batching = made()
    for size in (60, 50, 130):
        if batching.has_room(b"x" * size):
            batching.add(b"x" * size, 0)
    assert [batching.take(0, "").size_bytes for _ in range(1)] == [60]
    assert not batching.has_room(b"x" * 130)


def test_what_can_never_be_added_is_said():
    with pytest.raises(InputError, match="201 bytes, over queue_bytes_max"):
        made().has_room(b"x" * 201)


def test_a_batch_that_is_put_back_goes_first_under_its_id():
    batching = made(batch_events_max=1)
    for line in (b"a", b"b"):
        batching.add(line, 0)
    first = batching.take(0, "first")
    batching.put_back(first)
    assert batching.take(0, "other") == Batch((b"a",), "first")


def test_halves_get_ids_of_their_own():
    batching = made()
    for line in (b"a", b"b", b"c"):
        batching.add(line, 0)
    batching.halve(batching.take(0, "whole"))
    assert batching.take(0, "1") == Batch((b"a",), "1")
    assert batching.take(0, "2") == Batch((b"b", b"c"), "2")


def test_a_batch_shows_nothing_of_its_events():
    assert "ada" not in repr(Batch((b'{"account":"ada"}',), "id"))


class Queue(RuleBasedStateMachine):
    """Every event that was added is held until it is settled, once, and in order of adding within a batch."""

    def __init__(self):
        super().__init__()
        self.batching = made()
        self.now_ms = 0
        self.added = 0
        self.settled = []
        self.under_way = []

    @rule(size=st.integers(1, 60))
    def add(self, size):
        line = f"{self.added:06d}".encode() + b"." * size
        if self.batching.has_room(line):
            self.batching.add(line, self.now_ms)
            self.added += 1

    @rule(ms=st.integers(1, 1_500))
    def wait(self, ms):
        self.now_ms += ms

    @rule()
    def close(self):
        self.batching.close_batch()

    @precondition(lambda self: self.batching.due_in_ms(self.now_ms) == 0)
    @rule()
    def take(self):
        self.under_way.append(self.batching.take(self.now_ms, f"id-{self.now_ms}-{self.added}"))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), how=st.sampled_from(["settle", "put back", "halve"]))
    def end(self, data, how):
        place = data.draw(st.integers(0, len(self.under_way) - 1))
        batch = self.under_way.pop(place)
        if how == "settle":
            self.batching.settle(batch)
            self.settled += batch.lines
        elif how == "halve" and len(batch.lines) > 1:
            self.batching.halve(batch)
        else:
            self.batching.put_back(batch)

    @invariant()
    def nothing_is_lost_or_doubled(self):
        self.batching.check_invariants()
        held = [line for batch in self.batching.held() for line in batch.lines]
        numbers = sorted(int(line[:6]) for line in [*held, *self.settled])
        assert numbers == list(range(self.added))


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
