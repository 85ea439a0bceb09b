"""The stream of changes over real sockets: what it tells, where it goes on, and when it ends."""

import json
import threading

import httpx
import pytest

from tests.client.served import Served

# A process takes seconds to import what a node is made of, and freshness is told once a second.
pytestmark = pytest.mark.slow

EVENT = {"account": "ada", "verb": "read", "time": "2026-11-23T10:00:00Z", "course": "physics"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    one = Served(tmp_path_factory.mktemp("node") / "data")
    one.persons = one.key("read", "write", "admin", "persons", name="persons")
    one.reader = one.key("read", name="reader")
    one.start()
    yield one
    one.stop()


@pytest.fixture
def http(served):
    headers = {"Authorization": f"Bearer {served.persons}"}
    with httpx.Client(base_url=served.url, headers=headers, timeout=30) as client:
        yield client


def told(answer):
    """Yield the events of a stream as objects."""
    fields = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        else:
            yield fields
            fields = {}


def put(http, name, course):
    """Define a cohort, and return when its members are known: those that it begins with are not told."""
    answer = http.put(f"/v1/cohorts/{name}", json={"did": f"course={course}"})
    origin, number, _ = answer.headers["Homeroom-Token"].rsplit("/", 2)
    with http.stream("GET", "/v1/stream") as stream:
        for event in told(stream):
            if json.loads(event["data"]).get("vector", {}).get(origin, 0) >= int(number):
                return


def send(http, **fields):
    answer = http.post("/v1/events", json=[{**EVENT, **fields}])
    assert answer.json()["accepted"] == 1
    return answer


def changes(events, count):
    found = []
    for event in events:
        if event["event"] == "change":
            found.append((event["id"], json.loads(event["data"])))
        if len(found) == count:
            return found
    raise AssertionError("the stream ended")


def test_it_tells_who_enters_a_cohort_and_how_fresh_that_is(http):
    put(http, "first", "first")
    with http.stream("GET", "/v1/stream", params={"cohort": "first"}) as answer:
        events = told(answer)
        fresh = next(event for event in events if event["event"] == "fresh")
        assert set(json.loads(fresh["data"])) == {"as_of", "vector"}
        assert fresh["id"].isdigit()
        send(http, course="first", account="bea")
        ((number, change),) = changes(events, 1)
    assert int(number) == change["number"]
    assert (change["cohort"], change["version"], change["change"]) == ("first", 1, "entered")
    # The first event of a course changes what the rule says of it, and so is told as such.
    assert change["cause"] in ("event", "definition")
    assert len(change["learner"]) == 32
    assert answer.headers["content-type"] == "text/event-stream"
    # One name for one thing: the route says it in the same words.
    assert change.pop("token")
    assert http.get("/v1/cohorts/first/changes").json()["changes"] == [change]
    assert set(json.loads(fresh["data"])) <= set(http.get("/v1/membership").json())


def test_a_reader_goes_on_behind_what_it_has_heard(http):
    put(http, "again", "again")
    with http.stream("GET", "/v1/stream", params={"cohort": "again"}) as answer:
        events = told(answer)
        send(http, course="again", account="cleo")
        ((last, _),) = changes(events, 1)
    send(http, course="again", account="dan")
    headers = {"Last-Event-ID": last}
    with http.stream("GET", "/v1/stream", params={"cohort": "again"}, headers=headers) as answer:
        ((number, change),) = changes(told(answer), 1)
    assert int(number) > int(last)
    assert change["change"] == "entered"


def test_it_is_for_those_who_may_see_persons(served, http):
    headers = {"Authorization": f"Bearer {served.reader}"}
    assert http.get("/v1/stream", headers=headers).status_code == 403
    assert http.get("/v1/stream", headers={"Authorization": ""}).status_code == 401


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ({"params": {"cohort": "nobody"}}, 404),
        ({"headers": {"Last-Event-ID": "x"}}, 400),
        ({"headers": {"Last-Event-ID": "1" * 19}}, 400),
    ],
)
def test_what_makes_no_sense_is_refused(http, words, status):
    answer = http.get("/v1/stream", **words)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_other_methods_are_refused(http):
    answer = http.post("/v1/stream")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_a_look_at_the_stream_is_written_down(served, http):
    with http.stream("GET", "/v1/stream") as answer:
        next(told(answer))
    lines = (served.folder / "audit.ndjson").read_text().splitlines()
    assert any(json.loads(line).get("what") == "stream" for line in lines)


def test_streams_end_when_the_node_stops(tmp_path):
    one = Served(tmp_path / "data")
    headers = {"Authorization": f"Bearer {one.key('persons')}"}
    one.start()
    ended = threading.Event()
    began = threading.Event()

    def read():
        with httpx.stream("GET", f"{one.url}/v1/stream", headers=headers, timeout=30) as answer:
            for _ in answer.iter_lines():
                began.set()
        ended.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert began.wait(30)
    one.stop()
    assert ended.wait(10)
    thread.join()
