"""A hostile client: each test is an attack that once worked, or that somebody will try."""

import gzip
import json
import logging

import pytest
import zstandard

from homeroom import limits
from homeroom.adapters.audit import verify_audit
from homeroom.errors import AuditError, ControlError
from homeroom.events.sent import SentBatch
from homeroom.log.control import KeyRevoked, TenantPut
from tests.serve.clients import EVENT, NDJSON, NOW_MS

LONG = "x" * 100_000


def audited(client):
    return [json.loads(line) for line in client.audit.path.read_text().splitlines()]


# --- the audit log ---------------------------------------------------------------------------------------------------


def test_the_name_of_a_cohort_of_ones_own_is_not_written_down(client):
    key = client.key("persons")
    client.send(EVENT)
    written = {"question": "members", "cohort": "Ada Lovelace"}
    own = {"definitions": {"cohort": {"Ada Lovelace": {"did": "any"}}}}
    assert client.query(key, written | own).status_code == 200
    assert client.query(key, {"question": "members", "cohort": {"did": "any"}}).status_code == 200
    assert client.query(key, written).status_code == 400
    assert [one["about"] for one in audited(client)] == [{"cohort": "of its own"}] * 2


def test_a_record_that_is_too_long_is_refused_and_the_chain_stays_whole(client):
    admin = client.key("admin")
    names = [LONG[:30_000], "%00" * 10_000]
    for name in names:
        answer = client("PUT", f"/v1/cohorts/{name}", admin, json={"did": "any"})
        assert answer.status_code == 400
    audit = client.audit
    assert audited(client) == []
    with pytest.raises(AuditError, match="at most"):
        audit.record(NOW_MS, "main", "who", "what", {"name": LONG})
    assert client("PUT", "/v1/cohorts/x", admin, json={"did": "any"}).status_code == 201
    assert verify_audit(audit.path).records == 1


# --- what a key may see ----------------------------------------------------------------------------------------------

SOMEBODY = "0123456789abcdef" * 2
KEPT = {
    "lists": ("secret list", {"members": [SOMEBODY]}),
    "cohorts": ("secret cohort", {"any": [{"did": "course=secret"}, {"list": "secret list"}]}),
}


def with_definitions(client):
    admin = client.key("admin", "persons", name="admin")
    client.send(EVENT, {**EVENT, "account": "bob", "course": "secret"})
    for place, (name, written) in KEPT.items():
        assert client("PUT", f"/v1/{place}/{name}", admin, json=written).status_code == 201
    rule = {"cohort": "secret cohort"}
    assert client("PUT", "/v1/cohorts/known", admin, json=rule).status_code == 201


@pytest.mark.parametrize("scope", ["read", "aggregate"])
@pytest.mark.parametrize(
    "asked",
    [
        {"question": "cohort", "cohort": "known"},
        {"question": "at-risk", "cohort": "known"},
        {"question": "cohort", "cohort": {"cohort": "known"}},
        {"question": "cohort", "cohort": {"list": "secret list"}},
        {"question": "overlap", "cohorts": ["known", "secret cohort"]},
        {"question": "retention", "compare": ["known"]},
    ],
)
def test_the_members_of_a_list_are_not_told_with_the_question_that_names_it(client, scope, asked):
    with_definitions(client)
    answer = client.query(client.key(scope), asked)
    assert answer.status_code in (200, 403), answer.text
    assert SOMEBODY not in answer.text


@pytest.mark.parametrize("cohort", ["known", "nobody's", {"cohort": "nobody's"}])
def test_a_limited_key_learns_nothing_of_definitions_that_it_may_not_list(client, cohort):
    with_definitions(client)
    for limit in ({"courses": ("physics",)}, {"organisations": ("north",)}):
        key = client.key("read", name=str(limit), **limit)
        answer = client.query(key, {"question": "active", "cohort": cohort})
        assert "secret" not in answer.text


