"""Each command on small real files, as a shell runs it."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from homeroom.cli import main, status

VISITS = {
    "ana": ["01-01", "01-02", "01-09", "01-16", "01-24"],
    "ben": ["01-03", "01-17"],
    "cleo": ["01-10", "01-11", "01-25"],
    "dan": ["01-18"],
}
"""Who was active when in 2024; 1 January was a Monday."""
SIZES = [2, 1, 1, 0]
COUNTS = [[2, 1, 2, 1], [1, 0, 1], [1, 0], [0]]
EVENTS = sum(len(days) for days in VISITS.values())


def lines() -> list[str]:
    rows = [(day, who) for who, days in VISITS.items() for day in days]
    return [
        f"{who},2024-{day}T12:00:00Z,visited,page,{'math' if who < 'c' else 'art'}"
        for day, who in sorted(rows)
    ]


HEAD = "account,time,verb,activity,course"


@pytest.fixture
def log(tmp_path: Path) -> str:
    """Return the name of a table of events."""
    path = tmp_path / "log.csv"
    path.write_text("\n".join([HEAD, *lines()]) + "\n")
    return str(path)


@pytest.fixture
def bad_log(tmp_path: Path) -> str:
    """Return the name of the same table with two lines that are no events."""
    path = tmp_path / "bad.csv"
    path.write_text(
        "\n".join(
            [
                HEAD,
                *lines(),
                "eve,2024-01-05T12:00:00,visited,page,art",
                "eve,never,visited,page,art",
            ]
        )
    )
    return str(path)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a place of its own for keys, rejects and what else is made."""
    place = tmp_path / "home"
    place.mkdir()
    monkeypatch.setenv("HOME", str(place))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(place)
    return place


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    """Run a command in this process and return the JSON that it wrote."""
    assert main([*arguments, "--json", "-"]) == status.CLEAN
    return json.loads(capsys.readouterr().out)


