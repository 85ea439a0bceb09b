"""Places are found and changed as sets are, and keys as a dictionary finds them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from homeroom.state.keys import Renamed, distinct_keys, find_sorted, halves, whole
from homeroom.state.places import (
    are_in,
    places_of_ids,
    places_of_keys,
    with_places,
    without_places,
)
from homeroom.state.running import Sequential
from homeroom.state.sealing import sorted_segment
from tests.state.plain import batch_of, draw_facts, fresh_state, hash_of_id, key_of

SETS = st.frozensets(st.integers(0, 30))


def places(numbers) -> np.ndarray:
    return np.array(sorted(numbers), np.int64)


@given(SETS, SETS)
def test_sets_of_places_grow_and_shrink_as_sets_do(one, other):
    a, b = places(one), places(other)
    assert with_places(a, b).tolist() == sorted(one | other)
    assert without_places(a, b).tolist() == sorted(one - other)
    assert are_in(a, b).tolist() == [value in one for value in sorted(other)]


NUMBERS = st.integers(0, 3).flatmap(
    lambda high: st.integers(0, 3).map(lambda low: high << 64 | low)
)


@given(st.frozensets(NUMBERS), st.lists(NUMBERS))
def test_keys_are_found_by_both_halves(known, asked):
    ordered = sorted(known)
    found = find_sorted(*halves(ordered), *halves(asked))
    assert found.tolist() == [
        ordered.index(key) if key in known else -1 - sum(other < key for other in known)
        for key in asked
    ]
    distinct = distinct_keys([halves(asked), halves(ordered)])
    assert list(map(whole, *(half.tolist() for half in distinct))) == sorted({*asked, *known})


@given(st.dictionaries(NUMBERS, NUMBERS), st.lists(NUMBERS))
def test_keys_get_the_names_that_they_go_under(names, asked):
    ordered = sorted(names)
    renamed = Renamed(*halves(ordered), *halves([names[key] for key in ordered]))
    found = renamed.apply(*halves(asked))
    assert list(map(whole, *(half.tolist() for half in found))) == [names.get(k, k) for k in asked]


@given(st.dictionaries(NUMBERS, NUMBERS), st.frozensets(NUMBERS), st.dictionaries(NUMBERS, NUMBERS))
def test_names_change_for_some_keys_and_stay_for_the_others(names, keys, later):
    ordered = sorted(names)
    renamed = Renamed(*halves(ordered), *halves([names[key] for key in ordered]))
    changed = renamed.changed(sorted(keys), later)
    expected = {key: name for key, name in names.items() if key not in keys}
    expected |= {key: later[key] for key in keys if key in later}
    found = list(map(whole, changed.from_hi.tolist(), changed.from_lo.tolist()))
    assert found == sorted(expected)
    under = map(whole, changed.to_hi.tolist(), changed.to_lo.tolist())
    assert dict(zip(found, under, strict=True)) == expected


def test_events_are_found_by_id_and_by_learner(rng):
    facts = draw_facts(rng, 80)
    segment = sorted_segment(batch_of(facts, fresh_state().dictionaries), Sequential())
    assert segment is not None
    assert len(segment) == len(facts)
    ids = [fact.id for fact in facts if fact.id is not None]
    for chosen in (ids[:0], ids[:1], ids[:9], [*ids, *(f"new {n}" for n in range(200))]):
        hashes = np.unique(np.array([hash_of_id(one) for one in chosen], np.uint64))
        expected = np.flatnonzero(np.isin(segment.columns["id_hash"], hashes))
        assert places_of_ids(segment, hashes).tolist() == expected.tolist()
    owners = np.repeat(np.arange(len(segment.key_hi)), np.diff(segment.offsets))
    for learners in ([], [3], [3, 3, 7, 99], range(12)):
        keys = [key_of(learner) for learner in learners]
        asked = tuple(np.array([key[half] for key in keys], np.uint64) for half in (0, 1))
        subjects = {
            i
            for i, key in enumerate(
                zip(segment.key_hi.tolist(), segment.key_lo.tolist(), strict=True)
            )
            if key in keys
        }
        expected = np.flatnonzero(np.isin(owners, list(subjects)))
        assert places_of_keys(segment, asked).tolist() == expected.tolist()
