"""The statements resource: sending, finding, filters, pages, voiding, forms (1.0.3, Communication, 2.1; 2.0, 4.1.6.1)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from homeroom import limits
from homeroom.records.forms import is_timestamp
from homeroom.records.versions import Version
from tests.serve.xapi.forms import FULL, GROUP, SUB
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
    assert store.get("statements", {"verb": long}).status_code == 414


# --- filters -----------------------------------------------------------------------------------------------------


class People:
    """Statements that name one person each in another place."""

    def __init__(self, store, name):
        self.person = agent(name)
        self.group = {"objectType": "Group", "member": [agent("else"), self.person]}
        inner = {**SUB, "object": {"id": "http://things.example/x"}, "context": {}}
        self.main = store.send(
            statement(actor=self.person),
            statement(object=self.person),
            statement(actor=self.group),
        )
        self.related = store.send(
            statement(context={"instructor": self.person}),
            statement(context={"instructor": self.group}),
            statement(context={"team": self.group}),
            statement(object={**inner, "actor": self.person}),
            statement(object={**SUB, "context": {}, "object": self.person}),
            statement(object={**inner, "context": {"team": self.group}}),
        )
        two = (
            {"contextAgents": [{"objectType": "contextAgent", "agent": self.person}]},
            {"contextGroups": [{"objectType": "contextGroup", "group": self.group}]},
        )
        self.related += store.send(*(statement(context=one) for one in two), version="2.0.0")


def test_filter_by_agent(store):  # 2.1.3.s1.table1.row3, row8; XAPI-00164
    people = People(store, new_id())
    assert store.ids(agent=people.person, ascending=True) == people.main
    assert store.ids(agent=people.person) == people.main[::-1]
    nameless = {"mbox": people.person["mbox"]}
    assert store.ids(agent=nameless, ascending=True) == people.main
    found = store.ids(agent=nameless, related_agents=True, ascending=True)
    assert found == [*people.main, *people.related]
    assert store.ids(agent={"openid": f"https://x.example/{new_id()}"}) == []


def test_filter_by_each_kind_of_identifier(store):
    name = new_id()
    for person in (
        {"account": {"homePage": "https://a.example", "name": name}},
        {"account": {"homePage": "https://b.example", "name": name}},
        {"mbox": f"mailto:{name}@x.example"},
        {"openid": f"https://openid.example/{name}"},
        {"mbox_sha1sum": name.replace("-", "") + "00000000"},
    ):
        (given,) = store.send(statement(actor=person))
        assert store.ids(agent=person) == [given]


def test_filter_by_an_identified_group(store):
    group = {**GROUP, "mbox": f"mailto:{new_id()}@x.example", "member": []}
    (given,) = store.send(statement(actor=group))
    assert store.ids(agent={"objectType": "Group", "mbox": group["mbox"]}) == [given]


def test_the_authority_is_a_related_agent(store):
    (given,) = store.send(statement())
    assert given in store.ids(agent=caller().authority, related_agents=True)
    assert store.ids(agent=caller().authority) == []


def test_filter_by_activity(store):  # row5, row7
    activity = {"id": f"http://things.example/{new_id()}"}
    nested = {**SUB, "object": activity, "context": {}}
    main = store.send(statement(object=activity))
    around = [
        statement(context={"contextActivities": {name: activity}})
        for name in ("parent", "grouping", "category", "other")
    ]
    inner = {**SUB, "context": {"contextActivities": {"other": [activity]}}}
    related = store.send(*around, statement(object=nested), statement(object=inner))
    assert store.ids(activity=activity["id"]) == main
    assert (
        store.ids(activity=activity["id"], related_activities=True, ascending=True)
        == main + related
    )


def test_filter_by_verb_and_registration(store):  # row4, row6
    one, registration = verb(), new_id()
    first, second = store.send(
        statement(verb=one, context={"registration": registration.upper()}), statement(verb=one)
    )
    assert store.ids(verb=one["id"]) == [second, first]
    assert store.ids(registration=registration) == [first]
    assert store.ids(verb=one["id"], registration=new_id()) == []


def test_all_filters_hold_together(store):
    one, other = verb(), agent(new_id())
    registration = new_id()
    sent = statement(verb=one, actor=other, context={"registration": registration})
    (given,) = store.send(sent)
    store.send(statement(verb=one), statement(actor=other))
    found = store.ids(
        agent=other,
        verb=one["id"],
        registration=registration,
        activity=sent["object"]["id"],
        related_agents=True,
        related_activities=True,
        since="2012-06-01T19:09:13.245Z",
        limit=1,
        format="ids",
    )
    assert found == [given]


def test_since_is_after_and_until_is_up_to(store):  # row9, row10
    one = verb()
    ids = [store.send(statement(verb=one))[0] for _ in range(3)]
    times = [store.one(given)["stored"] for given in ids]
    assert times == sorted(set(times))
    assert store.ids(verb=one["id"], since=times[0], ascending=True) == ids[1:]
    assert store.ids(verb=one["id"], until=times[1], ascending=True) == ids[:2]
    assert store.ids(verb=one["id"], since=times[0], until=times[1]) == [ids[1]]
    east = datetime.fromisoformat(times[1]).astimezone(UTC).isoformat()
    assert store.ids(verb=one["id"], since=east) == [ids[2]]


# --- pages -------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("ascending", [True, False])
def test_pages_lead_on_to_the_end_while_statements_come_in(store, version, ascending):  # 2.5
    store.version = version
    one = verb()
    ids = [store.send(statement(verb=one))[0] for _ in range(5)]
    wanted = ids if ascending else ids[::-1]
    answer = store.get(
        "statements", {"verb": one["id"], "limit": 2, "ascending": ascending, "format": "ids"}
    )
    seen = []
    while True:
        result = answer.json()
        seen += [one["id"] for one in result["statements"]]
        assert all("display" not in found["verb"] for found in result["statements"])
        assert THROUGH in answer.headers
        if not result["more"]:
            break
        assert len(result["statements"]) == 2
        assert result["more"].startswith("/xapi/statements?")
        (late,) = store.send(statement(verb=one))
        if ascending:
            wanted = [*wanted, late]
        if len(wanted) > 8:
            break
        answer = store.ask("GET", result["more"].removeprefix("/xapi/"))
    assert seen == wanted[: len(seen)]
    assert len(seen) >= 5


def test_a_last_page_has_no_more(store):  # 2.5.s2.table1.row2
    one = verb()
    store.send(statement(verb=one), statement(verb=one))
    assert store.get("statements", {"verb": one["id"], "limit": 2}).json()["more"] == ""
    empty = store.get("statements", {"verb": verb()["id"]}).json()
    assert empty == {"statements": [], "more": ""}


def test_a_limit_of_zero_or_beyond_what_is_given_is_as_many_as_the_store_gives(store):
    one = verb()
    ids = store.send(*(statement(verb=one) for _ in range(limits.STATEMENTS_PAGE_MAX + 1)))
    for limit in (0, 10_000):
        result = store.get(
            "statements", {"verb": one["id"], "limit": limit, "ascending": True}
        ).json()
        assert [found["id"] for found in result["statements"]] == ids[:-1]
        rest = store.ask("GET", result["more"].removeprefix("/xapi/")).json()
        assert [found["id"] for found in rest["statements"]] == ids[-1:]


def test_a_page_ends_where_it_gets_too_large(store):
    one = verb()
    text = "x" * (limits.RECORD_BODY_BYTES_MAX - 2_000)
    count = limits.STATEMENTS_PAGE_BYTES_MAX // len(text) + 3
    for _ in range(count):
        store.send(statement(verb=one, result={"response": text}))
    result = store.get("statements", {"verb": one["id"]}).json()
    assert 1 < len(result["statements"]) < count
    rest = store.ask("GET", result["more"].removeprefix("/xapi/")).json()
    assert len(result["statements"]) + len(rest["statements"]) == count


def test_a_link_says_nothing_and_cannot_be_changed(store):
    one, who = verb(), agent(new_id())
    store.send(statement(verb=one, actor=who), statement(verb=one, actor=who))
    more = store.get("statements", {"agent": who, "limit": 1}).json()["more"]
    cursor = more.partition("cursor=")[2]
    for secret in (who["mbox"], one["id"], "ada"):
        assert secret.encode() not in bytes.fromhex(cursor)
    changed_one = cursor[:-1] + ("0" if cursor[-1] != "0" else "1")
    for bad in (changed_one, cursor[:20], "", "x"):
        answer = store.get("statements", {"cursor": bad})
        assert (answer.status_code, answer.json()["field"]) == (400, "cursor")
    assert store.get("statements", {"cursor": cursor, "limit": 1}).status_code == 400


# --- voiding and references --------------------------------------------------------------------------------------


@BOTH
def test_a_voided_statement_is_only_found_as_such(store, version):  # Data, 2.3.2, XAPI-00018; 2.1.4
    store.version = version
    one = verb()
    (target,) = store.send(statement(verb=one))
    assert store.get("statements", {"voidedStatementId": target}).status_code == 404
    (void,) = store.send(voiding(target))
    assert store.get("statements", {"statementId": target}).status_code == 404
    answer = store.get("statements", {"voidedStatementId": target})
    assert (answer.status_code, answer.json()["id"]) == (200, target)
    assert store.ids(verb=one["id"]) == [void]


def test_a_voiding_statement_cannot_be_voided(store):  # 2.3.2, XAPI-00016
    (target,) = store.send(statement())
    (void,) = store.send(voiding(target))
    store.send(voiding(void))
    assert store.one(void)["id"] == void
    assert store.get("statements", {"statementId": target}).status_code == 404


def test_a_statement_may_be_voided_before_it_comes(store):  # 2.3.2.s2.b5
    target = new_id()
    (void,) = store.send(voiding(target))
    store.send(statement(id=target))
    assert store.get("statements", {"statementId": target}).status_code == 404
    assert store.get("statements", {"voidedStatementId": target}).status_code == 200
    assert store.one(void)["id"] == void


def test_a_reference_is_found_by_what_it_refers_to(store):  # 2.1.4
    one, two = verb(), verb()
    (target,) = store.send(statement(verb=one))
    (first,) = store.send(reference(target, verb=two))
    (second,) = store.send(reference(first))
    assert store.ids(verb=one["id"]) == [second, first, target]
    assert store.ids(verb=two["id"]) == [second, first]
    assert store.ids(verb=one["id"], limit=1) == [second]
    time = store.one(target)["stored"]
    assert store.ids(verb=one["id"], since=time) == [second, first]


def test_a_reference_that_came_before_its_target_is_found_too(store):
    one, target, middle = verb(), new_id(), new_id()
    (last,) = store.send(reference(middle))
    store.send(reference(target, id=middle))
    assert store.ids(verb=one["id"]) == []
    store.send(statement(id=target, verb=one))
    assert store.ids(verb=one["id"]) == [target, middle, last]


def test_all_filters_hold_for_the_statement_referred_to(store):
    one, two, who = verb(), verb(), agent(new_id())
    (target,) = store.send(statement(verb=one, actor=who))
    (ref,) = store.send(reference(target, verb=two))
    assert store.ids(verb=one["id"], agent=who) == [ref, target]
    assert store.ids(verb=two["id"], agent=who) == []


def test_references_in_a_circle_end(store):
    one, two, who = new_id(), new_id(), verb()
    store.send(reference(two, id=one, verb=who))
    store.send(reference(one, id=two))
    assert sorted(store.ids(verb=who["id"])) == sorted([one, two])


def test_filters_of_voided_and_voiding_statements(store):  # 2.1.3, XAPI-00162 to 00164
    one = verb()
    (target,) = store.send(statement(verb=one))
    time = store.one(target)["stored"]
    (void,) = store.send(voiding(target))
    (ref,) = store.send(reference(target, verb=one))
    assert store.ids(verb=one["id"]) == [ref, void]
    assert store.ids(verb=one["id"], since=time) == [ref, void]
    assert store.ids(verb=one["id"], limit=1) == [ref]


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
    assert kept["object"] == {"objectType": "Activity", "id": FULL["object"]["id"]}
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
    (given,) = store.send(statement())
    more = store.get("statements", {"limit": 1}).json()["more"]
    store.caller = caller(READ, "write", tenant="other")
    assert store.get("statements", {"statementId": given}).status_code == 404
    assert store.ids() == []
    assert store.ids(verb="http://verbs.example/read") == []
    assert store.ask("GET", more.removeprefix("/xapi/")).status_code in (200, 400)
    store.send(statement(id=given, verb=verb()))
    assert store.ids() == [given]
