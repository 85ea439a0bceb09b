"""The statements resource: sending, one by its id, parameters, forms, headers (1.0.3, Communication, 2.1; 2.0, 4.1)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from homeroom import limits
from homeroom.records.forms import is_timestamp
from homeroom.records.versions import Version
from tests.serve.xapi.forms import FULL, GROUP
from tests.serve.xapi.store import READ, Store, agent, caller, changed, new_id, statement

THROUGH = "X-Experience-API-Consistent-Through"
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
BOTH = pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])


def voiding(target, **parts):
    return statement(verb={"id": VOIDED}, object=reference(target)["object"], **parts)


def reference(target, **parts):
    return statement(object={"objectType": "StatementRef", "id": target}, **parts)


def verb():
    return {"id": f"http://verbs.example/{new_id()}"}


# --- sending -----------------------------------------------------------------------------------------------------


@BOTH
def test_a_post_returns_the_ids_in_order(store: Store, version):  # 2.1.2, XAPI-00146
    store.version = version
    given = [new_id(), new_id()]
    sent = [statement(id=given[0]), statement(), statement(id=given[1])]
    ids = store.send(*sent)
    assert [ids[0], ids[2]] == given
    assert store.one(ids[1])["id"] == ids[1]
    assert store.post("statements", json=statement(id=new_id())).status_code == 200
    assert store.send() == []


@BOTH
def test_a_put_keeps_a_statement_under_its_id(store, version):  # 2.1.1, XAPI-00143 to 00145
    store.version = version
    given = new_id()
    answer = store.put("statements", {"statementId": given}, json=statement())
    assert (answer.status_code, answer.content) == (204, b"")
    assert store.one(given)["id"] == given
    for params, sent in (
        ({}, statement()),
        ({"StatementId": new_id()}, statement()),
        ({"statementId": "x"}, statement()),
        ({"statementId": new_id()}, statement(id=new_id())),
        ({"statementId": new_id()}, [statement(), statement()]),
        ({"statementId": new_id(), "x": "1"}, statement()),
    ):
        assert store.put("statements", params, json=sent).status_code == 400


@BOTH
def test_what_the_store_sets(store, version):  # Data, 2.4.1, 2.4.7 to 2.4.10
    store.version = version
    sent = changed(
        statement(), "context.contextActivities.parent", {"id": "http://things.example/c"}
    )
    (given,) = store.send(
        {**sent, "authority": agent("impostor"), "stored": "2001-01-01T00:00:00Z"}
    )
    kept = store.one(given)
    assert kept["authority"] == caller().authority
    assert kept["stored"] == kept["timestamp"] > "2025"
    assert is_timestamp(kept["stored"], Version.TWO)
    assert kept["version"] == ("1.0.0" if version == "1.0.3" else "2.0.0")
    assert kept["context"]["contextActivities"]["parent"] == [{"id": "http://things.example/c"}]


def test_a_version_that_is_named_is_kept(store):  # 2.4.10, XAPI-00332
    (given,) = store.send(statement(version="1.0.2"), version="2.0.0")
    assert store.one(given)["version"] == "1.0.2"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-03-01T12:00:00.123456789+01:00", "2026-03-01T11:00:00.123456789Z"),
        ("2026-03-01 00:30:00+01:00", "2026-02-28T23:30:00Z"),
        ("2026-03-01T12:00:00.1Z", "2026-03-01T12:00:00.1Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z"),
    ],
)
def test_timestamps_of_2_0_are_told_in_utc(store, sent, kept):  # 2.0, 4.2.7
    (given,) = store.send(statement(timestamp=sent), version="2.0.0")
    assert store.one(given)["timestamp"] == kept


def test_timestamps_of_1_0_3_stay_as_they_came(store):
    (given,) = store.send(statement(timestamp="2026-03-01T12:00:00.123456+01:00"))
    assert store.one(given)["timestamp"] == "2026-03-01T12:00:00.123456+01:00"


@BOTH
def test_the_same_statement_again_changes_nothing(store, version):  # 2.3.1, 2.1.1
    store.version = version
    sent = {**FULL, "id": new_id()}
    store.send(sent)
    kept = store.one(sent["id"])
    others = (
        sent,
        kept,
        {**sent, "id": sent["id"].upper()},
        changed(sent, "verb.display", {"de": "las"}),
        changed(sent, "object.definition.name", {"de": "Frage"}),
        changed(sent, "timestamp", "2026-03-01T13:00:00.123+01:00"),
        changed(sent, "context.contextActivities.parent", {"id": "http://things.example/course"}),
        {**sent, "authority": agent("other")},
    )
    for again in others:
        assert store.send(again)[0].lower() == sent["id"]
        assert store.put("statements", {"statementId": sent["id"]}, json=again).status_code == 204
    assert store.one(sent["id"]) == kept


@BOTH
def test_another_statement_under_the_same_id_is_a_conflict(store, version):  # 2.1.1, XAPI-00142
    store.version = version
    sent = {**FULL, "id": new_id()}
    store.send(sent)
    kept = store.one(sent["id"])
    for path, value in (
        ("verb.id", "http://verbs.example/other"),
        ("actor.name", "Somebody"),
        ("object.id", "http://things.example/other"),
        ("result.duration", "PT60M0.1S"),
        ("timestamp", "2026-03-01T12:00:00.124Z"),
        ("context.platform", "app"),
        ("result.extensions", {"http://ext.example/x": 1}),
    ):
        other = changed(sent, path, value)
        alone = statement(id=new_id())
        assert store.post("statements", json=[alone, other]).status_code == 409, path
        assert store.put("statements", {"statementId": sent["id"]}, json=other).status_code == 409
        assert store.get("statements", {"statementId": alone["id"]}).status_code == 404
    assert store.one(sent["id"]) == kept


def test_members_of_a_group_have_no_order(store):  # 2.3.1.b5
    members = [agent("one"), agent("two")]
    sent = statement(id=new_id(), actor={"objectType": "Group", "member": members})
    store.send(sent)
    store.send(changed(sent, "actor.member", members[::-1]))
    assert (
        store.post("statements", json=changed(sent, "actor.member", members[:1])).status_code == 409
    )


@BOTH
def test_all_or_nothing(store, version):  # 3.2, XAPI-00326
    store.version = version
    good, bad = statement(id=new_id()), changed(statement(), "verb.id", "should fail")
    answer = store.post("statements", json=[good, bad])
    assert (answer.status_code, answer.json()["field"]) == (400, "[1].verb.id")
    twice = statement(id=new_id())
    assert store.post("statements", json=[good, twice, twice]).status_code == 400
    assert store.get("statements", {"statementId": good["id"]}).status_code == 404


def test_more_than_a_request_may_hold_is_refused(store):
    many = [{}] * (limits.STATEMENTS_SENT_MAX + 1)
    assert store.post("statements", json=many).status_code == 400
    text = "x" * limits.RECORD_BODY_BYTES_MAX
    assert store.post("statements", json=statement(result={"response": text})).status_code == 413
    crowd = {
        "objectType": "Group",
        "member": [agent(f"p{i}") for i in range(limits.MEMBERS_MAX + 1)],
    }
    assert store.post("statements", json=statement(actor=crowd)).status_code == 400


def test_what_does_not_fit_into_one_entry_when_sealed_is_refused_and_leaves_nothing(store):
    small = {"actor": {"mbox": "mailto:a@b.c"}, "verb": {"id": "a:b"}, "object": {"id": "a:b"}}
    many = [
        {**small, "actor": {"mbox": f"mailto:{number}@b.c"}}
        for number in range(limits.STATEMENTS_SENT_MAX)
    ]
    answer = store.post("statements", json=many)
    assert answer.status_code == 413, answer.text
    assert store.ids(agent={"mbox": "mailto:7@b.c"}) == []
    assert len(store.send(*many[:200])) == 200
    assert len(store.ids(agent={"mbox": "mailto:7@b.c"})) == 1


# --- one by id ---------------------------------------------------------------------------------------------------


@BOTH
def test_one_statement_by_its_id(store, version):  # 2.1.3, XAPI-00156
    store.version = version
    (given,) = store.send(FULL | {"id": new_id()})
    answer = store.get("statements", {"statementId": given.upper()})
    kept = answer.json()
    assert kept["id"] == given
    assert kept["object"] == FULL["object"]
    modified = parsedate_to_datetime(answer.headers["Last-Modified"])
    assert modified == datetime.fromisoformat(kept["stored"]).replace(microsecond=0)
    assert modified.tzinfo is UTC
    assert store.get("statements", {"statementId": new_id()}).status_code == 404


@BOTH
@pytest.mark.parametrize("name", ["statementId", "voidedStatementId"])
def test_an_id_stands_alone(store, version, name):  # 2.1.3, XAPI-00151
    store.version = version
    given = {"statementId": store.send(statement())[0]}
    if name == "voidedStatementId":
        store.send(voiding(given["statementId"]))
        given = {"voidedStatementId": given["statementId"]}
    for allowed in ({"format": "ids"}, {"attachments": True}):
        assert store.get("statements", {**given, **allowed}).status_code == 200
    for other in (
        {"agent": agent()},
        {"verb": "http://verbs.example/read"},
        {"activity": "http://things.example/page"},
        {"registration": new_id()},
        {"related_activities": True},
        {"related_agents": True},
        {"since": "2012-06-01T19:09:13.245Z"},
        {"until": "2012-06-01T19:09:13.245Z"},
        {"limit": 1},
        {"ascending": True},
        {"statementId": new_id(), "voidedStatementId": new_id()},
    ):
        assert store.get("statements", {**given, **other}).status_code == 400, other


# --- parameters --------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("statementId", ["x", "", "1"]),
        ("voidedStatementId", ["x"]),
        (
            "agent",
            ["x", "true", "{}", '{"mbox":"x"}', '{"objectType":"Group","member":[]}', "[]", '""'],
        ),
        ("verb", ["x", ""]),
        ("activity", ["x", ""]),
        ("registration", ["x", ""]),
        ("related_activities", ["x", "True", "1", ""]),
        ("related_agents", ["x", "True"]),
        ("since", ["x", "2012-06-01", "", "2012-06-01T19:09:13.245-00:00"]),
        ("until", ["x"]),
        ("limit", ["x", "-1", "1.5", "", "٣"]),
        ("format", ["x", "IDS", ""]),
        ("attachments", ["x", "TRUE"]),
        ("ascending", ["x", "False"]),
    ],
)
def test_a_parameter_is_held_to_the_standard(
    store, version, name, bad
):  # 2.1.3, 3.2, XAPI-00324, 00325
    store.version = version
    for value in bad:
        answer = store.get("statements", {name: value})
        assert answer.status_code == 400
        assert answer.json()["field"].partition(".")[0] == name
    assert store.get("statements", {name.title(): bad[0]}).status_code == 400
    assert store.ask("GET", f"statements?{name}=a&{name}=b").status_code == 400


@BOTH
def test_a_parameter_that_nobody_knows_is_refused(store, version):  # 3.2, XAPI-00324
    store.version = version
    assert store.get("statements", {"foo": "bar"}).status_code == 400
    assert store.post("statements", {"foo": "bar"}, json=statement()).status_code == 400
    assert store.ask("GET", "statements?agent=%ff").status_code == 400
    assert store.ask("GET", "statements?agent").status_code == 400
    long = "x" * limits.RECORD_QUERY_BYTES_MAX
    assert store.get("statements", {"verb": long}).status_code == 413


# --- forms -------------------------------------------------------------------------------------------------------


@BOTH
def test_exact_is_what_was_sent(store, version):  # row12
    store.version = version
    given = new_id()
    store.send(FULL | {"id": given})
    kept = store.one(given, format="exact")
    assert store.one(given) == kept
    expected = changed(
        FULL, "context.contextActivities.grouping", [{"id": "http://things.example/school"}]
    )
    assert {name: kept[name] for name in FULL} == expected


def test_ids_leave_only_what_identifies(store):  # row12
    given = new_id()
    members = [agent("zoe"), agent("yan")]
    sent = FULL | {"id": given, "actor": {"objectType": "Group", "name": "Us", "member": members}}
    store.send(sent)
    kept = store.one(given, format="ids")
    assert kept["actor"] == {
        "objectType": "Group",
        "member": [{"objectType": "Agent", "mbox": one["mbox"]} for one in members],
    }
    assert kept["verb"] == {"id": FULL["verb"]["id"]}
    assert kept["object"] == {"id": FULL["object"]["id"]}
    assert kept["context"]["team"] == {"objectType": "Group", "mbox": GROUP["mbox"]}
    assert kept["context"]["contextActivities"]["parent"] == [
        {"id": "http://things.example/course"}
    ]
    assert kept["result"] == FULL["result"]


def test_canonical_is_in_the_words_of_one_language(store):  # row12; Accept-Language
    activity = f"http://things.example/{new_id()}"
    first = {"name": {"en": "Cat"}, "type": "http://types.example/animal"}
    second = {"name": {"nb-NO": "Katt", "de": "Katze"}, "description": {"en": "Meows"}}
    (given, _) = store.send(
        statement(
            object={"id": activity, "definition": first},
            verb={"id": "http://verbs.example/saw", "display": {"en-GB": "saw", "de": "sah"}},
        ),
        statement(object={"id": activity, "definition": second}),
    )

    def shown(languages):
        kept = store.get(
            "statements",
            {"statementId": given, "format": "canonical"},
            headers={"Accept-Language": languages},
        ).json()
        return kept["object"]["definition"], kept["verb"]["display"]

    definition, display = shown("de-AT;q=0.7, nb;q=0.9, *;q=0.1")
    assert definition["name"] == {"nb-NO": "Katt"}
    assert definition["description"] == {"en": "Meows"}
    assert definition["type"] == "http://types.example/animal"
    assert display == {"de": "sah"}
    assert shown("en")[1] == {"en-GB": "saw"}
    assert shown("fr, xx;q=broken")[0]["name"] == {"en": "Cat"}
    assert store.one(given, format="exact")["object"]["definition"] == first


# --- headers -----------------------------------------------------------------------------------------------------


@BOTH
def test_every_answer_says_up_to_when_it_is_whole(store, version):  # 2.1.3, XAPI-00158 to 00160
    store.version = version
    (given,) = store.send(statement())
    stored = store.one(given)["stored"]
    for params in (
        {},
        {"statementId": given},
        {"statementId": new_id()},
        {"agent": agent()},
        {"verb": "http://verbs.example/none"},
        {"related_agents": True},
        {"limit": 1},
        {"ascending": True},
        {"format": "ids"},
        {"attachments": True},
    ):
        through = store.get("statements", params).headers[THROUGH]
        assert is_timestamp(through, Version.TWO)
        assert through >= stored
    for sent in (statement(), {}):
        assert THROUGH in store.post("statements", json=sent).headers


@BOTH
def test_head_is_a_get_without_its_body(store, version):  # 1.1
    store.version = version
    (given,) = store.send(statement())
    for path in (f"statements?statementId={given}", "statements", "about"):
        answer, whole = store.ask("HEAD", path), store.ask("GET", path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == whole.headers["content-type"]
        assert answer.headers["content-length"] == whole.headers["content-length"]


def test_who_may_only_read_cannot_write_and_the_other_way_round(store):  # 3.2, XAPI-00327
    store.caller = caller(READ)
    assert store.post("statements", json=statement()).status_code == 403
    assert store.get("statements").status_code == 200
    store.caller = caller("write")
    assert store.get("statements").status_code == 403


def test_tenants_do_not_see_each_other(store):
    given, _ = store.send(statement(), statement())
    more = store.get("statements", {"limit": 1}).json()["more"]
    assert more.startswith("/xapi/statements?")
    store.caller = caller(READ, "write", tenant="other")
    assert store.get("statements", {"statementId": given}).status_code == 404
    assert store.ids() == []
    assert store.ids(verb="http://verbs.example/read") == []
    assert store.ask("GET", more.removeprefix("/xapi/")).status_code in (200, 400)
    store.send(statement(id=given, verb=verb()))
    assert store.ids() == [given]
