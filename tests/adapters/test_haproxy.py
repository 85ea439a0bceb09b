"""The configuration of a front door: the real program takes it, and nothing of what somebody wrote gets into it."""

import msgspec
import pytest

from homeroom.adapters.haproxy import (
    FrontDoor,
    check_configuration,
    configuration,
    haproxy_program,
)
from homeroom.client.routes import RouteState
from homeroom.errors import SettingsError
from tests.client.tables import node, region, table

needs_haproxy = pytest.mark.skipif(
    haproxy_program() is None, reason="haproxy is not installed (Debian: haproxy)"
)


def regions():
    return (
        region(
            "east", node("east-1", "http://192.0.2.1:8080"), node("east-2", "http://192.0.2.2:8080")
        ),
        region(
            "west",
            node("west-1", "https://192.0.2.3"),
            node("west-2", "https://w.example.org:8443"),
        ),
        region("europe", node("europe-1", "http://[2001:db8::1]:8080")),
    )


@needs_haproxy
def test_the_real_program_takes_it():
    text = configuration(table(*regions()), FrontDoor(place=(50.0, 8.0)))
    assert check_configuration(text) == ""


@needs_haproxy
def test_the_real_program_says_what_is_wrong():
    text = configuration(table(*regions()), FrontDoor()).replace("mode http", "mode hptt", 1)
    assert "hptt" in check_configuration(text)


def test_the_nearest_region_comes_first():
    lines = configuration(table(*regions()), FrontDoor(place=(50.0, 8.0))).splitlines()
    uses = [one.split()[1] for one in lines if one.strip().startswith("use_backend")]
    assert uses == ["region_europe", "region_east", "region_west"]
    assert "    default_backend region_europe" in lines


def test_every_backend_has_the_nodes_of_all_other_regions_behind_its_own():
    text = configuration(table(*regions()), FrontDoor())
    east = text.split("\nbackend region_east\n")[1].split("\nbackend ")[0]
    servers = [one.split()[1] for one in east.splitlines() if one.strip().startswith("server ")]
    assert servers == ["east-1", "east-2", "west-1", "west-2", "europe-1"]
    assert east.count(" backup") == 3


def test_it_is_the_same_whoever_fell_meanwhile():
    def text(state, weight, shares=False):
        east, *others = regions()
        return configuration(
            table(msgspec.structs.replace(east, state=state, weight=weight), *others),
            FrontDoor(shares=shares),
        )

    usual = text(RouteState.SERVING, 1.0)
    for state in (RouteState.SUSPECTED, RouteState.EVACUATED, RouteState.DRAINING):
        assert text(state, 0.0) == usual
    assert text(RouteState.SERVING, 0.4) == usual
    assert "rand(1000) lt 400" in text(RouteState.SERVING, 0.4, shares=True)


def test_a_node_that_speaks_https_must_have_the_certificate_of_its_name():
    text = configuration(table(*regions()), FrontDoor(authority="/etc/homeroom/ca.pem"))
    (line,) = [one for one in text.splitlines() if "w.example.org" in one and " check " in one]
    assert "ssl verify required ca-file /etc/homeroom/ca.pem" in line
    assert "verifyhost w.example.org" in line


EVIL = [
    "",
    "a b",
    "a\nglobal",
    "a#b",
    "a'b",
    'a"b',
    "a\\b",
    "${HOME}",
    "a%[env(HOME)]",
    "é",
    "-a",
    "a" * 65,
]


@pytest.mark.parametrize("evil", EVIL)
def test_what_is_no_name_gets_into_no_configuration(evil):
    one = region("east", node("east-1", "http://192.0.2.1:8080"))
    with pytest.raises(SettingsError):
        configuration(table(msgspec.structs.replace(one, name=evil)), FrontDoor())
    with pytest.raises(SettingsError):
        configuration(table(region("east", node(evil, "http://192.0.2.1:8080"))), FrontDoor())
    with pytest.raises(SettingsError):
        configuration(table(one, world=evil), FrontDoor())


@pytest.mark.parametrize(
    "evil",
    ["http://a b:1", "http://a:99999", "http://a:x", "ftp://a:1", "http://u@a:1", "http://a/b", "http://a?b", "http://[::g]",
     "http://a'b:1", "http://a%0ab:1", "http://\nserver:1",
     "http://a:0", "http://[fe80::1%eth0]:1", "http://[fe80::1% backup weight 0]:1"],
)  # fmt: skip
def test_what_is_no_address_gets_into_no_configuration(evil):
    with pytest.raises(SettingsError):
        configuration(table(region("east", node("east-1", evil))), FrontDoor())


@pytest.mark.parametrize(
    "fields",
    [{"listen": "*:80\nx"}, {"listen": "a b:1"}, {"certificate": "a b"}, {"authority": "a\nb"}],
)
def test_where_it_stands_is_parsed_too(fields):
    with pytest.raises(SettingsError):
        configuration(table(*regions()), FrontDoor(**fields))


@pytest.mark.parametrize(
    "place", ["x", "127.0.0.1", "::1", "[::1]", "x:", "x:y", "x:0", "http://x:1"]
)
def test_where_it_listens_has_a_port(place):
    with pytest.raises(SettingsError, match=r"no place to listen at: .* and a port"):
        configuration(table(*regions()), FrontDoor(listen=place))


def test_a_world_without_addresses_has_no_front_door():
    with pytest.raises(SettingsError, match="no node"):
        configuration(table(region("east", node("east-1", ""))), FrontDoor())
