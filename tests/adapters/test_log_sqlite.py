"""Files that cannot be written, that were cut off, or have a wrong bit: an error says so, and no answer is another."""

import os
import pwd
import resource
import shutil
import signal
import sqlite3
import stat
from pathlib import Path

import pytest

from homeroom import limits
from homeroom.adapters.log_sqlite import SqliteStore, make_file
from homeroom.errors import EntryError, StoreError
from homeroom.log.origins import Vector
from tests.cli.kills import forked
from tests.log.chains import DOCUMENTS, HERE, chain, checked, record


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "log.db"
    make_file(path, {})
    return path


def filled(path, count=4, size_bytes=3_000):
    """Write some entries, and close the file; return what is in it."""
    store = SqliteStore(path)
    entries, other = chain(count, size_bytes=size_bytes), chain(2, DOCUMENTS)
    records = [record(f"b{entry.number}", entry) for entry in entries]
    store.write([*entries, *other], records)
    store.close()
    return entries, other, records


def seen(path):
    """Return what a file shows, looked at as a reader of the log does."""
    store = SqliteStore(path)
    try:
        names = [f"b{number}" for number in range(1, 5)]
        return (
            checked(store.read(HERE, 1, 99)),
            checked(store.read(DOCUMENTS, 1, 99)),
            [store.record("key", name) for name in names],
            store.held(),
        )
    finally:
        store.close()


def test_a_file_is_for_its_owner_alone(path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    filled(path)
    assert [p.name for p in path.parent.iterdir()] == [path.name], (
        "nothing lies beside it when it is closed"
    )


def test_a_file_is_set_up_to_be_durable_and_to_forget_what_is_deleted(path):
    store = SqliteStore(path)
    asked = {
        name: store._writer.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "secure_delete", "wal_autocheckpoint")
    }
    assert asked == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "wal_autocheckpoint": 0,
    }
    store.close()


def test_what_is_collected_is_in_no_page_any_more(path):
    store = SqliteStore(path)
    entries = chain(3, size_bytes=9_000)
    store.write(entries, [])
    assert store.collect(Vector({HERE: 2})) == 2
    store.close()
    assert entries[0].payload[2_000:3_000] not in path.read_bytes()
    assert entries[2].payload[2_000:3_000] in path.read_bytes()


# --- pages are moved from the journal --------------------------------------------------------------------------------


def test_the_journal_does_not_grow_without_end(path, monkeypatch):
    monkeypatch.setattr(limits, "JOURNAL_BYTES", 100_000)
    store = SqliteStore(path)
    for entry in chain(60, size_bytes=10_000):
        store.write([entry], [])
    assert path.with_name("log.db-wal").stat().st_size < 400_000
    store.close()


def test_pages_may_be_moved_by_another_thread(path, monkeypatch):
    monkeypatch.setattr(limits, "JOURNAL_BYTES", 1)
    handed = []
    store = SqliteStore(path, handed.append)
    store.write(chain(1), [])
    (work,) = handed
    before = path.stat().st_size
    work()
    assert path.stat().st_size > before or path.stat().st_mtime_ns
    store.close()
    work()


def test_a_file_whose_pages_cannot_be_moved_takes_no_more(path):
    store = SqliteStore(path)
    store.write(chain(1), [])
    store._checkpointer.close()
    store.checkpoint()
    with pytest.raises(StoreError, match=r"takes no more .*pages could not be moved"):
        store.write(chain(2)[1:], [])
    assert checked(store.read(HERE, 1, 9)) == chain(1)
    store.close()


# --- disks that say no -----------------------------------------------------------------------------------------------


def test_a_write_that_the_system_cuts_off_is_an_error_and_reading_goes_on(path):
    """A bound on the size of files stands for a full disk: both make a write fail in its middle."""

    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        store = SqliteStore(path)
        store.write(chain(2), [])
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (path.with_name("log.db-wal").stat().st_size + 9_000,) * 2
        )
        with pytest.raises(
            StoreError, match=r"log\.db cannot be written: .*; (check the disk|free space)"
        ):
            store.write(large(), [])
        with pytest.raises(StoreError, match="takes no more"):
            store.write(chain(3)[2:], [])
        assert checked(store.read(HERE, 1, 9)) == chain(2)
        assert store.held() == Vector({HERE: 2})
        return "as it should be"

    def large():
        return chain(1, after=chain(2)[-1].head, size_bytes=200_000)

    assert forked(work) == (0, "as it should be")
    store = SqliteStore(path)
    assert checked(store.read(HERE, 1, 9)) == chain(2)
    store.write(large(), [])
    store.close()


