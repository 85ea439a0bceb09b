"""``homeroom send`` and ``homeroom tail``: files to a node, and the changes that follow from them."""

import json
import subprocess
import sys

import pytest

from homeroom.cli import main, status
from homeroom.client import Client, Freshness
from tests.client.served import Served

EVENT = {"account": "ada", "verb": "read", "time": "2026-11-23T10:00:00Z", "course": "physics"}
# A process takes seconds to import what a node is made of.
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    one = Served(tmp_path_factory.mktemp("node") / "data")
    one.key_file = one.folder.parent / "key"
    one.key_file.write_text(one.key("read", "write", "admin", "persons") + "\n")
    one.start()
    yield one
    one.stop()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOMEROOM_KEY", raising=False)
    return tmp_path


def lines(path, *events):
    path.write_text("".join(json.dumps({**EVENT, **one}) + "\n" for one in events))
    return str(path)


def refused(capsys, *words):
    """Return what a command says that could not be done."""
    assert main(list(words)) == status.FAILED
    out, err = capsys.readouterr()
    assert not out
    return err


# --- without a node --------------------------------------------------------------------------------------------------


def test_without_a_key_nothing_is_sent(here, capsys):
    assert "there is no key" in refused(capsys, "send", "http://127.0.0.1:1", "log.ndjson")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "holds no key"),
        (b"\xff\xfe", "holds no key"),
        (b"hr_secret hr_secret", "holds what no key can"),
    ],
)
def test_a_key_file_that_holds_no_key_is_refused_and_not_shown(here, capsys, content, said):
    if content is not None:
        (here / "key").write_bytes(content)
    err = refused(capsys, "tail", "http://127.0.0.1:1", "--key-file", "key")
    assert said in err
    assert "secret" not in err


def test_an_address_that_is_none_is_refused(here, capsys, monkeypatch):
    monkeypatch.setenv("HOMEROOM_KEY", "hr_key")
    assert "must be like https://" in refused(capsys, "tail", "node")


def test_a_node_that_is_not_there_is_an_error_after_the_patience(here, capsys, monkeypatch):
    monkeypatch.setenv("HOMEROOM_KEY", "hr_key")
    path = lines(here / "log.ndjson", {})
    err = refused(capsys, "send", "http://127.0.0.1:1", path, "--patience", "1")
    assert "no connection" in err
    assert "no time left of 1 s" in err


def test_a_file_that_is_not_there_is_an_error(here, capsys, monkeypatch):
    monkeypatch.setenv("HOMEROOM_KEY", "hr_key")
    assert "nothing.csv" in refused(capsys, "send", "http://127.0.0.1:1", "nothing.csv")


def known(client, cohort, course):
    """Define a cohort, and return when its members are known: those that it begins with are not told."""
    client.put_cohort(cohort, {"did": f"course={course}"})
    told = client.follow(cohort)
    next(one for one in told if isinstance(one, Freshness) and one.holds(client.token))
    told.close()


# --- with one --------------------------------------------------------------------------------------------------------


@slow
def test_files_are_sent_once_however_often(served, here, capsys):
    path = lines(here / "log.ndjson", {"account": "bea"}, {"account": "cleo"})
    words = ["send", served.url, path, "--key-file", str(served.key_file)]
    assert main(words) == status.CLEAN
    assert capsys.readouterr() == ("Sent 2 events in 1 batch.\n", "")
    assert main(words) == status.CLEAN
    assert "1 of the batches had been sent before" in capsys.readouterr().out


@slow
def test_what_was_refused_has_a_status_of_its_own_and_is_written_down(served, here, capsys):
    path = lines(here / "log.ndjson", {"account": "dan"}, {"time": "yesterday"})
    words = ["send", served.url, path, "--key-file", str(served.key_file), "--json", "done.json"]
    assert main(words) == status.REJECTS_MET
    assert "1 events were refused; homeroom-rejects.ndjson says why" in capsys.readouterr().out
    (reject,) = (here / "homeroom-rejects.ndjson").read_text().splitlines()
    assert (json.loads(reject)["line"], json.loads(reject)["reason"]) == (2, "time_format")
    done = json.loads((here / "done.json").read_text())
    assert (done["accepted"], done["refused"]) == (1, 1)


@slow
def test_json_has_standard_output_to_itself(served, here, capsys):
    path = lines(here / "log.ndjson", {"account": "eva"})
    words = ["send", served.url, path, "--key-file", str(served.key_file), "--json", "-"]
    assert main(words) == status.CLEAN
    out, err = capsys.readouterr()
    assert json.loads(out)["accepted"] == 1
    assert "Sent 1 event" in err


@slow
def test_tail_writes_a_line_a_change(served, here, capsys):
    served_key = served.key_file.read_text().strip()
    with Client(served.url, served_key) as client:
        known(client, "readers", "tail")
        client.send([{**EVENT, "course": "tail", "account": name} for name in ("fay", "gus")])
    words = ["tail", served.url, "--key-file", str(served.key_file), "--cohort", "readers"]
    assert main([*words, "--after", "0", "--count", "2", "--fresh"]) == status.CLEAN
    out, _ = capsys.readouterr()
    rows = [line.split("\t") for line in out.splitlines()]
    assert [(row[2], row[3]) for row in rows] == [("readers", "entered")] * 2
    assert int(rows[0][0]) < int(rows[1][0])
    assert "fay" not in out


@slow
def test_tail_goes_on_when_the_node_was_away(served, here):
    """The node stops and starts on the same port; what happened meanwhile is told after."""
    key = served.key_file.read_text().strip()
    with Client(served.url, key) as client:
        known(client, "away", "away")
        client.send([{**EVENT, "course": "away", "account": "hal"}])
        words = [served.url, "--key-file", str(served.key_file), "--cohort", "away"]
        command = [sys.executable, "-m", "homeroom", "tail", *words, "--after", "0", "--count", "2"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
            first = tail.stdout.readline()
            served.stop()
            served.start(int(served.url.rpartition(":")[2]))
            client.send([{**EVENT, "course": "away", "account": "ida"}])
            second, rest = tail.stdout.readline(), tail.stdout.read()
            assert tail.wait(60) == 0
    assert rest == ""
    assert first.split("\t")[4] != second.split("\t")[4]
    assert [one.split("\t")[3] for one in (first, second)] == ["entered", "entered"]


@slow
def test_a_second_address_takes_what_the_first_does_not(served, here, capsys):
    file = lines(here / "moved.ndjson", {"account": "moved"})
    words = ("send", f"http://127.0.0.1:1,{served.url}", file, "--key-file", str(served.key_file))
    assert main(list(words)) == status.CLEAN
    assert "Sent 1 event in 1 batch." in capsys.readouterr().out


def test_a_file_of_regions_that_is_none_is_refused(here, capsys, monkeypatch):
    monkeypatch.setenv("HOMEROOM_KEY", "hr_key")
    file = lines(here / "events.ndjson", {})
    said = refused(capsys, "send", "http://127.0.0.1:1", file, "--regions", str(here / "no.toml"))
    assert "the file of regions" in said
