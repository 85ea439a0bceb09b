"""Which entries mattered, by every subset of them and by the table of what bits can become."""

import numpy as np

from homeroom.cohorts.mattering import mattering_bits, mattering_subsets


def joined(before, bits, chosen):
    for place, one in enumerate(bits):
        if chosen >> place & 1:
            before |= one
    return before


def test_the_table_says_what_every_subset_says(rng):
    holds = rng.integers(0, 2, 8).astype(np.uint8)
    before = rng.integers(0, 8, 40).astype(np.uint8)
    entries = [rng.integers(0, 8, rng.integers(0, 6)).astype(np.uint8) for _ in before]
    owner = np.repeat(np.arange(40), [len(one) for one in entries])
    found, was, will_be = mattering_bits(before, owner, np.concatenate(entries), holds)
    expected, ends = [], []
    for first, bits in zip(before.tolist(), entries, strict=True):
        every = [holds[joined(first, bits.tolist(), s)] != 0 for s in range(1 << len(bits))]
        expected += mattering_subsets(np.array(every)).tolist()
        ends.append((every[0], every[-1]))
    assert found.tolist() == expected
    assert list(zip(was.tolist(), will_be.tolist(), strict=True)) == ends


def test_nobody_and_nothing_matter_to_nobody():
    nothing = np.empty(0, np.uint8)
    found = mattering_bits(nothing, np.empty(0, np.int64), nothing, np.zeros(8, np.uint8))
    assert [len(one) for one in found] == [0, 0, 0]
    assert mattering_subsets(np.array([True])).tolist() == []
