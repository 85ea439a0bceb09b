"""Groups of accounts follow from two sets that only grow, in whatever order; what is written down says the same."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from homeroom.state.identities import Edge, Identities
from homeroom.state.keys import whole
from tests.examples import examples
from tests.oracle.past import Past

KEYS = tuple((n * 7919) % 11 << 64 | n * 104_729 % 13 for n in range(1, 9))
FACTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("edge"), st.integers(1, 12), st.sampled_from(KEYS), st.sampled_from(KEYS)
        ),
        st.tuples(st.just("gone"), st.integers(1, 12)),
    ),
    max_size=14,
)


def twin(facts) -> Past:
    past = Past(lambda key: key)
    for fact in facts:
        if fact[0] == "edge" and fact[2] != fact[3]:
            past.edges.setdefault(fact[1], fact[2:])
        elif fact[0] == "gone":
            past.taken_back.add(fact[1])
    return past


def groups(identities: Identities) -> dict[int, tuple[int, ...]]:
    return {key: identities.group(key) for key in KEYS}


def expected(past: Past) -> dict[int, tuple[int, ...]]:
    names = {key: past.names().get(key, key) for key in KEYS}
    return {
        key: tuple(sorted(other for other in KEYS if names[other] == names[key])) for key in KEYS
    }


def told(facts, at_once: int) -> Identities:
    identities = Identities()
    for first in range(0, len(facts), at_once):
        part = facts[first : first + at_once]
        before = groups(identities)
        changed = identities.change(
            [Edge(*fact[1:]) for fact in part if fact[0] == "edge"],
            [fact[1] for fact in part if fact[0] == "gone"],
        )
        after = groups(identities)
        assert changed == sorted(key for key in KEYS if before[key] != after[key])
    return identities


@given(FACTS, st.integers(1, 5))
@examples(400)
def test_groups_are_what_the_edges_that_hold_connect(facts, at_once):
    seen: set[int] = set()
    # An id stands for one edge: whoever draws it again would say the same.
    facts = [f for f in facts if f[0] == "gone" or not (f[1] in seen or seen.add(f[1]))]
    identities, past = told(facts, at_once), twin(facts)
    assert groups(identities) == expected(past)
    assert groups(told(facts[::-1], at_once)) == groups(identities)
    for one in KEYS:
        for other in KEYS:
            between = {
                edge_id
                for edge_id, pair in past.edges.items()
                if set(pair) == {one, other} and edge_id not in past.taken_back
            }
            assert identities.between(one, other) == sorted(between)
    names = {key: group for key, group in expected(past).items() if len(group) > 1}
    moved = identities.moved
    found = dict(
        zip(
            map(whole, moved.from_hi.tolist(), moved.from_lo.tolist()),
            map(whole, moved.to_hi.tolist(), moved.to_lo.tolist()),
            strict=True,
        )
    )
    assert found == {key: group[0] for key, group in names.items()}
    assert list(found) == sorted(found)


@given(FACTS, FACTS)
@examples(120)
def test_what_is_written_down_goes_on_where_it_ended(facts, later):
    identities = told(facts, 3)
    again = Identities(identities.edges, identities.taken_back)
    assert again.size == identities.size
    assert np.array_equal(again.edges, identities.edges)
    assert np.array_equal(again.taken_back, identities.taken_back)
    assert groups(again) == groups(identities)
    edges = [Edge(*fact[1:]) for fact in later if fact[0] == "edge"]
    gone = [fact[1] for fact in later if fact[0] == "gone"]
    assert again.change(edges, gone) == identities.change(edges, gone)
    assert groups(again) == groups(identities)
    assert np.array_equal(again.edges, identities.edges)


def test_nothing_is_known_of_an_empty_set():
    identities = Identities()
    assert not identities
    assert not identities.moved
    assert identities.edges.shape == (0, 6)
    assert identities.taken_back.shape == (0, 2)
    assert identities.group(5) == (5,)
    identities.change([], [7])
    assert identities
    assert identities.taken_back.tolist() == [[0, 7]]
