"""How a node goes on after its disk said no, and that nobody ever sees what was not durable."""

import importlib
import os
import resource
import shutil
import signal

import pytest

from homeroom import limits
from homeroom.adapters.log_folder import SqliteLogFolder
from homeroom.adapters.log_sqlite import SqliteStore
from homeroom.errors import StoreError
from homeroom.log.origins import Vector
from tests.adapters.failing_sync import AVAILABLE, fail_syncs
from tests.cli.kills import KILLED, Sentinel, forked
from tests.log.chains import HERE, THERE, chain, checked, record


def failed(path, written=3):
    """Return a folder whose last write failed."""
    store = SqliteLogFolder(path)
    entries = chain(written + 1, size_bytes=2_000)
    for entry in entries[:-1]:
        store.write([entry], [record(f"b{entry.number}", entry)])
    store._files[-1]._writer.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="readonly"):
        store.write(entries[-1:], [record("late", entries[-1])])
    assert store.failure
    return store, entries


def show_more(path, entries):
    """Let a file show what was never said to be durable."""
    file = SqliteStore(path / "000001.db")
    file.write(entries, [record("late", entries[-1])])
    file.close()


def test_a_new_file_goes_on_from_what_was_durable(tmp_path):
    store, entries = failed(tmp_path)
    store.go_on()
    assert store.failure is None
    assert store.held() == Vector({HERE: 3})
    other = chain(2, THERE)
    more = chain(1, after=entries[2].head)
    store.write([*other, *more], [record("b4", more[0])])
    for _ in range(2):
        assert checked(store.read(HERE, 1, 99)) == [*entries[:3], *more]
        assert store.read(HERE, 2, 2) == entries[1:3]
        assert store.read(HERE, 3, 2) == [entries[2], *more]
        assert checked(store.read(THERE, 1, 99)) == other
        assert store.record("key", "b2") == record("b2", entries[1])
        assert store.record("key", "b4") == record("b4", more[0])
        assert store.record("key", "late") is None
        store.close()
        store = SqliteLogFolder(tmp_path)
    store.verify()
    store.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["000001.db", "000002.db", "lock"]


def test_what_the_old_file_shows_beyond_is_ignored(tmp_path):
    store, entries = failed(tmp_path)
    store.go_on()
    store.close()
    show_more(tmp_path, entries[3:])
    store = SqliteLogFolder(tmp_path)
    assert store.held() == Vector({HERE: 3})
    assert store.head(HERE) == entries[2].head
    assert checked(store.read(HERE, 1, 99)) == entries[:3]
    assert store.record("key", "late") is None
    store.close()


def test_without_a_new_file_what_is_shown_is_durable_and_counts(tmp_path):
    store, entries = failed(tmp_path)
    store.close()
    show_more(tmp_path, entries[3:])
    store = SqliteLogFolder(tmp_path)
    assert store.held() == Vector({HERE: 4})
    assert store.record("key", "late") == record("late", entries[3])
    store.close()


def test_an_old_file_goes_when_all_that_counts_in_it_may(tmp_path):
    store, entries = failed(tmp_path)
    store.go_on()
    store.close()
    show_more(tmp_path, entries[3:])
    store = SqliteLogFolder(tmp_path)
    more = chain(3, after=entries[2].head)
    store.write(more, [record("b5", more[1])])
    assert store.collect(Vector({HERE: 2})) == 0
    assert (tmp_path / "000001.db").exists()
    assert store.collect(Vector({HERE: 5})) == 5
    assert not (tmp_path / "000001.db").exists()
    for _ in range(2):
        assert store.read(HERE, 1, 99) == more[2:]
        assert store.record("key", "b1") == record("b1", entries[0])
        assert store.record("key", "b5") == record("b5", more[1])
        assert store.record("key", "late") is None
        store.close()
        store = SqliteLogFolder(tmp_path)
    store.close()


def test_files_have_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "STORE_FILES_MAX", 1)
    store, _ = failed(tmp_path)
    with pytest.raises(StoreError, match="has 1 files, no more are allowed"):
        store.go_on()
    store.close()


def test_a_folder_has_one_writer(tmp_path):
    store = SqliteLogFolder(tmp_path / "log")
    with pytest.raises(StoreError, match="in use by another process"):
        SqliteLogFolder(tmp_path / "log")
    store.close()
    SqliteLogFolder(tmp_path / "log").close()


