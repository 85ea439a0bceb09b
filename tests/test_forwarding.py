"""Files that are sent to a node: they are there as if it had read them, and once however often they are sent."""

import json

import pytest

import homeroom as hr
from homeroom.client import Client, ClientOptions
from homeroom.errors import SourceError, UnavailableError
from homeroom.forwarding import BATCH_EVENTS, Forwarding, forward
from tests.client.faulty import proxied
from tests.client.forms import Jumping
from tests.client.served import Served

# A process takes seconds to import what a node is made of.
pytestmark = pytest.mark.slow

HEAD = "account,verb,time,course\n"


@pytest.fixture
def served(tmp_path):
    one = Served(tmp_path / "node")
    one.everything = one.key("read", "write")
    one.start()
    yield one
    one.stop()


@pytest.fixture
def client(served):
    with Client(served.url, served.everything) as made:
        yield made


def rows(first, last):
    return "".join(
        f"learner {n % 97},read,2026-11-{1 + n % 20:02d}T10:{n % 60:02d}:{n // 60 % 60:02d}Z,c{n % 3}\n"
        for n in range(first, last)
    )


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(HEAD + rows(0, 2_500))
    return path


def answered(client):
    found = client.query({"question": "retention", "interval": "day"}).answer
    return json.loads(json.dumps({k: v for k, v in found.items() if k not in ("source", "notes")}))


def expected(*paths):
    found = hr.read(*paths).retention(interval="day").to_json()
    return json.loads(json.dumps({k: v for k, v in found.items() if k not in ("source", "notes")}))


def sizes(client, events):
    """Return how many learners have so many events."""
    rule = {"did": "verb=read", "at_least": events}
    return client.query({"question": "cohort", "cohort": rule}).answer["sizes"][-1]


def test_a_node_answers_as_if_it_had_read_the_files(client, table):
    done = forward(client, [table])
    assert (done.accepted, done.refused, done.unread, done.repeats) == (2_500, 0, 0, 0)
    assert done.batches == -(-2_500 // BATCH_EVENTS)
    assert done.is_whole
    assert answered(client) == expected(table)


def test_files_that_are_sent_again_count_once_whatever_they_are_called(client, table, tmp_path):
    forward(client, [table])
    again = forward(client, [table])
    assert again.repeats == again.batches
    other = tmp_path / "other name.csv"
    other.write_text(HEAD + rows(700, 2_500))
    moved = forward(client, [other])
    assert (moved.accepted, moved.repeats) == (1_800, 0)
    # 2,500 events of 97 learners are 25 or 26 of each.
    assert (sizes(client, 26), sizes(client, 27)) == (2_500 - 25 * 97, 0)


def test_a_transfer_that_broke_off_is_begun_again(served, client, table):
    taken = iter([None])
    with proxied(served.url, lambda _method, _path: next(taken, "lose")) as proxy:
        clock = Jumping()
        options = ClientOptions(time_s_max=1)
        with (
            Client(
                proxy.url, served.everything, options, now_ms=clock.now, sleep_ms=clock.sleep
            ) as broken,
            pytest.raises(UnavailableError),
        ):
            forward(broken, [table])
    done = forward(client, [table])
    assert done.accepted == 2_500
    assert done.repeats
    assert answered(client) == expected(table)


def test_what_was_not_taken_is_written_down_with_its_place(client, tmp_path):
    path, rejects = tmp_path / "log.csv", tmp_path / "rejects.ndjson"
    path.write_text(HEAD + rows(0, 2) + "bea,read,yesterday,c1\n" + "too,few\n")
    done = forward(client, [path], Forwarding(rejects=rejects))
    assert (done.accepted, done.refused, done.unread) == (2, 1, 1)
    assert not done.is_whole
    found = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert {(one["line"], one["reason"]) for one in found} == {
        (4, "time_format"),
        (5, "column_count"),
    }
    assert "yesterday" not in rejects.read_text()


def test_batches_that_are_too_large_go_in_parts(served, client, table):
    with proxied(served.url, lambda _method, _path: None) as proxy:
        proxy.batch_events_max = 300
        with Client(proxy.url, served.everything) as made:
            done = forward(made, [table])
            assert done.accepted == 2_500
            assert done.batches > 2_500 / 300
            assert forward(made, [table]).repeats == done.batches
    assert answered(client) == expected(table)


def test_an_unknown_format_is_refused(client, table):
    with pytest.raises(SourceError, match="must be one of xapi"):
        forward(client, [table], Forwarding(codec="excel"))
