"""How far a batch has come before its client hears yes, over HTTP."""

import asyncio
import json
import re

import httpx
import msgspec
import pytest

from homeroom.adapters.audit import Audit
from homeroom.adapters.certificates import is_signature
from homeroom.client import AsyncClient
from homeroom.errors import InputError
from homeroom.log.control import KeyCreated, Scope
from homeroom.log.members import AcknowledgementPut
from homeroom.serve.access import Access
from homeroom.serve.app import make_app
from homeroom.serve.interface import make_interface
from homeroom.serve.keys import draw_key
from homeroom.serve.settings import AcknowledgementSettings, Settings
from homeroom.serve.xapi.admission import Admitted
from tests.running.nodes import event, now_ms
from tests.running.worlds import RunningWorld
from tests.serve.test_whole import Asked
from tests.serve.xapi.store import statement

NDJSON = {"Content-Type": "application/x-ndjson"}


class Heard:
    """Two running nodes with their interfaces, and a key that opens both."""

    def __init__(self, world, settings):
        self.world, self.settings = world, settings
        self.audit = Audit(world.path / "audit.ndjson")
        self.key = ""

    async def begin(self):
        """Create the key at home, and wait until it opens the other node too."""
        drawn = draw_key()
        self.key = drawn.text
        scopes = (Scope.WRITE, Scope.READ, Scope.ADMIN, Scope.XAPI)
        fact = KeyCreated(
            prefix=drawn.prefix,
            name="k",
            digest=drawn.digest,
            tenant="main",
            owner="o",
            scopes=scopes,
        )
        token = await self.world.nodes["a"].change(fact, "test")
        await self.world.nodes["b"]._folds.reached(token)

    def app(self, name):
        """Return the interface before a node."""
        node = self.world.nodes[name]
        access = Access(node.control, None)
        parts = (node, None, self.settings, access, self.audit, now_ms)
        interface = make_interface(*parts)
        records = Admitted(interface, node.records, is_signature, node.records.pseudonym_of)
        return make_app(interface, {"/xapi": records})

    async def __call__(self, name, method, path, body=None, **headers):
        """Send one request to a node."""
        given = {"Authorization": f"Bearer {self.key}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        transport = httpx.ASGITransport(app=self.app(name))
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
            return await http.request(method, path, headers=given, content=body)

    async def send(self, name, number, query="", **headers):
        """Send one event."""
        body = msgspec.json.encode(event(number))
        given = {**NDJSON, "Idempotency-Key": f"b{number}", **headers}
        return await self(name, "POST", f"/v1/events{query}", body, **given)

    async def keep(self, name, number, **headers):
        """Send one statement."""
        body = json.dumps({**statement(), "id": f"{number:08x}-0000-4000-8000-000000000000"})
        given = {"Content-Type": "application/json", "X-Experience-API-Version": "2.0.0", **headers}
        return await self(name, "POST", "/xapi/statements", body, **given)


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """Run something with two nodes and their interfaces."""

    def run(work, laws=None, **acknowledgement):
        settings = Settings(acknowledgement=AcknowledgementSettings(**acknowledgement))

        async def whole():
            made = RunningWorld(tmp_path, "a", "b", monkeypatch=monkeypatch, laws=laws)
            async with made as world:
                made = Heard(world, settings)
                try:
                    await made.begin()
                    return await work(made)
                finally:
                    made.audit.close()

        return asyncio.run(whole())

    return run


def test_a_batch_waits_as_far_as_its_client_asks_in_the_address_or_in_a_header(heard):
    async def work(heard):
        found = [
            await heard.send("a", 1),
            await heard.send("a", 2, "?ack=remote"),
            await heard.send("a", 3, Homeroom_Ack="all"),
        ]
        return [(one.status_code, one.headers.get("homeroom-held")) for one in found]

    # Of two nodes the other one is all of the others.
    assert heard(work) == [(200, None), (200, "all"), (200, "all")]


def test_a_request_that_has_come_whole_waits_without_a_task_of_its_own(heard):
    async def work(heard):
        app, found = heard.app("a"), []
        given = {**NDJSON, "Authorization": f"Bearer {heard.key}"}
        for query in (b"ack=remote", b"ack=all"):
            body = msgspec.json.encode(event(len(found)))
            asked = Asked("POST", "/v1/events", given.items(), body, query)
            status, headers, _ = await asked.whole(app)
            found.append((status, dict(headers)[b"homeroom-held"]))
        return found

    assert heard(work) == [(200, b"all"), (200, b"all")]


def test_what_does_not_come_in_time_is_told_with_its_token_and_waited_for_again(heard):
    async def work(heard):
        heard.world.cut.add("b")
        late = await heard.send("a", 1, "?ack=remote")
        heard.world.cut.clear()
        return late, await heard.send("a", 1, "?ack=remote")

    late, again = heard(work)
    told = late.json()
    assert late.status_code == 504
    assert told["type"] == "/docs#not-held"
    assert (told["held"], told["wanted"]) == ("local", "remote")
    assert again.status_code == 200
    assert again.headers["idempotent-replayed"] == "true"
    assert told["token"] == late.headers["homeroom-token"] == again.json()["token"]


@pytest.mark.parametrize(
    ("query", "field"), [("?ack=most", "ack"), ("?ack=", "ack"), ("?ack=all", "ack")]
)
def test_a_level_that_is_none_or_is_not_allowed_is_refused_and_nothing_is_written(
    heard, query, field
):
    async def work(heard):
        refused = await heard.send("a", 1, query)
        return refused, await heard.send("a", 1)

    refused, taken = heard(work, most="remote")
    assert refused.status_code == 400
    assert refused.json()["field"] == field
    assert "idempotent-replayed" not in taken.headers


def test_a_statement_waits_for_the_other_region_of_its_jurisdiction_and_is_read_there(heard):
    async def work(heard):
        first = await heard.keep("a", 1, Homeroom_Ack="remote")
        given = {"X-Experience-API-Version": "2.0.0"}
        (one,) = first.json()
        read = await heard("b", "GET", f"/xapi/statements?statementId={one}", **given)
        heard.world.cut.add("b")
        late = await heard.keep("a", 2, Homeroom_Ack="all")
        again = await heard.keep("a", 2, Homeroom_Ack="all")
        plain = await heard.keep("a", 3)
        heard.world.cut.clear()
        whole = await heard.keep("a", 2, Homeroom_Ack="all")
        return first, read, late, again, plain, whole

    first, read, late, again, plain, whole = heard(work)
    assert (first.status_code, first.headers["homeroom-held"]) == (200, "all")
    assert read.status_code == 200
    assert [late.status_code, again.status_code] == [504, 504], "it is there, and nowhere else"
    assert (late.json()["held"], late.json()["wanted"]) == ("local", "all")
    assert (plain.status_code, plain.headers["homeroom-held"]) == (200, "local")
    assert (whole.status_code, whole.headers["homeroom-held"]) == (200, "all")


def test_a_statement_of_a_jurisdiction_with_one_region_waits_for_no_other(heard):
    async def work(heard):
        found = [
            await heard.keep("b", n, Homeroom_Ack=level)
            for n, level in enumerate(("remote", "all"))
        ]
        await heard.world.nodes["a"].change(AcknowledgementPut(least="remote"), "somebody")
        await heard.world.equal()
        return *found, await heard.keep("b", 3)

    refused, every, floor = heard(work, laws={"b": "y"})
    assert refused.status_code == 400
    assert "no other region of this jurisdiction" in refused.json()["detail"]
    assert (every.status_code, every.headers["homeroom-held"]) == (200, "all")
    assert (floor.status_code, floor.headers["homeroom-held"]) == (200, "local")


def test_operators_can_have_every_batch_wait_by_a_setting_or_for_the_whole_world(heard):
    async def work(heard):
        by_setting = await heard.send("b", 1)
        token = await heard.world.nodes["a"].change(AcknowledgementPut(least="all"), "somebody")
        await heard.world.nodes["b"]._folds.reached(token)
        heard.world.cut.add("a")
        return by_setting, await heard.send("b", 2, "?ack=local")

    by_setting, by_fact = heard(work, least="remote")
    assert by_setting.headers["homeroom-held"] == "all"
    assert by_fact.status_code == 504
    assert by_fact.json()["wanted"] == "all"


def test_what_is_stated_elsewhere_than_at_home_is_told_with_the_home(heard):
    async def work(heard):
        body = json.dumps({"did": "verb=watched"})
        return await heard(
            "b", "PUT", "/v1/cohorts/keen", body, **{"Content-Type": "application/json"}
        )

    answer = heard(work)
    assert answer.status_code == 503
    assert answer.json()["type"] == "/docs#home-elsewhere"
    assert answer.json()["home"] == answer.headers["homeroom-home"] == "a"


def test_answers_status_and_metrics_show_the_world(heard):
    async def work(heard):
        sent = await heard.send("b", 1)
        asked = await heard(
            "a",
            "POST",
            "/v1/query",
            json.dumps({"question": "active"}),
            Content_Type="application/json",
            Homeroom_After=sent.headers["homeroom-token"],
        )
        await heard.world.equal()
        status = await heard("a", "GET", "/v1/status")
        metrics = await heard("a", "GET", "/metrics")
        return asked.json(), status.json(), metrics.text

    answer, status, metrics = heard(work)
    assert set(answer["freshness"]) == {"a", "b"}
    assert [one.split()[0] for one in answer["freshness_in_words"].split(", ")] == ["a", "b"]
    assert status["world"]["home"] == "a"
    assert set(status["world"]["nodes"]) == {"a", "b"}
    assert 'homeroom_world_lag_seconds{node="b"}' in metrics
    assert "homeroom_world_nodes 2.0" in metrics
    assert "homeroom_world_connected 1.0" in metrics
    assert re.search(r'homeroom_world_sent_bytes_total\{node="b"\} [1-9]', metrics)
    assert re.search(r'homeroom_world_received_bytes_total\{node="b"\} [1-9]', metrics)
    assert 'homeroom_world_dropped_total{node="b"}' in metrics


def test_the_client_asks_for_a_level_and_hears_how_far_its_batch_has_come(heard, monkeypatch):
    monkeypatch.setenv("HOMEROOM_KEY", "unused")

    async def work(heard):
        client = AsyncClient("http://node", heard.key)
        transport = httpx.ASGITransport(app=heard.app("a"))
        there = httpx.AsyncClient(transport=transport, base_url="http://node")
        client._reaching._http["http://node"] = there
        async with client:
            receipts = [await client.send([event(1)]), await client.send([event(2)], ack="remote")]
            with pytest.raises(InputError, match="must be one of local, remote, all"):
                await client.send([event(3)], ack="most")
        return [one.held for one in receipts]

    assert heard(work) == ["local", "all"]


def test_a_question_that_wants_what_is_newer_than_what_has_come_hears_which_region_lags(heard):
    async def work(heard):
        await heard.world.equal()
        heard.world.cut.add("b")
        while True:
            body, path = json.dumps({"question": "active"}), "/v1/query?fresh=200ms&wait=20ms"
            found = await heard("a", "POST", path, body, Content_Type="application/json")
            if found.status_code != 200:
                return found

    refused = heard(work)
    assert refused.status_code == 504
    assert refused.json()["type"] == "/docs#not-fresh"
    assert refused.json()["lagging"]["b"] >= 0.2
    assert "written 0.2 s ago is here: b " in refused.json()["detail"]
    assert refused.headers["retry-after"] == "1"


def test_a_node_alone_is_all_there_is_and_has_no_other_region(client):
    key = client.key("write")
    body = json.dumps(event(1))
    levels = {}
    for level in ("all", "remote"):
        answer = client("POST", f"/v1/events?ack={level}", key, content=body, headers=NDJSON)
        levels[level] = (answer.status_code, answer.headers.get("homeroom-held"))
    assert levels == {"all": (200, "all"), "remote": (400, None)}
