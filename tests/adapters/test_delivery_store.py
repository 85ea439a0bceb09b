"""The file of deliveries after kills, damage and newer releases; the rest of it is tested through deliveries."""

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from homeroom.adapters.delivery_store import DeliveryStore
from homeroom.errors import StoreError
from homeroom.hooks.messages import make_delivery
from homeroom.hooks.steps import Advance, Finish, Keep, Load, Open, Start, Trim
from tests.hooks.worlds import changes

WRITING = """
import sys
from pathlib import Path
from homeroom.adapters.delivery_store import DeliveryStore
from homeroom.hooks.messages import make_delivery
from homeroom.hooks.steps import Keep, Open
from tests.hooks.worlds import changes

store = DeliveryStore(Path(sys.argv[1]))
number = store.state().taken.get("main", 0)
while True:
    number += 3
    some = changes(range(number - 2, number + 1))
    store.write([Keep("main", some, number), Open("w", (make_delivery("w", some),), number)])
    print(number, flush=True)
"""


@pytest.fixture
def store(tmp_path):
    made = DeliveryStore(tmp_path / "deliveries.db")
    yield made
    made.close()


def written(path):
    store = DeliveryStore(path)
    try:
        return store.state(), store.find(Load("w", "main", frozenset(), 0, 10**9, 10**6))
    finally:
        store.close()


def test_what_was_written_is_there_whole_after_kills(tmp_path):
    path = tmp_path / "deliveries.db"
    DeliveryStore(path).write([Start("w", "main", 0)])
    for lines in (2, 30):
        command = [sys.executable, "-c", WRITING, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            said = [int(process.stdout.readline()) for _ in range(lines)]
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        state, found = written(path)
        taken = state.taken["main"]
        assert taken >= said[-1], "what was said to be durable is there"
        assert [one.number for one in found.changes] == list(range(1, taken + 1))
        line = state.lines["w"]
        assert line.cursor == taken, "a step is there as a whole"
        sent = [c.number for one in line.tries for c in one.delivery.changes]
        assert sent == list(range(1, taken + 1))


def test_a_step_that_cannot_be_kept_leaves_nothing_and_the_file_takes_no_more(store):
    some = changes([1, 2])
    store.write([Start("w", "main", 0), Keep("main", some, 2)])
    with pytest.raises(StoreError, match="cannot be written"):
        store.write([Advance("w", 2), Keep("main", some, 2)])  # the second of these is there
    with pytest.raises(StoreError, match="takes no more since a write failed"):
        store.write([Advance("w", 2)])
    state, _ = written(store.path)
    assert (state.taken, state.lines["w"].cursor) == ({"main": 2}, 0)


def test_a_file_of_a_newer_release_is_refused(store):
    store._connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StoreError, match="newer release"):
        DeliveryStore(store.path)


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough" * 100, b"SQLite format 3\0" * 9]
)
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path, content):
    path = tmp_path / "deliveries.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="move it away"):
        DeliveryStore(path)


def test_a_folder_that_is_missing_is_told(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened"):
        DeliveryStore(tmp_path / "missing" / "deliveries.db")


def test_what_is_delivered_leaves_no_bytes(store):
    learner = "f00dfeedf00dfeedf00dfeedf00dfeed"
    some = changes([1], learners=[learner])
    delivery = make_delivery("w", some)
    store.write([Start("w", "main", 0), Keep("main", some, 1), Open("w", (delivery,), 1)])
    store.write([Finish("w", delivery.id), Trim("main", 1)])
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert learner.encode() not in store.path.read_bytes()


def test_the_file_is_its_owners_alone(store):
    store.write([Start("w", "main", 0)])
    for path in store.path.parent.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_a_reader_beside_it_is_no_trouble(store):
    store.write([Start("w", "main", 0)])
    reader = sqlite3.connect(store.path)
    reader.execute("BEGIN").execute("SELECT * FROM webhooks").fetchall()
    store.write([Advance("w", 5)])
    reader.close()
    assert store.state().lines["w"].cursor == 5
