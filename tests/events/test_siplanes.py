"""Texts in lanes: the same digests as one by one, at every length, and the same verdict on every byte."""

import struct

import numpy as np
import pyarrow as pa
import pytest

from homeroom.events import siplanes
from homeroom.events.siplanes import EMPTY, FINE, NOT_UTF8, TOO_LONG, Digests, Spans
from homeroom.limits import TEXT_BYTES_MAX
from tests.oracle.siphash import plain_siphash

KEY = struct.unpack("<QQ", bytes(range(16)))


def hashed(texts: list[bytes]) -> tuple[list[tuple[int, int]], list[int], int]:
    """Hash texts that lie in one piece of memory, with nothing around them."""
    data = np.frombuffer(b"".join(texts) or b"\0", np.uint8)
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
    spans = Spans(offsets[:-1] + data.ctypes.data, offsets[1:] + data.ctypes.data)
    count = len(texts)
    digests = Digests(
        np.zeros(count, np.uint64), np.zeros(count, np.uint64), np.full(count, 99, np.uint8)
    )
    found = siplanes.hash_spans(spans, KEY, digests)
    pairs = list(zip(digests.hi.tolist(), digests.lo.tolist(), strict=True))
    return pairs, digests.status.tolist(), found


@pytest.mark.parametrize("length", [1, 7, 8, 9, 15, 16, 27, 36, 56, 63, 64, 65])
def test_eight_of_one_length_hash_as_one_by_one(length, rng):
    texts = [bytes(rng.integers(32, 127, length, np.uint8)) for _ in range(19)]
    pairs, status, found = hashed(texts)
    assert pairs == [plain_siphash(KEY, text) for text in texts]
    assert (set(status), found) == ({FINE}, 0)


def test_lengths_that_differ_within_the_lanes_do_not_disturb_each_other(rng):
    texts = [bytes(rng.integers(32, 127, int(n), np.uint8)) for n in rng.integers(8, 64, 400)] + [
        b"x" * int(n) for n in rng.integers(1, 200, 100)
    ]
    assert hashed(texts)[0] == [plain_siphash(KEY, text) for text in texts]


ODD = {
    b"": EMPTY,
    b"a" * TEXT_BYTES_MAX: FINE,
    b"a" * (TEXT_BYTES_MAX + 1): TOO_LONG,
    "Zoë Ångström".encode(): FINE,
    "学生一二三四五六".encode(): FINE,
    "\U0001f393" * 3: FINE,
    b"\xc3": NOT_UTF8,
    b"long enough \xff for the lanes": NOT_UTF8,
    b"overlong \xc0\xaf slash": NOT_UTF8,
    b"overlong \xe0\x80\xaf slash": NOT_UTF8,
    b"surrogate \xed\xa0\x80 half": NOT_UTF8,
    b"beyond \xf4\x90\x80\x80 Unicode": NOT_UTF8,
    b"cut at the end \xe5\xad": NOT_UTF8,
    b"continued \x80 from nothing": NOT_UTF8,
}


@pytest.mark.parametrize("neighbours", [0, 3, 8])
def test_what_is_no_account_is_found_among_good_ones(neighbours):
    texts, wanted = [], []
    for text, verdict in ODD.items():
        texts += [
            text if isinstance(text, bytes) else text.encode(),
            *[b"a good account"] * neighbours,
        ]
        wanted += [verdict, *[FINE] * neighbours]
    _, status, found = hashed(texts)
    assert status == wanted
    assert found == sum(verdict != FINE for verdict in wanted)


def test_every_pair_of_bytes_is_judged_as_python_does():
    texts = [b"account " + bytes((a, b)) for a in range(0xBF, 256) for b in range(0x7E, 256)]
    wanted = []
    for text in texts:
        try:
            text.decode()
            wanted.append(FINE)
        except UnicodeDecodeError:
            wanted.append(NOT_UTF8)
    assert hashed(texts)[1] == wanted


def test_chosen_texts_become_an_array_of_their_own():
    data = np.frombuffer(b"annbobcarla", np.uint8)
    starts, ends = np.array([0, 3, 6, 11]), np.array([3, 6, 11, 11])
    spans = Spans(starts + data.ctypes.data, ends + data.ctypes.data)
    chosen = siplanes.gathered(spans, np.array([2, 0, 3], np.int32))
    assert chosen.equals(pa.array(["carla", "ann", ""], pa.large_string()))
