"""What is kept of memberships over HTTP: sizes, members, changes, one learner, and who is told none of it."""

import threading

import msgspec
import pytest

from homeroom import limits
from homeroom.log.control import TenantPut
from homeroom.log.origins import Token
from tests.serve.clients import EVENT


def event(number, **fields):
    return {**EVENT, "account": f"learner {number}", "id": f"e{number} {fields}", **fields}


def put(client, name, **rule):
    """Define a cohort, and return a token of when."""
    key = client.key("admin", name="boss")
    answer = client("PUT", f"/v1/cohorts/{name}", key, json=rule)
    assert answer.status_code in (200, 201), answer.text
    return answer.headers["Homeroom-Token"]


def get(client, path, key, token=None, /, **query):
    headers = {} if token is None else {"Homeroom-After": token}
    return client("GET", path, key, params=query, headers=headers)


def readers(client, count, **fields):
    """Have learners who read, and a cohort of them; return a token."""
    client.send(*(event(number, **fields) for number in range(count)))
    return put(client, "readers", did="verb=read")


def audited(client):
    lines = client.audit.path.read_bytes().splitlines()
    return [msgspec.json.decode(line) for line in lines]


# --- sizes ------------------------------------------------------------------------------------------------------------


def test_sizes_of_all_cohorts_come_in_one_answer_that_says_as_of_when(client):
    readers(client, 12)
    token = put(client, "writers", did="verb=wrote")
    said = get(client, "/v1/membership", client.key("read"), token).json()
    assert [(one["name"], one["version"], one["size"]) for one in said["cohorts"]] == [
        ("readers", 1, 12),
        ("writers", 1, 0),
    ]
    assert "no event has verb 'wrote'" in said["cohorts"][1]["problem"]
    assert (said["learners"], said["counted"]) == (12, True)
    assert (said["date"], said["as_of"]) == ("2026-11-23", "2026-11-23T10:00:00.000Z")
    assert said["vector"]
    assert "last_change" not in said, "who may not see changes has no use for numbers"
    assert "last_change" in get(client, "/v1/membership", client.key("persons")).json()


def test_a_key_for_aggregates_is_told_no_small_size_and_none_that_leaves_a_small_rest(client):
    client.send(*(event(number) for number in range(40)))
    client.send(*(event(number, verb="played") for number in range(9)))
    client.send(*(event(number, verb="wrote") for number in range(35)))
    client.send(*(event(number, verb="spoke") for number in range(10)))
    put(client, "few", did="verb=played")
    put(client, "most", did="verb=wrote")
    put(client, "some", did="verb=spoke")
    put(client, "nobody", did="verb=sang")
    token = put(client, "everybody", did="any")
    sizes = {
        scope: {
            one["name"]: (one["size"], one["problem"])
            for one in get(client, "/v1/membership", client.key(scope), token).json()["cohorts"]
        }
        for scope in ("aggregate", "read")
    }
    free = {name: size for name, (size, _) in sizes["read"].items()}
    assert free == {"few": 9, "most": 35, "some": 10, "nobody": 0, "everybody": 40}
    told = {name: size for name, (size, _) in sizes["aggregate"].items()}
    assert told == {"few": None, "most": None, "some": 10, "nobody": 0, "everybody": 40}
    assert not any(problem for _, problem in sizes["aggregate"].values()), "it names values"
    asked = {"question": "cohort", "as_of": "2026-11-23T10:00:00Z", "interval": "day"}
    for name, size in told.items():
        if name != "nobody":
            answer = client.query(client.key("aggregate"), {**asked, "cohort": name}).json()
            assert answer["answer"]["sizes"][-1] == size, "the question says the same"


def test_the_bound_for_small_sizes_is_the_tenants(client):
    token = readers(client, 12)
    assert get(client, "/v1/membership", client.key("aggregate"), token).json()["cohorts"][0][
        "size"
    ]
    client.run(client.node.change(TenantPut(name="main", suppress_below=13), "test"))
    said = get(client, "/v1/membership", client.key("aggregate")).json()
    assert said["cohorts"][0]["size"] is None


# --- members and changes ----------------------------------------------------------------------------------------------


