"""Which tables one client follows, when it asks, and where it goes then; on a clock of the test's own."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.client.discovery import Discovery
from tests.client.tables import PLACES, known, node, region, signed, table

VERIFY = known("east-1", "west-1").verify()


def made(*given, written=(), verify=VERIFY, world=None, place=None, seed=1):
    given = given or ("http://east-1",)
    return Discovery((given, written), verify, world, place, random.Random(seed))


def urls(discovery):
    return [one.url for one in discovery.endpoints()]


def test_one_address_leads_to_all_others_by_their_distance_from_it():
    discovery = made("http://west-1")
    assert urls(discovery) == ["http://west-1"]
    assert discovery.hear(signed(table()))
    assert urls(discovery) == ["http://west-1", "http://east-1", "http://europe-1"]


def test_an_address_that_is_in_no_table_stays_the_last_resort():
    discovery = made("http://front-door", place=PLACES["europe"])
    discovery.hear(signed(table()))
    assert urls(discovery) == [
        *("http://europe-1", "http://east-1", "http://west-1"),
        "http://front-door",
    ]


def test_what_operators_wrote_down_is_tried_last_and_until_a_table_says_more():
    written = ("http://moved", "http://east-1", "https://safe")
    discovery = made(written=written)
    assert urls(discovery) == ["http://east-1", "http://moved", "https://safe"]
    discovery.hear(signed(table()))
    assert urls(discovery) == ["http://east-1", "http://west-1", "http://europe-1"]
    assert urls(made("https://east-1", written=written)) == ["https://east-1", "https://safe"]


def test_without_keys_nothing_is_asked_and_nothing_followed():
    discovery = made(verify=None)
    assert not discovery.is_due(0)
    assert not discovery.hear(signed(table()))
    assert urls(discovery) == ["http://east-1"]


def test_the_last_good_one_is_followed_whatever_else_comes():
    discovery = made()
    good = table(generation=7)
    discovery.hear(signed(good))
    thief = table(region("east", node("east-1", "http://thief")), generation=99)
    for body in (
        signed(thief, by="thief"),
        signed(table(generation=99, publisher="thief")),
        signed(table(generation=99, world="other")),
        signed(table(generation=6)),
        signed(good)[:99],
        b"",
    ):
        assert not discovery.hear(body)
        assert discovery.table == good
    assert "cannot be read" in discovery.trouble
    assert discovery.hear(signed(table(generation=8)))
    assert discovery.trouble == ""


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
def test_who_was_given_https_never_goes_in_clear(scheme):
    discovery = made(f"{scheme}://east-1")
    nodes = (node("a", f"{scheme}://a"), node("b", "http://b"))
    discovery.hear(signed(table(region("east", *nodes))))
    assert urls(discovery) == [f"{scheme}://a", f"{scheme}://east-1"]


def test_it_asks_at_once_then_now_and_then_and_sooner_when_something_failed():
    discovery = made()
    assert discovery.is_due(0)
    discovery.hear(signed(table()))
    assert not discovery.is_due(1)
    assert not discovery.is_due(limits.ROUTES_MS // 2 - 1)
    discovery.hurry(5_000)
    assert discovery.is_due(5_000 + limits.ROUTES_HURRY_MS)
    for now_ms in range(7_000, 7_000 + limits.ROUTES_HURRY_MS):
        discovery.hurry(now_ms)
        assert not discovery.is_due(now_ms), "however much fails"


def test_until_there_is_a_table_it_asks_soon_again_and_then_less_and_less():
    discovery = made()
    asked = [ms for ms in range(0, 120_000, 10) if discovery.is_due(ms)]
    pauses = [later - sooner for sooner, later in itertools.pairwise(asked)]
    assert pauses[0] <= limits.ROUTES_HURRY_MS + 10, "a node that has just started has no table yet"
    for number, pause in enumerate(pauses):
        whole = min(limits.ROUTES_HURRY_MS * 2**number, limits.ROUTES_MS)
        assert whole / 2 <= pause <= whole + 10


def test_after_the_first_table_it_asks_no_sooner_than_others():
    discovery = made()
    assert discovery.is_due(0)
    assert discovery.is_due(limits.ROUTES_HURRY_MS)
    discovery.hear(signed(table()))
    assert not discovery.is_due(limits.ROUTES_HURRY_MS + limits.ROUTES_MS // 2 - 1)
    assert discovery.is_due(limits.ROUTES_HURRY_MS + limits.ROUTES_MS)


def test_clients_that_fail_together_do_not_ask_together():
    moments = []
    for seed in range(300):
        discovery = made(seed=seed)
        discovery.is_due(0)
        discovery.hear(signed(table()))
        discovery.hurry(5_000)
        moments.append(next(ms for ms in range(5_000, 20_000, 10) if discovery.is_due(ms)))
    in_half_a_second = max(sum(0 <= m - at < 500 for m in moments) for at in moments)
    assert in_half_a_second < 120


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["east-1", "west-1", "thief"]))))
def test_generations_never_go_back_and_clients_that_heard_the_same_follow_the_same(heard):
    one, other = made(), made()
    last = -1
    for generation, publisher in heard:
        one.hear(signed(table(generation=generation, publisher=publisher)))
        if one.table is not None:
            assert one.table.generation >= last
            last = one.table.generation
            assert one.table.publisher != "thief"
    for generation, publisher in reversed(heard):
        other.hear(signed(table(generation=generation, publisher=publisher)))
    assert one.table == other.table
