"""A file is there whole or not at all, and what is no file is never replaced."""

import os
import stat
import threading
from pathlib import Path

import pytest

from homeroom.adapters.whole_files import PRIVATE, whole_file
from homeroom.errors import SourceError


def test_the_name_appears_when_all_is_written(tmp_path: Path):
    place = tmp_path / "answer.json"
    with whole_file(place) as sink:
        sink.write(b"half")
        assert not place.exists()
    assert place.read_bytes() == b"half"
    assert list(tmp_path.iterdir()) == [place]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    place = tmp_path / "answer.json"
    place.write_bytes(b"old")

    def break_off():
        with whole_file(place) as sink:
            sink.write(b"new")
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        break_off()
    assert place.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [place]


def test_a_private_file_is_readable_by_its_owner_alone(tmp_path: Path):
    place = tmp_path / "names.csv"
    with whole_file(place, PRIVATE) as sink:
        sink.write(b"x")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_a_pipe_is_written_and_not_replaced(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    with whole_file(pipe) as sink:
        sink.write(b"through")
    reader.join()
    assert got == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_is_followed(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with whole_file(tmp_path / "link") as sink:
        sink.write(b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"x"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path):
    with (
        pytest.raises(SourceError, match="cannot be written"),
        whole_file(tmp_path / "no" / "file"),
    ):
        pass
    with pytest.raises(SourceError, match="is a directory"), whole_file(tmp_path):
        pass
