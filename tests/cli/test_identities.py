"""``homeroom identities``: which accounts are one learner, what it says of it, and what it refuses."""

import json
from pathlib import Path

import pytest

from homeroom.cli import main, status
from tests.adapters.loads import events, files_of, load
from tests.cohorts.engine import hr, key_file

KEY = ("--key", key_file())
HEAD = "issuer,account,other_issuer,other_account\n"


@pytest.fixture
def place(tmp_path) -> str:
    load(tmp_path / "data", events(30))
    return str(tmp_path / "data")


@pytest.fixture
def same(tmp_path) -> str:
    file = tmp_path / "same.csv"
    file.write_text(HEAD + ",learner 1,,learner 2\n,learner 2,,learner 3\n,learner 2,,learner 1\n")
    return str(file)


def test_accounts_are_merged_and_unmerged(place, same, capsys):
    before = hr.open(place).fingerprint()
    assert main(["identities", place, "--merge", same, *KEY]) == status.CLEAN
    assert capsys.readouterr().out == "2 pairs merged: 17 before, 15 learners now.\n"
    assert hr.open(place).source.learners == 15
    assert main(["identities", place, "--unmerge", same, *KEY]) == status.CLEAN
    assert capsys.readouterr().out == "2 pairs unmerged: 15 before, 17 learners now.\n"
    assert hr.open(place).fingerprint() == before


def test_what_had_been_merged_and_what_is_not_there_is_said(place, same, tmp_path, capsys):
    main(["identities", place, "--merge", same, *KEY])
    more = tmp_path / "more.csv"
    more.write_text(HEAD + ",learner 1,,learner 2\n,learner 9,lms,new\n,learner 8,lms,newer\n")
    capsys.readouterr()
    assert main(["identities", place, "--merge", str(more), *KEY]) == status.CLEAN
    assert capsys.readouterr().out.splitlines() == [
        "3 pairs merged: 15 before, 15 learners now.",
        "1 pair had been merged before.",
        "2 accounts are not in the data (yet): what comes from there will be joined too.",
    ]


def test_the_document_is_what_its_schema_says(place, same, capsys, validator):
    for way, name in (("--merge", "merged"), ("--unmerge", "unmerged")):
        assert main(["identities", place, way, same, *KEY, "--json", "-"]) == status.CLEAN
        document = json.loads(capsys.readouterr().out)
        validator(document, "identities.json")
        assert document[name]["pairs"] == 2
        assert document["fingerprint"] == hr.open(place).fingerprint()


def test_pseudonyms_need_no_key(place, tmp_path, capsys):
    everybody = {"cohort": {"all": {"did": "any"}}}
    one, other = hr.open(place).members(definitions=everybody, cohort="all").members[:2]
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"pseudonym,other\n{one},{other.upper()}\n")
    assert main(["identities", place, "--merge", str(pairs)]) == status.CLEAN
    assert capsys.readouterr().out == "1 pair merged: 17 before, 16 learners now.\n"


WRONG = {
    "pair 1: 'ana' is no pseudonym": "pseudonym,other\nana,ben\n",
    "pair 2 is twice the same learner": f"{HEAD},a,,b\n,c,,c\n",
    "pair 1: an account is empty": f"{HEAD},a,lms,\n",
    "holds no pairs; its first line must name": "learner,other\na,b\n",
}


@pytest.mark.parametrize("said", WRONG)
def test_what_is_no_pair_is_refused_with_the_file_and_the_pair(place, tmp_path, capsys, said):
    file = tmp_path / "wrong.csv"
    file.write_text(WRONG[said])
    before = files_of(Path(place))
    assert main(["identities", place, "--merge", str(file), *KEY]) == status.FAILED
    error = capsys.readouterr().err
    assert said in error
    assert str(file) in error
    assert files_of(Path(place)) == before


def test_a_pair_that_was_not_merged_is_not_unmerged(place, same, tmp_path, capsys):
    main(["identities", place, "--merge", same, *KEY])
    before, around = files_of(Path(place)), tmp_path / "around.csv"
    around.write_text(HEAD + ",learner 1,,learner 2\n,learner 1,,learner 3\n")
    assert main(["identities", place, "--unmerge", str(around), *KEY]) == status.FAILED
    error = capsys.readouterr().err
    assert "were not merged with each other; they are one learner through" in error
    assert files_of(Path(place)) == before


def test_one_thing_is_done_at_a_time(place, same, capsys):
    for flags in ((), ("--merge", same, "--unmerge", same)):
        assert main(["identities", place, *flags]) == status.FAILED
        assert "give --merge FILE or --unmerge FILE, one of them" in capsys.readouterr().err
