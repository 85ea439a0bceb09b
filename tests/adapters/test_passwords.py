"""Passwords: what is kept opens nothing, knows its own password again, and no other."""

import pytest

from homeroom import limits
from homeroom.adapters.passwords import hashed, is_password
from homeroom.errors import InputError


def test_what_is_kept_knows_its_password_and_no_other():
    kept = hashed("correct horse battery")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert "horse" not in kept
    assert is_password(kept, "correct horse battery")
    assert not is_password(kept, "correct horse batterz")
    assert not is_password(None, "correct horse battery")
    assert not is_password("no hash", "correct horse battery")


def test_one_password_is_the_same_from_every_keyboard_and_kept_otherwise_each_time():
    kept = hashed("über den Wolken")
    assert is_password(kept, "u\u0308ber den Wolken")
    assert hashed("über den Wolken") != kept


@pytest.mark.parametrize("length", [0, limits.PASSWORD_CHARACTERS_MIN - 1, 257])
def test_a_password_has_a_least_and_a_greatest_length(length):
    with pytest.raises(InputError, match=f"has {length} characters"):
        hashed("x" * length)


def test_a_long_text_is_no_password_and_is_not_worked_on():
    assert not is_password(hashed("x" * limits.PASSWORD_CHARACTERS_MAX), "x" * 1_000_000)