def test_members_come_in_pages_that_together_are_all(client):
    token = readers(client, 25)
    key, found, query = client.key("persons"), [], {"count": 10}
    while True:
        page = get(client, "/v1/cohorts/readers/members", key, token, **query).json()
        assert (page["cohort"], page["version"], page["size"]) == ("readers", 1, 25)
        found += page["members"]
        if page["cursor"] is None:
            break
        query["cursor"] = page["cursor"]
    assert len(found) == len(set(found)) == 25
    asked = {"question": "members", "cohort": "readers", "as_of": "2026-11-23T10:00:00Z"}
    assert set(found) == set(client.query(key, asked).json()["answer"]["members"])


def test_a_cursor_of_another_version_or_start_is_refused_and_names_no_half(client):
    readers(client, 5)
    key, path = client.key("persons"), "/v1/cohorts/readers/members"
    cursor = get(client, path, key, count=2).json()["cursor"]
    version, life, row = cursor.split("-")
    other = f"{version}-{'0' * 8 if life != '0' * 8 else '1' * 8}-{row}"
    assert get(client, path, key, cursor=other).status_code == 409
    token = put(client, "readers", did="any")
    answer = get(client, path, key, token, cursor=cursor)
    assert (answer.status_code, answer.json()["field"]) == (409, "cursor")
    assert "members" not in answer.json()


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("readers/members", {"count": "0"}, "count"),
        ("readers/members", {"count": str(limits.MEMBERS_READ_MAX + 1)}, "count"),
        ("readers/members", {"count": "zq-secret"}, "count"),
        ("readers/members", {"cursor": "zq-secret"}, "cursor"),
        ("readers/changes", {"count": str(limits.CHANGES_TOLD_MAX + 1)}, "count"),
        ("readers/changes", {"after": "-1"}, "after"),
        ("readers/changes", {"after": "9" * 17}, "after"),
    ],
)
def test_what_is_no_count_number_or_cursor_is_told_with_its_field(client, path, query, field):
    readers(client, 1)
    answer = get(client, f"/v1/cohorts/{path}", client.key("persons"), **query)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert "zq-secret" not in answer.text


def test_changes_after_a_number_are_those_that_came_since(client):
    token, key = readers(client, 3), client.key("persons")
    path = "/v1/cohorts/readers/changes"
    page = get(client, "/v1/cohorts/readers/members", key, token).json()
    assert get(client, path, key).json()["changes"] == [], "the first members are not told"
    more = client.send(*(event(number) for number in range(3, 8)))
    token = more.headers["Homeroom-Token"]
    said = get(client, path, key, token, after=page["last_change"], count=2).json()
    assert (len(said["changes"]), said["more"], said["missed"]) == (2, True, False)
    rest = get(client, path, key, after=said["last"]).json()
    assert (len(rest["changes"]), rest["more"]) == (3, False)
    changes = [*said["changes"], *rest["changes"]]
    assert {(one["change"], one["cause"], one["version"]) for one in changes} == {
        ("entered", "event", 1)
    }
    numbers = [one["number"] for one in changes]
    assert numbers == sorted(set(numbers))
    members = get(client, "/v1/cohorts/readers/members", key).json()["members"]
    assert {one["learner"] for one in changes} < set(members)
    assert get(client, path, key, after=rest["last"]).json()["changes"] == []


def test_a_cohort_that_is_not_defined_is_not_found(client):
    token, key = readers(client, 3), client.key("persons", "admin")
    for path in ("members", "changes"):
        assert get(client, f"/v1/cohorts/zq-secret/{path}", key).status_code == 404
        assert get(client, f"/v1/cohorts/readers/{path}", key, token).status_code == 200
    client("DELETE", "/v1/cohorts/readers", key)
    for path in ("members", "changes"):
        assert get(client, f"/v1/cohorts/readers/{path}", key).status_code == 404


def test_while_all_are_being_asked_about_a_cohort_it_is_said_to_come_again(client, monkeypatch):
    monkeypatch.setattr(limits, "SURVEY_AT_ONCE_LEARNERS_MAX", 0)
    client.send(*(event(number) for number in range(3)))
    key, released = client.key("persons"), threading.Event()
    # The thread that asks all learners has something else to do.
    client.node._memberships._pool.submit(released.wait)
    token = put(client, "readers", did="verb=read")
    answer = get(client, "/v1/cohorts/readers/members", key)
    released.set()
    assert (answer.status_code, answer.headers["Retry-After"]) == (504, "1")
    assert "asked about this cohort" in answer.json()["detail"]
    assert get(client, "/v1/cohorts/readers/members", key, token).json()["size"] == 3


# --- one learner ------------------------------------------------------------------------------------------------------


