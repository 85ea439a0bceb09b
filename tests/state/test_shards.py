"""Sums of parts add up to those above them, and lead to the rows in which two states differ."""

import numpy as np
import pytest

from homeroom.state.shards import children, fingerprint_of, place_of, root_sums, row_of, rows_apart
from homeroom.state.table import ANY
from tests.state.plain import batch_of, draw_facts, fresh_state


@pytest.fixture
def pair(rng):
    """Return two equal states of the same facts."""
    facts = draw_facts(rng, 200)
    return [_state(facts), _state(facts[::-1])]


def _state(facts):
    state = fresh_state("UTC")
    state.fold(batch_of(facts, state.dictionaries))
    state.settle()
    return state


def spoil(state):
    """Give some learner another day; return the key, and where it lies."""
    number, partition = next(
        (n, one) for n, one in enumerate(state.learners.partitions) if one.rows
    )
    partition.words[ANY][0, 0] ^= np.uint64(1) << np.uint64(40)
    key = f"{int(partition.key_hi[0]):016x}{int(partition.key_lo[0]):016x}"
    return key, f"learners, shard {number}"


def test_parts_add_up_to_the_part_that_they_are_of(pair):
    state = pair[0]
    for path, value in root_sums([state.tables.shards()]).items():
        assert sum(children([state], path).values()) % (1 << 64) == value
        for below, one in list(children([state], path).items())[:3]:
            assert sum(children([state], below).values()) % (1 << 64) == one
    assert fingerprint_of(state, state.tables.shards()) == state.fingerprint()


def test_equal_states_have_equal_parts_and_no_rows_apart(pair):
    one, other = pair
    assert root_sums([one.tables.shards()]) == root_sums([other.tables.shards()])
    assert rows_apart(one, other) == {}


def test_the_way_down_ends_at_the_row_that_differs(pair):
    one, other = pair
    key, place = spoil(one)
    sums = [root_sums([state.tables.shards()]) for state in pair]
    paths = [path for path in sums[0] if sums[0][path] != sums[1][path]]
    assert list(map(place_of, paths)) == [place]
    while not row_of(paths[0]):
        mine, theirs = (children([state], paths[0]) for state in (one, other))
        paths = [path for path in mine.keys() | theirs.keys() if mine.get(path) != theirs.get(path)]
        assert len(paths) == 1
    assert row_of(paths[0]) == key
    assert rows_apart(one, other) == {place: (1, [key])}


def test_few_rows_are_named_and_all_are_counted(pair, monkeypatch):
    monkeypatch.setattr("homeroom.limits.ROWS_TOLD_MAX", 3)
    one, other = pair[0], fresh_state("UTC")
    found = rows_apart(one, other)
    assert sum(count for count, _ in found.values()) == one.learners.rows + one.enrolments.rows
    assert sum(len(keys) for _, keys in found.values()) == 3
