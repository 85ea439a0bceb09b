"""Which endpoint is asked next, on a clock of the test's own."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.client.endpoints import Endpoints
from homeroom.client.measures import Kind, Loss
from homeroom.client.routes import Endpoint

A, B, C = (Endpoint(f"http://{name}", name, region) for name, region in ("ax", "bx", "cy"))


def made(*endpoints, seed=1):
    return Endpoints(
        endpoints or (Endpoint("a"), Endpoint("b"), Endpoint("c")), random.Random(seed)
    )


def asked(endpoints, kind=Kind.READ, now_ms=0, tried=()):
    found = endpoints.next(kind, now_ms, tried)
    return None if found is None else found.url


def answered(endpoints, url, took_ms, count, kind=Kind.READ):
    for _ in range(count):
        endpoints.answered(url, kind, 0, took_ms)


def test_the_order_is_kept_while_nothing_fails():
    endpoints = made()
    assert asked(endpoints) == "a"
    assert asked(endpoints, tried={"a"}) == "b"
    assert asked(endpoints, tried={"a", "b", "c"}) is None


def test_one_that_fails_is_left_out_until_it_answers_again():
    endpoints = made()
    endpoints.failed("a", Loss.UNREACHABLE, 0, 0)
    assert asked(endpoints) == "b"
    endpoints.heard("a", 10)
    assert asked(endpoints, now_ms=10) == "a"


def test_where_all_fail_the_one_is_asked_that_may_be_back_first():
    endpoints = made()
    for now_ms, url in enumerate("bca"):
        endpoints.let_alone(url, 5_000, now_ms)
    assert asked(endpoints, now_ms=3) is None
    assert endpoints.any(Kind.READ, 3).url == "b"


def test_one_that_is_far_slower_than_another_goes_to_the_end_for_a_while_and_is_measured_anew():
    endpoints = made()
    answered(endpoints, "a", 2_000, 10)
    assert asked(endpoints) == "a", "nothing is known of the others"
    answered(endpoints, "b", 100, 10)
    assert asked(endpoints) == "b"
    assert asked(endpoints, tried={"b", "c"}) == "a", "it is slow, and not dead"
    assert asked(endpoints, Kind.WRITE) == "b", "what is slow for one is slow for the other"
    assert asked(endpoints, now_ms=limits.ENDPOINT_SLOW_FOR_MS) == "a"


def test_a_nearest_one_that_is_a_little_slower_stays_the_first():
    endpoints = made()
    answered(endpoints, "a", 240, 20)
    answered(endpoints, "b", 1, 20)
    assert asked(endpoints) == "a"


def test_an_answer_is_late_by_the_past_of_its_endpoint():
    endpoints = made()
    assert endpoints.late_ms("a", Kind.READ) == limits.HEDGE_MS
    answered(endpoints, "a", 400, 20)
    answered(endpoints, "b", 1, 20)
    assert endpoints.late_ms("a", Kind.READ) == 400
    assert endpoints.late_ms("b", Kind.READ) == limits.HEDGE_MS_MIN


def test_a_quick_endpoint_that_says_nothing_is_left_the_sooner():
    endpoints = made()
    assert endpoints.patience_ms("a", Kind.WRITE) == limits.ENDPOINT_ATTEMPT_MS
    answered(endpoints, "a", 20, 20, Kind.WRITE)
    answered(endpoints, "b", 300, 20, Kind.WRITE)
    answered(endpoints, "c", 3_000, 20, Kind.WRITE)
    assert endpoints.patience_ms("a", Kind.WRITE) == limits.ENDPOINT_ATTEMPT_MS_MIN
    assert endpoints.patience_ms("b", Kind.WRITE) == 300 * limits.ENDPOINT_PATIENCE_TIMES
    assert endpoints.patience_ms("c", Kind.WRITE) == limits.ENDPOINT_ATTEMPT_MS


def test_nodes_of_a_region_are_preferred_by_weight_and_regions_in_their_order():
    heavy = Endpoint("h", "h", "x", 3.0)
    firsts = Counter(
        made(Endpoint("l", "l", "x"), heavy, C, seed=seed).order[0].url for seed in range(400)
    )
    assert 0.7 < firsts["h"] / 400 < 0.8
    for seed in range(20):
        assert made(A, B, C, seed=seed).order[2] == C
    # The same client keeps to the same node, in whichever table it stands.
    endpoints = made(A, B, C)
    before = endpoints.order
    endpoints.take([B, A, C])
    assert endpoints.order == before


def test_a_pinned_tenant_is_sent_to_its_regions_from_then_on():
    endpoints = made(A, B, C)
    assert endpoints.elsewhere(A.url, ["y"], 0)
    assert asked(endpoints) == C.url
    endpoints.take([B, A, C])
    assert asked(endpoints) == C.url, "that holds in the next table too"


def test_where_no_endpoint_of_its_regions_is_known_that_is_said():
    endpoints = made(A, B)
    assert not endpoints.elsewhere(A.url, ["z"], 0)
    assert asked(endpoints) is not None


def test_addresses_of_unknown_regions_are_tried_one_by_one():
    endpoints = made()
    assert endpoints.elsewhere("a", ["y"], 0)
    assert asked(endpoints) == "b"
    assert endpoints.elsewhere("b", ["y"], 0)
    assert not endpoints.elsewhere("c", ["y"], 0)


def test_what_was_met_is_kept_from_table_to_table():
    endpoints = made(A, B)
    endpoints.failed(A.url, Loss.UNREACHABLE, 0, 0)
    endpoints.take([B, C])
    endpoints.take([A, B])
    assert endpoints.next(Kind.READ, 0) == B


def test_what_is_kept_of_addresses_has_a_bound():
    endpoints = made()
    for turn in range(20):
        endpoints.take([Endpoint(f"{turn} {n}") for n in range(2 * limits.ENDPOINTS_MAX)])
        assert len(endpoints.order) == limits.ENDPOINTS_MAX
    assert len(endpoints._known) <= 4 * limits.ENDPOINTS_MAX


STEP = st.tuples(st.sampled_from([*Loss, "good", "alone", "elsewhere", "take"]), st.integers(0, 2))


@given(st.lists(STEP), st.integers(0, 99))
def test_whatever_happens_there_is_an_endpoint_to_ask(steps, seed):
    known = (A, B, C)
    endpoints = made(*known, seed=seed)
    for now_ms, (what, which) in enumerate(steps):
        url = known[which].url
        if what == "good":
            endpoints.answered(url, Kind.READ, 0, now_ms)
        elif what == "alone":
            endpoints.let_alone(url, 1_000, now_ms)
        elif what == "elsewhere":
            endpoints.elsewhere(url, ["x"], now_ms)
        elif what == "take":
            endpoints.take(known[which:])
        else:
            endpoints.failed(url, what, 0, now_ms)
        endpoints.check_invariants()
        assert endpoints.any(Kind.READ, now_ms) in endpoints.order
    assert endpoints.statistics().keys() == {one.url for one in endpoints.order}
