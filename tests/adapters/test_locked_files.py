"""A file that is open alone is nobody else's, until it is closed."""

import os

import pytest

from homeroom.adapters.locked_files import open_alone


def test_a_file_is_one_process_s_until_it_is_closed(tmp_path):
    path = tmp_path / "log"
    first = open_alone(path, os.O_APPEND)
    with pytest.raises(BlockingIOError):
        open_alone(path)
    os.close(first)
    os.close(open_alone(path))
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_opened_is_not_said_to_be_in_use(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_alone(tmp_path / "nowhere" / "log")
