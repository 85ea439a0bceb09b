"""The door by itself: what it holds fits together whatever comes, and who waits is told something, once."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom import limits
from homeroom.traffic.overload.admission import LetIn, Overload, Refuse
from homeroom.traffic.overload.kinds import STANDARD, Kind

SMALL = {
    kind: replace(one, floor=1, limit_start=3, limit_max=8, queue_max=6)
    for kind, one in STANDARD.items()
}


def full(kind=Kind.QUERY, bounds=None, flow="loud"):
    """Return a door that has no place left in a class."""
    overload = Overload(lambda: 0.5, bounds or SMALL)
    while overload.enter(kind, flow):
        pass
    return overload


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["come", "leave", "gone", "look"]),
        st.sampled_from(list(Kind)),
        st.sampled_from(["a", "b", "c"]),
        st.integers(-500, 5_000),
    ),
    max_size=120,
)


class Street:
    """People before a door and inside of it; each is told something once."""

    def __init__(self):
        self.overload = Overload(lambda: 0.999, SMALL)
        self.now_ms, self.number, self.inside, self.outside = 10_000.0, 0, [], {}

    def told(self, effects):
        for effect in effects:
            kind, flow = self.outside.pop(effect.waiter)  # KeyError: told twice
            if isinstance(effect, LetIn):
                self.inside.append((kind, flow, self.now_ms))
            else:
                assert 1 <= effect.retry_after_s <= limits.OVERLOAD_RETRY_S_MAX

    def come(self, kind, flow):
        if self.overload.enter(kind, flow):
            self.inside.append((kind, flow, self.now_ms))
            return
        self.number += 1
        self.outside[self.number] = kind, flow
        self.told(self.overload.wait(kind, flow, self.number, self.now_ms))

    def leave(self, *_):
        if self.inside:
            self.told(self.overload.leave(*self.inside.pop(0), self.now_ms))

    def gone(self, *_):
        if self.outside:
            waiter, (kind, flow) = self.outside.popitem()
            assert self.overload.forget(kind, flow, waiter)

    def look(self, *_):
        self.told(self.overload.look(self.now_ms))


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_comes_everybody_is_told_once_and_nothing_is_left(steps):
    street = Street()
    for what, kind, flow, passed_ms in steps:
        street.now_ms += passed_ms
        getattr(street, what)(kind, flow)
        street.overload.check_invariants()
        assert street.overload.load(street.now_ms) >= 0
    while street.inside:
        street.leave()
    street.now_ms += 60_000
    street.look()
    assert not street.outside
    assert not street.overload.is_anybody_waiting


def test_a_place_goes_to_the_tenant_with_the_fewest_requests_under_way():
    overload = full()
    for waiter, flow in (("l1", "loud"), ("l2", "loud"), ("q1", "quiet")):
        assert overload.wait(Kind.QUERY, flow, waiter, 0.0) == []
    assert overload.leave(Kind.QUERY, "loud", 0.0, 1.0) == [LetIn("q1")]


def test_a_full_queue_takes_a_place_from_the_tenant_that_has_most_of_it():
    overload = full()
    for number in range(6):
        assert overload.wait(Kind.QUERY, "loud", number, 0.0) == []
    assert overload.wait(Kind.QUERY, "quiet", "q", 0.0) == [Refuse(5, 2)]
    assert overload.wait(Kind.QUERY, "loud", 6, 0.0) == [Refuse(6, 2)]


def test_a_queue_of_thousands_of_keys_is_no_longer_than_its_bound():
    overload = full()
    refused = sum(len(overload.wait(Kind.QUERY, f"t{n}", n, 0.0)) for n in range(3_000))
    assert refused == 3_000 - 6
    overload.check_invariants()


def test_once_the_queue_stands_few_may_wait_and_for_a_tenth_of_the_time():
    overload = full()
    assert overload.wait(Kind.QUERY, "a", "first", 0.0) == []
    assert overload.wait(Kind.QUERY, "a", "second", 10.0) == []
    assert overload.leave(Kind.QUERY, "loud", None, 20.0) == [LetIn("first")]
    for number in range(3):
        assert overload.wait(Kind.QUERY, "a", number, 1_990.0) == []
    # Two seconds without being empty: more than a fifth of one is too long, and more than four are too many.
    told = overload.wait(Kind.QUERY, "a", "fifth", 2_000.0)
    assert [one.waiter for one in told] == ["second"]
    assert overload.refused_at_once(Kind.QUERY, "a", 2_000.0) is not None
    assert overload.refused_at_once(Kind.QUERY, "quiet", 2_000.0) is None
    assert overload.leave(Kind.QUERY, "loud", None, 2_010.0) == [LetIn(0)]
    assert [one.waiter for one in overload.look(2_195.0)] == [1, 2]


def test_a_queue_that_stood_does_until_nobody_was_refused_for_as_long_as_one_may_wait():
    overload = full()
    overload.wait(Kind.QUERY, "a", "first", 0.0)
    assert [one.waiter for one in overload.look(2_000.0)] == ["first"]
    assert not overload.is_anybody_waiting
    for number in range(4):
        assert overload.wait(Kind.QUERY, "a", number, 3_000.0) == []
    assert [one.waiter for one in overload.wait(Kind.QUERY, "a", "fifth", 3_100.0)] == ["fifth"]
    assert [one.waiter for one in overload.look(3_300.0)] == [0, 1, 2, 3]
    # Two seconds after the last refusal it is a queue for bursts again.
    for number in range(6):
        assert overload.wait(Kind.QUERY, "a", number, 5_300.0) == []
    assert overload.look(6_000.0) == []


def test_who_is_refused_at_once_would_have_been_refused_in_the_queue():
    overload = full()
    assert overload.refused_at_once(Kind.QUERY, "a", 0.0) is None
    for number in range(6):
        overload.wait(Kind.QUERY, "a", number, 0.0)
    assert overload.refused_at_once(Kind.QUERY, "a", 0.0) == 2
    assert overload.refused_at_once(Kind.QUERY, "b", 0.0) is None
    assert overload.statistics()[Kind.QUERY].shed == 1


def test_what_is_asked_to_wait_grows_with_the_excess_and_is_drawn():
    drawn = iter([0.0, 0.0, 0.999, 0.999])
    overload = Overload(lambda: next(drawn, 0.999), SMALL)
    while overload.enter(Kind.QUERY, "a"):
        pass
    for number in range(6):
        overload.wait(Kind.QUERY, "a", number, 0.0)
    after = [overload.wait(Kind.QUERY, "a", n, 0.0)[0].retry_after_s for n in range(6, 100)]
    assert after[:2] == [1, 1]
    assert after[2] < after[5] < after[80]
    assert max(after) <= limits.OVERLOAD_RETRY_S_MAX
