"""A running node: what it said yes to is there after every end, and answers say what they know."""

import asyncio
import json

import pyarrow as pa
import pytest

import homeroom as hr
from homeroom.errors import ControlError, DataDirectoryError, KeyFileError, NotYetError
from homeroom.log.control import DefinitionKind, DefinitionPut, TenantPut
from homeroom.log.log import Accepted, Refusal, Refused
from homeroom.log.origins import Token
from tests.running.nodes import batch, event, on, question, running


def test_what_was_sent_is_asked_and_there_after_a_stop(tmp_path):
    async def first(node):
        sent = await node.offer("main", "key", batch("b1", *(event(n) for n in range(20))))
        assert isinstance(sent, Accepted)
        assert json.loads(sent.answer)["accepted"] == 20
        found = await node.ask("main", question("active"), sent.token)
        assert found.is_complete
        assert found.applied[sent.token.origin] == sent.token.number
        assert found.age_ms is not None
        return found.answer.day.to_json()

    async def second(node):
        found = await node.ask("main", question("active"), None)
        again = await node.offer("main", "key", batch("b1", *(event(n) for n in range(20))))
        status = node.status("main")
        return found.answer.day.to_json(), again, status

    before = on(tmp_path, first)
    after, again, status = on(tmp_path, second)
    assert after == before
    assert again.is_repeat
    assert (status.learners, status.events) == (7, 20)
    assert status.troubles == ()


def test_questions_to_history_see_what_was_folded(tmp_path):
    asked = question("funnel", steps=["verb=watched", "verb=posted"])

    async def work(node):
        posted = event(1, id="x", verb="posted", time="2024-03-03T10:00:00Z")
        sent = await node.offer("main", "key", batch("b1", event(1), posted))
        first = await node.ask("main", asked, sent.token)
        more = await node.offer("main", "key", batch("b2", event(2)))
        later = await node.ask("main", asked, more.token)
        return [found.answer.counts.tolist() for found in (first, later)]

    assert on(tmp_path, work) == [[1, 1], [2, 1]]


def test_a_batch_that_comes_twice_at_once_is_written_once(tmp_path):
    async def work(node):
        sent = [batch("same", event(1)) for _ in range(5)]
        outcomes = await asyncio.gather(*(node.offer("main", "key", one) for one in sent))
        other = await node.offer("main", "key", batch("same", event(2)))
        return outcomes, other, node.status("main").events

    outcomes, other, _ = on(tmp_path, work)
    assert len({one.token for one in outcomes}) == 1
    assert sorted(one.is_repeat for one in outcomes) == [False, True, True, True, True]
    assert isinstance(other, Refused)
    assert other.refusal is Refusal.CONFLICT


def test_many_clients_share_writes(tmp_path):
    async def work(node):
        sent = [batch(f"b{n}", event(n)) for n in range(300)]
        outcomes = await asyncio.gather(*(node.offer("main", "key", one) for one in sent))
        last = max(outcomes, key=lambda one: one.token.number)
        await node.ask("main", question("active"), last.token)
        return last.token.number, node.status("main")

    writes, status = on(tmp_path, work)
    assert writes < 100
    assert status.events == 300


def test_a_read_waits_for_what_it_wants_to_be_after(tmp_path):
    async def work(node):
        sent = await node.offer("main", "key", batch("b1", event(1)))
        later = Token(sent.token.origin, sent.token.number + 1, 0)
        with pytest.raises(NotYetError, match="has not come within 50 ms"):
            await node.ask("main", question("active"), later)
        asked = asyncio.create_task(node.ask("main", question("active"), later))
        await node.offer("main", "key", batch("b2", event(2)))
        return (await asked).applied[later.origin]

    assert on(tmp_path, work, wait_ms=50) >= 2


def test_a_directory_belongs_to_one_node(tmp_path):
    async def work(node):
        with pytest.raises(DataDirectoryError, match="another process"):
            async with running(tmp_path):
                pass

    on(tmp_path, work)


