"""A log is read beside the process that writes it: whole up to one moment, and nothing that was never acknowledged."""

import pytest

from homeroom.adapters.log_folder import SqliteLogFolder
from homeroom.adapters.log_reading import Cursor, viewed_log
from homeroom.errors import StoreError
from homeroom.log.log import BatchRecord
from homeroom.log.origins import Origin, Stream, Vector
from tests.log.chains import chain

ORIGIN = Origin("node", "0" * 32, Stream.ANALYTIC)


def record(number, entry=None):
    token = None if entry is None else entry.token
    return BatchRecord(owner="o", batch_id=f"b{number}", digest=b"d", answer=b"a", token=token)


def all_of(view, origin=ORIGIN, first=1):
    return [entry.number for several in view.entries(origin, first) for entry in several]


def test_what_is_written_later_is_not_in_a_view(tmp_path):
    folder = SqliteLogFolder(tmp_path)
    entries = chain(6, ORIGIN)
    folder.write(entries[:3], [record(0, entries[0])])
    with viewed_log(tmp_path) as view:
        folder.write(entries[3:], [record(1, entries[4])])

        assert view.held() == Vector({ORIGIN: 3})
        assert all_of(view) == [1, 2, 3]
        assert [one.batch_id for _, _, one in view.records({})] == ["b0"]
    folder.close()


def test_reading_leaves_a_log_as_it_is(tmp_path):
    folder = SqliteLogFolder(tmp_path)
    folder.write(chain(3, ORIGIN), [])
    with viewed_log(tmp_path) as view:
        assert all_of(view) == [1, 2, 3]
    folder.close()
    before = (tmp_path / "000001.db").read_bytes()
    with viewed_log(tmp_path) as view:
        assert all_of(view, first=2) == [2, 3]
        assert view.hybrid(ORIGIN, 2) == chain(3, ORIGIN)[1].hybrid
    assert (tmp_path / "000001.db").read_bytes() == before
    again = SqliteLogFolder(tmp_path)
    assert again.held() == Vector({ORIGIN: 3})
    again.close()


def test_after_a_failed_write_only_what_was_durable_counts_of_the_older_file(tmp_path):
    """What the older file shows beyond the beginning of the newer was never acknowledged."""
    entries = chain(4, ORIGIN)
    folder = SqliteLogFolder(tmp_path)
    folder.write(entries[:2], [record(0, entries[0])])
    folder.go_on()
    folder._files[0].write(entries[2:], [record(1, entries[3])])
    folder.close()

    with viewed_log(tmp_path) as view:
        assert view.held() == Vector({ORIGIN: 2})
        assert all_of(view) == [1, 2]
        assert [one.batch_id for _, _, one in view.records({})] == ["b0"]


def test_entries_of_several_files_come_in_order(tmp_path):
    entries = chain(5, ORIGIN)
    folder = SqliteLogFolder(tmp_path)
    folder.write(entries[:2], [record(0, entries[0])])
    folder.go_on()
    folder.write(entries[2:4], [record(1, entries[2])])
    folder.go_on()
    folder.write(entries[4:], [record(2)])
    with viewed_log(tmp_path) as view:
        assert all_of(view) == [1, 2, 3, 4, 5]
        assert all_of(view, first=4) == [4, 5]
        assert [one.batch_id for _, _, one in view.records({})] == ["b0", "b1", "b2"]
    folder.close()


def test_collected_entries_are_left_out(tmp_path):
    folder = SqliteLogFolder(tmp_path)
    folder.write(chain(5, ORIGIN), [])
    with viewed_log(tmp_path) as view:
        while folder.collect(Vector({ORIGIN: 3})):
            pass
        assert all_of(view) == [4, 5], "collected while it was looked at"
    with viewed_log(tmp_path) as view:
        assert view.begins == Vector({ORIGIN: 3})
        assert all_of(view) == [4, 5]
        assert view.hybrid(ORIGIN, 2) is None
        while folder.collect(Vector({ORIGIN: 5})):
            pass
        assert all_of(view) == []
    folder.close()


def test_records_go_on_where_one_has_come_to(tmp_path):
    folder = SqliteLogFolder(tmp_path)
    folder.write([], [record(n) for n in range(3)])
    with viewed_log(tmp_path) as view:
        cursors = {file: cursor for file, cursor, _ in view.records({})}
    assert cursors == {"000001.db": Cursor(3, "o", "b2")}
    folder.write([], [record(3)])
    folder.close()

    with viewed_log(tmp_path) as view:
        assert [one.batch_id for _, _, one in view.records(cursors)] == ["b3"]
        other = {"000001.db": Cursor(3, "o", "another")}
        found = [one.batch_id for _, _, one in view.records(other)]
        assert found == ["b0", "b1", "b2", "b3"], "a file that is another one is read anew"


def test_a_log_that_is_not_there_is_empty(tmp_path):
    with viewed_log(tmp_path / "log") as view:
        assert (view.heads, view.held(), list(view.records({}))) == ({}, Vector(), [])
        assert view.hybrid(ORIGIN, 1) is None


def test_a_damaged_file_is_told(tmp_path):
    folder = SqliteLogFolder(tmp_path)
    folder.close()
    (tmp_path / "000001.db").write_bytes(b"no database" * 1_000)
    with pytest.raises(StoreError, match=r"000001.db cannot be read: "), viewed_log(tmp_path):
        pass
