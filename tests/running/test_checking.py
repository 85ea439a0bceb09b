"""What is on disk is read again: whatever is damaged is told of, and which it is, before anybody asks for it."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
from functools import partial

import pytest

from homeroom.adapters.signing import is_signed, open_node_key
from homeroom.cli import main
from homeroom.limits import CHECKED_ENTRIES
from homeroom.running.checking import Checker
from homeroom.running.verifying import verify_directory
from tests.running.nodes import batch, event, now_ms, on

ENTRIES = CHECKED_ENTRIES + 4


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Give a directory whose log has more entries than are read at once, and whose history has a file."""

    async def send(node):
        for number in range(ENTRIES):
            await node.offer("main", "key", batch(f"b{number}", event(number)))

    folder = tmp_path_factory.mktemp("whole") / "data"
    on(folder, send)
    return folder


@pytest.fixture
def data(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "data")


def read_again(folder):
    """Return what a round finds, as texts with their tenants, and what it says of itself."""
    public = open_node_key(folder / "node.key").public

    def verify(_node, digest, signature):
        return is_signed(public, digest, signature)

    async def look(node):
        checker = Checker(node._store, verify, (node._places, tuple), now_ms)
        for _ in checker.round():
            pass
        return [(one.tenant, one.text) for one in checker.troubles], checker.status

    return on(folder, look)


@contextlib.contextmanager
def log_of(folder):
    with contextlib.closing(sqlite3.connect(folder / "log" / "000001.db")) as log, log:
        yield partial(log.execute)


def flip(path):
    """Change some bytes in a row: more than the room between two things that are written."""
    content = bytearray(path.read_bytes())
    first = len(content) * 3 // 10
    content[first : first + 100] = bytes(byte ^ 1 for byte in content[first : first + 100])
    path.write_bytes(content)


def test_what_is_whole_is_read_to_its_end_and_nothing_is_told(data):
    verified = verify_directory(data)
    assert verified.damages == []
    assert verified.entries >= ENTRIES
    assert verified.files == 3, "a segment, the state, the vault"
    found, status = read_again(data)
    assert found == []
    assert (status.entries > ENTRIES, status.files, status.damages) == (True, 2, 0)
    assert status.finished_ms is not None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE entries SET signature = zeroblob(64)", "is not signed by its node"),
        ("UPDATE entries SET payload = zeroblob(9)", "checksum of its payload"),
        ("UPDATE entries SET epoch = 7", "is not signed by its node"),
        ("DELETE FROM entries", "is damaged"),
    ],
)
def test_entries_that_are_not_what_was_written_are_told_as_ranges(data, change, why):
    with log_of(data) as log:
        log(f"{change} WHERE stream = 'analytic' AND number IN (3, 4, 5, {CHECKED_ENTRIES + 2})")
    assert len(verify_directory(data).damages) == 2
    (first, second), _ = read_again(data)
    assert first[0] is second[0] is None
    assert "entries 3 to " in first[1]
    assert f" {CHECKED_ENTRIES + 2}" in second[1]
    assert why in first[1]


@pytest.mark.parametrize("ending", ["parquet", "ids", "index", "columns"])
def test_flipped_bits_in_history_are_told_to_its_tenant(data, ending):
    (file,) = (data / "history").glob(f"*.{ending}")
    flip(file)
    ((tenant, text),), status = read_again(data)
    assert tenant == "main"
    assert file.stem in text
    assert status.damages == 1
    assert main(["verify", str(data)]) == 1


def test_a_command_tells_all_that_is_wrong(data, capsys):
    assert main(["verify", str(data)]) == 0
    assert "all whole" in capsys.readouterr().out
    flip(next((data / "history").glob("*.parquet")))
    (data / "node.key").unlink()
    assert main(["verify", str(data), "--json", "-"]) == 1
    history, key = sorted(json.loads(capsys.readouterr().out)["damages"], key=len, reverse=True)
    assert ("parquet" in history) != ("parquet" in key)


def test_a_node_reads_again_beside_its_work_and_says_so(data):
    flip(next((data / "history").glob("*.parquet")))

    async def look(node):
        assert await asyncio.to_thread(node._checker.finished.wait, 60)
        return node.troubles, node.status("main").checked

    troubles, checked = on(data, look)
    assert any("parquet" in one for one in troubles)
    assert checked.damages == 1
