"""Parquet files that go to a node, row group by row group: all of them, once, however often that is broken off."""

import datetime as dt
import importlib.util
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import homeroom as hr
from homeroom import backfilling
from homeroom.adapters.object_store import open_objects
from homeroom.adapters.row_groups import find_row_groups
from homeroom.backfilling import Backfill, Reached, backfill
from homeroom.cli import main, status
from homeroom.client import Client
from homeroom.errors import SourceError
from tests.client.served import Served
from tests.ray_ends import ray_ends

# A process takes seconds to import what a node is made of.
pytestmark = pytest.mark.slow
BEGIN = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


@pytest.fixture
def served(tmp_path):
    one = Served(tmp_path / "node")
    one.everything = one.key("read", "write")
    one.start()
    yield one
    one.stop()


@pytest.fixture
def reached(served):
    return Reached((served.url,), served.everything)


def rows(first, last):
    numbers = range(first, last)
    return pa.table(
        {
            "account": [f"learner {n % 97}" for n in numbers],
            "verb": ["read"] * len(numbers),
            "time": [BEGIN + dt.timedelta(minutes=7 * n) for n in numbers],
            "course": [f"c{n % 3}" for n in numbers],
        }
    )


@pytest.fixture
def place(tmp_path):
    """Give a directory of two files with five row groups."""
    folder = tmp_path / "years"
    (folder / "2026").mkdir(parents=True)
    pq.write_table(rows(0, 1_500), folder / "2026" / "a.parquet", row_group_size=500)
    pq.write_table(rows(1_500, 2_300), folder / "b.parquet", row_group_size=400)
    return folder


def answered(reached):
    with Client(reached.urls, reached.key) as client:
        said = client.status()
        while said["vector"] != said["held"]:  # what is durable is folded a moment later
            said = client.status()
        found = client.query({"question": "retention", "interval": "day"}).answer
    return json.loads(json.dumps({k: v for k, v in found.items() if k not in ("source", "notes")}))


def expected(*paths):
    found = hr.read(*paths).retention(interval="day").to_json()
    return json.loads(json.dumps({k: v for k, v in found.items() if k not in ("source", "notes")}))


def test_all_events_are_there_once_and_progress_is_told(place, reached, tmp_path):
    told = []
    how = Backfill(journal=tmp_path / "journal", progress=lambda *now: told.append(now))
    done = backfill(str(place), reached, how)
    assert (done.row_groups, done.before, done.sent.accepted) == (5, 0, 2_300)
    assert done.is_whole
    assert len(told) == 5
    assert told[-1][0] == told[-1][1] > 0
    assert answered(reached) == expected(place)
    again = backfill(str(place), reached, how)
    assert (again.before, again.sent.batches) == (5, 0)
    without = backfill(str(place), reached, Backfill())
    assert without.sent.repeats == without.sent.batches == 5
    assert answered(reached) == expected(place)


def test_a_run_that_was_broken_off_goes_on(place, reached, tmp_path, monkeypatch):
    send, count = backfilling._send, []

    def breaks(*given):
        count.append(given)
        if len(count) == 3:
            raise SourceError("the disk is gone")
        return send(*given)

    how = Backfill(journal=tmp_path / "journal", workers=1)
    monkeypatch.setattr(backfilling, "_send", breaks)
    with pytest.raises(SourceError, match="the disk is gone"):
        backfill(str(place), reached, how)
    with how.journal.open("ab") as file:
        file.write(b'{"file":"b.parq')  # a line that a crash has cut off
    done = backfill(str(place), reached, how)
    assert (done.before, done.sent.accepted) == (2, 1_300)
    assert done.sent.repeats == 0
    assert answered(reached) == expected(place)


def test_a_file_that_was_replaced_is_sent_again(place, reached, tmp_path):
    how = Backfill(journal=tmp_path / "journal")
    backfill(str(place), reached, how)
    pq.write_table(rows(1_500, 2_400), place / "b.parquet", row_group_size=400)
    done = backfill(str(place), reached, how)
    assert (done.row_groups, done.before) == (6, 3)
    assert done.sent.repeats == 2, "two row groups have the same events as before"
    assert answered(reached) == expected(place)


def test_rows_that_are_no_events_are_told_with_their_row_group(reached, tmp_path):
    table = rows(0, 10).to_pydict()
    table["verb"][3] = table["verb"][7] = ""
    (tmp_path / "one").mkdir()
    pq.write_table(pa.table(table), tmp_path / "one" / "a.parquet", row_group_size=5)
    done = backfill(str(tmp_path / "one"), reached, Backfill(rejects=tmp_path / "rejects"))
    assert not done.is_whole
    lines = [json.loads(line) for line in (tmp_path / "rejects").read_text().splitlines()]
    assert sorted((one["source"], one["line"]) for one in lines) == [
        ("a.parquet#0", 4),
        ("a.parquet#1", 3),
    ]


def test_a_journal_is_of_one_place_and_one_node(place, reached, tmp_path):
    journal = tmp_path / "journal"
    backfill(str(place), reached, Backfill(journal=journal))
    with pytest.raises(SourceError, match="another backfill"):
        backfill(str(place / "2026"), reached, Backfill(journal=journal))
    journal.write_text("account,verb\n")
    with pytest.raises(SourceError, match="no journal of a backfill"):
        backfill(str(place), reached, Backfill(journal=journal))
    assert journal.read_text() == "account,verb\n"


def test_a_bucket_is_read_as_a_directory_is(place, reached, object_server, monkeypatch):
    for name, value in object_server.environment.items():
        monkeypatch.setenv(name, value)
    bucket = object_server.bucket()
    objects = open_objects(bucket, object_server.environment)
    for path in place.rglob("*.parquet"):
        objects.replace(path.relative_to(place).as_posix(), path.read_bytes())
    done = backfill(bucket, reached)
    assert (done.row_groups, done.sent.accepted) == (5, 2_300)
    assert answered(reached) == expected(place)


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_tasks_of_ray_do_it_too(place, reached, tmp_path):
    with ray_ends():
        done = backfill(str(place), reached, Backfill(ray="", journal=tmp_path / "journal"))
    assert (done.row_groups, done.sent.accepted) == (5, 2_300)
    assert answered(reached) == expected(place)


def test_the_command_says_what_became_of_them(place, served, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOMEROOM_KEY", served.everything)
    assert main(["backfill", served.url, str(place)]) == status.CLEAN
    assert capsys.readouterr().out == "Sent 2,300 events of 5 row groups.\n"
    assert main(["backfill", served.url, str(place), "--json", "-"]) == status.CLEAN
    out = capsys.readouterr()
    assert json.loads(out.out)["before"] == 5
    assert "5 row groups had been sent before, and count once." in out.err


def test_a_place_without_rows_is_refused(tmp_path):
    with pytest.raises(SourceError, match="no Parquet file"):
        find_row_groups(str(tmp_path), {})
    with pytest.raises(SourceError, match="is no directory"):
        find_row_groups(str(tmp_path / "nowhere"), {})
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match=r"a.parquet of .* cannot be read"):
        find_row_groups(str(tmp_path), {})
