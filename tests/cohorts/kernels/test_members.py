"""Loops over members as bits, against NumPy and plain Python."""

from collections import Counter

import numpy as np
import pytest

from homeroom.cohorts.days import MANY
from homeroom.cohorts.kernels import members as kernels
from homeroom.cohorts.members import Members, pack, patterns_in
from homeroom.events.texts import sealed

BOUNDS = ((1, MANY), (0, 0), (2, 5), (7, 3), (0, MANY))


@pytest.mark.parametrize("rows", [0, 1, 63, 64, 65, 127, 128, 1_000])
@pytest.mark.parametrize("word_count", [0, 1, 4])
def test_days_of_several_stretches_are_counted_as_one_by_one(rng, rows, word_count):
    room = rows + int(rng.integers(0, 9))  # columns are longer than what is filled
    words = rng.integers(0, 2**63, (5, room)) & rng.integers(0, 2**63, (5, room))
    words = sealed(words.astype(np.uint64))
    places = np.sort(rng.choice(5, word_count, replace=False)).astype(np.int64)
    masks = rng.integers(0, 2**63, (len(BOUNDS), word_count)).astype(np.uint64)
    masks[rng.random(masks.shape) < 0.3] = 0
    found = np.full((len(BOUNDS), -(-rows // 64)), 7, np.uint64)
    pieces = (sealed(places), sealed(masks))
    kernels.active_days(words, rows, pieces, sealed(np.array(BOUNDS)), found)
    for (low, high), mask, bits in zip(BOUNDS, masks, found, strict=True):
        days = np.bitwise_count(words[places][:, :rows] & mask[:, None]).sum(axis=0, dtype=int)
        chosen = np.unpackbits(bits.view(np.uint8), bitorder="little")
        assert chosen[:rows].tolist() == ((low <= days) & (days <= high)).tolist()
        assert not chosen[rows:].any(), "no bits beyond the rows"


@pytest.mark.parametrize("sets", [1, 2, 20, 64])
@pytest.mark.parametrize("rows", [0, 1, 64, 20_000])
def test_rows_are_counted_by_the_sets_that_they_are_in(rng, sets, rows):
    chosen = rng.random((sets, rows)) < rng.random((sets, 1))
    members = [Members((pack(one),), (rows,)) for one in chosen]
    patterns, counts = patterns_in(members, 0)
    found = dict(zip(patterns.tolist(), counts.tolist(), strict=True))
    weights = [1 << s for s in range(sets)]
    plain = Counter(
        sum(w for w, is_in in zip(weights, row, strict=True) if is_in) for row in chosen.T
    )
    plain.pop(0, None)
    assert found == plain
    assert len(patterns) == len(found), "each pattern stands there once"
