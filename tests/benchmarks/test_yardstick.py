"""The yardstick reads what the triangle needs, all of it, and nothing else."""

import numpy as np
import pytest

from benchmarks.learners import FIRST_DAY, Learners, folded
from benchmarks.yardstick import needed_stretches, quickest_read, read_stretches, sum_words
from homeroom.adapters.threads import ThreadRun
from homeroom.events.texts import sealed
from homeroom.limits import DAYS_PER_WORD
from homeroom.state.table import ANY


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 640, 1_000])
@pytest.mark.parametrize("ahead_words", [0, 512])
def test_every_word_is_added_once(count, ahead_words, rng):
    words = rng.integers(0, 2**63, count, np.uint64)
    assert sum_words(sealed(words), ahead_words) == words.sum(dtype=np.uint64)


@pytest.mark.slow
def test_it_reads_the_words_from_the_first_day_on():
    table = folded(Learners(3_000, 180), ThreadRun(2))
    wanted = 0
    for partition in table.partitions:
        for row in range(partition.rows):
            first = partition.start_day[row] // DAYS_PER_WORD - partition.first_word
            wanted += int(partition.words[ANY][first:, row].sum(dtype=np.uint64))
    parts = needed_stretches(table)
    total = sum(s.words.size for part in parts for s in part)
    assert total < 3 * table.rows
    assert FIRST_DAY % DAYS_PER_WORD == 0
    for run in (ThreadRun(1), ThreadRun(2)):
        ahead_words = quickest_read(parts, run, repeats=2)
        assert read_stretches(parts, ahead_words, run) == wanted % (1 << 64)
