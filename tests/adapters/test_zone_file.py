"""A zone for those who route by DNS: names lead to nodes that serve, and nothing else gets into it."""

import msgspec
import pytest

from homeroom.adapters.zone_file import Zone, zone_file
from homeroom.client.routes import RouteState
from homeroom.errors import SettingsError
from tests.client.tables import node, region, table

ZONE = Zone(origin="learn.example.org", server="ns1.example.org")


def nodes(name, *numbers, weight=1.0):
    return [node(f"{name}-{n}", f"https://192.0.2.{n}:8443", weight) for n in numbers]


def made(*regions, zone=ZONE, **fields):
    return zone_file(table(*regions, **fields), zone).splitlines()


def test_every_region_has_a_name_with_the_addresses_of_its_nodes():
    lines = made(region("east", *nodes("east", 1, 2)), region("west", *nodes("west", 3)))
    assert [one for one in lines if one.startswith("east ")] == [
        "east IN A 192.0.2.1",
        "east IN A 192.0.2.2",
    ]
    assert "west IN A 192.0.2.3" in lines
    assert [one for one in lines if one.startswith("@ IN A")] == [
        f"@ IN A 192.0.2.{n}" for n in (1, 2, 3)
    ]
    assert "_homeroom._tcp IN SRV 1 100 8443 east-1.nodes" in lines
    assert "_homeroom._tcp IN SRV 2 100 8443 west-3.nodes" in lines
    assert "west-3.nodes IN A 192.0.2.3" in lines


def test_the_serial_number_grows_with_the_table():
    assert any(" 7 60 30 " in one for one in made(generation=7))
    assert any(" 5 60 30 " in one for one in made(generation=(1 << 32) + 5))


@pytest.mark.parametrize("state", [RouteState.SUSPECTED, RouteState.DRAINING, RouteState.EVACUATED])
def test_the_name_of_a_region_that_serves_nothing_leads_to_the_next_of_its_jurisdiction(state):
    gone = region("east", *nodes("east", 1), jurisdiction="us", state=state, weight=0.0)
    far = region("west", *nodes("west", 2), jurisdiction="us")
    near = region("europe", *nodes("europe", 3), jurisdiction="eu")
    lines = made(gone, far, near)
    assert "east IN A 192.0.2.2" in lines
    assert not any("192.0.2.1" in one for one in lines)


def test_nodes_that_are_drained_are_in_no_name():
    lines = made(region("east", *nodes("east", 1), *nodes("east", 2, weight=0.0)))
    assert not any("192.0.2.2" in one for one in lines)


def test_nodes_that_have_names_are_aliases_and_services():
    lines = made(
        region(
            "east",
            node("east-1", "https://a.example.net"),
            node("east-2", "https://b.example.net:1"),
        )
    )
    assert "east IN CNAME a.example.net." in lines
    assert "_homeroom._tcp IN SRV 1 100 1 b.example.net." in lines
    assert "_homeroom._tcp IN SRV 1 100 443 a.example.net." in lines


def test_addresses_of_both_kinds_have_records():
    assert "east IN AAAA 2001:db8::1" in made(
        region("east", node("e", "https://[2001:DB8::1]:8443"))
    )


def test_a_zone_with_nothing_that_serves_is_not_made():
    with pytest.raises(SettingsError, match="stays as it was"):
        made(region("east", *nodes("east", 1), state=RouteState.EVACUATED))


@pytest.mark.parametrize(
    "evil", ["a b", "a\nb IN A 1.2.3.4", "a;b", '"', "-a", "a_b", "", "ä", "a" * 64, "$x"]
)
def test_what_is_no_name_gets_into_no_zone(evil):
    with pytest.raises(SettingsError):
        made(msgspec.structs.replace(region("east", *nodes("east", 1)), name=evil))
    with pytest.raises(SettingsError):
        made(region("east", node(evil, "https://192.0.2.1")))
    with pytest.raises(SettingsError):
        made(zone=Zone(origin=evil, server="ns1.example.org"))
    with pytest.raises(SettingsError):
        made(region("east", node("east-1", f"https://{evil}")))


@pytest.mark.parametrize("evil", ["[fe80::1%eth0]:1", "[fe80::1%;x]:1", "192.0.2.1:0"])
def test_an_address_that_means_nothing_elsewhere_gets_into_no_zone(evil):
    with pytest.raises(SettingsError, match="is no address"):
        made(region("east", node("east-1", f"https://{evil}")))
