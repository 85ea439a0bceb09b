"""A node whose log forgets documents: copies of its vault hold them, through starts, erasures, backups and kills."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from homeroom.adapters.backup.repository import make_repository
from homeroom.adapters.backup.sealing import KeyFile
from homeroom.errors import BackupError, VaultError
from homeroom.log.certificates import Place
from homeroom.log.origins import Stream
from homeroom.running.verifying import verify_directory
from tests.backups import backed_up, restored
from tests.running.erasures import (
    ADA,
    BOB,
    OPEN_ALWAYS,
    erased,
    erasing,
    fill,
    open_places,
    record,
    statement,
)
from tests.running.nodes import now_ms, on

SELDOM = {"record_copy_ms": 86_400_000}


async def send(node, numbers):
    for number in numbers:
        answer = await record(node, "POST", "statements", json=statement(BOB, number))
        assert answer.status_code == 200, answer.text


async def have(node, numbers):
    for number in numbers:
        asked = {"statementId": statement(BOB, number)["id"]}
        answer = await record(node, "GET", "statements", params=asked)
        assert answer.status_code == 200, number


async def copied(node):
    """Make a copy, and have forgotten what may be."""
    await node.record_copies.make()
    while await node._committer.done(node._collecting._forgot):
        pass


async def made(node):
    async with asyncio.timeout(30):
        await node.record_copies.made.wait()
    return len(node.record_copies.copies.copies())


def documents(store):
    """Return how many entries of documents a log keeps, and how many there were."""
    held = {o: n for o, n in store.held().items() if o.stream is Stream.DOCUMENT}
    begins = store.begins()
    return sum(n - begins[o] for o, n in held.items()), sum(held.values())


def lose(path):
    for file in path.glob("documents.db*"):
        file.unlink()


async def filled(node):
    """Have three statements in the older copy and out of the log, three in the newer, three in the log alone."""
    await send(node, range(1, 4))
    await copied(node)
    await send(node, range(4, 7))
    await copied(node)
    await send(node, range(7, 10))
    kept, all_of_them = documents(node._store)
    assert kept < all_of_them
    return kept, all_of_them


def test_documents_that_two_copies_hold_are_forgotten_and_all_is_found_again(tmp_path):
    kept, all_of_them = on(tmp_path, filled, **SELDOM)
    assert (kept, all_of_them) == (6, 9)

    async def look(node):
        await have(node, range(1, 10))
        return node.troubles

    assert on(tmp_path, look, **SELDOM) == ()
    lose(tmp_path)
    (told,) = on(tmp_path, look, **SELDOM)
    assert "documents.db was lost; it was made again from 000002.db and the log" in told
    assert on(tmp_path, look, **SELDOM) == ()
    (tmp_path / "documents.copies" / "000002.db").write_bytes(b"damaged")
    assert len(verify_directory(tmp_path).damages) == 1
    lose(tmp_path)
    troubles = on(tmp_path, look, **SELDOM)
    assert any("made again from 000001.db" in one for one in troubles)


def test_a_bit_that_flipped_in_a_record_costs_nothing_since_no_copy_takes_it(tmp_path):
    on(tmp_path, lambda node: send(node, range(1, 4)), **SELDOM)
    connection = sqlite3.connect(tmp_path / "documents.db")
    (body,) = connection.execute("SELECT body FROM statements").fetchone()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray((tmp_path / "documents.db").read_bytes())
    content[content.index(body) + 40] ^= 1
    (tmp_path / "documents.db").write_bytes(content)
    assert len(verify_directory(tmp_path).damages) == 1

    async def copy(node):
        with pytest.raises(VaultError, match="a sealed statement does not open"):
            await copied(node)

    on(tmp_path, copy, **SELDOM)

    async def look(node):
        await have(node, range(1, 4))
        await copied(node)
        return node.troubles

    (told,) = on(tmp_path, look, **SELDOM)
    assert "made again from the log" in told
    assert verify_directory(tmp_path).damages == []


def test_a_node_does_not_start_where_something_is_missing_between_copies_and_log(tmp_path):
    on(tmp_path, filled, **SELDOM)
    lose(tmp_path)
    for note in (tmp_path / "documents.copies").glob("*.json"):
        note.unlink()

    async def look(node):
        raise AssertionError("it must not start")

    with pytest.raises(VaultError, match="Restore the directory from a backup"):
        on(tmp_path, look, **SELDOM)


def test_a_directory_without_copies_gets_one_at_once_and_then_now_and_then(tmp_path):
    async def some(node):
        await send(node, [1])

    on(tmp_path, some, **SELDOM)

    assert on(tmp_path, made, **SELDOM) == 1

    async def again(node):
        await send(node, [2])
        return await made(node)

    assert on(tmp_path, again, record_copy_ms=20) == 2


def test_an_erasure_reaches_the_copies(tmp_path):
    path = tmp_path / "data"

    async def work():
        async with erasing(tmp_path, **SELDOM) as node:
            await fill(node)
            await copied(node)
            await copied(node)
            before = {one.digest for one in node.record_copies.copies.copies()}
            done = await erased(node, ADA)
            assert open_places(done) == OPEN_ALWAYS
            (line,) = [one for one in done.lines if one.place is Place.COPIES]
            assert "made anew" in line.note
            after = node.record_copies.copies.copies()
            assert len(after) == 2
            assert before.isdisjoint(one.digest for one in after)
            return node.erasures.raw_keys("main", [ADA])

    (key,) = asyncio.run(work())
    lose(path)

    async def look():
        async with erasing(tmp_path, **SELDOM) as node:
            asked = {"statementId": statement(ADA, 1)["id"]}
            assert (await record(node, "GET", "statements", params=asked)).status_code == 404
            asked = {"statementId": statement(BOB, 2)["id"]}
            assert (await record(node, "GET", "statements", params=asked)).status_code == 200
            rows = node._recorder._reader.rows(
                "SELECT count(*) FROM subjects WHERE subject = ?", (key.to_bytes(16, "big"),)
            )
            assert rows == [(0,)]

    asyncio.run(look())


def test_a_copy_from_before_an_erasure_that_was_not_cleaned_brings_nobody_back(tmp_path):
    async def work():
        async with erasing(tmp_path, **SELDOM) as node:
            await fill(node)
            await copied(node)
            keys = node.erasures.raw_keys("main", [ADA])
            async with node.erasures._cleaning:
                await node.erasures.erase("main", keys, "a test")

    asyncio.run(work())
    lose(tmp_path / "data")

    async def look():
        async with erasing(tmp_path, **SELDOM) as node:
            asked = {"statementId": statement(ADA, 1)["id"]}
            assert (await record(node, "GET", "statements", params=asked)).status_code == 404
            await node.erasures.settled()
            (done,) = node.erasures.certificates("main")
            assert open_places(done) == OPEN_ALWAYS

    asyncio.run(look())


def test_a_backup_has_the_records_that_the_log_has_forgotten(tmp_path):
    repository = make_repository(str(tmp_path / "repository"), {}, KeyFile(tmp_path / "key"))
    path = tmp_path / "data"
    on(path, filled, **SELDOM)
    backed_up(path, repository, now_ms())
    restored(repository, tmp_path / "new")
    assert not (tmp_path / "new" / "documents.copies").exists()

    async def look(node):
        await have(node, range(1, 10))

    on(tmp_path / "new", look, **SELDOM)
    lose(path)
    for file in (path / "documents.copies").iterdir():
        file.unlink()
    with pytest.raises(BackupError, match=r"documents\.db is missing"):
        backed_up(path, repository, now_ms())


def killed(path, first, acknowledgements):
    command = [sys.executable, "-m", "tests.running.recording_process", str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline() for _ in range(acknowledgements)]
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
    said += rest.splitlines(keepends=True)
    return [int(line) for line in said if line.endswith("\n")]


def go_through(path, counts):
    said = []

    async def look(node):
        await have(node, said)
        return documents(node._store)

    for number, count in enumerate(counts):
        said += killed(path, 10_000 * (number + 1), count)
        lose(path)
        kept, all_of_them = on(path, look, **SELDOM)
    assert kept < all_of_them, "some were forgotten"


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_with_the_vault_by_kills_amid_copies(tmp_path, rng):
    go_through(tmp_path, [40, *rng.integers(1, 80, 4).tolist()])
