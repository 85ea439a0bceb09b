"""Bits by learner: what is put is there, only in the slots that are meant, and what became other is said once."""

import numpy as np

from homeroom.cohorts.membership.held import Held, count_of
from homeroom.events.model import UInt64s


def keys(*numbers: int) -> tuple[UInt64s, UInt64s]:
    return np.array(numbers, np.uint64), np.array(numbers, np.uint64) << np.uint64(7)


def test_what_is_put_is_found_by_learner_and_by_slot():
    held = Held()
    held.cover(2)
    fresh = np.array([[0b11, 0, 0b10], [0, 0, 1]], np.uint64)
    both = np.array([0b11, 1], np.uint64)
    other = held.put(keys(5, 6, 7), fresh, both)
    assert sorted(zip(other.rows.tolist(), other.slots.tolist(), strict=True)) == [
        (0, 0),
        (0, 1),
        (1, 1),
        (1, 64),
    ]
    assert other.entered.all()
    assert held.rows == 2, "who is in nothing has no row"
    assert held.slots_of(keys(7)) == [1, 64]
    assert held.slots_of(keys(6)) == []
    assert held.having(1, 0, 10).tolist() == [0, 1]
    assert held.having(1, 1, 10).tolist() == [1]
    assert held.having(1, 0, 1).tolist() == [0]
    assert len(held.put(keys(5, 6, 7), fresh, both)) == 0


def test_slots_that_are_not_meant_stay():
    held = Held()
    held.cover(1)
    held.put(keys(5), np.array([[0b11]], np.uint64), np.array([0b11], np.uint64))
    other = held.put(keys(5), np.array([[0]], np.uint64), np.array([0b10], np.uint64))
    assert (other.slots.tolist(), other.entered.tolist()) == ([1], [False])
    assert held.slots_of(keys(5)) == [0]


def test_all_rows_take_new_bits_as_was_said_before(rng):
    held = Held()
    held.cover(2)
    mask = np.array([2**64 - 1, 0xFF], np.uint64)
    fresh = [rng.integers(0, 2**63, (2, 500)).astype(np.uint64) & mask[:, None] for _ in range(2)]
    held.put(keys(*range(1, 501)), fresh[0], mask)
    before = held.words[:, : held.rows].copy()
    other = held.other_first(fresh[1], mask)
    assert np.array_equal(held.words[:, : held.rows], before), "to ask changes nothing"
    held.put_first(fresh[1], mask)
    assert np.array_equal(held.words[:, : held.rows], fresh[1])
    for slot in (0, 62, 64, 71):
        mine = other.slots == slot
        more = int(other.entered[mine].sum()) - int((~other.entered[mine]).sum())
        assert count_of(fresh[1], slot) - count_of(before, slot) == more


def test_rows_do_not_move_when_more_come(rng):
    held = Held()
    numbers = rng.permutation(5_000) + 1
    first = held.add(keys(*numbers[:10].tolist()))
    held.add(keys(*numbers.tolist()))
    assert held.rows == 5_000
    assert np.array_equal(held.find(keys(*numbers[:10].tolist())), first)
    assert held.find(keys(6_000)).tolist() == [-1]
