"""Digests: equal to the published SipHash, deaf to codes and order, and the same for ever."""

import hashlib
import struct
import uuid
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.events import digests
from homeroom.events.texts import buffers, large_strings
from tests.oracle.siphash import plain_siphash

KEY = bytes(range(16))
SIP_KEY = struct.unpack("<QQ", KEY)

# Aumasson and Bernstein's vectors_sip128: key 00..0f, message 00 01 02 … of 0, 1, 2 bytes.
OFFICIAL = [
    "a3817f04ba25a8e66df67214c7550293",
    "da87c1d86b99af44347659119b22fc45",
    "8177228da4a45dc7fca38bdef60affe4",
]


def pairs(found: tuple[Any, Any]) -> list[tuple[int, int]]:
    return list(zip(found[0].tolist(), found[1].tolist(), strict=True))


@pytest.mark.parametrize("length", range(3))
def test_siphash_equals_the_official_vectors(length: int) -> None:
    message = bytes(range(length)).decode()
    (words,) = pairs(digests.hash_texts(buffers(large_strings([message])), SIP_KEY))
    assert struct.pack("<QQ", *words).hex() == OFFICIAL[length]
    assert plain_siphash(SIP_KEY, message.encode()) == words


def test_siphash_equals_its_plain_twin_at_every_length_and_place(rng: np.random.Generator) -> None:
    texts = ["x" * n + "".join(map(chr, rng.integers(0x20, 0x17F, n))) for n in range(301)]
    rng.shuffle(texts)
    expected = [plain_siphash(SIP_KEY, text.encode()) for text in texts]
    assert pairs(digests.hash_texts(buffers(large_strings(texts)), SIP_KEY)) == expected
    window = pa.array(texts, pa.string())[100:150]
    assert pairs(digests.hash_texts(buffers(large_strings(window)), SIP_KEY)) == expected[100:150]


@given(st.uuids())
def test_an_id_in_the_form_of_a_uuid_is_the_same_in_any_case_and_with_braces(
    value: uuid.UUID,
) -> None:
    forms = [str(value), str(value).upper(), f"{{{value}}}", f"{{{value}}}".upper()]
    assert len(set(pairs(digests.hash_ids(buffers(large_strings(forms)), SIP_KEY)))) == 1
    assert pairs(digests.hash_ids(buffers(large_strings(forms[:1])), SIP_KEY)) == [
        plain_siphash(SIP_KEY, str(value).encode())
    ]


@pytest.mark.parametrize(
    "other",
    [
        "6FA459EA-EE8A-3CA4-894E-DB77E160355G",  # no hexadecimal digit
        "6FA459EA-EE8A-3CA4-894E-DB77E160355\x16",  # would be "6" with the case bit set
        "6FA459EA-EE8A-3CA4-894EADB77E160355E",  # a dash too few
        "6FA459EA0EE8A-3CA4-894E-DB77E160355E",
        "{6FA459EA-EE8A-3CA4-894E-DB77E160355E",
        "COURSE-1",
        "É" * 18,
    ],
)
def test_any_other_id_keeps_its_case(other: str) -> None:
    assert other.lower() != other
    found = pairs(digests.hash_ids(buffers(large_strings([other, other.lower()])), SIP_KEY))
    assert found == [plain_siphash(SIP_KEY, text.encode()) for text in (other, other.lower())]


def test_no_id_is_zero_and_an_id_never_is() -> None:
    hi, lo = digests.hash_ids(buffers(large_strings([None, "", "a"])), SIP_KEY)
    assert pairs((hi, lo))[:2] == [(0, 0), (0, 0)]
    assert digests.id_hashes(hi, lo).tolist() == [0, 0, int(hi[2])]
    zero, one = np.zeros(1, np.uint64), np.ones(1, np.uint64)
    assert digests.id_hashes(zero, one).tolist() == [1]


def test_the_key_of_ids_follows_from_the_pseudonym_key() -> None:
    key = bytes(range(32))
    expected = hashlib.blake2s(key=key, person=b"homeid 1", digest_size=16).digest()
    assert digests.id_key(key) == struct.unpack("<QQ", expected)


def test_hashes_of_nothing_are_empty() -> None:
    hi, lo = digests.hash_texts(buffers(large_strings([])))
    assert len(hi) == len(lo) == 0