def test_definitions_are_there_after_a_start_with_their_history(tmp_path):
    put = DefinitionPut(
        tenant="main", kind=DefinitionKind.COHORT, name="keen", written={"did": "verb=watched"}
    )

    async def first(node):
        await node.change(put, "somebody")
        with pytest.raises(ControlError, match="nobody"):
            await node.change(
                DefinitionPut(tenant="nobody", kind=put.kind, name="x", written={}), "me"
            )
        await node.change(put, "somebody else")

    async def second(node):
        return node.control().history("main", DefinitionKind.COHORT, "keen")

    on(tmp_path, first)
    versions = on(tmp_path, second)
    assert [(one.number, one.author) for one in versions] == [(1, "somebody"), (2, "somebody else")]


def test_a_tenant_has_a_directory_of_its_own(tmp_path):
    async def first(node):
        await node.change(TenantPut(name="other", timezone="Europe/Berlin"), "me")
        await node.offer("other", "key", batch("b", event(1), event(2)))
        await node.offer("main", "key", batch("b3", event(3)))

    async def second(node):
        return node.status("other").events, node.status("main").events

    on(tmp_path, first)
    assert on(tmp_path, second) == (2, 1)
    assert hr.open(tmp_path / "tenants" / "other").timezone == "Europe/Berlin"


def test_a_loaded_directory_can_be_served_and_asked_on_the_command_line_afterwards(tmp_path):
    table = pa.table({name: [event(n)[name] for n in range(9)] for name in event(0)})
    hr.load(tmp_path, table, timezone="Europe/Oslo")

    async def work(node):
        assert node.status("main").events == 9
        sent = await node.offer("main", "key", batch("b", event(8), event(9), event(10)))
        await node.ask("main", question("active"), sent.token)

    on(tmp_path, work)
    data = hr.open(tmp_path)
    assert data.timezone == "Europe/Oslo"
    assert data.source.events_accepted == 11


def test_after_a_failed_write_a_node_says_so_and_goes_on_in_a_new_life(tmp_path):
    async def work(node):
        first = await node.offer("main", "key", batch("b1", event(1)))
        spoiled = asyncio.Event()
        loop = asyncio.get_running_loop()

        def spoil():
            node._store._files[-1]._writer.execute("PRAGMA query_only = ON")
            loop.call_soon_threadsafe(spoiled.set)

        node._committer.work(spoil)
        await spoiled.wait()
        refused = await node.offer("main", "key", batch("b2", event(2)))
        troubles = node.troubles
        asked = await node.ask("main", question("active"), first.token)
        again = await node.offer("main", "key", batch("b2", event(2)))
        repeat = await node.offer("main", "key", batch("b1", event(1)))
        return first, refused, troubles, asked, again, repeat, node.troubles

    first, refused, troubles, asked, again, repeat, later = on(tmp_path, work)
    assert refused.refusal is Refusal.UNAVAILABLE
    assert "cannot be written" in refused.why
    assert any("cannot be written" in one for one in troubles)
    assert asked.applied[first.token.origin] == first.token.number, "reads go on"
    assert isinstance(again, Accepted)
    assert again.token.origin.incarnation != first.token.origin.incarnation
    assert repeat.is_repeat
    assert repeat.token == first.token
    assert later == ()

    async def look(node):
        return node.status("main").events, node.troubles

    assert on(tmp_path, look) == (2, ())


def test_a_directory_whose_key_lies_elsewhere_is_not_served_under_a_new_one(tmp_path):
    table = pa.table({name: [event(n)[name] for n in range(9)] for name in event(0)})
    hr.load(tmp_path / "data", table, key=tmp_path / "elsewhere.key")

    async def work(node):
        return node.status("main")

    with pytest.raises(KeyFileError, match="is missing"):
        on(tmp_path / "data", work)
    (tmp_path / "elsewhere.key").rename(tmp_path / "data" / "pseudonym.key")
    assert on(tmp_path / "data", work).events == 9
