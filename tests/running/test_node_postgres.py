"""A running node whose log is in PostgreSQL: the same promises, a server that goes away and comes back, one writer."""

import asyncio
import shutil

import psycopg
import pytest

from homeroom.errors import StoreError
from homeroom.log.log import Accepted, Refusal
from tests.databases import emptied
from tests.running.nodes import batch, event, on, question, running


@pytest.fixture
def url(postgres):
    return emptied(postgres)


def test_what_was_sent_is_there_after_a_stop_and_nothing_of_the_log_is_in_the_directory(
    tmp_path, url
):
    async def first(node):
        sent = await node.offer("main", "key", batch("b1", *(event(n) for n in range(20))))
        await node.ask("main", question("active"), sent.token)
        return sent

    async def second(node):
        again = await node.offer("main", "key", batch("b1", *(event(n) for n in range(20))))
        return again, node.status("main")

    sent = on(tmp_path, first, store_url=url)
    again, status = on(tmp_path, second, store_url=url)
    assert again.is_repeat
    assert again.token == sent.token
    assert (status.learners, status.events, status.troubles) == (7, 20, ())
    assert not (tmp_path / "log").exists()


def test_a_second_node_of_one_name_ends_the_first_one_s_writing(tmp_path, url):
    async def work(node):
        (tmp_path / "other").mkdir()
        shutil.copy(tmp_path / "one" / "node.key", tmp_path / "other")
        async with running(tmp_path / "other", store_url=url) as second:
            taken = await second.offer("main", "key", batch("b1", event(1)))
            refused = await node.offer("main", "key", batch("b2", event(2)))
            more = await second.offer("main", "key", batch("b3", event(3)))
        return taken, refused, more, node.troubles

    taken, refused, more, troubles = on(tmp_path / "one", work, store_url=url)
    assert isinstance(taken, Accepted)
    assert isinstance(more, Accepted)
    assert refused.refusal is Refusal.UNAVAILABLE
    assert any("another process" in one for one in troubles)


def test_a_server_that_does_not_answer_is_told_at_the_start(tmp_path):
    async def start():
        async with running(tmp_path, store_url="postgresql://127.0.0.1:1/none?connect_timeout=2"):
            pass

    with pytest.raises(StoreError):
        asyncio.run(start())


def test_a_database_that_lost_its_tail_is_told_and_no_number_is_used_twice(tmp_path, url):
    async def send(node):
        sent = [await node.offer("main", "key", batch(f"b{n}", event(n))) for n in range(3)]
        await node.ask("main", question("active"), sent[-1].token)
        return sent[-1].token

    async def look(node):
        more = await node.offer("main", "key", batch("more", event(9)))
        await node.ask("main", question("active"), more.token)
        return node.troubles, more.token, node.status("main").events

    lost = on(tmp_path, send, store_url=url)
    with psycopg.connect(url, autocommit=True) as connection:
        stream = (lost.origin.incarnation, "analytic")
        connection.execute(
            "UPDATE heads SET number = 1 WHERE incarnation = %s AND stream = %s", stream
        )
        connection.execute(
            "DELETE FROM entries WHERE incarnation = %s AND stream = %s AND number > 1", stream
        )
    troubles, token, events = on(tmp_path, look, store_url=url)
    assert any("has lost entries that were durable there" in one for one in troubles)
    assert token.origin != lost.origin, "a new life numbers anew"
    assert events == 4, "the snapshot still has what the log has lost"
