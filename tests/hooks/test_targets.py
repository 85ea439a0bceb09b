"""Which targets a webhook may have: one table of addresses, one of URLs."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.errors import WebhookError
from homeroom.hooks.targets import Allowed, check_addresses, parse_target, why_not_public

NOBODY = Allowed()
PUBLIC = ("93.184.216.34", "8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1")
NOT_PUBLIC = {
    "0.0.0.0": "this network",
    "10.0.0.1": "private",
    "100.64.0.1": "shared",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "169.254.169.254": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.192": "reserved",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4",
    "192.168.1.1": "private",
    "198.18.0.1": "measurements",
    "198.51.100.1": "documentation",
    "203.0.113.1": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "::8.8.8.8": "not global",
    "::127.0.0.1": "not global",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:10.1.2.3": "private",
    "::ffff:a9fe:a9fe": "link-local",
    "64:ff9b::127.0.0.1": "loopback",
    "64:ff9b::10.0.0.1": "private",
    "64:ff9b::a9fe:a9fe": "link-local",
    "64:ff9b:1::1": "NAT64",
    "100::1": "not global",
    "2001::1": "Teredo",
    "2001:0:7f00:1::": "Teredo",
    "2001:2::1": "reserved",
    "2001:db8::1": "documentation",
    "2002:7f00:1::": "6to4",
    "2002:808:808::1": "6to4",
    "3fff::1": "documentation",
    "4000::1": "not global",
    "5f00::1": "not global",
    "fc00::1": "private",
    "fd00:ec2::254": "private",
    "fe80::1": "link-local",
    "fe80::1%eth0": "no plain address",
    "2606:4700::1111%eth0": "no plain address",
    "fec0::1": "private",
    "ff02::1": "multicast",
    "localhost": "no plain address",
    "127.1": "no plain address",
    "2130706433": "no plain address",
    "0x7f000001": "no plain address",
    "0177.0.0.1": "no plain address",
    "": "no plain address",
}


@pytest.mark.parametrize(("address", "what"), NOT_PUBLIC.items())
def test_an_address_that_is_not_of_the_public_network_is_refused(address, what):
    assert what in why_not_public(address)


@pytest.mark.parametrize(
    "address", [*PUBLIC, *(f"::ffff:{one}" for one in PUBLIC[:3]), "64:ff9b::8.8.8.8"]
)
def test_a_public_address_is_not_refused_also_inside_of_another_one(address):
    assert why_not_public(address) is None


@given(st.integers(0, 2**32 - 1))
def test_an_address_inside_of_another_one_is_judged_as_itself(number):
    inner = ipaddress.IPv4Address(number)
    for outer in (f"::ffff:{inner}", f"64:ff9b::{inner}"):
        assert why_not_public(outer) == why_not_public(str(inner))


@given(st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 2**128 - 1)))
def test_what_the_library_calls_private_is_never_public(number):
    address = ipaddress.ip_address(number)
    if address.is_private or address.is_multicast or address.is_link_local or address.is_loopback:
        assert why_not_public(str(address)) is not None


def test_one_bad_address_among_good_ones_is_enough():
    target = parse_target("https://example.org/hook", NOBODY)
    assert check_addresses(target, PUBLIC, NOBODY) == PUBLIC
    with pytest.raises(WebhookError, match=r"example.org leads to an address that is loopback"):
        check_addresses(target, [*PUBLIC, "127.0.0.1"], NOBODY)


def test_what_a_name_leads_to_inside_is_not_told():
    target = parse_target("https://example.org/hook", NOBODY)
    with pytest.raises(WebhookError) as caught:
        check_addresses(target, ["10.20.30.40"], NOBODY)
    assert "10.20" not in str(caught.value)


def test_a_name_that_leads_nowhere_or_to_too_many_places_is_refused():
    target = parse_target("https://example.org/hook", NOBODY)
    with pytest.raises(WebhookError, match="no address"):
        check_addresses(target, [], NOBODY)
    many = [f"8.8.8.{n}" for n in range(limits.WEBHOOK_ADDRESSES_MAX + 1)]
    with pytest.raises(WebhookError, match="17 addresses, at most 16"):
        check_addresses(target, many, NOBODY)


def test_what_is_allowed_by_name_may_lead_anywhere_and_be_plain_http():
    allowed = Allowed(frozenset({"hooks.inside", "here:8080"}))
    target = parse_target("http://hooks.inside/x", allowed)
    assert check_addresses(target, ["10.0.0.1"], allowed) == ("10.0.0.1",)
    assert parse_target("http://here:8080/", allowed).port == 8080
    with pytest.raises(WebhookError, match="https://"):
        parse_target("http://here:8081/", allowed)
    with pytest.raises(WebhookError, match="https://"):
        parse_target("http://sub.hooks.inside/", allowed)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://example.org/hook?a=b", "example.org", 443),
        ("https://EXAMPLE.org:8443/", "example.org", 8443),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443),
        ("https://8.8.8.8/", "8.8.8.8", 443),
        ("https://[2606:4700::1111]:444/x", "2606:4700::1111", 444),
    ],
)
def test_an_address_of_the_public_network_may_be_had(url, host, port):
    target = parse_target(url, NOBODY)
    assert (target.host, target.port, target.scheme) == (host, port, "https")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.org/", "must begin with https"),
        ("ftp://example.org/", "must be https"),
        ("https:///path", "must be https"),
        ("example.org/hook", "must be https"),
        ("https://user:word@example.org/", "no user"),
        ("https://example.org@127.0.0.1/", "no user"),
        ("https://example.org/#part", "no #|no user"),
        ("https://127.0.0.1/", "loopback"),
        ("https://[::1]/", "loopback"),
        ("https://[::ffff:127.0.0.1]/", "loopback"),
        ("https://[fe80::1%25eth0]/", "host|address"),
        ("https://169.254.169.254/latest/", "link-local"),
        ("https://exa mple.org/", "without spaces"),
        ("https://example.org\\@127.0.0.1/", "plain ASCII"),
        ("https://example.org/\n", "plain ASCII"),
        ("https://bücher.example/", "xn--"),
        ("https://example..org/", "no name of a host"),
        ("https://-example.org/", "no name of a host"),
        ("https://example.org:99999/", "cannot be read"),
        ("https://example.org:0/", "port"),
        ("https://[::1/", "cannot be read"),
        ("https://example.org/" + "x" * limits.WEBHOOK_URL_CHARACTERS_MAX, "characters"),
        ("https://" + "a." * 400 + "org/", "no name of a host"),
        ("https://" + "a" * 1_900 + "!/", "no name of a host"),
    ],
)
def test_other_addresses_are_refused_with_what_is_wrong(url, message):
    with pytest.raises(WebhookError, match=message):
        parse_target(url, NOBODY)
