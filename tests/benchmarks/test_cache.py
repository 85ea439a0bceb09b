"""The benchmark of caches: no policy beats the optimum, the shipped one is the one that ships, tiers add up."""

import random

import pytest

from benchmarks.cache_policies import POLICIES, Shipped, hits_of, optimum
from benchmarks.cache_tiers import Copies, hits_by_tier
from homeroom.simulation.popularity import AskedWorld, requests


@pytest.fixture(scope="module")
def keys() -> list[bytes]:
    asked = requests(AskedWorld(3, 20_000))
    return [int(key).to_bytes(8, "little") for key in asked.key]


@pytest.mark.parametrize("name", POLICIES)
def test_no_policy_beats_the_optimum_and_none_grows(name, keys):
    hits = hits_of(POLICIES[name](200), keys)
    assert 0 < hits < optimum(keys, 200)
    assert hits_of(POLICIES[name](len(keys)), keys) == len(keys) - len(set(keys))


def test_the_optimum_is_what_trying_everything_finds():
    chance = random.Random(5)
    asked = [bytes([chance.randrange(5)]) for _ in range(12)]

    def best(at: int, held: frozenset[bytes]) -> int:
        if at == len(asked):
            return 0
        if asked[at] in held:
            return 1 + best(at + 1, held)
        grown = held | {asked[at]}
        choices = [held, grown] if len(grown) <= 2 else [grown - {one} for one in grown]
        return max(best(at + 1, choice) for choice in choices)

    assert optimum(asked, 2) == best(0, frozenset())


def test_one_copy_in_the_world_holds_more_and_near_copies_answer_nearer(keys):
    one = hits_by_tier(keys, 150, Shipped, Copies.ONE)
    near = hits_by_tier(keys, 150, Shipped, Copies.NEAR)
    assert one["all"] > near["all"]
    assert near["process"] + near["region"] > one["process"] + one["region"]
    assert one["all"] == pytest.approx(one["process"] + one["region"] + one["world"])
