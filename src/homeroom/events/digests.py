"""What makes two events the same one: SipHash over texts and over whole rows.

The identity of an event must be equal wherever and whenever the event is read again: another file format's order of
columns, another run with other dictionary codes, another machine. So a row is written as a fixed list of 64-bit
words in which every text stands as its own 128-bit hash, never as a code, and the words are hashed. SipHash-2-4 with
128-bit output (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) takes about 20 ns a text; with
128 bits, a hundred million events collide by chance once in 10^22 runs. BLAKE2s would take four times as long and is
kept for the one place where an attacker is expected, the pseudonym.

The words of a row, little-endian, in this order, for ever:

1. flags: bit 0 activity, 1 course, 2 event id, 3 score, 4 progress, 5 duration, 6 section, 7 answer, 8 position,
   9 position from, 10 length are present; bits 16-17 success + 1, bits 18-19 completion + 1 (absent is 0, no is 1, yes
   is 2); bits 20-23 the standing's position in ``STANDINGS``, bits 24-31 the track's in ``TRACKS`` (both only grow at
   their end); from bit 32 on the number of attributes present
2. key_hi, key_lo, time_ms, verb (two words)
3. what the flags say is present: activity (2), course (2), event id (2), score, progress (bits of the float64, -0.0
   as 0.0), duration_ms, section (2), answer (2), position_s, position_from_s, length_s (as score)
4. for each attribute present, sorted by name: hash of the name (2), hash of the value (2)

Absent fields add nothing, so a field that is added later leaves the identities of older events as they are. Track
and standing are those under which the event was taken in: columns depend on them, so two rows that differ only there
are two events. Texts are hashed under a public key that is fixed (`TEXT_KEY`), and stand nowhere but in a row; event
ids and rows under keys that are derived from the pseudonym key (`id_key`, `row_key`). An id may be built from an
account, and a row holds the texts as they came, which may name somebody: under a public key both would be open to
guessing.
"""

import hashlib
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from homeroom.events.model import STANDINGS, Float64s, Int8s, Int32s, Int64s, UInt8s, UInt64s
from homeroom.events.texts import Texts, address_of, load_byte, load_tail, load_word
from homeroom.kernel import inlined, kernel

__all__ = [
    "TEXT_KEY",
    "Attributes",
    "Rows",
    "Vocabulary",
    "hash_ids",
    "hash_texts",
    "id_hashes",
    "id_key",
    "row_identities",
    "row_key",
    "siphash128",
    "siphash128_at",
]

SipKey: TypeAlias = tuple[int, int]
"""A 128-bit SipHash key as two 64-bit words (little-endian halves of its 16 bytes)."""

Digests: TypeAlias = tuple[UInt64s, UInt64s]
"""128-bit digests as two arrays: the first and the second output word of SipHash."""

State: TypeAlias = Any
"""Four 64-bit words in a tuple, inside kernels."""


def _sip_key(key: bytes) -> SipKey:
    return int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")


TEXT_KEY: SipKey = _sip_key(b"homeroom text 1\0")

UUID_LENGTH = 36
LOWER_CASE = 0x2020202020202020
"""OR-ed onto the bytes of a UUID this makes A-F lower case and leaves digits and dashes as they are."""


class Rows(NamedTuple):
    """The columns that make an identity; an empty array stands for a column that no event has."""

    key_hi: UInt64s
    key_lo: UInt64s
    time_ms: Int64s
    verb: Int32s
    activity: Int32s
    course: Int32s
    id_hi: UInt64s
    id_lo: UInt64s
    score: Float64s
    progress: Float64s
    success: Int8s
    completion: Int8s
    duration_ms: Int64s
    track: UInt8s
    standing: UInt8s
    section: Int32s
    answer: Int32s
    position_s: Float64s
    position_from_s: Float64s
    length_s: Float64s


class Vocabulary(NamedTuple):
    """Hashes of dictionary values by code, under `TEXT_KEY`."""

    verb_hi: UInt64s
    verb_lo: UInt64s
    activity_hi: UInt64s
    activity_lo: UInt64s
    course_hi: UInt64s
    course_lo: UInt64s
    section_hi: UInt64s
    section_lo: UInt64s
    answer_hi: UInt64s
    answer_lo: UInt64s


class Attributes(NamedTuple):
    """Attributes sorted by name: codes of shape (attributes, n), hashes of the names and of the values.

    The hashes of the values of all attributes stand one after the other; those of attribute a start at ``first[a]``.
    """

    codes: Int32s
    name_hi: UInt64s
    name_lo: UInt64s
    first: Int64s
    value_hi: UInt64s
    value_lo: UInt64s


