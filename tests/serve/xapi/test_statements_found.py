"""What searches find: filters, pages, voided statements and references (1.0.3, Communication, 2.1.3 and 2.1.4)."""

from datetime import UTC, datetime

import pytest

from homeroom import limits
from tests.serve.xapi.forms import GROUP, SUB
from tests.serve.xapi.store import agent, caller, new_id, statement

THROUGH = "X-Experience-API-Consistent-Through"
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
BOTH = pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])


def voiding(target, **parts):
    return statement(verb={"id": VOIDED}, object=reference(target)["object"], **parts)


def reference(target, **parts):
    return statement(object={"objectType": "StatementRef", "id": target}, **parts)


def verb():
    return {"id": f"http://verbs.example/{new_id()}"}


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
