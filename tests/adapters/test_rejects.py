"""The rejects file: private, without content, bounded, and absent when there is nothing to say."""

import json
import os
import stat

import pytest

from homeroom.adapters import rejects
from homeroom.adapters.rejects import RejectsWriter
from homeroom.errors import SourceError
from homeroom.events.model import Reason, Reject

ONE = Reject("log.json", 7, Reason.TIME_WITHOUT_ZONE, "timestamp has no zone")
OLD = b'{"source":"old.csv","line":1,"reason":"not_json","detail":"x"}\n'
TWO = Reject("log.csv", 0, Reason.NOT_EVENTS, "an image")


def test_rejects_are_lines_of_json_for_the_owner_alone(tmp_path):
    path = tmp_path / "rejects.ndjson"
    with RejectsWriter(path) as writer:
        writer.write([ONE])
        writer.write([TWO])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [
        {"source": "log.json", "line": 7, "reason": "time_without_zone", "detail": "timestamp has no zone"},
        {"source": "log.csv", "line": 0, "reason": "not_events", "detail": "an image"},
    ]  # fmt: skip
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert writer.written_to == str(path)
    assert writer.notes == ()


def test_rejects_are_counted_by_reason_the_most_frequent_first(tmp_path):
    with RejectsWriter(tmp_path / "r") as writer:
        writer.write([TWO, ONE, ONE])
    assert list(writer.by_reason.items()) == [("time_without_zone", 2), ("not_events", 1)]
    assert writer.count == 3


def test_without_rejects_there_is_no_file_not_even_an_old_one(tmp_path):
    path = tmp_path / "rejects.ndjson"
    path.write_bytes(OLD)
    with RejectsWriter(path) as writer:
        writer.write([])
    assert not path.exists()
    assert writer.written_to is None


def test_an_old_file_that_others_could_read_is_replaced(tmp_path):
    path = tmp_path / "rejects.ndjson"
    path.write_bytes(OLD)
    path.chmod(0o644)
    with RejectsWriter(path) as writer:
        writer.write([ONE])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "old.csv" not in path.read_text()


@pytest.mark.parametrize("text", ["account,time\n", "{}\n", '{"source": 1}\n', "[1]\n", "\n"])
def test_a_file_that_is_no_rejects_file_is_never_replaced(tmp_path, text):
    path = tmp_path / "precious.txt"
    path.write_text(text)
    with pytest.raises(SourceError, match="no rejects file"), RejectsWriter(path) as writer:
        writer.write([ONE])
    assert path.read_text() == text


def test_what_is_no_file_is_written_to_and_never_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDWR)
    with RejectsWriter(pipe) as writer:
        writer.write([ONE])
    assert json.loads(os.read(reading, 1_000))["line"] == 7
    with RejectsWriter(pipe):
        pass
    assert pipe.is_fifo()
    os.close(reading)


def test_beyond_the_bound_rejects_are_counted_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(rejects, "REJECT_LINES_MAX", 3)
    path = tmp_path / "r"
    with RejectsWriter(path) as writer:
        for _ in range(5):
            writer.write([ONE, TWO])
    assert len(path.read_text().splitlines()) == 3
    assert writer.count == 10
    assert writer.notes == ("the rejects file lists the first 3 of 10 rejects; all are counted",)


def test_without_a_path_rejects_are_only_counted():
    writer = RejectsWriter(None)
    writer.write([ONE])
    writer.close()
    assert (writer.count, writer.written_to, writer.notes) == (1, None, ())


def test_a_place_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    writer = RejectsWriter(tmp_path / "nowhere" / "r")
    with pytest.raises(SourceError, match="nowhere"):
        writer.write([ONE])
