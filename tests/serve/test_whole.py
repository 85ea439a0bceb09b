"""Requests that have come whole: the answers are those that a task gives, and whoever is too late hears so."""

import asyncio
import contextlib
import json

import pytest

from homeroom.adapters.certificates import is_signature
from homeroom.errors import StoreError
from homeroom.log.log import Refusal, Refused
from homeroom.serve.app import make_app
from homeroom.serve.settings import LimitSettings, ServerSettings, Settings
from homeroom.serve.whole import Deadline, Driven, Watch, Whole
from homeroom.serve.xapi.admission import Admitted
from tests.serve.clients import EVENT, NDJSON
from tests.serve.xapi.forms import statement

EVENTS = json.dumps(EVENT).encode()


class Asked:
    """A request as a server hands it to the application."""

    def __init__(self, method, path, headers, body, query=b""):
        self.body = body
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "root_path": "",
            "scheme": "http",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            "server": None,
            "client": None,
            "state": {},
        }

    async def by_task(self, app):
        """Return status, headers and body, from the application as ASGI has it."""
        said = []

        async def receive():
            return {"type": "http.request", "body": self.body, "more_body": False}

        async def send(message):
            said.append(message)

        await app(dict(self.scope), receive, send)
        return said[0]["status"], said[0]["headers"], b"".join(one["body"] for one in said[1:])

    async def whole(self, app):
        """Return the same, from the request as one that has come whole; None if it is not answered so."""
        answered = asyncio.get_running_loop().create_future()

        def answer(*said):
            answered.set_result(said)

        if not app.whole(dict(self.scope), self.body, answer):
            return None
        return await answered


@pytest.fixture(scope="module")
def keys(shared_client):
    return {
        "write": shared_client.key("write", "xapi"),
        "read": shared_client.key("read"),
        "none": "hr_" + "x" * 36,
    }


@pytest.fixture(scope="module")
def app(shared_client):
    """Give the application of the shared node, with its record store."""
    node, interface = shared_client.node, shared_client.interface
    return make_app(
        interface,
        {"/xapi": Admitted(interface, node.records, is_signature, node.records.pseudonym_of)},
    )


def sent(keys, body=EVENTS, key="write", **headers):
    given = {"Content-Type": NDJSON, "Content-Length": str(len(body)), **headers}
    if key:
        given["Authorization"] = f"Bearer {keys[key]}"
    return Asked("POST", "/v1/events", [(n.replace("_", "-"), v) for n, v in given.items()], body)


def stated(keys, method="POST", query=b"", version="2.0.0", key="write", **fields):
    body = json.dumps(statement(**fields)).encode()
    headers = [
        ("Authorization", f"Bearer {keys[key]}"),
        ("Content-Type", "application/json"),
        ("X-Experience-API-Version", version),
    ]
    return Asked(method, "/xapi/statements", headers, body, query)


def without_tokens(answer):
    """Return an answer without what is another one each time: the place in the log."""
    status, headers, body = answer
    kept = [pair for pair in headers if pair[0] not in (b"homeroom-token", b"content-length")]
    told = json.loads(body) if body else None
    if isinstance(told, dict):
        told.pop("token", None)
    return status, kept, told


