"""``homeroom void``: what it takes back, what it says of it, and what it refuses."""

import json
from pathlib import Path

import pytest

from homeroom.cli import main, status
from tests.adapters.loads import events, files_of, load
from tests.cohorts.engine import hr, key_file

KEY = ("--key", key_file())


@pytest.fixture
def place(tmp_path) -> str:
    load(tmp_path / "data", events(30))
    return str(tmp_path / "data")


def test_events_are_taken_back_by_their_ids(place, capsys):
    assert main(["void", place, "1", "2", *KEY]) == status.CLEAN
    assert (
        capsys.readouterr().out == "2 events with 2 ids taken back; no answer sees them any more.\n"
    )
    assert hr.open(place).source.events_voided == 2
    assert main(["query", "active", "--data", place]) == status.CLEAN
    assert "2 events taken back; no answer sees them" in capsys.readouterr().out


def test_what_had_been_voided_and_what_is_not_there_is_said(place, capsys):
    main(["void", place, "1", *KEY])
    capsys.readouterr()
    assert main(["void", place, "1", "3", "nowhere", "nor here", *KEY]) == status.CLEAN
    assert capsys.readouterr().out.splitlines() == [
        "1 event with 4 ids taken back; no answer sees it any more.",
        "1 id had been voided before.",
        "2 ids are not in the data (yet): an event that comes with one will not count.",
    ]


def test_ids_may_stand_in_a_file_and_the_document_is_what_its_schema_says(
    place, tmp_path, capsys, validator
):
    (tmp_path / "ids.csv").write_text("id\n1\n2\n")
    ids = ("--ids", str(tmp_path / "ids.csv"))
    assert main(["void", place, "3", *ids, *KEY, "--json", "-"]) == status.CLEAN
    document = json.loads(capsys.readouterr().out)
    validator(document, "void.json")
    assert document["voided"] == {"ids": 3, "new": 3, "missing": 0, "events": 3}
    assert document["fingerprint"] == hr.open(place).fingerprint()


def test_nothing_to_take_back_is_refused(place, tmp_path, capsys):
    before = files_of(Path(place))
    assert main(["void", place, *KEY]) == status.FAILED
    assert "name an ID, or a file with --ids" in capsys.readouterr().err
    assert main(["void", place, "", *KEY]) == status.FAILED
    assert "an id is empty" in capsys.readouterr().err
    assert main(["void", place, "1"]) == status.FAILED
    assert "pseudonym.key is missing" in capsys.readouterr().err
    assert main(["void", str(tmp_path / "nowhere"), "1"]) == status.FAILED
    assert "holds nothing that was loaded" in capsys.readouterr().err
    assert files_of(Path(place)) == before
