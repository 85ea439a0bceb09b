"""Where learners of an open tenant have their homes: what is stated, what follows from it, what is refused."""

import pytest

from homeroom.errors import ControlError
from homeroom.log.control import Change, Control, TenantPut, read_changes, write_changes
from homeroom.log.homes import HomesPut
from homeroom.log.members import MemberJoined, VaultKeyed

KEY = bytes(range(16))
SEAL = f"x25519:{'A' * 43}="


def stated(*facts):
    control = Control()
    for fact in facts:
        control.check(fact)
        control = control.folded(Change(fact=fact, author="x", at_ms=1), control.epoch + 1)
    return control


WORLD = (
    TenantPut(name="main"),
    *(MemberJoined(node=law, region=law, jurisdiction=law) for law in ("eu", "us", "br")),
    *(VaultKeyed(jurisdiction=law, check="0" * 16, seal=SEAL) for law in ("eu", "us", "jp")),
)


def homes(**fields):
    return stated(*WORLD, HomesPut(tenant="main", **fields)).homes_of("main")


def test_a_learner_is_found_before_the_issuer_and_that_before_the_default():
    found = homes(default="us", issuers={"https://a": "eu"}, learners={KEY.hex(): "us"})
    assert found.of("https://a", "ada", b"x" * 16) == "eu"
    assert found.of("https://a", "ada", KEY) == "us"
    assert found.of("https://b", "ada", b"x" * 16) == "us"


def test_mail_addresses_are_known_by_their_domain():
    found = homes(issuers={"mailto:Uni.example": "eu"})
    assert found.of("mailto", "ada@UNI.example", KEY) == "eu"
    assert found.of("mailto", "ada@else.example", KEY) == ""


def test_what_is_said_takes_the_place_of_what_was_said_before():
    first = HomesPut(tenant="main", default="eu", issuers={"https://a": "us"})
    control = stated(*WORLD, first, HomesPut(tenant="main", issuers={"https://b": "us"}))
    found = control.homes_of("main")
    assert (found.of("https://a", "ada", KEY), found.named()) == ("", {"us"})


def test_nobody_has_a_home_elsewhere_while_a_tenant_is_pinned():
    pinned = TenantPut(name="main", jurisdiction="us")
    control = stated(*WORLD, HomesPut(tenant="main", default="eu"), pinned)
    assert control.homes_of("main") is None
    assert stated(*WORLD).homes_of("main") is None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"default": "br"}, "by which key"),
        ({"default": "jp"}, "no node is in"),
        ({"issuers": {"": "eu"}}, "0 characters"),
        ({"learners": {"ada": "eu"}}, "pseudonym"),
    ],
)
def test_homes_that_make_no_sense_are_refused(fields, why):
    with pytest.raises(ControlError, match=why):
        homes(**fields)


def test_of_two_keys_to_seal_by_the_first_counts():
    other = f"x25519:{'B' * 43}="
    with pytest.raises(ControlError, match="others seal for"):
        stated(*WORLD, VaultKeyed(jurisdiction="eu", check="0" * 16, seal=other))
    with pytest.raises(ControlError, match="x25519"):
        stated(VaultKeyed(jurisdiction="eu", check="0" * 16, seal="ours"))


def test_the_fact_goes_through_the_log():
    fact = HomesPut(tenant="main", default="eu", learners={KEY.hex(): "us"})
    change = Change(fact=fact, author="x", at_ms=1)
    assert read_changes(write_changes([change])) == [change]
