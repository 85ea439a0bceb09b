"""The vault's journal is brought home beside the writing, begins anew, and what is wrong with that is told."""

import sqlite3
from contextlib import closing

import pytest

from homeroom import limits
from homeroom.adapters.vault import journal
from homeroom.adapters.vault.journal import Journal
from homeroom.adapters.vault.schema import connected
from homeroom.errors import VaultError

PAGES = 20


@pytest.fixture
def writer(tmp_path, monkeypatch):
    """Give a connection to a vault's file whose journal is brought home after a few changes."""
    monkeypatch.setattr(limits, "VAULT_JOURNAL_CHANGES", PAGES)
    monkeypatch.setattr(limits, "VAULT_JOURNAL_STEP_CHANGES", PAGES)
    monkeypatch.setattr(journal, "_FEW_PAGES", 0)
    connection = connected(tmp_path / "documents.db")
    connection.execute("PRAGMA wal_autocheckpoint = 0").fetchone()
    yield connection
    connection.close()


def write(connection, number):
    """Change a row that has a page of its own."""
    with connection:
        connection.execute(
            "INSERT OR REPLACE INTO positions VALUES (?, ?)", (str(number % PAGES), "x" * 4_000)
        )


def journal_bytes(path):
    return path.with_name(path.name + "-wal").stat().st_size


def test_the_journal_begins_anew_while_the_writing_goes_on(tmp_path, writer):
    path = tmp_path / "documents.db"
    kept, sizes = Journal(path, writer), []
    for number in range(12 * PAGES):
        write(writer, number)
        kept.written()
        kept.close()  # what a thread has begun is done before the next change
        sizes.append(journal_bytes(path))
    assert sizes[-1] == sizes[4 * PAGES]
    assert kept.trouble is None


def test_nothing_is_brought_home_for_a_few_changes(tmp_path, writer):
    path = tmp_path / "documents.db"
    before = path.stat().st_size
    kept = Journal(path, writer)
    for number in range(PAGES - 1):
        write(writer, number)
        kept.written()
    kept.close()
    assert path.stat().st_size == before


def test_pages_are_brought_home_some_at_a_time_whoever_reads(tmp_path, writer, monkeypatch):
    monkeypatch.setattr(limits, "VAULT_JOURNAL_STEP_CHANGES", PAGES // 4)
    path = tmp_path / "documents.db"
    kept, homes, sizes = Journal(path, writer), [path.stat().st_size], []
    with closing(
        connected(path)
    ) as reader:  # while somebody reads, it does not begin anew by itself
        reader.execute("BEGIN").fetchone()
        reader.execute("SELECT count(*) FROM positions").fetchone()
        for number in range(PAGES - 1):
            write(writer, number)
            kept.written()
            kept.close()
            sizes.append(journal_bytes(path))
        assert sizes == sorted(set(sizes))
        reader.execute("ROLLBACK").fetchone()
    for number in range(PAGES // 2):
        write(writer, number)
        kept.written()
        kept.close()
        homes.append(path.stat().st_size)
    assert homes[0] < homes[PAGES // 4 + 1]
    assert kept.trouble is None


def test_what_is_written_is_there_when_all_is_closed(tmp_path, writer):
    path = tmp_path / "documents.db"
    kept = Journal(path, writer)
    for number in range(3 * PAGES):
        write(writer, number)
        kept.written()
    kept.close()
    writer.close()
    with sqlite3.connect(path) as reader:
        assert reader.execute("SELECT count(*) FROM positions").fetchone() == (PAGES,)
    reader.close()


def test_a_file_that_takes_no_pages_is_told_and_then_no_more(tmp_path, writer, monkeypatch):
    path = tmp_path / "documents.db"
    kept = Journal(path, writer)

    def broken(_):
        raise VaultError(f"vault {path} cannot be read or written: disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "connected", broken)
        for number in range(PAGES):
            write(writer, number)
            kept.written()
        kept.close()
        assert "disk I/O error" in kept.trouble
    write(writer, 0)
    kept.written()
    assert kept.trouble is None
