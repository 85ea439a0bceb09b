"""Each raw key is of one shard, and shards are of one size."""

from itertools import pairwise

import numpy as np
import pytest

from homeroom.scaling.slots import SLOTS, Slots, nobody, slots_of


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 256])
def test_each_key_is_of_one_shard(shards, rng):
    hi, lo = rng.integers(0, 2**64, (2, 5_000), np.uint64, endpoint=False)
    owned = np.array([one.owns(hi, lo) for one in slots_of(shards)])
    assert (owned.sum(axis=0) == 1).all()


@pytest.mark.parametrize("shards", [1, 3, 256])
def test_ranges_cover_all_slots_and_are_equally_long(shards):
    ranges = slots_of(shards)
    assert ranges[0].first == 0
    assert ranges[-1].end == SLOTS
    assert all(one.end == other.first for one, other in pairwise(ranges))
    sizes = {one.end - one.first for one in ranges}
    assert max(sizes) - min(sizes) <= 1


def test_a_shard_has_keys_of_all_partitions(rng):
    hi, lo = rng.integers(0, 2**64, (2, 5_000), np.uint64, endpoint=False)
    mine = Slots(0, 8).owns(hi, lo)
    assert len(np.unique(hi[mine] >> np.uint64(61))) == 8


def test_nobody_is_of_the_head():
    keys = np.arange(4, dtype=np.uint64)
    assert nobody(keys, keys).tolist() == [False] * 4