def id_key(key: bytes) -> SipKey:
    """Return the key under which event ids are hashed, derived from the 32-byte pseudonym key."""
    return _sip_key(hashlib.blake2s(key=key, person=b"homeid 1", digest_size=16).digest())


def row_key(key: bytes) -> SipKey:
    """Return the key under which rows are hashed, derived from the 32-byte pseudonym key."""
    return _sip_key(hashlib.blake2s(key=key, person=b"homerow1", digest_size=16).digest())


def hash_texts(texts: Texts, key: SipKey = TEXT_KEY) -> Digests:
    """Return SipHash-2-4-128 of each text: two uint64 arrays of shape (n,)."""
    hi, lo = _hash_texts(np.uint64(key[0]), np.uint64(key[1]), texts.data, texts.offsets)
    return hi, lo


def hash_ids(ids: Texts, key: SipKey) -> Digests:
    """Return the digest of each event id, (0, 0) where it is empty.

    Ids of the form of a UUID (RFC 9562) are hashed in lower case and without braces around them, so that two
    writers of one id agree.
    """
    hi, lo = _hash_ids(np.uint64(key[0]), np.uint64(key[1]), ids.data, ids.offsets)
    return hi, lo


def id_hashes(id_hi: UInt64s, id_lo: UInt64s) -> UInt64s:
    """Return the one-word hash of each event id: 0 where there is none, never 0 where there is one."""
    return np.where((id_hi == 0) & (id_lo != 0), np.uint64(1), id_hi)


def row_identities(
    rows: Rows, vocabulary: Vocabulary, attributes: Attributes, key: SipKey
) -> Digests:
    """Return the identity of each row as the module describes it: two uint64 arrays of shape (n,).

    ``key`` is that of `row_key`.
    """
    halves = np.uint64(key[0]), np.uint64(key[1])
    hi, lo = _row_identities(rows, vocabulary, attributes, *halves)
    return hi, lo


@inlined
def _rotate(word: np.uint64, bits: int) -> np.uint64:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@inlined
def _sip_round(state: State) -> State:
    v0, v1, v2, v3 = state
    v0 += v1
    v2 += v3
    v1 = _rotate(v1, 13) ^ v0
    v3 = _rotate(v3, 16) ^ v2
    v0 = _rotate(v0, 32)
    v2 += v1
    v0 += v3
    v1 = _rotate(v1, 17) ^ v2
    v3 = _rotate(v3, 21) ^ v0
    v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


@inlined
def _sip_start(k0: np.uint64, k1: np.uint64) -> State:
    return (
        k0 ^ np.uint64(0x736F6D6570736575),
        k1 ^ np.uint64(0x646F72616E646F6D) ^ np.uint64(0xEE),
        k0 ^ np.uint64(0x6C7967656E657261),
        k1 ^ np.uint64(0x7465646279746573),
    )


@inlined
def _sip_take(state: State, word: np.uint64) -> State:
    v0, v1, v2, v3 = state
    v0, v1, v2, v3 = _sip_round(_sip_round((v0, v1, v2, v3 ^ word)))
    return v0 ^ word, v1, v2, v3


@inlined
def _sip_end(state: State, tail: np.uint64, length: int) -> tuple[np.uint64, np.uint64]:
    v0, v1, v2, v3 = _sip_take(state, tail | (np.uint64(length & 0xFF) << np.uint64(56)))
    v0, v1, v2, v3 = _sip_round(_sip_round((v0, v1, v2 ^ np.uint64(0xEE), v3)))
    v0, v1, v2, v3 = _sip_round(_sip_round((v0, v1, v2, v3)))
    first = v0 ^ v1 ^ v2 ^ v3
    v0, v1, v2, v3 = _sip_round(_sip_round((v0, v1 ^ np.uint64(0xDD), v2, v3)))
    v0, v1, v2, v3 = _sip_round(_sip_round((v0, v1, v2, v3)))
    return first, v0 ^ v1 ^ v2 ^ v3