def test_files_that_are_missing_or_lost_their_end_are_an_error(tmp_path):
    store, entries = failed(tmp_path / "log")
    store.close()
    shutil.copy(tmp_path / "log" / "000001.db", tmp_path / "earlier")
    store = SqliteLogFolder(tmp_path / "log")
    more = chain(1, after=entries[2].head)
    store.write(more, [])
    for _ in range(2):
        store._files[-1]._failure = "a test says so"
        store.go_on()
    store.close()
    path = tmp_path / "log" / "000001.db"
    shutil.copy(tmp_path / "earlier", path)
    with pytest.raises(StoreError, match=r"000001\.db lacks entries at its end"):
        SqliteLogFolder(tmp_path / "log")
    (tmp_path / "log" / "000002.db").unlink()
    with pytest.raises(StoreError, match="lacks a file before 000003"):
        SqliteLogFolder(tmp_path / "log")


def test_a_folder_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "log").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        SqliteLogFolder(tmp_path / "log")


@pytest.mark.skipif(not AVAILABLE, reason="needs Linux to make fsync fail")
def test_a_failed_fsync_is_never_asked_again(tmp_path):
    entries = chain(4)

    def work():
        store = SqliteLogFolder(tmp_path)
        for entry in entries[:2]:
            store.write([entry], [record(f"b{entry.number}", entry)])
        fail_syncs()
        with pytest.raises(StoreError, match="cannot be written: disk I/O error; check the disk"):
            store.write(entries[2:3], [record("b3", entries[2])])
        with pytest.raises(StoreError, match="takes no more"):
            store.write(entries[2:3], [])
        with pytest.raises(StoreError, match="not be made"):
            store.go_on()
        assert store.held() == Vector({HERE: 2})
        assert checked(store.read(HERE, 1, 9)) == entries[:2]
        assert store.record("key", "b3") is None
        os.kill(os.getpid(), signal.SIGKILL)

    assert forked(work) == (-signal.SIGKILL, "")
    store = SqliteLogFolder(tmp_path)
    held = store.held()[HERE]
    assert held in (2, 3)
    assert checked(store.read(HERE, 1, 9)) == entries[:held]
    store.write(entries[held:], [])
    store.close()


def test_a_full_disk_is_survived_in_a_new_file_as_soon_as_there_is_room(tmp_path):
    entries = chain(2)
    large = chain(1, after=entries[-1].head, size_bytes=400_000)

    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        store = SqliteLogFolder(tmp_path)
        store.write(entries, [record("b", entries[0])])
        size = (tmp_path / "000001.db-wal").stat().st_size
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 9_000, hard))
        with pytest.raises(StoreError, match="cannot be written"):
            store.write(large, [])
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
        with pytest.raises(StoreError, match=r"000002\.db"):
            store.go_on()
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        store.go_on()
        store.write(large, [])
        assert checked(store.read(HERE, 1, 9)) == [*entries, *large]
        store.close()
        return "went on"

    assert forked(work) == (0, "went on")
    store = SqliteLogFolder(tmp_path)
    assert checked(store.read(HERE, 1, 9)) == [*entries, *large]
    store.close()


@pytest.mark.slow
def test_making_a_file_may_be_killed_at_any_step(tmp_path):
    """The first file, and the one after a failure."""
    importlib.import_module("homeroom.adapters.schema.migrating")  # once, before the first fork
    entries = chain(2)

    def story(folder, last):
        def work():
            watch = Sentinel(folder, last)
            store = SqliteLogFolder(folder)
            if not store.held():
                store.write(entries[:1], [])
            store._files[-1]._failure = "a test says so"
            store.go_on()
            store.write(chain(1, after=store.head(HERE)), [])
            store.close()
            return str(len(watch.steps))

        return forked(work)

    ended, steps = story(tmp_path / "whole", None)
    assert ended == 0, steps
    assert int(steps) > 15
    for step in range(1, int(steps) + 1):
        folder = tmp_path / str(step)
        assert story(folder, step)[0] == KILLED
        store = SqliteLogFolder(folder)
        held = store.held()[HERE]
        assert held == len(checked(store.read(HERE, 1, 9)))
        store.close()
        ended, said = story(folder, None)
        assert ended == 0, said
        store = SqliteLogFolder(folder)
        assert len(checked(store.read(HERE, 1, 9))) == max(held, 1) + 1
        store.close()
