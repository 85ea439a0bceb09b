"""Who an event is about, without saying who: keyed 128-bit pseudonyms.

A plain hash of an account can be undone by hashing all accounts one can think of, so the pseudonym is BLAKE2s
(RFC 7693) under a secret key of 32 bytes, cut to 128 bits by the function itself. hashlib does two million a second a
core; the same function in Numba over Arrow's buffers does ten, and sixteen accounts at a time (`lanes`) forty.

The message is a prefix, padded with zeros to whole 64-byte blocks, and the account's bytes::

    "homeroom subject 1" | u32le generation | u32le length of issuer | issuer | zeros | account

Key and prefix fill whole blocks, so the state of the hash after them is worked out once for each issuer, and an
account of up to 64 bytes costs one compression. The length makes the padding unambiguous. Whatever BLAKE2s
implementation computes the same: ``hashlib.blake2s(prefix + account, key=key, digest_size=16)``.

The way not taken: HMAC-SHA256 costs two hashes, and a faster non-cryptographic hash (SipHash) is no place to put a
secret that must hold for decades against those who have the pseudonyms.
"""

import struct
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom import limits
from homeroom.events.dictionary import TextCodes, text_fault
from homeroom.events.lanes import INITIAL, LANES, compress_last_blocks
from homeroom.events.model import Int32s, Int64s, Strings, UInt8s, UInt64s
from homeroom.events.texts import Texts, address_of, buffers, large_strings, load_tail, sealed
from homeroom.kernel import inlined, kernel

__all__ = [
    "GENERATION",
    "KEY_BYTES",
    "Pseudonyms",
    "absorb",
    "blake2s128",
    "pseudonyms",
    "state_words",
    "subject_prefix",
]

KEY_BYTES = 32
BLOCK_BYTES = 64
DOMAIN = b"homeroom subject 1"
GENERATION = 0
"""The same account after an erasure is another subject; its number in the message is reserved from the start."""

UInt32s: TypeAlias = npt.NDArray[np.uint32]
Words: TypeAlias = Any
"""A tuple of 32-bit words, inside kernels."""

PARAMETERS = 0x01010000 | KEY_BYTES << 8 | 16
"""Parameter block, first word: depth 1, fanout 1, key length, digest length (RFC 7693, section 2.5)."""


def subject_prefix(issuer: str, generation: int = GENERATION) -> bytes:
    """Return what stands before the account in the hashed message: a whole number of 64-byte blocks."""
    text = issuer.encode()
    prefix = DOMAIN + struct.pack("<II", generation, len(text)) + text
    return prefix + bytes(-len(prefix) % BLOCK_BYTES)


class _Issuers(TextCodes):
    """Codes of issuers and, for each, the state of the hash after key and prefix. Never written anywhere."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self.key_block = key + bytes(BLOCK_BYTES - KEY_BYTES)
        self.names: list[str] = [""]
        self.states = np.zeros((16, 8), np.uint32)
        self.counted = np.zeros(16, np.int64)
        self._learn("", 0)
        self[""] = self[None] = 0

    def __missing__(self, issuer: str) -> int:
        """Work out the state of a new issuer and return its code."""
        refused = text_fault(issuer)
        if refused is not None:
            return refused
        code = len(self.names)
        self._learn(issuer, code)
        self.names.append(issuer)
        self[issuer] = code
        return code

    def _learn(self, issuer: str, code: int) -> None:
        if code == len(self.counted):
            self.states = np.concatenate([self.states, np.zeros_like(self.states)])
            self.counted = np.concatenate([self.counted, np.zeros_like(self.counted)])
        blocks = self.key_block + subject_prefix(issuer)
        self.states[code] = absorb(np.frombuffer(blocks, np.uint8))
        self.counted[code] = len(blocks)


class Pseudonyms:
    """Pseudonyms of accounts under one key.

    Parameters
    ----------
    key : the secret, 32 bytes
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"len(key) == {len(key)}, must be {KEY_BYTES}.")
        self._key = key
        self._issuers = _Issuers(key)

    def issuer_codes(self, issuer: "Strings | str", count: int) -> Int32s:
        """Return a code for each issuer, good until the next call: see `limits.ISSUERS_MAX`.

        Issuers that may not enter are ``TOO_LONG`` or ``INVALID``; `keys` must not meet these.
        """
        if len(self._issuers.names) > limits.ISSUERS_MAX:
            self._issuers = _Issuers(self._key)
        return self._issuers.codes(issuer, count)

    def issuers(self, codes: Int32s) -> list[str]:
        """Return the issuers behind codes of the last call of `issuer_codes`."""
        names = self._issuers.names
        return [names[code] for code in codes.tolist()]

    def keys(self, issuer_codes: Int32s, account: pa.LargeStringArray) -> tuple[UInt64s, UInt64s]:
        """Return the pseudonyms of accounts, none of them empty: two uint64 arrays of shape (n,).

        The two halves in hexadecimal, one after the other, are what ``hashlib``'s ``hexdigest()`` prints.
        """
        texts: Texts = buffers(account)
        hi, lo = _keys(
            sealed(self._issuers.states), sealed(self._issuers.counted), sealed(issuer_codes), texts
        )
        return hi, lo


