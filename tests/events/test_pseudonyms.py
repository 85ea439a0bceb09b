"""Pseudonyms: BLAKE2s of the documented message, whatever the lengths."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from homeroom import limits
from homeroom.events import pseudonyms as door
from homeroom.events.dictionary import INVALID, TOO_LONG
from homeroom.events.texts import large_strings

KEY = bytes(range(32))


def expected(issuer: str, account: str, key: bytes = KEY) -> str:
    message = door.subject_prefix(issuer) + account.encode()
    return hashlib.blake2s(message, key=key, digest_size=16).hexdigest()


def digits(found: tuple[np.ndarray, np.ndarray]) -> list[str]:
    return [f"{hi:016x}{lo:016x}" for hi, lo in zip(*found, strict=True)]


def test_accounts_of_every_length_equal_hashlib(rng: np.random.Generator) -> None:
    accounts = ["".join(map(chr, rng.integers(0x20, 0x17F, n))) for n in range(1, 301)]
    issuers = ["i" * (n % 150) for n in range(300)]
    rng.shuffle(accounts)
    found = digits(door.pseudonyms(KEY, issuers, accounts))
    assert found == [expected(i, a) for i, a in zip(issuers, accounts, strict=True)]


def test_one_issuer_for_all_equals_a_column_of_it() -> None:
    accounts = ["ada", "grace", "ada"]
    found = digits(door.pseudonyms(KEY, "https://lms.example", accounts))
    assert found == digits(door.pseudonyms(KEY, ["https://lms.example"] * 3, accounts))
    assert found[0] == found[2] != found[1]


def test_the_form_of_the_column_does_not_matter() -> None:
    accounts = ["ada", "grace", "ada", "linus"]
    plain = digits(door.pseudonyms(KEY, "", accounts))
    for column in (
        pa.array(accounts),
        large_strings(accounts),
        pa.array(accounts).dictionary_encode(),
    ):
        assert digits(door.pseudonyms(KEY, "", column)) == plain
    assert digits(door.pseudonyms(KEY, "", pa.array(["x", *accounts, "y"])[1:5])) == plain


def test_where_the_issuer_ends_matters() -> None:
    both = door.pseudonyms(KEY, ["ab", "a"], ["c", "bc"])
    assert len(set(digits(both))) == 2


def test_the_prefix_is_laid_out_as_documented() -> None:
    prefix = door.subject_prefix("é")
    assert prefix == b"homeroom subject 1" + bytes(4) + b"\x02\0\0\0" + "é".encode() + bytes(36)


def test_another_key_makes_other_pseudonyms() -> None:
    assert digits(door.pseudonyms(bytes(32), "", ["ada"])) != digits(
        door.pseudonyms(KEY, "", ["ada"])
    )


def test_a_key_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"len\(key\) == 16, must be 32"):
        door.Pseudonyms(bytes(16))


def test_issuers_that_may_not_enter_have_negative_codes() -> None:
    codes = door.Pseudonyms(KEY).issuer_codes(["a", "\ud800", "x" * 5000, None], 4)
    assert codes.tolist() == [1, INVALID, TOO_LONG, 0]


def test_an_absent_issuer_is_none_in_every_form_of_column() -> None:
    issuers = ["a", None, ""]
    for column in (issuers, pa.array(issuers), pa.array(issuers).dictionary_encode()):
        assert door.Pseudonyms(KEY).issuer_codes(column, 3).tolist() == [1, 0, 0]
    assert (
        digits(door.pseudonyms(KEY, pa.array(issuers), ["ada"] * 3))[1:]
        == [expected("", "ada")] * 2
    )


def test_issuers_are_forgotten_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ISSUERS_MAX", 10)
    found = door.Pseudonyms(KEY)
    for start in range(0, 100, 20):
        issuers = [f"issuer {n}" for n in range(start, start + 20)]
        codes = found.issuer_codes(issuers, 20)
        assert found.issuers(codes) == issuers
        keys = digits(found.keys(codes, large_strings(["ada"] * 20)))
        assert keys == [expected(issuer, "ada") for issuer in issuers]
