"""Over HTTP: who is shown which ids, what a catalogue changes of it, and what is told of what is left out."""

import json

import pytest

HOME = "https://lms.example/profile/"
PATHS = {"question": "paths", "by": "activity"}


def event(number, **fields):
    at = f"2026-11-2{number % 5}T10:00:00Z"
    return {"account": f"a{number}", "verb": "read", "time": at, "id": f"e{number}", **fields}


@pytest.fixture(scope="module")
def seen(shared_client):
    """Give a client of a node that knows two activities and two courses."""
    events = [event(n, activity=f"{HOME}{'ab'[n % 2]}", course=f"c{n % 2}") for n in range(8)]
    shared_client.send(*events)
    return shared_client


def activities(client, key, question=PATHS):
    answer = client.query(key, question)
    assert answer.status_code == 200, answer.text
    return {node["value"] for node in answer.json()["answer"]["nodes"]}


def test_texts_are_for_those_who_may_see_labels_or_persons(seen):
    for scopes in (("read", "labels"), ("persons",)):
        assert activities(seen, seen.key(*scopes)) == {f"{HOME}a", f"{HOME}b"}
    hidden = activities(seen, seen.key("read"))
    assert len(hidden) == 2
    assert all(one.startswith("~") and len(one) == 27 for one in hidden)


def test_the_scope_for_labels_opens_nothing_by_itself(seen):
    assert seen.query(seen.key("labels"), PATHS).status_code == 403


def test_a_question_finds_an_id_by_its_text_and_by_its_hash_whoever_asks(seen):
    key = seen.key("read")
    (hidden,) = activities(seen, key, {**PATHS, "filters": [f"activity={HOME}a"]})
    assert activities(seen, key, {**PATHS, "filters": [f"activity={hidden}"]}) == {hidden}
    assert activities(seen, key, {**PATHS, "filters": ["activity=a"]}) == {hidden}
    counted = seen.query(key, {"question": "active", "filters": [f"activity={hidden}"]})
    assert max(counted.json()["answer"]["active"]["month"]["values"]) == 4


def test_what_is_not_there_is_not_helped_with_names_that_may_not_be_seen(seen):
    asked = {"question": "active", "filters": [f"activity={HOME}c"]}
    told = seen.query(seen.key("read"), asked).text
    assert f"{HOME}a" not in told
    assert f"{HOME}a" in seen.query(seen.key("read", "labels"), asked).text


def test_a_key_that_sees_one_course_sees_no_hash_of_another(seen):
    key = seen.key("read", courses=("c0",))
    every = activities(seen, seen.key("read"))
    mine = activities(seen, key)
    assert len(mine) == 1
    assert mine < every
    assert seen.query(key, {"question": "report", "course": ["c1"]}).status_code == 403
    report = seen.query(key, {"question": "report", "course": ["c0"]}).text
    assert not any(one in report for one in every - mine)


def test_registered_ids_are_shown_to_everybody_until_they_are_withdrawn(seen):
    admin, key = seen.key("admin"), seen.key("read")
    names = {"kind": "activity", "names": [f"{HOME}*"]}
    answer = seen("POST", "/v1/catalogue/register", admin, json=names)
    assert answer.status_code == 200
    assert answer.json()["activity"] == [f"{HOME}*"]
    assert activities(seen, key) == {f"{HOME}a", f"{HOME}b"}
    assert seen("GET", "/v1/catalogue", admin).json() == answer.json()
    assert seen("POST", "/v1/catalogue/withdraw", admin, json=names).json()["activity"] == []
    assert all(one.startswith("~") for one in activities(seen, key))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "person", "names": ["x"]}, 400),
        ({"kind": "course"}, 400),
        ({"kind": "course", "names": "x"}, 400),
        ({"kind": "course", "names": []}, 409),
        ({"kind": "course", "names": ["*"]}, 409),
        ({"kind": "attribute", "names": ["favourite_colour"]}, 409),
    ],
)
def test_a_registration_that_makes_no_sense_is_refused(seen, body, status):
    answer = seen("POST", "/v1/catalogue/register", seen.key("admin"), json=body)
    assert answer.status_code == status
    assert "favourite" not in answer.text


def test_the_catalogue_is_for_administrators_who_see_everything(seen):
    assert seen("GET", "/v1/catalogue", seen.key("read", "write", "persons")).status_code == 403
    assert seen("GET", "/v1/catalogue", seen.key("admin", courses=("c0",))).status_code == 403


def test_attributes_that_may_not_be_kept_are_told_and_nothing_is_refused(client):
    withdraw = {"kind": "attribute", "names": ["gender"]}
    assert client("POST", "/v1/catalogue/withdraw", client.key("admin"), json=withdraw).is_success
    events = [event(n, attributes={"country": "NO", "gender": "f"}) for n in range(3)]
    told = json.loads(client.send(*events, event(4)).text)
    assert told["accepted"] == 4
    assert [(one["field"], one["events"]) for one in told["left_out"]] == [("attributes.gender", 3)]