def pseudonyms(key: bytes, issuer: "Strings | str", account: Strings) -> tuple[UInt64s, UInt64s]:
    """Return the pseudonyms of accounts under a key: two uint64 arrays of shape (n,)."""
    door = Pseudonyms(key)
    return door.keys(door.issuer_codes(issuer, len(account)), large_strings(account))


def absorb(blocks: UInt8s) -> UInt32s:
    """Return the state of the hash after key and prefix, for `blake2s128`: uint32 of shape (8,).

    Parameters
    ----------
    blocks : the key, padded to 64 bytes, and whole blocks of the message
    """
    assert len(blocks) % BLOCK_BYTES == 0
    state: UInt32s = _absorb(sealed(blocks))
    return state


@inlined
def _rotate(word: np.uint32, bits: int) -> np.uint32:
    return np.uint32((word >> np.uint32(bits)) | (word << np.uint32(32 - bits)))


@inlined
def _mix(
    a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32, x: np.uint32, y: np.uint32
) -> Words:
    a = np.uint32(a + b + x)
    d = _rotate(d ^ a, 16)
    c = np.uint32(c + d)
    b = _rotate(b ^ c, 12)
    a = np.uint32(a + b + y)
    d = _rotate(d ^ a, 8)
    c = np.uint32(c + d)
    b = _rotate(b ^ c, 7)
    return a, b, c, d


@inlined
def _round(v: Words, m: Words) -> Words:
    """One round: columns, then diagonals; ``m`` is the message in the order of this round."""
    v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15 = v
    v0, v4, v8, v12 = _mix(v0, v4, v8, v12, m[0], m[1])
    v1, v5, v9, v13 = _mix(v1, v5, v9, v13, m[2], m[3])
    v2, v6, v10, v14 = _mix(v2, v6, v10, v14, m[4], m[5])
    v3, v7, v11, v15 = _mix(v3, v7, v11, v15, m[6], m[7])
    v0, v5, v10, v15 = _mix(v0, v5, v10, v15, m[8], m[9])
    v1, v6, v11, v12 = _mix(v1, v6, v11, v12, m[10], m[11])
    v2, v7, v8, v13 = _mix(v2, v7, v8, v13, m[12], m[13])
    v3, v4, v9, v14 = _mix(v3, v4, v9, v14, m[14], m[15])
    return v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15


