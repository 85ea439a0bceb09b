"""Which entries make answers other ones, and after which less may be seen."""

from typing import get_args

import pytest
from msgspec import structs

from homeroom.log.control import (
    AuditAnchored,
    Change,
    Fact,
    KeyRevoked,
    Readmitted,
    TenantPut,
    VerbsPut,
)
from homeroom.log.members import LivesEnded
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.users import UserRemoved
from homeroom.node.touching import ALL_TENANTS, Touches, answers_touched

ONE = Origin("one", "a" * 32, Stream.ANALYTIC)
HOME = Origin("one", "a" * 32, Stream.CONTROL)


def stated(fact):
    return answers_touched([Change(fact=fact, author="", at_ms=0)])


def test_events_touch_their_tenant_and_lower_no_floor():
    touches = Touches(Vector({ONE: 2}))
    touches.events("a", [(ONE, 4), (ONE, 3)], [])
    assert touches.of("a") == (Vector({ONE: 4}), Vector({ONE: 2}))
    assert touches.of("b") == (Vector({ONE: 2}), Vector({ONE: 2}))


def test_after_a_removal_the_floor_is_there():
    touches = Touches(Vector())
    touches.events("a", [(ONE, 4)], [])
    touches.removals("a", [(ONE, 4)])
    touches.events("a", [(ONE, 5)], [])
    assert touches.of("a") == (Vector({ONE: 5}), Vector({ONE: 4}))


def test_what_is_stated_of_the_world_touches_all_tenants_also_those_that_come_later():
    touches = Touches(Vector())
    touches.events("a", [(ONE, 4)], [])
    touches.stated(ALL_TENANTS, [(HOME, 1)])
    assert touches.of("a") == (Vector({ONE: 4, HOME: 1}), Vector({HOME: 1}))
    assert touches.of("new") == (Vector({HOME: 1}), Vector({HOME: 1}))


def test_what_is_stated_of_a_tenant_touches_that_one():
    touches = Touches(Vector())
    touches.stated("a", [(HOME, 1)])
    assert touches.of("a") == (Vector({HOME: 1}), Vector({HOME: 1}))
    assert touches.of("b") == (Vector(), Vector())


def test_keys_users_and_ends_of_audit_logs_say_nothing_of_answers():
    assert not stated(AuditAnchored(node="one", records=1, digest="x"))
    assert not stated(KeyRevoked(prefix="abc", at_ms=0))
    assert not stated(UserRemoved(name="ada"))


@pytest.mark.parametrize(
    ("fact", "tenant"),
    [
        (TenantPut(name="a"), "a"),
        (VerbsPut(tenant="a", toml=""), "a"),
        (Readmitted(tenant="a", keys=("0" * 32,), from_ms=0), "a"),
        (LivesEnded(lives=()), ALL_TENANTS),
    ],
)
def test_what_is_stated_says_of_whom(fact, tenant):
    assert stated(fact) == {tenant}


def test_no_fact_of_a_tenant_is_said_to_be_of_the_world_by_another_name_for_it():
    """A fact says of which tenant it is as ``tenant``; one that names tenants otherwise is of all."""
    fields = {field.name for kind in get_args(Fact) for field in structs.fields(kind)}
    assert not fields & {"tenants", "tenant_name", "of"}