@inlined
def _siphash128_or(
    state: State, address: int, end: int, limit: int, mask: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """SipHash of the bytes up to ``end``, with a mask OR-ed onto each word of eight."""
    length = end - address
    while address + 8 <= end:
        state = _sip_take(state, load_word(address) | mask)
        address += 8
    tail = load_tail(address, end, limit)
    if end > address:
        spare_bits = np.uint64((8 - (end - address)) * 8)
        tail |= (mask << spare_bits) >> spare_bits
    return _sip_end(state, tail, length)


@inlined
def siphash128(
    k0: np.uint64, k1: np.uint64, buffer: UInt8s, start: int, end: int
) -> tuple[np.uint64, np.uint64]:
    """Return SipHash-2-4-128 of ``buffer[start:end]``: the first and second output word. For use in kernels.

    ``k0`` and ``k1`` must be uint64 and the bounds within the buffer; nothing checks them.
    """
    base = address_of(buffer)
    state = _sip_start(k0, k1)
    return _siphash128_or(state, base + start, base + end, base + len(buffer), np.uint64(0))


@inlined
def siphash128_at(
    k0: np.uint64, k1: np.uint64, address: int, end: int
) -> tuple[np.uint64, np.uint64]:
    """Return what `siphash128` does, of the bytes from one address to another; nothing beyond them is read."""
    return _siphash128_or(_sip_start(k0, k1), address, end, end, np.uint64(0))


@kernel
def _hash_texts(k0: np.uint64, k1: np.uint64, data: UInt8s, offsets: Int64s) -> Digests:
    count = len(offsets) - 1
    hi = np.empty(count, np.uint64)
    lo = np.empty(count, np.uint64)
    for i in range(count):
        hi[i], lo[i] = siphash128(k0, k1, data, offsets[i], offsets[i + 1])
    return hi, lo


@inlined
def _not_hex(word: np.uint64) -> np.uint64:
    """Zero if all eight bytes are hexadecimal digits: sums that carry into a byte's top bit compare all at once."""
    tops = np.uint64(0x8080808080808080)
    low = word & ~tops
    letter = low | np.uint64(LOWER_CASE)
    digits = (low + np.uint64(0x5050505050505050)) & ~(low + np.uint64(0x4646464646464646))
    letters = (letter + np.uint64(0x1F1F1F1F1F1F1F1F)) & ~(letter + np.uint64(0x1919191919191919))
    return (word | ~(digits | letters)) & tops


@inlined
def _is_uuid(address: int) -> bool:
    """Whether 36 bytes are a UUID: dashes in their places and, with these turned into "0", nothing but hex digits."""
    second = load_word(address + 8)
    third = load_word(address + 16)
    dashes_second, dashes_third = np.uint64(0x00002D000000002D), np.uint64(0x2D000000002D0000)
    if (second & np.uint64(0x0000FF00000000FF)) != dashes_second:
        return False
    if (third & np.uint64(0xFF00000000FF0000)) != dashes_third:
        return False
    other = _not_hex(load_word(address)) | _not_hex(load_word(address + 24))
    other |= _not_hex(load_word(address + 28))
    other |= _not_hex(second ^ np.uint64(0x00001D000000001D))
    other |= _not_hex(third ^ np.uint64(0x1D000000001D0000))
    return bool(other == 0)


@kernel
def _is_braced_uuid(address: int) -> bool:
    braces = load_byte(address) == 0x7B and load_byte(address + UUID_LENGTH + 1) == 0x7D
    return braces and _is_uuid(address + 1)


@kernel
def _hash_ids(k0: np.uint64, k1: np.uint64, data: UInt8s, offsets: Int64s) -> Digests:
    count = len(offsets) - 1
    hi = np.zeros(count, np.uint64)
    lo = np.zeros(count, np.uint64)
    base = address_of(data)
    limit = base + len(data)
    for i in range(count):
        start, end = base + offsets[i], base + offsets[i + 1]
        if end == start:
            continue
        mask = np.uint64(0)
        if end - start == UUID_LENGTH + 2 and _is_braced_uuid(start):
            start += 1
            end -= 1
            mask = np.uint64(LOWER_CASE)
        elif end - start == UUID_LENGTH and _is_uuid(start):
            mask = np.uint64(LOWER_CASE)
        hi[i], lo[i] = _siphash128_or(_sip_start(k0, k1), start, end, limit, mask)
    return hi, lo


@inlined
def _float_bits(value: float) -> np.uint64:
    return np.float64(0.0 if value == 0.0 else value).view(np.uint64)


@inlined
def _take_text(state: State, code: int, hi: UInt64s, lo: UInt64s) -> State:
    return _sip_take(_sip_take(state, hi[code]), lo[code])


@kernel
def _mark_codes(flags: UInt64s, codes: Int32s, bit: int) -> None:
    for i in range(len(codes)):
        flags[i] |= np.uint64(codes[i] >= 0) << np.uint64(bit)


@kernel
def _mark_numbers(flags: UInt64s, numbers: Float64s, bit: int) -> None:
    for i in range(len(numbers)):
        flags[i] |= np.uint64(not np.isnan(numbers[i])) << np.uint64(bit)


@kernel
def _flags(rows: Rows, codes: Int32s) -> UInt64s:  # noqa: C901 - one loop a column
    """Return the first word of every row, worked out column by column: what is present."""
    count = len(rows.time_ms)
    flags = np.zeros(count, np.uint64)
    _mark_codes(flags, rows.activity, 0)
    _mark_codes(flags, rows.course, 1)
    for i in range(len(rows.id_hi)):
        flags[i] |= np.uint64((rows.id_hi[i] | rows.id_lo[i]) != 0) << np.uint64(2)
    _mark_numbers(flags, rows.score, 3)
    _mark_numbers(flags, rows.progress, 4)
    for i in range(len(rows.duration_ms)):
        flags[i] |= np.uint64(rows.duration_ms[i] >= 0) << np.uint64(5)
    _mark_codes(flags, rows.section, 6)
    _mark_codes(flags, rows.answer, 7)
    _mark_numbers(flags, rows.position_s, 8)
    _mark_numbers(flags, rows.position_from_s, 9)
    _mark_numbers(flags, rows.length_s, 10)
    for i in range(len(rows.success)):
        flags[i] |= np.uint64(rows.success[i] + 1) << np.uint64(16)
    for i in range(len(rows.completion)):
        flags[i] |= np.uint64(rows.completion[i] + 1) << np.uint64(18)
    for i in range(len(rows.standing)):
        flags[i] |= np.uint64(rows.standing[i]) << np.uint64(20)
    for i in range(count):
        flags[i] |= np.uint64(rows.track[i]) << np.uint64(24)
    for a in range(len(codes)):
        for i in range(count):
            flags[i] += np.uint64(codes[a, i] >= 0) << np.uint64(32)
    return flags


LATER_FIELDS: Final = 0b111_1100_0000
"""The flags of the fields from section to length: most rows have none of them."""

assert len(STANDINGS) <= 16, "the first word has four bits for a standing"


@kernel
def _row_identities(  # noqa: C901, PLR0912, PLR0915 - one branch a field
    rows: Rows, vocabulary: Vocabulary, attributes: Attributes, k0: np.uint64, k1: np.uint64
) -> Digests:
    # Taken out of their tuples before the loop: in it, each access would count references.
    key_hi, key_lo, time_ms, verb, activity, course, id_hi, id_lo, score, progress = rows[:10]
    duration_ms = rows.duration_ms
    section, answer, position_s, position_from_s, length_s = rows[-5:]
    verb_hi, verb_lo, activity_hi, activity_lo, course_hi, course_lo = vocabulary[:6]
    section_hi, section_lo, answer_hi, answer_lo = vocabulary[6:]
    codes, name_hi, name_lo, first, value_hi, value_lo = attributes
    all_flags = _flags(rows, codes)
    count = len(time_ms)
    hi = np.empty(count, np.uint64)
    lo = np.empty(count, np.uint64)
    for i in range(count):
        flags = all_flags[i]
        state = _sip_start(k0, k1)
        state = _sip_take(_sip_take(state, flags), key_hi[i])
        state = _sip_take(_sip_take(state, key_lo[i]), np.uint64(time_ms[i]))
        state = _take_text(state, verb[i], verb_hi, verb_lo)
        words = 6
        if flags & np.uint64(1):
            state = _take_text(state, activity[i], activity_hi, activity_lo)
            words += 2
        if flags & np.uint64(2):
            state = _take_text(state, course[i], course_hi, course_lo)
            words += 2
        if flags & np.uint64(4):
            state = _take_text(state, i, id_hi, id_lo)
            words += 2
        if flags & np.uint64(8):
            state = _sip_take(state, _float_bits(score[i]))
            words += 1
        if flags & np.uint64(16):
            state = _sip_take(state, _float_bits(progress[i]))
            words += 1
        if flags & np.uint64(32):
            state = _sip_take(state, np.uint64(duration_ms[i]))
            words += 1
        if flags & np.uint64(LATER_FIELDS):
            if flags & np.uint64(1 << 6):
                state = _take_text(state, section[i], section_hi, section_lo)
                words += 2
            if flags & np.uint64(1 << 7):
                state = _take_text(state, answer[i], answer_hi, answer_lo)
                words += 2
            if flags & np.uint64(1 << 8):
                state = _sip_take(state, _float_bits(position_s[i]))
                words += 1
            if flags & np.uint64(1 << 9):
                state = _sip_take(state, _float_bits(position_from_s[i]))
                words += 1
            if flags & np.uint64(1 << 10):
                state = _sip_take(state, _float_bits(length_s[i]))
                words += 1
        for a in range(len(codes)):
            if codes[a, i] >= 0:
                state = _take_text(state, a, name_hi, name_lo)
                state = _take_text(state, first[a] + codes[a, i], value_hi, value_lo)
                words += 4
        hi[i], lo[i] = _sip_end(state, np.uint64(0), 8 * words)
    return hi, lo
