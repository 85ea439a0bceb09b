"""Made-up learners are the same every time, and the tables that are folded from them hold just their days."""

import numpy as np

from benchmarks.learners import BLOCK_LEARNERS, FIRST_DAY, Learners, folded, keys_of
from homeroom.state.running import Sequential
from homeroom.state.table import ANY


def test_equal_parameters_make_equal_visits():
    first, again = (list(Learners(300, 50).blocks()) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.learner, b.learner)
        assert np.array_equal(a.day, b.day)
        assert np.array_equal(a.country, b.country)


def test_blocks_hold_all_learners():
    seen = np.concatenate([v.learner for v in Learners(BLOCK_LEARNERS + 3, 30).blocks()])
    assert len(np.unique(seen)) == BLOCK_LEARNERS + 3


def test_keys_are_distinct():
    key_hi, key_lo = keys_of(np.arange(10_000))
    assert len(np.unique(key_hi)) == len(np.unique(key_lo)) == 10_000
    assert not np.array_equal(key_hi, key_lo)


def test_a_folded_table_holds_the_visits():
    learners = Learners(400, 90)
    table = folded(learners, Sequential())
    visits = list(learners.blocks())
    wanted = {
        (int(key), int(day) + FIRST_DAY)
        for v in visits
        for key, day in zip(keys_of(v.learner)[0], v.day, strict=True)
    }
    found = set()
    for partition in table.partitions:
        for word in range(partition.word_count):
            for row, held in enumerate(partition.words[ANY][word, : partition.rows].tolist()):
                found |= {
                    (int(partition.key_hi[row]), 63 * (partition.first_word + word) + bit)
                    for bit in range(63)
                    if held >> bit & 1
                }
    assert found == wanted
