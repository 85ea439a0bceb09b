"""Which routing tables are believed, which of two is followed, and where a client goes by it."""

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.client.routes import RouteState, candidates, decode, is_newer
from homeroom.errors import InputError
from tests.client.tables import PLACES, key_of, known, node, region, signed, table

VERIFY = known("east-1", "west-1").verify()


def urls(made, draw=0.0, **where):
    return [one.url for one in candidates(made, lambda _: draw, **where)]


def test_what_a_node_of_the_world_has_signed_is_believed_as_it_was_written():
    made = table(region("east"), region("west", state=RouteState.RETURNING, weight=0.25))
    assert decode(signed(made), VERIFY, "test") == made


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (signed(table(publisher="removed-1")), "signed by no node"),
        (signed(table(), by="thief"), "signed by no node"),
        (signed(table(publisher="west-1"), by="east-1"), "signed by no node"),
        (signed(table(world="other")), "another world than test"),
        (signed(table())[:-20], "cannot be read"),
        (b"", "cannot be read"),
        (b"<h1>Bad gateway</h1>", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"signed": "\xff", "signature": ""}', "cannot be read"),
        (b" " * (limits.ROUTES_BYTES_MAX + 1), "may have"),
    ],
)
def test_what_is_none_is_not_followed(body, match):
    with pytest.raises(InputError, match=match):
        decode(body, VERIFY, "test")


def test_a_signature_of_something_else_is_none_of_a_table():
    text = msgspec.json.encode(table())
    said = json.loads(signed(table()))
    import base64
    import hashlib

    said["signature"] = base64.b64encode(
        key_of("east-1").sign(hashlib.sha256(text).digest())
    ).decode()
    with pytest.raises(InputError, match="signed by no node"):
        decode(json.dumps(said).encode(), VERIFY)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_table_in_which_anything_was_changed_is_not_believed(place, bits):
    body = bytearray(signed(table()))
    body[place % len(body)] ^= bits
    try:
        found = decode(bytes(body), VERIFY)
    except InputError:
        return
    assert found == table(), "what is around the signed text may be written otherwise"


@pytest.mark.parametrize(
    "regions",
    [
        (region("east", node("a", "")),),
        (region("east", node("a"), node("a", "http://b")),),
        (region("east", latitude=math.inf),),
        (region("east", node("a", "ftp://a")),),
        (region("east", node("a", "http://key:secret@a")),),
        (region("east", node("a", "http://a b")),),
        tuple(region("east", node(f"n{n}")) for n in range(limits.ENDPOINTS_MAX + 1)),
    ],
)
def test_a_table_that_leads_nowhere_is_not_even_published(regions):
    with pytest.raises(InputError):
        signed(table(*regions))


def test_newer_is_a_later_generation_of_the_same_world_whatever_comes_in_which_order():
    old, new, tie = table(), table(generation=2), table(generation=2, publisher="west-1")
    assert is_newer(old, None)
    assert (is_newer(new, old), is_newer(old, new), is_newer(new, new)) == (True, False, False)
    assert (is_newer(tie, new), is_newer(new, tie)) == (True, False)
    assert not is_newer(table(generation=9, world="other"), old)


def test_a_client_goes_to_the_nearest_and_then_further():
    assert urls(table(), place=(48.0, 2.0)) == ["http://europe-1", "http://east-1", "http://west-1"]
    assert urls(table(), place=(35.0, 170.0))[0] == "http://west-1"
    assert urls(table()) == [f"http://{name}-1" for name in PLACES]


def test_regions_that_are_not_well_come_after_all_others_and_stay_the_last_resort():
    states = (RouteState.EVACUATED, RouteState.DRAINING, RouteState.SERVING)
    made = table(*(region(name, state=state) for name, state in zip(PLACES, states, strict=True)))
    assert urls(made, place=PLACES["east"]) == ["http://europe-1", "http://west-1", "http://east-1"]


@pytest.mark.parametrize(("draw", "first"), [(0.0, "east"), (0.29, "east"), (0.3, "europe")])
def test_a_region_that_takes_a_part_of_its_clients_gets_that_part(draw, first):
    made = table(region("east", weight=0.3), region("europe"))
    assert urls(made, draw, place=PLACES["east"])[0] == f"http://{first}-1"


def test_a_pinned_tenant_goes_only_where_it_may():
    assert urls(table(), jurisdictions={"west"}) == ["http://west-1"]
    assert urls(table(), jurisdictions={"north"}) == []


def test_a_node_of_no_weight_is_the_last_of_its_region():
    made = table(region("east", node("a", weight=0.0), node("b")))
    assert urls(made) == ["http://b", "http://a"]
