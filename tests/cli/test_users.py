"""``homeroom users``: who may sign in is stated, and no password stands anywhere."""

import io

import pytest

from homeroom.adapters.passwords import is_password
from homeroom.cli import main, status
from homeroom.running.stating import control_of_directory
from tests.running.nodes import now_ms

WORDS = "four words nobody guesses"


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "data")


@pytest.fixture
def said(monkeypatch, capsys):
    def run(*words, typed=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main(["users", *words])
        return code, capsys.readouterr()

    return run


def users(place):
    return control_of_directory(place, now_ms).users


def test_a_user_is_stated_with_scopes_and_limits_and_the_password_is_in_no_file(
    place, said, tmp_path
):
    code, out = said(
        "create", "ada", "--scopes", "read,labels", "--courses", "c 1", "--data", place,
        typed=WORDS + "\n",
    )  # fmt: skip
    assert (code, out.out) == (status.CLEAN, "")
    ada = users(tmp_path / "data")["ada"]
    assert is_password(ada.password, WORDS)
    assert (set(ada.scopes), ada.courses) == ({"read", "labels"}, ("c 1",))
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and WORDS.encode() in p.read_bytes()]
    listed = said("list", "--data", place)[1].out.splitlines()[1].split("\t")
    assert listed[:4] == ["ada", "main", "labels,read", "courses=c 1"]


def test_another_password_keeps_the_scopes_and_a_removed_user_is_none(place, said, tmp_path):
    said("create", "ada", "--scopes", "read", "--data", place, typed=WORDS)
    assert said("password", "ada", "--data", place, typed="other words entirely\r\n")[0] == 0
    ada = users(tmp_path / "data")["ada"]
    assert is_password(ada.password, "other words entirely")
    assert set(ada.scopes) == {"read"}
    assert said("remove", "ada", "--data", place)[0] == status.CLEAN
    assert not users(tmp_path / "data")
    assert "there is no user" in said("password", "ada", "--data", place, typed=WORDS)[1].err


def test_a_short_password_a_wrong_scope_and_limits_that_name_nothing_are_refused(place, said):
    create = ("create", "ada", "--data", place, "--scopes")
    assert "must have from" in said(*create, "read", typed="short")[1].err
    assert "--scopes" in said(*create, "all", typed=WORDS)[1].err
    assert "names nothing" in said(*create, "read", "--courses", " ", typed=WORDS)[1].err
