"""Control facts: what they add up to, what is refused, and that nothing is forgotten."""

import pytest

from homeroom import limits
from homeroom.errors import ControlError, EntryError
from homeroom.log.control import (
    Change,
    Control,
    DefinitionDeleted,
    DefinitionKind,
    DefinitionPut,
    KeyCreated,
    KeyRevoked,
    Scope,
    TenantPut,
    VerbsPut,
    read_changes,
    write_changes,
)
from homeroom.log.cuts import HistoryCut, HistoryKept
from homeroom.log.members import MemberJoined

COHORT = DefinitionKind.COHORT


def key(prefix="aaaaaaaa", name="loader", **fields):
    given = {"digest": bytes(32), "tenant": "main", "owner": prefix, "scopes": (Scope.WRITE,)}
    return KeyCreated(prefix=prefix, name=name, **{**given, **fields})


def put(name="early", written=None, **fields):
    written = {"did": "any"} if written is None else written
    return DefinitionPut(tenant="main", kind=COHORT, name=name, written=written, **fields)


def delete(name="early", **fields):
    return DefinitionDeleted(tenant="main", kind=COHORT, name=name, **fields)


def folded(*facts, control=None):
    control = control or Control()
    for fact in facts:
        control.check(fact)
        at_ms = (control.epoch + 1) * 1_000
        change = Change(fact=fact, author="someone", at_ms=at_ms)
        control = control.folded(change, control.epoch + 1)
    return control


TENANT = TenantPut(name="main")


def test_definitions_keep_their_versions_who_wrote_them_and_when():
    control = folded(TENANT, put(), put(written={"did": "verb=read"}), delete(), put())
    history = control.history("main", COHORT, "early")
    assert [(one.number, one.written, one.epoch, one.at_ms) for one in history] == [
        (1, {"did": "any"}, 2, 2_000),
        (2, {"did": "verb=read"}, 3, 3_000),
        (3, None, 4, 4_000),
        (4, {"did": "any"}, 5, 5_000),
    ]
    assert {one.author for one in history} == {"someone"}
    assert control.definitions("main", COHORT)["early"] == history[-1]


def test_a_deleted_definition_is_not_among_the_current_ones():
    control = folded(TENANT, put(), put("late"), delete())
    assert list(control.definitions("main", COHORT)) == ["late"]
    assert control.definitions("other", COHORT) == {}


def test_what_somebody_keeps_hold_of_does_not_change():
    before = folded(TENANT, put())
    folded(put("late"), delete(), control=before)
    assert list(before.definitions("main", COHORT)) == ["early"]
    assert before.epoch == 2


def test_a_change_to_a_version_that_is_no_longer_the_current_one_is_refused():
    control = folded(TENANT, put(), put())
    control.check(put(follows=2))
    with pytest.raises(ControlError, match="at version 2, and the change was made to version 1"):
        control.check(put(follows=1))
    with pytest.raises(ControlError, match="not there, and the change was made to version 1"):
        control.check(put("new", follows=1))
    control.check(put("new", follows=0))


def test_a_key_ends_when_it_expires_or_is_revoked():
    control = folded(TENANT, key(expires_ms=9_000))
    found = control.keys["aaaaaaaa"]
    assert found.is_valid(8_999)
    assert not found.is_valid(9_000)
    revoked = folded(KeyRevoked(prefix="aaaaaaaa", at_ms=5_000), control=control)
    assert revoked.keys["aaaaaaaa"].is_valid(4_999)
    assert not revoked.keys["aaaaaaaa"].is_valid(5_000)


def test_of_revocations_the_earliest_counts_in_any_order():
    early, late = (KeyRevoked(prefix="aaaaaaaa", at_ms=at_ms) for at_ms in (5_000, 7_000))
    for order in ((early, late), (late, early)):
        assert folded(TENANT, key(), *order).keys["aaaaaaaa"].revoked_ms == 5_000


def test_a_second_key_of_one_prefix_does_not_take_the_place_of_the_first():
    control = folded(TENANT, key())
    again = Change(fact=key(name="thief", digest=b"x" * 32), author="someone", at_ms=9)
    with pytest.raises(ControlError, match="there is a key aaaaaaaa already"):
        control.check(again.fact)
    assert control.folded(again, 9).keys == control.keys