def test_a_key_that_sees_no_small_numbers_is_not_told_how_many_there_are(client):
    client.send(EVENT)
    for scope in ("aggregate", "write", "xapi"):
        said = client("GET", "/v1/status", client.key(scope)).json()
        assert not {"learners", "events"} & set(said)
    assert client("GET", "/v1/status", client.key("read")).json()["learners"] == 1


@pytest.mark.parametrize("odd", ["", "%00", "%E2%80%AE", "x" * 300])
def test_a_name_that_is_refused_is_not_told_again(client, odd):
    admin = client.key("admin", "persons")
    for place in ("cohorts", "lists", "calendars"):
        answer = client("PUT", f"/v1/{place}/Lovelace{odd}", admin, json={"Lovelace": "Lovelace"})
        assert answer.status_code == 400
        assert "Lovelace" not in answer.text


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_revoked_key_opens_nothing_after_the_clock_was_set_back(client):
    key = client.key("read")
    prefix = key[3:11]
    client.run(client.node.change(KeyRevoked(prefix=prefix, at_ms=client.now_ms), "test"))
    for back_ms in (1, 3_600_000, 10 * 365 * 86_400_000):
        client.now_ms = NOW_MS - back_ms
        assert client("GET", "/v1/status", key).status_code == 401


@pytest.mark.parametrize("name", [".", "..", "a/b", "", "\0", "\u202e", "a\nb", "x" * 201])
def test_a_tenant_cannot_be_named_so_that_its_folder_is_another(client, name):
    with pytest.raises(ControlError, match="the name of a tenant"):
        client.run(client.node.change(TenantPut(name=name), "test"))


def test_one_batch_id_of_one_owner_is_another_batch_for_another_tenant(client):
    one = client.key("write", owner="same")
    other = client.key("write", owner="same", tenant="other", name="other's")
    for key in (one, other):
        assert "idempotent-replayed" not in client.send(EVENT, key=key, Idempotency_Key="b").headers
    assert (client.events("main"), client.events("other")) == (1, 1)


# --- what a fault tells ----------------------------------------------------------------------------------------------


def test_a_fault_that_nobody_has_foreseen_tells_its_place_and_not_its_text(client, caplog):
    """Here the door is broken on purpose, in a way that quotes what came in: no known input does it."""
    key = client.key("write")

    def broken(*_):
        raise ValueError("Ada Lovelace read in physics")

    client.node._doors._readers[SentBatch].read = broken
    with caplog.at_level(logging.DEBUG):
        answer = client("POST", "/v1/events", key, json=[EVENT])
    told = [answer.text, client("GET", "/health/ready").text, client("GET", "/v1/status", key).text]
    assert answer.status_code == 503
    assert "ValueError" in told[1]
    assert not any("Lovelace" in text for text in (*told, caplog.text, *client.node.troubles))


# --- bombs -----------------------------------------------------------------------------------------------------------

EMPTY = {
    "gzip": gzip.compress(b""),
    "zstd": zstandard.ZstdCompressor().compress(b""),
    "zstd, a frame to skip": b"\x50\x2a\x4d\x18\0\0\0\0",
}
"""Streams of some bytes that unpack to nothing. A body of nothing but these once kept a thread busy for a minute."""


@pytest.mark.parametrize("kind", EMPTY)
def test_a_body_of_very_many_empty_streams_is_refused(client, kind):
    headers = {"Content-Type": "application/json", "Content-Encoding": kind[:4]}
    key = client.key("write")
    body = EMPTY[kind] * (limits.BODY_MEMBERS_MAX + 1)
    answer = client("POST", "/v1/events", key, content=body, headers=headers)
    assert answer.status_code == 400
    assert "end to end" in answer.json()["detail"]


def test_a_body_of_several_streams_is_taken(client):
    headers = {"Content-Type": NDJSON, "Content-Encoding": "gzip"}
    body = gzip.compress(json.dumps(EVENT).encode() + b"\n") * 9
    answer = client("POST", "/v1/events", client.key("write"), content=body, headers=headers)
    assert answer.json()["accepted"] == 9
