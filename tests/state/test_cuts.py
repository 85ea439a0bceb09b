"""Retention cuts: in whatever order nodes learn of events, voids and cuts, all end in what the rule says, told plainly.

The world sends events several times, by several origins; voids ids before and after their events; merges and unmerges
accounts; and cuts where the vector covers some copies and not others.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom import limits
from homeroom.state import sealing, table
from tests.state.cutting_walks import (
    LEARNERS,
    Replica,
    World,
    assert_is_what_the_twin_says,
    what_it_says,
)

AT = 1_710_000_000_000
DAY = 86_400_000


def walk(replica: Replica, pairs: list[tuple[int, int]], frozen: list) -> None:
    """Go on until all is known, with merges, upkeep and looks in between."""
    changes = list(pairs)
    while not replica.is_done or changes:
        replica.step()
        chance = int(replica.rng.integers(12))
        if chance == 0 and changes:
            replica.merge(*changes.pop())
        elif chance == 1:
            replica.state.seal()
        elif chance == 2:
            for _ in replica.state.upkeep():
                pass
        elif chance == 3:
            assert_is_what_the_twin_says(replica)
        elif chance == 4:
            still = replica.state.frozen()
            frozen.append((still, what_it_says(still)))


@given(
    st.integers(0, 1 << 30),
    st.sampled_from((3, 20, 60)),
    st.sampled_from(("UTC", "America/Sao_Paulo")),
    st.sampled_from((None, 3)),
)
@settings(max_examples=25)
def test_nodes_that_learn_in_any_order_end_in_what_the_rule_says(seed, count, zone, few):
    rng = np.random.default_rng(seed)
    world = World(rng, count, zone)
    pairs = [tuple(rng.choice(LEARNERS, 2, replace=False).tolist()) for _ in range(3)]
    prints, frozen = set(), []
    with pytest.MonkeyPatch.context() as patch:
        if few:  # so that all ways are gone with few events, too
            patch.setattr(limits, "JOINED_SEGMENTS_MAX", few)
            patch.setattr(table, "_FEW_EVENTS", few)
            patch.setattr(sealing, "_FEW", 0)
        for _ in range(3):
            replica = Replica(world, rng)
            walk(replica, pairs, frozen)
            replica.unmerge(*pairs[0])
            replica.state.settle()
            assert_is_what_the_twin_says(replica)
            prints.add(replica.state.fingerprint())
        for still, said in frozen:
            assert what_it_says(still) == said, "what was frozen stays as it was"
    assert len(prints) == 1, "all nodes agree"
