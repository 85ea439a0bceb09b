"""The door: which class a request is of, who waits, who is told to come again, and that nothing of it is left."""

import asyncio

import pytest

from homeroom.serve.admitting import Gate, kind_of
from homeroom.serve.problems import ProblemError
from homeroom.serve.settings import OverloadSettings, Settings
from homeroom.serve.whole import Whole
from homeroom.traffic.overload.kinds import Kind
from tests.serve.clients import EVENT, NDJSON

SMALL = Settings(overload=OverloadSettings(in_flight_max=64, queue_max=1))


class Waiter:
    """Somebody before the door."""

    kind = Kind.QUERY
    flow = "main"

    def __init__(self):
        self.told = asyncio.Future()


def fill(client, kind, flow="main"):
    """Take all places of a class, and the one to wait in; the clock of the door is the loop's."""
    overload = client.interface.overload
    while overload.enter(kind, flow):
        pass

    async def wait():
        now_ms = 1_000 * asyncio.get_running_loop().time()
        return overload.wait(kind, flow, Waiter(), now_ms)

    assert client.run(wait()) == []


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/events", Kind.INGEST),
        ("POST", "/xapi/statements", Kind.INGEST),
        ("PUT", "/xapi/activities/state", Kind.INGEST),
        ("GET", "/xapi/statements", Kind.QUERY),
        ("POST", "/v1/query", Kind.QUERY),
        ("GET", "/v1/cohorts/quiet/changes", Kind.QUERY),
        ("GET", "/v1/cohorts/quiet/members", Kind.EXPORT),
        ("POST", "/v1/access", Kind.EXPORT),
        ("POST", "/v1/explain", Kind.EXPORT),
        ("GET", "/health/live", None),
        ("GET", "/health/ready", None),
        ("GET", "/metrics", None),
        ("GET", "/v1/routes", None),
        ("GET", "/v1/stream", None),
    ],
)
def test_each_path_has_its_class(method, path, kind):
    assert kind_of({"method": method, "path": path, "query_string": b""}) is kind


def test_who_finds_no_place_is_told_to_come_again_and_health_is_not(make_client):
    client = make_client(SMALL)
    key = client.key("read", "admin")
    fill(client, Kind.QUERY)
    answer = client("GET", "/v1/definitions/none", key)
    assert answer.status_code == 503
    assert answer.json()["type"] == "/docs#overloaded"
    assert answer.json()["class"] == "query"
    assert 1 <= int(answer.headers["Retry-After"]) <= 30
    assert answer.headers["Content-Type"] == "application/problem+json"
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert client("GET", path).status_code == 200
    client.send(EVENT)  # another class has room
    assert 'homeroom_admission_shed_total{class="query"} 1' in client("GET", "/metrics").text


def test_a_question_for_a_report_gives_way_with_the_exports(make_client):
    client = make_client(SMALL)
    key = client.key("read")
    fill(client, Kind.EXPORT)
    answer = client.query(key, {"question": "report", "course": "physics"})
    assert answer.status_code == 503, answer.text
    assert answer.json()["class"] == "export"
    assert client.query(key, {"question": "active"}).status_code == 200


def test_a_batch_that_finds_no_place_is_told_so_before_anything_of_it_is_kept(make_client):
    client = make_client(SMALL)
    key = client.key("write")
    fill(client, Kind.INGEST)
    body = b'{"account":"ada"}'
    answer = client("POST", "/v1/events", key, content=body, headers={"Content-Type": NDJSON})
    assert answer.status_code == 503
    assert answer.json()["class"] == "ingest"
    assert client.events() == 0


def test_who_waits_comes_in_when_another_one_leaves(client):
    gate, overload = Gate(client.interface), client.interface.overload
    while overload.enter(Kind.QUERY, "loud"):
        pass

    async def app(_scope, _receive, send):
        await send("answered")

    async def go():
        heard = []

        async def send(message):
            heard.append(message)

        asking = asyncio.create_task(gate.through(app, scope(), Whole(b""), send))
        await turn()
        assert not heard
        assert overload.statistics()[Kind.QUERY].queued == 1
        gate._leave(Kind.QUERY, "loud", 0.0, scope())
        await asking
        return heard

    assert client.run(go()) == ["answered"]
    overload.check_invariants()


def test_who_is_stopped_while_waiting_or_being_let_in_leaves_nothing(client):
    gate, overload = Gate(client.interface), client.interface.overload
    while overload.enter(Kind.QUERY, "loud"):
        pass
    full = overload.statistics()[Kind.QUERY].in_flight

    async def app(*_):
        raise AssertionError("nobody is let in")

    async def go():
        for is_let_in_too in (False, True):
            asking = asyncio.create_task(gate.through(app, scope(), Whole(b""), None))
            await turn()
            if is_let_in_too:
                gate._leave(Kind.QUERY, "loud", 0.0, scope())
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        return overload.statistics()[Kind.QUERY]

    found = client.run(go())
    assert (found.queued, found.in_flight) == (0, full - 1)
    overload.check_invariants()


def test_a_body_that_comes_slowly_holds_no_place(client):
    gate, overload = Gate(client.interface), client.interface.overload

    async def app(_scope, receive, _send):
        while (await receive())["more_body"]:
            pass
        assert overload.statistics()[Kind.INGEST].in_flight == 1

    async def go():
        pieces = asyncio.Queue()
        asking = asyncio.create_task(
            gate.through(app, scope("POST", "/v1/events", length=b"9"), pieces.get, None)
        )
        pieces.put_nowait({"type": "http.request", "body": b"slow", "more_body": True})
        await turn()
        await turn()
        assert overload.statistics()[Kind.INGEST].in_flight == 0
        pieces.put_nowait({"type": "http.request", "body": b"ly", "more_body": False})
        await asking
        return overload.statistics()[Kind.INGEST].in_flight

    assert client.run(go()) == 0


def test_how_long_others_took_is_not_held_against_this_node(client):
    gate = Gate(client.interface)
    assert gate._is_of_here(Kind.INGEST, scope())
    assert not gate._is_of_here(Kind.INGEST, {**scope(), "query_string": b"ack=all"})
    waits = {**scope(), "headers": [(b"homeroom-after", b"node/1")]}
    assert not gate._is_of_here(Kind.QUERY, waits)


def test_a_place_is_given_back_whatever_goes_wrong(client):
    gate = Gate(client.interface)

    async def app(*_):
        raise ProblemError("bad-request", "no")

    with pytest.raises(ProblemError):
        client.run(gate.through(app, scope(), Whole(b""), None))
    assert client.interface.overload.statistics()[Kind.QUERY].in_flight == 0


def test_keys_that_open_nothing_share_a_bounded_number_of_lines(client):
    gate = Gate(client.interface)
    flows = {
        gate._flow({"headers": [(b"authorization", f"Bearer {n}".encode())]}) for n in range(500)
    }
    assert len(flows) <= 64


def test_who_runs_the_node_is_told_how_the_door_is_and_nobody_else(client):
    told = client("GET", "/v1/status", client.key("admin")).json()["admission"]
    assert 0 <= told["load"] <= 1
    assert set(told["classes"]) == {"ingest", "query", "export"}
    assert "admission" not in client("GET", "/v1/status", client.key("read", name="b")).json()


async def turn():
    """Let others go first, once."""
    loop = asyncio.get_running_loop()
    passed = loop.create_future()
    loop.call_soon(passed.set_result, None)
    await passed


def scope(method="GET", path="/v1/query", length=None):
    """Return the scope of a request."""
    headers = [] if length is None else [(b"content-length", length)]
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": headers,
    }