@kernel
def _compress(h: Words, m: Words, counted: int, last: np.uint32) -> Words:
    """Take one block into the state; ``last`` is all ones for the last block, else 0 (RFC 7693, section 3.2)."""
    m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15 = m
    low = np.uint32(counted & 0xFFFFFFFF)
    high = np.uint32(counted >> 32)
    v = (
        h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7],
        np.uint32(INITIAL[0]), np.uint32(INITIAL[1]), np.uint32(INITIAL[2]), np.uint32(INITIAL[3]),
        np.uint32(INITIAL[4]) ^ low, np.uint32(INITIAL[5]) ^ high,
        np.uint32(INITIAL[6]) ^ last, np.uint32(INITIAL[7]),
    )  # fmt: skip
    v = _round(v, (m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15))
    v = _round(v, (m14, m10, m4, m8, m9, m15, m13, m6, m1, m12, m0, m2, m11, m7, m5, m3))
    v = _round(v, (m11, m8, m12, m0, m5, m2, m15, m13, m10, m14, m3, m6, m7, m1, m9, m4))
    v = _round(v, (m7, m9, m3, m1, m13, m12, m11, m14, m2, m6, m5, m10, m4, m0, m15, m8))
    v = _round(v, (m9, m0, m5, m7, m2, m4, m10, m15, m14, m1, m11, m12, m6, m8, m3, m13))
    v = _round(v, (m2, m12, m6, m10, m0, m11, m8, m3, m4, m13, m7, m5, m15, m14, m1, m9))
    v = _round(v, (m12, m5, m1, m15, m14, m13, m4, m10, m0, m7, m6, m3, m9, m2, m8, m11))
    v = _round(v, (m13, m11, m7, m14, m12, m1, m3, m9, m5, m0, m15, m4, m8, m6, m2, m10))
    v = _round(v, (m6, m15, m14, m9, m11, m3, m0, m8, m12, m2, m13, m7, m1, m4, m10, m5))
    v = _round(v, (m10, m2, m8, m4, m7, m6, m1, m5, m15, m11, m9, m14, m3, m12, m13, m0))
    return (
        h[0] ^ v[0] ^ v[8], h[1] ^ v[1] ^ v[9], h[2] ^ v[2] ^ v[10], h[3] ^ v[3] ^ v[11],
        h[4] ^ v[4] ^ v[12], h[5] ^ v[5] ^ v[13], h[6] ^ v[6] ^ v[14], h[7] ^ v[7] ^ v[15],
    )  # fmt: skip


@inlined
def _halves(word: np.uint64) -> Words:
    return np.uint32(word & np.uint64(0xFFFFFFFF)), np.uint32(word >> np.uint64(32))


@kernel
def _block(address: int, end: int, limit: int) -> Words:
    """Return the sixteen words at an address, zeros from ``end`` on."""
    m0, m1 = _halves(load_tail(address, end, limit))
    m2, m3 = _halves(load_tail(address + 8, end, limit))
    m4, m5 = _halves(load_tail(address + 16, end, limit))
    m6, m7 = _halves(load_tail(address + 24, end, limit))
    m8, m9 = _halves(load_tail(address + 32, end, limit))
    m10, m11 = _halves(load_tail(address + 40, end, limit))
    m12, m13 = _halves(load_tail(address + 48, end, limit))
    m14, m15 = _halves(load_tail(address + 56, end, limit))
    return m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15


@inlined
def _big_endian(first: np.uint32, second: np.uint32) -> np.uint64:
    """Return the eight bytes of two words as one number that prints as their hexadecimal digest."""
    word = np.uint64(first) | (np.uint64(second) << np.uint64(32))
    ones = np.uint64(0x00FF00FF00FF00FF)
    pairs = np.uint64(0x0000FFFF0000FFFF)
    word = ((word >> np.uint64(8)) & ones) | ((word & ones) << np.uint64(8))
    word = ((word >> np.uint64(16)) & pairs) | ((word & pairs) << np.uint64(16))
    return (word >> np.uint64(32)) | (word << np.uint64(32))


