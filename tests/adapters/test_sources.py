"""What is read of what a person names, and what must never be written over."""

import os

import pytest

import homeroom as hr
from homeroom.adapters.sources import find_sources, refuse_overwriting
from homeroom.errors import SourceError

EVENTS = "account,time,verb\njane,2024-03-01T10:00:00Z,played\n"


@pytest.fixture
def logs(tmp_path):
    place = tmp_path / "logs"
    (place / "below").mkdir(parents=True)
    (place / "a.csv").write_text(EVENTS)
    (place / "below" / "b.csv").write_text(EVENTS)
    return place


def names(*inputs):
    return [source.path.name for source in find_sources([os.fspath(one) for one in inputs])]


def test_links_to_folders_are_followed_and_each_folder_is_read_once(logs, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "c.csv").write_text(EVENTS)
    (logs / "below" / "up").symlink_to(logs)
    (logs / "linked").symlink_to(other)
    assert names(logs) == ["a.csv", "b.csv", "c.csv"]
    assert sorted(names(logs / "**")) == ["a.csv", "b.csv", "c.csv"]


def test_a_data_directory_among_the_files_is_passed_over_and_that_is_said(logs):
    hr.load(logs / "school", logs)
    assert names(logs / "**" / "*.csv") == ["a.csv", "b.csv"]
    for data in (hr.read(logs), hr.read(logs / "*"), hr.load(logs / "school", logs)):
        assert data.source.events_rejected == 0
        assert any("school is a data directory" in note for note in data.source.notes)
    with pytest.raises(SourceError, match="ask it with --data"):
        hr.read(logs / "school")


def test_a_folder_that_may_not_be_listed_is_one_reject(logs, monkeypatch):
    listed = os.scandir

    def scandir(path):
        if os.fspath(path).endswith("below"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    data = hr.read(logs)
    assert (data.source.events_accepted, data.source.rejected_by_reason) == (1, {"unreadable": 1})


@pytest.mark.parametrize("output", ["a.csv", "linked.csv", "hard.csv"])
def test_nothing_is_written_over_what_is_read(logs, output):
    (logs / "linked.csv").symlink_to(logs / "a.csv")
    (logs / "hard.csv").hardlink_to(logs / "a.csv")
    with pytest.raises(SourceError, match="--json would write over"):
        refuse_overwriting([logs], {"--json": logs / output})
    with pytest.raises(SourceError, match="rejects would write over"):
        hr.read(logs / "a.csv", rejects=logs / output)


def test_no_two_outputs_are_one_file(tmp_path):
    with pytest.raises(SourceError, match=r"--csv and --json both name"):
        refuse_overwriting([], {"--json": tmp_path / "x", "--csv": tmp_path / "y" / ".." / "x"})
    refuse_overwriting(
        [], {"--json": "/dev/null", "--csv": "/dev/null", "--html": None, "--names": "-"}
    )