def test_the_cohorts_of_a_learner_are_read_and_hold_what_was_acknowledged(client):
    readers(client, 3)
    token, key = put(client, "players", did="verb=played"), client.key("persons")
    [learner, *_] = get(client, "/v1/cohorts/readers/members", key, token).json()["members"]
    path = f"/v1/learners/{learner}/cohorts"
    said = get(client, path, key).json()
    assert (said["learner"], said["cohorts"]) == (learner, [{"name": "readers", "version": 1}])
    assert said["date"] == "2026-11-23"
    sent = client.send(*(event(number, verb="played") for number in range(3)))
    said = get(client, path, key, sent.headers["Homeroom-Token"]).json()
    assert [one["name"] for one in said["cohorts"]] == ["players", "readers"]
    assert get(client, f"/v1/learners/{learner.upper()}/cohorts", key).json()["learner"] == learner
    assert get(client, f"/v1/learners/{'0' * 32}/cohorts", key).json()["cohorts"] == []
    wrong = get(client, "/v1/learners/zq-secret@example.org/cohorts", key)
    assert (wrong.status_code, wrong.json()["field"]) == (400, "pseudonym")
    assert "zq-secret" not in wrong.text


def test_a_read_waits_for_an_entry_no_longer_than_it_may(client):
    readers(client, 1)
    key = client.key("persons", "read")
    token = Token.parse(client.send(event(1)).headers["Homeroom-Token"])
    later = str(Token(token.origin, token.number + 1, token.hybrid))
    client.node._folds._wait_ms = 1
    for path in (
        "/v1/membership",
        "/v1/cohorts/readers/members",
        "/v1/cohorts/readers/changes",
        f"/v1/learners/{'0' * 32}/cohorts",
    ):
        assert get(client, path, key, later).status_code == 504
        answer = get(client, path, key, "zq-secret")
        assert (answer.status_code, answer.json()["type"]) == (400, "/docs#bad-token")


# --- who is told ------------------------------------------------------------------------------------------------------


def test_a_key_of_a_course_or_school_is_told_nothing_of_memberships(client):
    readers(client, 3)
    for limit in ({"courses": ("physics",)}, {"organisations": ("school 1",)}):
        key = client.key("read", "persons", "aggregate", "admin", **limit)
        for path in (
            "/v1/membership",
            "/v1/cohorts/readers/members",
            "/v1/cohorts/readers/changes",
            f"/v1/learners/{'0' * 32}/cohorts",
        ):
            answer = get(client, path, key)
            assert (answer.status_code, answer.json()["type"]) == (403, "/docs#not-allowed")


def test_looks_at_persons_are_written_down_and_sizes_are_not(client):
    token, key = readers(client, 3), client.key("persons", name="tutor")
    [learner, *_] = get(client, "/v1/cohorts/readers/members", key, token).json()["members"]
    get(client, "/v1/cohorts/readers/changes", key)
    get(client, f"/v1/learners/{learner}/cohorts", key)
    get(client, "/v1/membership", key)
    records = [
        (one["what"], one["about"]) for one in audited(client) if one["who"].startswith("tutor")
    ]
    assert records == [
        ("members", {"cohort": "readers"}),
        ("changes", {"cohort": "readers"}),
        ("learner", {"learner": learner}),
    ]


def test_who_cannot_be_written_down_is_told_nobody(client):
    token, key = readers(client, 3), client.key("persons")
    client.audit.close()
    for path in ("readers/members", "readers/changes"):
        assert get(client, f"/v1/cohorts/{path}", key, token).status_code == 503
    assert get(client, f"/v1/learners/{'0' * 32}/cohorts", key).status_code == 503
    assert get(client, "/v1/membership", key).status_code == 200


def test_another_tenant_sees_neither_cohorts_nor_members(client):
    token = readers(client, 3)
    [learner, *_] = get(client, "/v1/cohorts/readers/members", client.key("persons"), token).json()[
        "members"
    ]
    key = client.key("persons", tenant="other", name="elsewhere")
    created = client.send(EVENT, key=client.key("write", tenant="other", name="other loader"))
    token = created.headers["Homeroom-Token"]
    assert get(client, "/v1/membership", key, token).json()["cohorts"] == []
    for path in ("members", "changes"):
        assert get(client, f"/v1/cohorts/readers/{path}", key).status_code == 404
    assert get(client, f"/v1/learners/{learner}/cohorts", key).json()["cohorts"] == []
