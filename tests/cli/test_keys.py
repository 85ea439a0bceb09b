"""``homeroom keys``: a key is printed once and alone, and opens what it says until it ends."""

import re

import pytest

from homeroom.cli import main, status
from homeroom.running.stating import control_of_directory
from homeroom.serve.keys import find_key
from tests.running.nodes import now_ms


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "data")


def made(capsys, *words):
    assert main(["keys", *words]) == status.CLEAN
    said = capsys.readouterr()
    return said.out


def opened(place, text, later_ms=0):
    return find_key(control_of_directory(place, now_ms), text, now_ms() + later_ms)


def test_a_key_is_printed_and_nothing_else_and_opens_what_it_says(place, capsys, tmp_path):
    out = made(
        capsys, "create", "lms", "--scopes", "read,write", "--data", place, "--courses", "c 1, c2"
    )
    assert re.fullmatch(r"hr_[0-9A-Za-z]{36}\n", out)
    key = opened(tmp_path / "data", out.strip())
    assert (key.name, set(key.scopes), key.courses) == ("lms", {"read", "write"}, ("c 1", "c2"))
    assert key.expires_ms is None
    listed = made(capsys, "list", "--data", place)
    assert out.strip() not in listed
    assert "lms\t" + key.prefix in listed
    assert "courses=c 1,c2" in listed


def test_a_key_is_kept_nowhere(place, capsys, tmp_path):
    secret = (
        made(capsys, "create", "lms", "--scopes", "read", "--data", place).strip()[11:].encode()
    )
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and secret in p.read_bytes()]


def test_a_key_with_a_span_ends(place, capsys, tmp_path):
    text = made(
        capsys, "create", "lms", "--scopes", "read", "--data", place, "--expires", "12h"
    ).strip()
    assert opened(tmp_path / "data", text, 11 * 3_600_000)
    assert not opened(tmp_path / "data", text, 12 * 3_600_000)


def test_a_revoked_key_opens_nothing(place, capsys, tmp_path):
    text = made(capsys, "create", "lms", "--scopes", "read", "--data", place).strip()
    made(capsys, "revoke", "lms", "--data", place)
    assert not opened(tmp_path / "data", text)
    assert "revoked" in made(capsys, "list", "--data", place)
    assert main(["keys", "revoke", "lms", "--data", place]) == status.FAILED
    assert "opens nothing any more" in capsys.readouterr().err


def test_a_rotated_key_and_the_new_one_overlap_and_have_one_owner(place, capsys, tmp_path):
    words = ("--scopes", "read,write", "--data", place, "--organisations", "north")
    old = made(capsys, "create", "lms", *words).strip()
    new = made(capsys, "rotate", "lms", "--data", place, "--overlap", "2h").strip()
    one, other = (opened(tmp_path / "data", text, 3_600_000) for text in (old, new))
    assert (one.owner, one.scopes, one.organisations) == (
        other.owner,
        other.scopes,
        other.organisations,
    )
    assert not opened(tmp_path / "data", old, 2 * 3_600_000)
    assert opened(tmp_path / "data", new, 2 * 3_600_000)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "x", "--scopes", "all"), "--scopes is 'all'; it may hold read, aggregate"),
        (("create", "x", "--scopes", ""), "it may hold read"),
        (("create", "x", "--scopes", "read", "--expires", "soon"), "--expires is 'soon'"),
        (("create", "x", "--scopes", "read", "--tenant", "other"), "there is no tenant 'other'"),
        (("create", "a/b", "--scopes", "read"), "no '/'"),
        (("revoke", "nobody"), "the key 'nobody' is not there"),
        (("rotate", "nobody"), "the key 'nobody' is not there"),
    ],
)
def test_what_makes_no_sense_is_refused(place, capsys, words, said):
    made(capsys, "create", "lms", "--scopes", "read", "--data", place)
    assert main(["keys", *words, "--data", place]) == status.FAILED
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


@pytest.mark.parametrize("flag", ["--courses", "--organisations"])
@pytest.mark.parametrize("text", ["", ",", " , "])
def test_a_limit_that_names_nothing_makes_no_key_that_sees_all(place, capsys, flag, text):
    words = ["keys", "create", "lms", "--scopes", "read", "--data", place, flag, text]
    assert main(words) == status.FAILED
    assert f"{flag} names nothing" in capsys.readouterr().err
