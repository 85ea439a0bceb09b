"""The commands for the rights of persons: a copy, consent, purposes, requests, the report, where data are taken."""

import json
import zipfile

import pytest

from homeroom.cli import main
from tests.running.nodes import batch, event, on

ADA = "issuer,account\n,a3\n"


@pytest.fixture
def place(tmp_path):
    """Give a directory that a node has written, and a file that names one learner."""

    async def send(node):
        await node.offer("main", "lms", batch(None, *(event(number) for number in range(14))))

    data = tmp_path / "data"
    on(data, send)
    (tmp_path / "ada.csv").write_text(ADA)
    return data


def ran(capsys, *words, status=0):
    """Run a command in this process and return what it said."""
    assert main([str(word) for word in words]) == status
    return capsys.readouterr().out


def test_a_copy_is_written_once_for_one_person_and_for_their_eyes_alone(place, tmp_path, capsys):
    out = tmp_path / "ada.zip"
    ran(capsys, "access", "--file", tmp_path / "ada.csv", "--data", place, "--out", out)
    with zipfile.ZipFile(out) as files:
        assert len(json.loads(files.read("events.json"))) == 2
    assert out.stat().st_mode & 0o077 == 0
    audit = (place / "audit.ndjson").read_text()
    assert '"what":"person.access"' in audit
    assert '"a3"' not in audit
    (tmp_path / "two.csv").write_text("issuer,account\n,a3\n,a4\n")
    ran(capsys, "access", "--file", tmp_path / "two.csv", "--data", place, "--out", out, status=2)
    ran(capsys, "access", "--data", place, "--out", out, status=2)


def test_what_a_person_says_is_stated_and_shown(place, tmp_path, capsys):
    whose = ("--file", tmp_path / "ada.csv", "--data", place)
    said = json.loads(ran(capsys, "consent", *whose, "--restrict", "--json", "-"))
    assert said["withheld"] is True
    assert "kept, and in no answer" in ran(capsys, "consent", said["learner"], "--data", place)
    ran(capsys, "consent", *whose, "--lift")
    shown = ran(capsys, "consent", *whose, "--given", "research")
    assert "research            allowed" in shown
    assert shown.count("superseded") == 1
    ran(capsys, "consent", *whose, "--given", "research", "--lift", status=2)


def test_events_are_put_right(place, tmp_path, capsys):
    whose = ("--file", tmp_path / "ada.csv", "--data", place, "--reason", "inaccurate")
    (tmp_path / "new.json").write_text('[{"verb": "watched", "time": "2024-05-01T10:00:00Z"}]')
    words = ("rectify", *whose, "--void", "e3", "--events", tmp_path / "new.json")
    assert ran(capsys, *words) == "1 event voided, 1 sent in their place\n"
    ran(capsys, "rectify", *whose, "--void", "e4", status=2)
    (tmp_path / "new.json").write_text("{}")
    ran(capsys, *words, status=2)


def test_a_directory_that_no_node_runs_on_withholds_too(place, tmp_path, capsys):
    asked = ("query", "retention", "--data", place, "--json", "-")
    before = json.loads(ran(capsys, *asked))["source"]["learners"]
    ran(capsys, "consent", "--file", tmp_path / "ada.csv", "--data", place, "--restrict")
    assert json.loads(ran(capsys, *asked))["source"]["learners"] == before - 1
    assert json.loads((place / "homeroom.json").read_text())["format"] == 5


def test_purposes_are_stated_and_shown(place, capsys):
    assert "analytics\tnothing" in ran(capsys, "purposes", "--data", place)
    stated = ran(capsys, "purposes", "analytics=consent", "ads=consent", "--data", place)
    assert stated == "analytics\tconsent\nads\tconsent\n"
    ran(capsys, "purposes", "ads=perhaps", "--data", place, status=2)


def test_requests_are_kept_until_they_are_closed_and_the_report_has_the_open_ones(place, capsys):
    line = ran(capsys, "requests", "add", "access", "--received", "2024-01-31", "--data", place)
    name = line.splitlines()[1].split("\t")[0]
    assert line.splitlines()[1] == f"{name}\taccess\t2024-01-31\t2024-02-29\topen, overdue"
    report = json.loads(ran(capsys, "compliance", "report", "--data", place, "--json", "-"))
    assert [one["id"] for one in report["requests"]] == [name]
    words = ran(capsys, "compliance", "report", "--data", place)
    assert "pseudonymised" in words
    assert "due 2024-02-29, overdue" in words
    assert "2024-04-30" in ran(capsys, "requests", "extend", name, "--data", place)
    assert "done" in ran(capsys, "requests", "close", name, "done", "--data", place)
    assert ran(capsys, "requests", "list", "--data", place).count("\n") == 2


def test_a_tenant_is_pinned_and_opened(place, capsys):
    ran(capsys, "tenant", "pin", "main", "--region", "eu-west", "--data", place)
    assert ran(capsys, "tenant", "list", "--data", place) == "main\tpinned to eu-west\n"
    ran(capsys, "tenant", "open", "main", "--data", place)
    assert ran(capsys, "tenant", "list", "--data", place) == "main\topen\n"
    ran(capsys, "tenant", "pin", "main", "--data", place, status=2)
    ran(capsys, "tenant", "open", "nobody", "--data", place, status=2)


def test_a_tenant_is_added_with_events_that_stay_and_keeps_them_so(place, capsys):
    ran(capsys, "tenant", "add", "acme", "--jurisdiction", "eu", "--pin-events", "--data", place)
    shown = "acme\tpinned to jurisdiction eu, with its events\nmain\topen\n"
    assert ran(capsys, "tenant", "list", "--data", place) == shown
    ran(capsys, "tenant", "open", "acme", "--data", place, status=2)
    ran(capsys, "tenant", "pin", "acme", "--jurisdiction", "us", "--data", place, status=2)
    ran(capsys, "tenant", "add", "acme", "--data", place, status=2)
    ran(capsys, "tenant", "add", "late", "--pin-events", "--data", place, status=2)
    assert ran(capsys, "tenant", "list", "--data", place) == shown


def test_where_learners_live_is_refused_where_nothing_could_go_there(place, capsys):
    ran(capsys, "tenant", "homes", "main", "--default", "eu", "--data", place, status=2)
    assert ran(capsys, "tenant", "homes", "main", "--data", place) == "nobody\n"
    ran(capsys, "tenant", "homes", "other", "--data", place, status=2)
    ran(capsys, "tenant", "homes", "main", "--issuer", "eu", "--data", place, status=2)
    words = ("--nobody", "--default", "eu", "--data", place)
    ran(capsys, "tenant", "homes", "main", *words, status=2)