@kernel
def _absorb(blocks: UInt8s) -> UInt32s:
    h = (
        np.uint32(INITIAL[0]) ^ np.uint32(PARAMETERS), np.uint32(INITIAL[1]), np.uint32(INITIAL[2]),
        np.uint32(INITIAL[3]), np.uint32(INITIAL[4]), np.uint32(INITIAL[5]), np.uint32(INITIAL[6]),
        np.uint32(INITIAL[7]),
    )  # fmt: skip
    base = address_of(blocks)
    end = base + len(blocks)
    for position in range(0, len(blocks), BLOCK_BYTES):
        block = _block(base + position, end, end)
        h = _compress(h, block, position + BLOCK_BYTES, np.uint32(0))
    state = np.empty(8, np.uint32)
    for place in range(8):
        state[place] = h[place]
    return state


@inlined
def blake2s128(
    state: Words, counted: int, buffer: UInt8s, start: int, end: int
) -> tuple[np.uint64, np.uint64]:
    """Return keyed BLAKE2s-128 of what `absorb` took and ``buffer[start:end]``. For use in kernels.

    ``state`` is what `absorb` returned, as a tuple (`state_words`), and ``counted`` the length of what it took; at
    least one byte must follow. The bounds must lie within the buffer; nothing checks them.
    """
    h = state
    base = address_of(buffer)
    address, stop, limit = base + start, base + end, base + len(buffer)
    while address + BLOCK_BYTES < stop:
        counted += BLOCK_BYTES
        h = _compress(h, _block(address, stop, limit), counted, np.uint32(0))
        address += BLOCK_BYTES
    counted += stop - address
    h = _compress(h, _block(address, stop, limit), counted, np.uint32(0xFFFFFFFF))
    return _big_endian(h[0], h[1]), _big_endian(h[2], h[3])


@inlined
def state_words(states: npt.NDArray[np.uint32], row: int) -> Words:
    """Return one row of states of shape (n, 8) as a tuple: a row taken as an array would count references."""
    return (
        states[row, 0], states[row, 1], states[row, 2], states[row, 3],
        states[row, 4], states[row, 5], states[row, 6], states[row, 7],
    )  # fmt: skip


@inlined
def _fill_block(blocks: UInt32s, lane: int, address: int, end: int, limit: int) -> None:
    for place in range(0, BLOCK_BYTES, 8):
        low, high = _halves(load_tail(address + place, end, limit))
        blocks[place >> 2, lane] = low
        blocks[(place >> 2) + 1, lane] = high


@inlined
def _finish(lanes: UInt32s, row: Int64s, count: int, hi: UInt64s, lo: UInt64s) -> None:
    for lane in range(count):
        hi[row[lane]] = _big_endian(lanes[0, lane], lanes[1, lane])
        lo[row[lane]] = _big_endian(lanes[2, lane], lanes[3, lane])


@kernel
def _keys(
    states: UInt32s, counted: Int64s, issuer: Int32s, account: Texts
) -> tuple[UInt64s, UInt64s]:
    count = len(issuer)
    hi = np.empty(count, np.uint64)
    lo = np.empty(count, np.uint64)
    data, offsets = account
    base, limit = address_of(data), address_of(data) + len(data)
    lanes = np.zeros((8, LANES), np.uint32)
    blocks = np.zeros((16, LANES), np.uint32)
    lengths = np.zeros(LANES, np.uint32)
    row = np.zeros(LANES, np.int64)
    lane = 0
    for i in range(count):
        start, end = offsets[i], offsets[i + 1]
        code = issuer[i]
        if end - start > BLOCK_BYTES:
            state = state_words(states, code)
            hi[i], lo[i] = blake2s128(state, counted[code], data, start, end)
            continue
        for word in range(8):
            lanes[word, lane] = states[code, word]
        _fill_block(blocks, lane, base + start, base + end, limit)
        lengths[lane] = np.uint32(counted[code] + end - start)
        row[lane] = i
        lane += 1
        if lane == LANES:
            compress_last_blocks(address_of(lanes), address_of(blocks), address_of(lengths))
            _finish(lanes, row, lane, hi, lo)
            lane = 0
    compress_last_blocks(address_of(lanes), address_of(blocks), address_of(lengths))
    _finish(lanes, row, lane, hi, lo)
    return hi, lo