def test_retention_from_the_shell_is_one_document_on_standard_output(log, validator):
    done = subprocess.run(
        [sys.executable, "-m", "homeroom", "query", "retention", log, "--interval", "week", "--json", "-"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    validator(answer, "retention.json")
    assert answer["periods"] == ["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22"]
    assert (answer["sizes"], answer["counts"]) == (SIZES, COUNTS)
    assert answer["source"]["events_read"] == answer["source"]["events_accepted"] == EVENTS


def test_standard_input_is_read(log, capsys, monkeypatch):
    with Path(log).open(encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)

        assert asked(capsys, "query", "retention", "-")["counts"] == COUNTS


@pytest.mark.parametrize("kind", ["retention", "lifecycle", "stickiness", "active"])
def test_every_kind_answers_for_a_machine_and_for_a_person(kind, log, capsys, validator):
    validator(asked(capsys, "query", kind, log), f"{kind}.json")

    assert main(["query", kind, log]) == status.CLEAN
    shown = capsys.readouterr()
    assert "11 events of 4 learners" in shown.out
    assert shown.err == ""


def test_flags_reach_the_answer(log, capsys):
    answer = asked(capsys, "query", "retention", log, "--mode", "recurring", "--match", "on-or-after", "--filter",
                   "course=math", "--from", "2024-01-08", "--timezone", "Europe/Berlin")  # fmt: skip

    assert (answer["mode"], answer["match"], answer["timezone"]) == (
        "recurring",
        "on-or-after",
        "Europe/Berlin",
    )
    assert answer["periods"][0] == "2024-01-08"
    assert answer["sizes"] == [1, 2, 1]


def test_a_question_file_gives_several_answers(log, tmp_path, capsys, validator):
    file = tmp_path / "questions.toml"
    file.write_text(
        '[[question]]\nquestion = "retention"\n[[question]]\nquestion = "lifecycle"\ninterval = "month"\n'
    )

    document = asked(capsys, "query", "all", log, "--question", str(file))

    validator(document, "answers.json")
    assert [answer["question"]["question"] for answer in document["answers"]] == [
        "retention",
        "lifecycle",
    ]


def test_a_breakdown_answers_for_each_value(log, capsys, validator):
    answer = asked(capsys, "query", "retention", log, "--breakdown", "course")

    validator(answer, "retention.json")
    assert {part["value"] for part in answer["breakdown"]} == {"math", "art"}
    assert main(["query", "retention", log, "--breakdown", "course"]) == 0
    assert "math" in capsys.readouterr().out


def test_tables_are_written_and_the_answer_is_shown(log, tmp_path, capsys):
    table = tmp_path / "answer.parquet"

    assert (
        main(
            [
                "query",
                "lifecycle",
                log,
                "--parquet",
                str(table),
                "--csv",
                str(tmp_path / "answer.csv"),
            ]
        )
        == 0
    )

    assert pq.read_table(table)["period"].to_pylist()[0] == "2024-01-01"
    assert (tmp_path / "answer.csv").read_text().startswith("period,new,")
    assert "Learner lifecycle by week" in capsys.readouterr().out


def test_csv_takes_standard_output(log, capfdbinary):
    assert main(["query", "retention", log, "--csv", "-"]) == 0

    written = capfdbinary.readouterr().out.decode()
    assert written.splitlines()[0] == "period,since,size,count,rate,rate_low,rate_high,complete"
    assert len(written.splitlines()) == 1 + sum(len(row) for row in COUNTS)


def test_rejects_are_counted_shown_and_written_down_and_stop_nothing(bad_log, tmp_path, capsys):
    rejects = tmp_path / "rejects.ndjson"

    assert (
        main(["query", "retention", bad_log, "--rejects", str(rejects), "--json", "-"])
        == status.REJECTS_MET
    )

    shown = capsys.readouterr()
    answer = json.loads(shown.out)
    assert answer["counts"] == COUNTS
    assert answer["source"]["events_rejected"] == 2
    assert sum(answer["source"]["rejected_by_reason"].values()) == 2
    assert "2 of 13 events were rejected" in shown.err
    assert [json.loads(line)["line"] for line in rejects.read_text().splitlines()] == [13, 14]


def test_strict_fails_before_anything_is_written(bad_log, tmp_path, capsys):
    answer = tmp_path / "answer.json"

    names = tmp_path / "names.csv"
    words = [
        "query",
        "retention",
        bad_log,
        "--strict",
        "--json",
        str(answer),
        "--names",
        str(names),
    ]
    assert main(words) == status.STRICT
    assert not names.exists()

    shown = capsys.readouterr()
    assert shown.out == ""
    assert "--strict: 2 of 13 events were rejected" in shown.err
    assert not answer.exists()


def test_strict_passes_what_is_clean(log, capsys):
    assert main(["query", "retention", log, "--strict", "--json", "-"]) == status.CLEAN
    assert json.loads(capsys.readouterr().out)["counts"] == COUNTS


def test_a_file_that_is_not_there_is_one_line(capsys):
    assert main(["query", "retention", "nowhere.csv"]) == status.FAILED

    shown = capsys.readouterr()
    assert shown.err.startswith("homeroom: ")
    assert "nowhere.csv" in shown.err
    assert shown.err.count("\n") == 1


def test_analyze_shows_everything_and_writes_a_page_and_json(log, tmp_path, capsys, validator):
    page, document = tmp_path / "report.html", tmp_path / "report.json"

    assert main(["analyze", log, "--html", str(page), "--json", str(document)]) == status.CLEAN

    shown = capsys.readouterr().out
    for title in (
        "Retention by week",
        "Learner lifecycle by week",
        "Stickiness",
        "Active learners",
    ):
        assert title in shown
    assert f"The page is {page}" in shown
    assert page.read_text().startswith("<!doctype html>") or page.read_text().startswith(
        "<!DOCTYPE html>"
    )
    analysis = json.loads(document.read_text())
    validator(analysis, "analyze.json")
    assert analysis["retention"]["counts"] == COUNTS


def test_analyze_for_a_machine_writes_nothing_else(bad_log, capsys, validator):
    assert main(["analyze", bad_log, "--json", "-"]) == status.REJECTS_MET

    shown = capsys.readouterr()
    validator(json.loads(shown.out), "analyze.json")
    assert "2 of 13 events were rejected" in shown.err


def test_analyze_shows_the_reasons_of_rejects(bad_log, capsys):
    assert main(["analyze", bad_log]) == status.REJECTS_MET
    assert "time_without_zone" in capsys.readouterr().out


def test_an_empty_file_is_analysed_too(tmp_path, capsys):
    empty = tmp_path / "empty.csv"
    empty.write_text(HEAD + "\n")

    assert main(["analyze", str(empty)]) == status.CLEAN
    assert "0 events of 0 learners" in capsys.readouterr().out


def test_load_adds_to_a_directory_that_query_answers_from(log, tmp_path, capsys, validator):
    directory, more = str(tmp_path / "data"), tmp_path / "more.csv.gz"
    new = "eve,2024-01-05T12:00:00Z,visited,page,art"
    more.write_bytes(gzip.compress("\n".join([HEAD, *lines()[:3], new]).encode()))

    first = asked(capsys, "load", directory, log)
    second = asked(capsys, "load", directory, str(more))
    answer = asked(capsys, "query", "retention", "--data", directory)

    validator(first, "load.json")
    validator(second, "load.json")
    assert second["source"]["events_duplicate"] == 3
    assert answer["sizes"] == [3, *SIZES[1:]]
    assert first["fingerprint"] != second["fingerprint"]


def test_a_strict_load_leaves_the_directory_as_it_was(log, bad_log, tmp_path, capsys):
    directory = str(tmp_path / "data")
    before = asked(capsys, "load", directory, log)

    assert main(["load", directory, bad_log, "--strict"]) == status.STRICT

    capsys.readouterr()
    assert asked(capsys, "query", "retention", "--data", directory)["counts"] == COUNTS
    assert asked(capsys, "load", directory, log)["fingerprint"] == before["fingerprint"]


def test_load_tells_a_person_how_to_ask(log, tmp_path, capsys):
    directory = str(tmp_path / "data")

    assert main(["load", directory, log]) == status.CLEAN
    assert f"homeroom query retention --data {directory}" in capsys.readouterr().out.replace(
        "\n", ""
    )


def test_what_an_earlier_load_rejected_is_in_the_answer_and_not_in_the_status(
    bad_log, tmp_path, capsys
):
    directory = str(tmp_path / "data")
    assert main(["load", directory, bad_log]) == status.REJECTS_MET
    capsys.readouterr()

    assert main(["query", "retention", "--data", directory, "--json", "-"]) == status.CLEAN

    shown = capsys.readouterr()
    assert shown.err == ""
    assert json.loads(shown.out)["source"]["events_rejected"] == 2


COHORTS = """
[cohort.weekly]
did = "any"
at_least = 3
unit = "days"

[cohort.asked]
list = "asked"

[list.asked]
file = "asked.csv"
"""


@pytest.fixture
def cohorts(tmp_path: Path) -> str:
    """Return the name of a file of definitions, of which one is a list of accounts."""
    (tmp_path / "asked.csv").write_text("account\nben\nana\neve\n")
    path = tmp_path / "cohorts.toml"
    path.write_text(COHORTS)
    return str(path)


def test_members_of_a_list_of_accounts_have_names_only_where_asked(log, cohorts, capsys, home):
    ask = ("query", "members", log, "--definitions", cohorts, "--cohort", "asked")
    bare = asked(capsys, *ask)
    named = asked(capsys, *ask, "--names", "names.csv")

    assert bare["size"] == 2
    assert "names" not in bare
    assert not any(word in json.dumps(bare) for word in ("ana", "ben"))
    assert bare["notes"] == ["1 of 3 on the list asked are not in the data"]
    assert sorted(account for _, account in named["names"].values()) == ["ana", "ben"]


def test_members_of_a_loaded_directory_have_the_names_that_a_load_wrote(
    log, cohorts, capsys, tmp_path
):
    place, names = str(tmp_path / "data"), str(tmp_path / "names.parquet")
    assert main(["load", place, log, "--names", names]) == status.CLEAN
    capsys.readouterr()
    ask = ("query", "members", "--data", place, "--definitions", cohorts, "--cohort", "asked")

    found = asked(capsys, *ask, "--names", names)
    assert sorted(account for _, account in found["names"].values()) == ["ana", "ben"]
    assert main([*ask, "--csv", "-"]) == status.CLEAN
    assert capsys.readouterr().out.replace('"', "").split() == ["learner", *found["members"]]


def test_a_question_file_names_definitions_beside_it(log, cohorts, capsys, tmp_path):
    (tmp_path / "questions.toml").write_text(
        """
[[question]]
question = "cohort"
definitions = "cohorts.toml"
cohort = "weekly"
changed = ["2024-01-10", "2024-01-25"]

[[question]]
question = "overlap"
definitions = "cohorts.toml"

[[question]]
question = "stickiness"
definitions = "cohorts.toml"
compare = ["weekly", "asked"]
"""
    )
    found = asked(capsys, "query", "all", log, "--question", str(tmp_path / "questions.toml"))
    size, overlap, stickiness = found["answers"]

    assert size["sizes"] == [0, 1, 1, 2]
    assert len(size["change"]["entered"]) == 1
    assert overlap["shared"] == [[2, 1], [1, 2]]
    assert [part["value"] for part in stickiness["compare"]] == ["weekly", "asked"]


@pytest.mark.parametrize("kind", ["members", "cohort", "overlap", "learner"])
def test_answers_about_cohorts_are_what_their_schemas_say_and_are_shown(
    kind, log, cohorts, capsys, validator
):
    flags = {
        "members": ("--cohort", "weekly", "--names", "names.csv"),
        "cohort": ("--cohort", "weekly", "--changed", "2024-01-01,2024-01-25"),
        "overlap": ("--cohorts", "weekly,asked", "--suppress-below", "2"),
        "learner": (),
    }[kind]
    if kind == "learner":
        listed = ("query", "members", log, "--definitions", cohorts, "--cohort", "weekly")
        flags = ("--learner", asked(capsys, *listed)["members"][0])
    ask = ("query", kind, log, "--definitions", cohorts, *flags)

    validator(asked(capsys, *ask), f"{kind}.json")
    assert main([*ask]) == status.CLEAN
    assert "ohort" in capsys.readouterr().out


def test_a_question_is_explained_from_columns_and_from_history(log, cohorts, capsys, validator):
    columns = asked(capsys, "explain", "retention", log)
    history = asked(
        capsys, "explain", "lifecycle", log, "--filter", "verb=visited", "--definitions", cohorts,
        "--cohort", "asked",
    )  # fmt: skip

    validator(columns, "explain.json")
    validator(history, "explain.json")
    assert columns["answered_from"] == "columns"
    assert [one["column"] for one in columns["columns"]] == ["days of any"]
    assert columns["history"] == []
    assert history["answered_from"] == "history"
    assert {one["column"]: one["values"] for one in history["history"]} == {
        "time_ms": EVENTS,
        "verb": EVENTS,
    }
    assert history["cohorts"] == [
        {"name": "asked", "definition": "Learners who are on the list asked."}
    ]


def test_an_explanation_is_shown_and_has_no_table(log, capsys):
    assert main(["explain", "stickiness", log]) == status.CLEAN
    shown = capsys.readouterr().out
    assert "How many learners were active in exactly 1, 2, 3 … days of the range." in shown
    assert f"history: none of {EVENTS} events" in shown
    assert main(["explain", "stickiness", log, "--csv", "x.csv"]) == status.FAILED
    assert "an explanation has no table" in capsys.readouterr().err
