"""Dictionaries: codes for texts, refusals for what may not enter, and hashes that outlive codes."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.events.dictionary import (
    ABSENT,
    DROPPED,
    INVALID,
    TOO_LONG,
    Dictionaries,
    Dictionary,
    looks_like_mail,
)
from homeroom.events.digests import hash_texts
from homeroom.events.texts import buffers, large_strings

KEY = bytes(range(32))


def new(values_max: int = limits.DICTIONARY_VALUES_MAX) -> Dictionary:
    return Dictionary(lambda text: f"hashed:{len(text)}", values_max)


@given(st.lists(st.none() | st.sampled_from(["", "a", "b", "é", "long" * 10])))
def test_every_form_of_a_column_gets_the_same_codes(values: list[str | None]) -> None:
    found = new()
    codes = found.codes(values, len(values))
    assert codes.dtype == np.int32
    texts = [None if code == ABSENT else found.values[code] for code in codes.tolist()]
    assert texts == [value or None for value in values]
    arrays = [pa.array(values, kind) for kind in (pa.string(), pa.large_string())]
    for column in (*arrays, arrays[0].dictionary_encode(), arrays[1].dictionary_encode()):
        assert found.codes(column, len(values)).tolist() == codes.tolist()


def test_one_text_stands_for_all() -> None:
    assert new().codes("a", 3).tolist() == [0, 0, 0]
    assert new().codes("", 2).tolist() == [ABSENT, ABSENT]


def test_a_slice_of_a_large_dictionary_brings_only_what_it_uses() -> None:
    found = new()
    column = pa.array([str(n) for n in range(1000)]).dictionary_encode()[10:13]
    assert found.codes(column, 3).tolist() == [0, 1, 2]
    assert found.values == ["10", "11", "12"]


def test_null_inside_the_dictionary_of_a_column_is_absent() -> None:
    column = pa.DictionaryArray.from_arrays(
        pa.array([0, 1, None], pa.int8()), pa.array([None, "a"])
    )
    assert new().codes(column, 3).tolist() == [ABSENT, 0, ABSENT]


def test_what_may_not_enter_is_not_kept() -> None:
    found = new()
    long = "é" * (limits.TEXT_BYTES_MAX // 2 + 1)
    codes = found.codes(
        ["a" * limits.TEXT_BYTES_MAX, "a" * (limits.TEXT_BYTES_MAX + 1), long, "x\ud800"], 4
    )
    assert codes.tolist() == [0, TOO_LONG, TOO_LONG, INVALID]
    assert found.size == 1


def test_bytes_that_are_no_text_are_invalid() -> None:
    column = pa.array([b"ok", b"\xff\xfe"], pa.binary()).view(pa.string())
    assert new().codes(column, 2).tolist() == [0, INVALID]


def test_a_full_dictionary_drops_further_values_and_keeps_known_ones() -> None:
    found = new(values_max=2)
    assert found.codes(["a", "b", "c", "a"], 4).tolist() == [0, 1, DROPPED, 0]
    assert found.values == ["a", "b"]


def test_hashes_follow_the_text_and_not_the_code() -> None:
    values = [f"value {n}" for n in range(500)]
    forward, backward = new(), new()
    forward.codes(values, 500)
    for value in reversed(values):
        backward.codes(value, 1)
        assert len(backward.hashes.hi) == backward.size
    assert forward.hashes.hi.tolist() == backward.hashes.hi.tolist()[::-1]
    assert forward.hashes.lo.tolist() == backward.hashes.lo.tolist()[::-1]
    assert forward.hashes.hi.tolist() == hash_texts(buffers(large_strings(values)))[0].tolist()
    assert not forward.hashes.hi.flags.writeable


def test_addresses_are_replaced_by_a_keyed_hash() -> None:
    found = Dictionaries.under(KEY).activity
    texts = ["mailto:ada@example.org", "https://example.org", "mailto:ada@example.org"]
    assert found.codes(texts, 3).tolist() == [0, 1, 0]
    digest = hashlib.blake2s(
        texts[0].encode(), key=KEY, person=b"homeval1", digest_size=8
    ).hexdigest()
    assert found.values == [f"hashed:{digest}", "https://example.org"]


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.org", "mailto:ada@example.org", "https://lms.example/users/ada@example.org/profile",
        "https://lms.example/?user=ada%40example.org", "Ada <ada@localhost>", "ä@ö.example",
        "block-v1:Org+C+R+type@html+block@ada@example.org",
    ],
)  # fmt: skip
def test_what_looks_like_an_address(text: str) -> None:
    assert looks_like_mail(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "played", "https://lms.example/course/1", "block-v1:Org+Course+Run+type@video+block@intro",
        "https://lms.example/xblock/block-v1:Org+C+R+type@problem+block@a1b2", "@ada", "https://example.org/@ada",
        "asset-v1:Org+C+R+type@asset+block@image.png", "5 @ 3", "https://x.example/block-v1%3AOrg%2BC%2Btype%40video",
    ],
)  # fmt: skip
def test_what_does_not(text: str) -> None:
    assert not looks_like_mail(text)


def test_an_attribute_of_too_many_values_is_refused_whole_and_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "ATTRIBUTE_VALUES_MAX", 1)
    found = Dictionaries.under(KEY)
    assert found.attribute("country").codes(["DE"], 1).tolist() == [0]
    assert found.attribute("country") is found.attributes["country"]
    assert list(found.shown_attributes) == ["country"]
    assert found.attribute("country").codes(["DE", "FR"], 2).tolist() == [0, 1]
    assert found.identifying() == {"country"}
    assert not found.shown_attributes