def test_a_full_database_says_what_to_do(path):
    store = SqliteStore(path)
    store._writer.execute("PRAGMA max_page_count = 30")
    with pytest.raises(StoreError, match="full; free space on its disk"):
        store.write(chain(1, size_bytes=200_000), [])
    assert store.held() == Vector()
    store.close()


def test_a_file_that_may_not_be_written_says_what_to_do(tmp_path):
    folder = Path("/tmp") / f"log {os.getpid()} {tmp_path.name}"
    folder.mkdir()
    try:
        path = folder / "log.db"
        make_file(path, {})
        filled(path)
        path.chmod(0o444)
        folder.chmod(0o555)

        def work():
            if os.geteuid() == 0:
                os.setuid(pwd.getpwnam("nobody").pw_uid)
            with pytest.raises(
                StoreError, match=r"cannot be opened: .*(readonly|unable to open).*; (make|check)"
            ):
                SqliteStore(path)
            with pytest.raises(StoreError, match=r"other\.db cannot be made: "):
                make_file(folder / "other.db", {})
            return "refused"

        assert forked(work) == (0, "refused")
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


# --- files that are not what was written -----------------------------------------------------------------------------


@pytest.mark.parametrize("flips", [250, pytest.param(5_000, marks=pytest.mark.slow)])
def test_a_flipped_bit_is_seen_or_changes_nothing(path, rng, flips):
    _, _, records = filled(path)
    whole, told = path.read_bytes(), seen(path)
    seen_wrong = 0
    for place in rng.integers(len(whole), size=flips).tolist():
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            entries, others, shown, held = seen(path)
            assert (entries, others, held) == (told[0], told[1], told[3]), place
            if shown != records:
                assert all(
                    found in (record, None) for found, record in zip(shown, records, strict=True)
                )
                store = SqliteStore(path)
                try:
                    store.verify()
                finally:
                    store.close()
                raise AssertionError(place)
        except (StoreError, EntryError):
            seen_wrong += 1
    assert seen_wrong > flips // 5


def test_each_bit_of_a_record_is_guarded(path):
    _, _, records = filled(path)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE batches SET answer = replace(answer, '3', '4') WHERE batch_id = 'b1'"
        )
    connection.close()
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="damaged"):
        store.record("key", "b1")
    assert store.record("key", "b2") == records[1]
    store.close()


@pytest.mark.parametrize("number", [1, 2, 4])
def test_an_entry_that_is_gone_is_an_error_and_not_a_gap(path, number):
    filled(path)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "DELETE FROM entries WHERE stream = 'analytic' AND number = ?", (number,)
        )
    connection.close()
    with pytest.raises(StoreError, match=r"damaged: of entries .* Restore it"):
        seen(path)


def test_an_origin_that_is_forgotten_is_an_error(path):
    filled(path)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM heads WHERE stream = 'document'")
    connection.close()
    with pytest.raises(StoreError, match="damaged"):
        SqliteStore(path)


def test_a_file_that_is_cut_off_is_an_error(path):
    filled(path)
    whole = path.read_bytes()
    for size in (0, 1, 99, 4_095, *range(4_096, len(whole), 3_001), len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(StoreError, match=r"log\.db.*Restore it from a backup"):
            seen(path)


def test_what_is_no_log_is_an_error(tmp_path):
    path = tmp_path / "log.db"
    with pytest.raises(StoreError, match="there is no file"):
        SqliteStore(path)
    path.write_bytes(b"something else, of some length" * 500)
    with pytest.raises(StoreError, match="not a database; Restore"):
        SqliteStore(path)
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE poems (line TEXT)")
    other.close()
    with pytest.raises(StoreError, match="no file of a log"):
        SqliteStore(path)
    with pytest.raises(StoreError, match="cannot be made"):
        make_file(path, {})


def test_a_torn_journal_ends_where_it_was_whole(path, tmp_path):
    store = SqliteStore(path)
    entries = chain(6, size_bytes=1_000)
    ends = []
    journal = path.with_name("log.db-wal")
    for entry in entries:
        store.write([entry], [record(f"b{entry.number}", entry)])
        ends.append(journal.stat().st_size)
    copy = tmp_path / "copy"
    copy.mkdir()
    whole, torn = journal.read_bytes(), copy / "log.db-wal"
    for size in range(0, len(whole) + 1, 3_613):
        shutil.copy(path, copy)
        (copy / "log.db-shm").unlink(missing_ok=True)
        torn.write_bytes(whole[:size])
        found = SqliteStore(copy / "log.db")
        assert found.held()[HERE] == sum(end <= size for end in ends)
        assert checked(found.read(HERE, 1, 9)) == entries[: found.held()[HERE]]
        found.close()
    store.close()
