"""Which entries make answers other ones, and after which less may be seen."""

from homeroom.log.control import AuditAnchored, Change, KeyRevoked, TenantPut
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.node.touching import Touches, says_of_answers

ONE = Origin("one", "a" * 32, Stream.ANALYTIC)
HOME = Origin("one", "a" * 32, Stream.CONTROL)


def stated(fact):
    return says_of_answers([Change(fact=fact, author="", at_ms=0)])


def test_events_touch_their_tenant_and_lower_no_floor():
    touches = Touches(Vector({ONE: 2}))
    touches.events("a", [(ONE, 4), (ONE, 3)])
    assert touches.of("a") == (Vector({ONE: 4}), Vector({ONE: 2}))
    assert touches.of("b") == (Vector({ONE: 2}), Vector({ONE: 2}))


def test_after_a_removal_the_floor_is_there():
    touches = Touches(Vector())
    touches.events("a", [(ONE, 4)])
    touches.removals("a", [(ONE, 4)])
    touches.events("a", [(ONE, 5)])
    assert touches.of("a") == (Vector({ONE: 5}), Vector({ONE: 4}))


def test_what_is_stated_touches_all_tenants_also_those_that_come_later():
    touches = Touches(Vector())
    touches.events("a", [(ONE, 4)])
    touches.stated([(HOME, 1)])
    assert touches.of("a") == (Vector({ONE: 4, HOME: 1}), Vector({HOME: 1}))
    assert touches.of("new") == (Vector({HOME: 1}), Vector({HOME: 1}))


def test_keys_and_ends_of_audit_logs_say_nothing_of_answers():
    assert not stated(AuditAnchored(node="one", records=1, digest="x"))
    assert not stated(KeyRevoked(prefix="abc", at_ms=0))
    assert stated(TenantPut(name="a"))