def test_a_tenants_verbs_outlast_its_terms():
    control = folded(TENANT, VerbsPut(tenant="main", toml='video = ["saw"]'))
    control = folded(TenantPut(name="main", timezone="Europe/Oslo"), control=control)
    assert control.tenants["main"].verbs == 'video = ["saw"]'
    assert control.tenants["main"].timezone == "Europe/Oslo"


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        (put().__class__(tenant="other", kind=COHORT, name="x", written={}), "no tenant 'other'"),
        (delete("late"), "there is no cohort 'late'"),
        (put("a/b"), "no '/'"),
        (put("x" * (limits.NAME_CHARACTERS_MAX + 1)), "printable characters"),
        (put("x\n"), "printable characters"),
        (put(written={"did": "x" * limits.CONTROL_BYTES_MAX}), "bytes of a definition"),
        (key("bbbbbbbb", scopes=()), "no scopes"),
        (key("bbbbbbbb", courses=("c",) * 101), "courses and organisations of a key"),
        (KeyRevoked(prefix="cccccccc", at_ms=1), "there is no key 'cccccccc'"),
        (TenantPut(name=""), "name of a tenant"),
        (key("bbbbbbbb", tenant="second"), "is there for the tenant 'main'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_stands_against_it(fact, message):
    control = folded(TENANT, TenantPut(name="second"), key(), put())
    with pytest.raises(ControlError, match=message):
        control.check(fact)


def test_what_is_about_nothing_that_is_known_changes_nothing_when_folded():
    control = folded(TENANT)
    for fact in (KeyRevoked(prefix="cccccccc", at_ms=1), VerbsPut(tenant="other", toml="")):
        after = control.folded(Change(fact=fact, author="x", at_ms=1), control.epoch + 1)
        assert (after.tenants, after.keys) == (control.tenants, control.keys)


def test_changes_are_read_back_as_they_were_written():
    facts = (
        TENANT,
        key(courses=("c",), expires_ms=1),
        put(written={"all": [{"did": "any"}]}),
        delete(follows=3),
        KeyRevoked(prefix="a", at_ms=2),
        VerbsPut(tenant="main", toml=""),
    )
    changes = [Change(fact=fact, author="someone", at_ms=1) for fact in facts]
    assert read_changes(write_changes(changes)) == changes


@pytest.mark.parametrize("content", [b"", b"\x91", b"\x91\x80", b"\xc1", b"\x91" * 100_000])
def test_a_damaged_entry_is_an_entry_error(content):
    with pytest.raises(EntryError, match="control entry cannot be read"):
        read_changes(content)


def test_the_newest_key_of_a_name_comes_first():
    control = folded(TENANT, key(), key("bbbbbbbb", owner="aaaaaaaa"))
    assert [one.prefix for one in control.keys_named("loader")] == ["bbbbbbbb", "aaaaaaaa"]


STAYING = TenantPut(name="acme", jurisdiction="eu", pins_events=True)


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        (TenantPut(name="new", pins_events=True), "say in which"),
        (TenantPut(name="main", jurisdiction="eu", pins_events=True), "go to every node"),
        (TenantPut(name="acme", jurisdiction="eu"), "stay in eu"),
        (TenantPut(name="acme", jurisdiction="us", pins_events=True), "stay in eu for good"),
        (HistoryKept(tenant="acme", days=30), "its history cannot be cut yet"),
        (HistoryCut(tenant="acme", day=9), "its history cannot be cut yet"),
    ],
)
def test_where_events_stay_is_said_once_and_for_good(fact, message):
    control = folded(TENANT, STAYING)
    with pytest.raises(ControlError, match=message):
        control.check(fact)


def test_events_stay_where_they_stay_whatever_is_stated_of_their_tenant_later():
    later = TenantPut(name="acme", jurisdiction="us", timezone="Europe/Oslo")
    control = folded(STAYING).folded(Change(fact=later, author="a former home", at_ms=1), 2)
    terms = control.tenants["acme"]
    assert (terms.jurisdiction, terms.pins_events, terms.timezone) == ("eu", True, "Europe/Oslo")


def test_a_tenant_whose_events_stay_is_elsewhere_at_nodes_of_other_jurisdictions():
    nodes = (("a", "us"), ("b", "eu"))
    joined = [
        MemberJoined(
            node=name, region=f"{law}-1", jurisdiction=law, key="ed25519:" + "A" * 43 + "="
        )
        for name, law in nodes
    ]
    control = folded(TENANT, STAYING, *joined)
    assert [control.is_elsewhere("acme", node) for node in ("a", "b", "c")] == [True, False, True]
    assert not control.is_elsewhere("main", "a")
    assert control.regions_of("acme") == ("eu-1",)
