"""Generations: who goes under which raw key, and when."""

import numpy as np

from homeroom.events.generations import key_at, readmitted_places
from homeroom.events.pseudonyms import pseudonyms

KEY = bytes(range(32))
ADA = ("https://lms.example", "ada")


def test_the_first_generation_is_the_pseudonym():
    hi, lo = pseudonyms(KEY, ADA[0], [ADA[1]])
    assert key_at(KEY, ADA, {}) == int(hi[0]).to_bytes(8, "big") + int(lo[0]).to_bytes(8, "big")


def test_a_key_that_may_come_again_gives_way_to_the_next_from_then_on():
    first = key_at(KEY, ADA, {})
    second = key_at(KEY, ADA, {first: 100})
    third = key_at(KEY, ADA, {first: 100, second: 200})
    assert len({first, second, third}) == 3
    both = {first: 100, second: 200}
    assert [key_at(KEY, ADA, both, at) for at in (99, 100, 199, 200)] == [
        first,
        second,
        second,
        third,
    ]
    assert key_at(KEY, (ADA[0], "bob"), both) == key_at(KEY, (ADA[0], "bob"), {})


def test_places_are_those_of_whole_keys():
    one = (7).to_bytes(8, "big") + (9).to_bytes(8, "big")
    hi, lo = np.array([7, 7, 1, 7], np.uint64), np.array([9, 8, 9, 9], np.uint64)
    assert readmitted_places({one: 0}, hi, lo).tolist() == [0, 3]
    assert readmitted_places({one: 0}, hi[:0], lo[:0]).tolist() == []
