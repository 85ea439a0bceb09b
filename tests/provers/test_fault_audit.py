"""A node is asked for what it counts, and for what it made of contradictions; what is not so is seen."""

import httpx
import pytest

from homeroom.provers.fault_audit import Conflicts, Nodes
from homeroom.provers.fault_users import batch_of
from homeroom.proving.audit import Ledger
from tests.serve.clients import Client

URLS = {"inside": "http://node", "outside": "http://node"}
LATER = {
    "id": "later",
    "account": "conflict 1 0",
    "time": "2025-12-01T10:00:00Z",
    "verb": "read",
    "attributes": {"country": "FR"},
}


@pytest.fixture
def client(tmp_path):
    made = Client(tmp_path)
    yield made
    made.close()


def asked(client, work):
    """Do something with both addresses of a node, and return what comes of it."""
    key = client.key("read", "write")

    async def whole():
        transport = httpx.ASGITransport(app=client.app)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, headers=headers) as http:
            return await work(Nodes(http, URLS))

    return client.run(whole())


def test_contradictions_are_settled_by_the_rule_and_what_is_not_is_seen(client):
    async def work(nodes):
        conflicts = Conflicts(nodes, Ledger())
        assert await conflicts.say("inside", "outside")
        before = await conflicts.unsettled(URLS)
        # A word that is later than both: the node has another country than the two said.
        assert await nodes.taken("inside", "later", [LATER])
        after = await conflicts.unsettled(URLS)
        return conflicts.people, before, after

    people, before, after = asked(client, work)
    half = {"de": people // 2, "fr": people // 2}
    assert before == (0, {"inside": half, "outside": half})
    assert after[0] == 2  # one learner, in the answer of each


def test_what_a_node_does_not_count_is_lost(client):
    async def work(nodes):
        ledger = Ledger()
        for number in range(3):
            day, events = batch_of(number)
            ledger.send(f"batch {number}", day, len(events))
            assert number == 2 or await nodes.taken("inside", f"batch {number}", events)
            ledger.acknowledge(f"batch {number}")
        return await nodes.audit(ledger)

    audit = asked(client, work)
    assert audit.events == 15
    assert audit.lost == {"inside": 5, "outside": 5}


def test_a_node_that_does_not_answer_has_nothing_to_say(client):
    async def work(nodes):
        return await nodes.said("inside", "/v1/nowhere"), await nodes.audit(Ledger())

    said, audit = asked(client, work)
    assert said is None
    assert audit.events == 0
