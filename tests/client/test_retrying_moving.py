"""Which endpoint a request moves to, and when it is asked of two, on a clock of the test's own."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.client.endpoints import Endpoints
from homeroom.client.measures import Kind, Loss
from homeroom.client.retrying import (
    Answered,
    Begun,
    Done,
    Failed,
    GiveUp,
    Keep,
    Late,
    Retrying,
    Try,
    Wait,
    Waited,
)
from homeroom.client.routes import Endpoint

REGIONS = [Endpoint(f"http://{name}", name, name[0]) for name in ("a1", "a2", "b1")]
"""Two nodes of one region, and one of another."""


def made(*urls, time_ms_max=60_000, seed=1, named=()):
    generator = random.Random(seed)
    endpoints = [*map(Endpoint, urls), *named]
    return Retrying(time_ms_max, 30_000, generator, Endpoints(endpoints, generator))


def begun(retrying, kind=Kind.WRITE):
    exchange = retrying.exchange(kind)
    return exchange, exchange.step(Begun(), 0)


def lost(at, loss=Loss.UNREACHABLE):
    return Failed("lost", loss, at)


def test_a_lost_connection_moves_the_request_at_once():
    exchange, found = begun(made("a", "b"))
    assert found.at == "a"
    found = exchange.step(lost("a"), 3)
    assert (found.at, exchange.attempts) == ("b", 2)
    assert exchange.step(Answered(200, at="b"), 9) == Done()
    assert exchange.last == "b"


def test_after_silence_another_region_is_asked_first():
    exchange, found = begun(made(named=REGIONS))
    found = exchange.step(lost(found.at, Loss.LATE), 4_000)
    assert found.at == "http://b1"


def test_after_a_refused_connection_the_neighbour_is_asked_as_before():
    exchange, found = begun(made(named=REGIONS))
    found = exchange.step(lost(found.at), 3)
    assert found.at in {"http://a1", "http://a2"}


def put_off(retrying):
    """Return a request that was met by silence, and that an empty budget puts off."""
    exchange, found = begun(retrying)
    retrying.budget.retries = -3
    return exchange, exchange.step(lost(found.at, Loss.LATE), 4_000)


def test_a_request_that_is_put_off_goes_on_when_another_one_was_answered():
    retrying = made("a", "b")
    exchange, found = put_off(retrying)
    assert found == Wait(limits.RETRY_LOOK_MS)
    other = retrying.exchange(Kind.WRITE)
    assert other.step(Begun(), 4_010).at == "b"
    assert other.step(Answered(200, at="b"), 4_030) == Done()
    assert exchange.step(Waited(), 4_500).at == "b"


def test_a_request_that_is_put_off_waits_on_while_nobody_is_answered():
    exchange, found = put_off(made("a", "b"))
    waited_ms = 4_000
    while isinstance(found, Wait):
        waited_ms += found.wait_ms
        found = exchange.step(Waited(), waited_ms)
    assert found.at == "b"
    assert waited_ms >= 4_000 + 3 * limits.RETRY_EVERY_MS


def test_who_is_asked_to_wait_waits_whoever_else_was_answered():
    retrying = made("a", "b")
    exchange, _ = begun(retrying)
    retrying.budget.retries = -3
    other = retrying.exchange(Kind.WRITE)
    other.step(Begun(), 1)
    retrying.endpoints.answered("b", Kind.WRITE, 1, 5)
    found, now_ms = exchange.step(Answered(503, retry_after_ms=1_000, at="a"), 10), 10
    for _ in range(10):
        now_ms += found.wait_ms
        found = exchange.step(Waited(), now_ms)
        assert isinstance(found, Wait)


def test_a_lost_request_goes_back_to_an_endpoint_that_has_answered_since():
    retrying = made("a", "b", "c")
    exchange, _ = begun(retrying)
    exchange.step(lost("a", Loss.BROKEN), 5)
    retrying.budget.retries = -3
    found = exchange.step(lost("b", Loss.BROKEN), 10)
    assert found == Wait(limits.RETRY_LOOK_MS)
    retrying.endpoints.answered("a", Kind.WRITE, 11, 20)
    assert exchange.step(Waited(), 10 + found.wait_ms).at == "a"


def owing(count, seed=1):
    """Return a client that has put requests off, one after the other, and what they wait for."""
    retrying = made("a", "b", seed=seed)
    exchanges = [begun(retrying)[0] for _ in range(count)]
    retrying.budget.retries = 0
    for one in exchanges:
        assert isinstance(one.step(Answered(504, at="a"), 100), Wait)
    return retrying, exchanges


def answered(retrying, times, now_ms):
    """Have so many requests be answered by the first they ask."""
    for _ in range(times):
        exchange = retrying.exchange(Kind.WRITE)
        found = exchange.step(Begun(), now_ms)
        assert exchange.step(Answered(200, at=found.at), now_ms) == Done()


def test_what_was_put_off_goes_on_when_others_are_answered_one_after_the_other():
    retrying, exchanges = owing(3)
    answered(retrying, limits.RETRY_WELL_AFTER - 1, 200)
    assert all(isinstance(one.step(Waited(), 600), Wait) for one in exchanges)
    answered(retrying, 2, 700)
    told = [type(one.step(Waited(), 1_100)) for one in exchanges]
    assert told == [Try, Wait, Wait], "one for each answer"
    answered(retrying, 2, 1_200)
    assert [one.step(Waited(), 1_600).at for one in exchanges[1:]] == ["b", "b"]


def test_what_was_put_off_waits_while_others_fail_now_and_then():
    retrying, exchanges = owing(3)
    for now_ms in (200, 300):
        answered(retrying, limits.RETRY_WELL_AFTER - 1, now_ms)
        exchange, found = begun(retrying)
        exchange.step(Answered(504, at=found.at), now_ms)
    assert isinstance(exchanges[2].step(Waited(), 600), Wait)


def test_what_is_under_way_when_an_endpoint_dies_moves_together_whatever_the_budget_holds():
    retrying = made("a", "b")
    exchanges = [begun(retrying)[0] for _ in range(200)]
    moved = [one.step(lost("a", Loss.BROKEN), 5) for one in exchanges]
    assert {one.at for one in moved} == {"b"}
    # What comes next pays: it is on credit only once, and only when a connection is lost.
    for exchange in exchanges:
        assert isinstance(exchange.step(lost("b", Loss.BROKEN), 6), Wait | GiveUp)


def test_who_comes_after_does_not_ask_the_dead_one_first():
    retrying = made("a", "b")
    exchange, _ = begun(retrying)
    exchange.step(lost("a"), 0)
    assert begun(retrying)[1].at == "b"


def test_a_node_that_is_too_busy_is_left_for_another_and_that_is_paid():
    retrying = made("a", "b")
    exchange, _ = begun(retrying)
    before = retrying.budget.retries
    assert exchange.step(Answered(503, 7_000, "a"), 0).at == "b"
    assert retrying.budget.retries == before - 1
    retrying.budget.retries = 0
    exchange, found = begun(retrying)
    assert found.at == "b", "the first asked to be left alone"


def test_when_all_were_tried_the_least_that_any_asks_for_is_waited():
    exchange, _ = begun(made("a", "b"))
    exchange.step(Answered(503, 7_000, "a"), 0)
    found = exchange.step(Answered(503, 2_000, "b"), 0)
    assert 2_000 <= found.wait_ms <= 2_000 + limits.RETRY_WAIT_MS
    assert exchange.step(Waited(), found.wait_ms).at == "b"


def test_a_bound_of_the_key_is_waited_for_and_not_walked_around():
    exchange, _ = begun(made("a", "b"))
    found = exchange.step(Answered(429, 3_000, "a"), 0)
    assert isinstance(found, Wait)
    assert found.wait_ms >= 3_000
    assert exchange.step(Waited(), found.wait_ms).at == "a"


def test_attempts_are_given_up_the_sooner_where_there_is_another_endpoint_and_each_gets_more_time():
    exchange, found = begun(made("a", "b"))
    assert found == Try(limits.ENDPOINT_ATTEMPT_MS, "a", limits.ENDPOINT_CONNECT_MS)
    now_ms = found.time_ms_max
    found = exchange.step(Failed("late", Loss.LATE, "a"), now_ms)
    assert (found.time_ms_max, found.at) == (2 * limits.ENDPOINT_ATTEMPT_MS, "b")
    assert begun(made("a"))[1] == Try(30_000, "a", None)


def test_what_only_the_home_takes_goes_there_and_speaks_against_nobody():
    retrying = made(named=[Endpoint(name, name, name) for name in "abcdef"])
    exchange, _ = begun(retrying)
    assert exchange.step(Answered(503, at="a", home="e"), 0).at == "e"
    assert begun(retrying)[1].at == "a"


def test_a_pinned_tenant_moves_to_its_region_and_stays_there():
    retrying = made(named=[Endpoint(name, name, name) for name in "abc"])
    exchange, _ = begun(retrying)
    assert exchange.step(Answered(421, at="a", regions=("c",)), 0).at == "c"
    assert begun(retrying)[1].at == "c"


def test_where_its_region_is_not_known_the_answer_is_the_one():
    exchange, _ = begun(made(named=[Endpoint("a", "a", "a")]))
    assert exchange.step(Answered(421, at="a", regions=("c",)), 0) == Done()


def test_an_entry_that_is_not_here_yet_is_asked_for_elsewhere_and_speaks_against_nobody():
    retrying = made("a", "b")
    exchange, _ = begun(retrying, Kind.READ)
    assert exchange.step(Answered(504, 1_000, "a"), 0).at == "b"
    assert begun(retrying)[1].at == "a"


def test_a_page_of_a_proxy_that_finds_no_node_speaks_against_the_endpoint():
    retrying = made("a", "b")
    for _ in range(2):
        exchange, _ = begun(retrying)
        exchange.step(Answered(504, at="a", is_own=False), 0)
    assert begun(retrying)[1].at == "b"


def test_a_late_read_is_asked_of_a_second_endpoint_and_the_first_answer_counts():
    exchange, found = begun(made("a", "b"), Kind.READ)
    assert (found.at, exchange.late_in_ms) == ("a", limits.HEDGE_MS)
    assert exchange.step(Late(), limits.HEDGE_MS).at == "b"
    assert exchange.late_in_ms is None, "two are enough"
    assert exchange.step(lost("b"), 1_100) == Keep()
    assert exchange.step(Answered(200, at="a"), 1_200) == Done()


def late_read(nodes, meanwhile):
    """Return where a read that is late is asked too, after an endpoint has answered others meanwhile, None for none."""
    retrying = made(named=nodes)
    exchange, found = begun(retrying, Kind.READ)
    if meanwhile is not None:
        others = [one.url for one in nodes if one.region == "a" and one.url != found.at]
        url = found.at if meanwhile == "itself" else others[0]
        retrying.endpoints.answered(url, Kind.READ, 1, 20)
    return found.at, exchange.step(Late(), limits.HEDGE_MS).at


def test_a_late_read_is_asked_of_another_region_where_all_of_the_first_is_silent():
    assert late_read(REGIONS, None)[1] == "http://b1"


@pytest.mark.parametrize("meanwhile", ["itself", "its neighbour"])
def test_a_late_read_of_a_region_that_answers_others_stays_near(meanwhile):
    assert set(late_read(REGIONS, meanwhile)) == {"http://a1", "http://a2"}


def test_where_there_is_no_other_region_a_late_read_is_asked_of_the_neighbour():
    assert set(late_read(REGIONS[:2], None)) == {"http://a1", "http://a2"}


def test_a_write_is_never_asked_of_two():
    exchange, _ = begun(made("a", "b"))
    assert exchange.late_in_ms is None
    assert exchange.step(Late(), 5_000) == Keep()


def test_a_read_of_the_only_endpoint_is_asked_once():
    exchange, _ = begun(made("a"), Kind.READ)
    assert exchange.late_in_ms is None


def test_second_questions_have_a_budget():
    retrying, asked = made("a", "b"), 0
    for now_ms in range(1_000):
        exchange, _ = begun(retrying, Kind.READ)
        asked += isinstance(exchange.step(Late(), now_ms), Try)
        exchange.step(Answered(200, at="a"), now_ms)
    assert asked <= limits.HEDGE_RESERVE + 1_000 * limits.HEDGES_PER_READ


def test_of_two_that_fail_the_second_to_do_so_decides():
    exchange, _ = begun(made("a", "b"), Kind.READ)
    exchange.step(Late(), 1_000)
    assert exchange.step(Answered(503, 1_000, "a"), 1_001) == Keep()
    assert isinstance(exchange.step(Answered(503, 2_000, "b"), 1_002), Wait)


FATE = st.sampled_from(["good", "dead", "late", "busy", "asks", "elsewhere", "not yet", "home"])


def outcome(fate, at, home):
    return {
        "good": Answered(200, at=at),
        "dead": lost(at),
        "late": Failed("late", Loss.LATE, at),
        "busy": Answered(503, at=at),
        "asks": Answered(503, 1_000, at),
        "elsewhere": Answered(421, at=at, regions=("b",)),
        "not yet": Answered(504, 1_000, at),
        "home": Answered(503, at=at, home=home),
    }[fate]


@pytest.mark.parametrize("kind", Kind)
@given(st.lists(FATE, max_size=60), st.integers(0, 2**32))
def test_whatever_endpoints_do_a_request_ends_in_time_and_stays_within_its_budget(
    kind, fates, seed
):
    named = [Endpoint(name, name, name) for name in "abc"]
    retrying = made(named=named, time_ms_max=30_000, seed=seed)
    now_ms, requests, attempts, waiting = 0, 0, 0, iter(fates)
    for fate in waiting:
        exchange = retrying.exchange(kind)
        found, flying, began_ms = exchange.step(Begun(), now_ms), [], now_ms
        requests += 1
        while not isinstance(found, Done | GiveUp):
            if isinstance(found, Wait):
                now_ms += found.wait_ms
                found = exchange.step(Waited(), now_ms)
                continue
            if isinstance(found, Try):
                assert found.at not in flying, "no endpoint is asked twice at once"
                flying.append(found.at)
                assert len(flying) <= (2 if kind is Kind.READ else 1)
                if exchange.late_in_ms is not None and seed % 3:
                    found = exchange.step(Late(), now_ms)
                    continue
            at = flying.pop(0)
            now_ms += found.time_ms_max if isinstance(found, Try) and fate == "late" else 5
            found = exchange.step(outcome(fate, at, "c"), now_ms)
            fate = next(waiting, "good")  # noqa: PLW2901 - a request may meet several
            retrying.endpoints.check_invariants()
        attempts += exchange.attempts
        assert now_ms - began_ms <= 30_000 + 5
    earned = limits.RETRY_RESERVE + requests * limits.RETRIES_PER_REQUEST
    earned += now_ms / limits.RETRY_EVERY_MS
    hedged = limits.HEDGE_RESERVE + requests * limits.HEDGES_PER_READ
    assert attempts - requests <= earned + hedged + min(requests, limits.RETRY_DEBT_MAX) + 1