ID = "0198c0de-0000-7000-8000-000000000001"
SAME = {
    "an event": lambda keys: sent(keys, EVENTS),
    "the same batch again": lambda keys: sent(keys, EVENTS, Idempotency_Key="again"),
    "another batch under its id": lambda keys: sent(keys, b"{}", Idempotency_Key="again"),
    "no event in it": lambda keys: sent(keys, b"nonsense"),
    "an array": lambda keys: sent(keys, b"[%b]" % EVENTS, Content_Type="application/json"),
    "a type that is not taken": lambda keys: sent(keys, Content_Type="text/plain"),
    "a bad id": lambda keys: sent(keys, Idempotency_Key="x" * 201),
    "not compressed as it says": lambda keys: sent(keys, Content_Encoding="gzip"),
    "too many events": lambda keys: sent(keys, b"{}\n" * 20_001),
    "too long, it says": lambda keys: sent(keys, Content_Length=str(1 << 40)),
    "a key that may not": lambda keys: sent(keys, key="read"),
    "a statement": lambda keys: stated(keys, id=ID),
    "a statement of its id": lambda keys: stated(
        keys, id=ID, actor={"mbox": "mailto:b@example.org"}
    ),
    "a statement that is none": lambda keys: stated(keys, verb=None),
    "a statement put": lambda keys: stated(keys, "PUT", f"statementId={ID}".encode(), id=ID),
    "a statement put without id": lambda keys: stated(keys, "PUT"),
    "a version that is not known": lambda keys: stated(keys, version="3.0.0"),
    "a key for no statements": lambda keys: stated(keys, key="read"),
    "a search in a form": lambda keys: Asked(
        "POST",
        "/xapi/statements",
        [
            ("Authorization", f"Bearer {keys['write']}"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("X-Experience-API-Version", "1.0.3"),
        ],
        b"limit=0&since=2100-01-01T00:00:00Z&X-Experience-API-Version=1.0.3"
        b"&Authorization=Bearer%20" + keys["write"].encode(),
        b"method=GET",
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_what_has_come_whole_gets_the_answer_that_it_would_get_otherwise(
    shared_client, app, keys, name
):
    asked = SAME[name](keys)
    first = shared_client.run(asked.by_task(app))
    again = shared_client.run(asked.by_task(app))
    whole = shared_client.run(asked.whole(app))
    assert without_tokens(whole) in (without_tokens(again), without_tokens(first))
    assert int(dict(whole[1]).get(b"content-length", 0)) == len(whole[2])


@pytest.mark.parametrize(
    "asked",
    [
        lambda keys: sent(keys, key="none"),
        lambda keys: sent(keys, key=None),
        lambda keys: Asked("GET", "/xapi/statements", sent(keys).scope["headers"][:0], b""),
        lambda keys: Asked("POST", "/v1/query", [("Authorization", f"Bearer {keys['read']}")], b""),
        lambda keys: Asked(
            "GET", "/v1/events", [("Authorization", f"Bearer {keys['write']}")], b""
        ),
    ],
    ids=["unknown", "nobody", "a read", "a question", "another method"],
)
def test_what_many_do_not_ask_is_left_to_a_task(shared_client, app, keys, asked):
    assert shared_client.run(asked(keys).whole(app)) is None


def test_who_sends_too_much_is_told_so_in_the_same_way(make_client):
    client = make_client(Settings(limits=LimitSettings(events_per_second=0.001, events_burst=1)))
    asked = sent({"write": client.key("write")}, EVENTS + b"\n" + EVENTS)
    first, second, third = (
        client.run(asked.whole(client.app)),
        client.run(asked.whole(client.app)),
        client.run(asked.by_task(client.app)),
    )
    assert first[0] == 200
    assert (second[0], second[2]) == (third[0], third[2])
    assert second[0] == 429


@pytest.mark.parametrize("refusal", [Refusal.BUSY, Refusal.UNAVAILABLE, Refusal.DRAINING])
def test_what_the_log_refuses_is_told_in_the_same_way(client, refusal, monkeypatch):
    async def refused(tenant, owner, batch):
        return Refused(refusal, "the disk is full")

    monkeypatch.setattr(client.node, "offer", refused)
    asked = sent({"write": client.key("write")})
    whole, by_task = client.run(asked.whole(client.app)), client.run(asked.by_task(client.app))
    assert whole == by_task
    assert whole[0] == 503


def test_an_error_that_nobody_foresaw_is_an_answer_that_tells_nothing(client, monkeypatch):
    async def broken(tenant, owner, batch):
        raise StoreError("/secret/place")

    monkeypatch.setattr(client.node, "offer", broken)
    status, _, body = client.run(sent({"write": client.key("write")}).whole(client.app))
    assert status == 503
    assert b"secret" not in body


def test_whoever_waits_too_long_for_the_log_is_told_so_and_the_next_one_is_answered(make_client):
    client = make_client(Settings(server=ServerSettings(answer_seconds_max=0.05)))
    asked, offer = sent({"write": client.key("write")}), client.node.offer
    waits = []

    async def late(tenant, owner, batch):
        waits.append(asyncio.get_running_loop().create_future())
        return await waits[-1]

    client.node.offer = late
    status, _, body = client.run(asked.whole(client.app))
    assert (status, json.loads(body)["type"]) == (503, "/docs#unavailable")
    assert waits[0].cancelled()
    client.node.offer = offer
    client.app._watch._seconds_max = 30  # a slow machine is not what is tried here
    assert client.run(asked.whole(client.app))[0] == 200
    assert not client.app._watch.under_way


def test_what_comes_in_the_moment_in_which_it_is_stopped_is_nothing_any_more():
    deadline, ended, failed = Deadline(), [], []

    async def work(future):
        with contextlib.suppress(TimeoutError):
            async with deadline:
                await future

    async def run():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, told: failed.append(told))
        future = loop.create_future()
        driven = Driven(work(future), deadline, ended.append)
        driven.go_on()
        future.set_result(None)  # the loop will tell of it, and cannot be stopped any more
        driven.stop()
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn

    asyncio.run(run())
    assert len(ended) == 1
    assert not failed


def test_what_has_come_whole_is_counted_like_the_rest(client):
    asked = sent({"write": client.key("write")})
    client.run(asked.whole(client.app))
    client.run(asked.by_task(client.app))
    text = client("GET", "/metrics").text
    assert 'homeroom_requests_total{route="/v1/events",status="200"} 2.0' in text
    assert "homeroom_requests_under_way 1.0" in text  # the one that asks


# --- coroutines that are driven --------------------------------------------------------------------------------------


class Turn:
    """Lets others go first, as a coroutine may."""

    def __await__(self):
        yield


def test_work_runs_at_once_and_goes_on_after_each_wait():
    async def run():
        done, future = [], asyncio.get_running_loop().create_future()
        ended = asyncio.Event()

        async def work(deadline):
            async with deadline:
                done.append("begun")
                await Turn()
                done.append(await future)
            ended.set()

        watch = Watch(60.0)
        watch.drive(work, 0.0)
        assert done == ["begun"]
        future.set_result("heard")
        await ended.wait()
        assert not watch.under_way
        return done

    assert asyncio.run(run()) == ["begun", "heard"]


def test_the_body_is_one_message():
    async def run():
        return await Whole(b"x")()

    assert asyncio.run(run()) == {"type": "http.request", "body": b"x", "more_body": False}


def test_being_stopped_for_another_reason_is_no_lateness():
    async def run():
        async with Deadline():
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_an_outcome_that_comes_after_its_time_changes_nothing():
    async def run():
        loop = asyncio.get_running_loop()
        said, future = loop.create_future(), loop.create_future()

        async def work(deadline):
            try:
                async with deadline:
                    said.set_result(await future)
            except TimeoutError:
                said.set_result("late")

        watch = Watch(0.0)
        watch.drive(work, loop.time())
        found = await said
        assert future.cancelled()
        return found, watch.under_way

    assert asyncio.run(run()) == ("late", {})
