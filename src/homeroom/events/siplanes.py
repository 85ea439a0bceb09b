"""SipHash of eight short texts at once, to find the row of an account.

A scan meets each account twenty times and needs to know only *which* it is, a hundred million times over, so the
text is hashed where it lies in the page. One SipHash is a chain of operations that wait for each other (20 ns for 27
bytes); eight of them side by side in the lanes of a vector take little longer than one. As in `homeroom.events.lanes`
the vector instructions are written out, since the compiler does not find them by itself, and LLVM cuts them to the
width that the processor has.

The digests are those of `homeroom.events.digests.siphash128`. Eight texts that follow each other go into the lanes
together, and a lane whose text has ended waits for the longest; where one of them has less than eight bytes, or 64
and more, they are hashed one by one. What is not ASCII is seen by the same loads that the hash needs, and only then
looked at byte by byte.

The way not taken: a quicker hash without a key. Whoever writes the log could then choose accounts that collide, and
two learners would be one.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from llvmlite import ir

from homeroom.events.digests import siphash128_at
from homeroom.events.model import Int32s, Int64s, UInt8s, UInt64s
from homeroom.events.texts import address_of, load_byte
from homeroom.kernel import cgutils, inlined, instruction, kernel, types
from homeroom.limits import TEXT_BYTES_MAX

__all__ = ["EMPTY", "FINE", "NOT_UTF8", "TOO_LONG", "Digests", "Spans", "gathered", "hash_spans"]

FINE: Final = 0
EMPTY: Final = 1
TOO_LONG: Final = 2
NOT_UTF8: Final = 3

LANES: Final = 8
WORD_BYTES: Final = 8
LANE_TEXT_BYTES: Final = 64
"""Texts of a word up to this length, excluded, go into the lanes."""
WORD = ir.IntType(64)
VECTOR = ir.VectorType(WORD, LANES)
WIDE = ir.IntType(64 * LANES)
TOPS: Final = 0x8080808080808080


class Spans(NamedTuple):
    """Texts that lie anywhere in memory: text i is the bytes from the address ``starts[i]`` to ``ends[i]``.

    Both int64 of shape (n,). An absent text is an empty one. Whoever makes spans has checked that they lie within
    buffers, and keeps these buffers alive.
    """

    starts: Int64s
    ends: Int64s


class Digests(NamedTuple):
    """What `hash_spans` writes, all of shape (n,).

    ``hi`` and ``lo`` uint64, the first and second output word; ``status`` uint8, whether the text may be an account:
    `FINE`, `EMPTY`, `TOO_LONG` or `NOT_UTF8`.
    """

    hi: UInt64s
    lo: UInt64s
    status: UInt8s


def hash_spans(spans: Spans, key: tuple[int, int], digests: Digests) -> int:
    """Write SipHash-2-4-128 of each text under a key of two 64-bit words; return how many are not `FINE`."""
    return int(_hash_spans(np.uint64(key[0]), np.uint64(key[1]), spans, digests))


def gathered(spans: Spans, chosen: Int32s) -> pa.LargeStringArray:
    """Return some of the texts, which must be UTF-8, as an array of their own."""
    offsets = np.zeros(len(chosen) + 1, np.int64)
    np.cumsum(spans.ends[chosen] - spans.starts[chosen], out=offsets[1:])
    data = np.empty(int(offsets[-1]), np.uint8)
    _copy(spans, chosen, data)
    return pa.LargeStringArray.from_buffers(len(chosen), pa.py_buffer(offsets), pa.py_buffer(data))


# --- vector instructions -----------------------------------------------------------------------------------------


def _all(word: int) -> Any:  # noqa: ANN401 - llvmlite has no types
    return ir.Constant(VECTOR, [ir.Constant(WORD, word)] * LANES)


def _spread(builder: Any, word: Any) -> Any:  # noqa: ANN401
    """Return a vector with one word in every lane."""
    index = ir.IntType(32)
    one = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), word, ir.Constant(index, 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(index, LANES), [0] * LANES))


def _load(builder: Any, address: Any) -> Any:  # noqa: ANN401
    value = builder.load(builder.inttoptr(address, VECTOR.as_pointer()))
    value.align = WORD_BYTES
    return value


def _store(builder: Any, value: Any, address: Any) -> None:  # noqa: ANN401
    builder.store(value, builder.inttoptr(address, VECTOR.as_pointer())).align = WORD_BYTES


def _gather(builder: Any, addresses: Any) -> Any:  # noqa: ANN401
    """Return the words at eight addresses."""
    words = ir.Constant(VECTOR, ir.Undefined)
    for lane in range(LANES):
        place = ir.Constant(ir.IntType(32), lane)
        address = builder.extract_element(addresses, place)
        word = builder.load(builder.inttoptr(address, WORD.as_pointer()))
        word.align = 1  # text starts anywhere
        words = builder.insert_element(words, word, place)
    return words


def _rotate(builder: Any, vector: Any, bits: int) -> Any:  # noqa: ANN401
    return builder.or_(builder.shl(vector, _all(bits)), builder.lshr(vector, _all(64 - bits)))


def _round(builder: Any, state: list[Any]) -> list[Any]:  # noqa: ANN401
    v0, v1, v2, v3 = state
    v0, v2 = builder.add(v0, v1), builder.add(v2, v3)
    v1 = builder.xor(_rotate(builder, v1, 13), v0)
    v3 = builder.xor(_rotate(builder, v3, 16), v2)
    v0 = _rotate(builder, v0, 32)
    v2, v0 = builder.add(v2, v1), builder.add(v0, v3)
    v1 = builder.xor(_rotate(builder, v1, 17), v2)
    v3 = builder.xor(_rotate(builder, v3, 21), v0)
    return [v0, v1, _rotate(builder, v2, 32), v3]


def _take(builder: Any, state: list[Any], word: Any) -> list[Any]:  # noqa: ANN401
    v0, v1, v2, v3 = state
    v0, v1, v2, v3 = _round(builder, _round(builder, [v0, v1, v2, builder.xor(v3, word)]))
    return [builder.xor(v0, word), v1, v2, v3]


def _finish(
    builder: Any,  # noqa: ANN401 - LLVM's own
    state: list[Any],
    changed: int,
    mark: int,
) -> tuple[Any, list[Any]]:
    state[changed] = builder.xor(state[changed], _all(mark))
    for _ in range(4):
        state = _round(builder, state)
    v0, v1, v2, v3 = state
    return builder.xor(builder.xor(v0, v1), builder.xor(v2, v3)), state


def _start(builder: Any, k0: Any, k1: Any) -> list[Any]:  # noqa: ANN401
    first, second = _spread(builder, k0), _spread(builder, k1)
    return [
        builder.xor(first, _all(0x736F6D6570736575)),
        builder.xor(second, _all(0x646F72616E646F6D ^ 0xEE)),
        builder.xor(first, _all(0x6C7967656E657261)),
        builder.xor(second, _all(0x7465646279746573)),
    ]


def _emit(_context: Any, *_types: Any) -> Any:  # noqa: ANN401 - Numba hands in types
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        k0, k1, starts, ends, words_max, first_word, second_word = arguments
        places = [cgutils.alloca_once_value(builder, v) for v in _start(builder, k0, k1)]
        seen_place = cgutils.alloca_once_value(builder, _all(0))
        address = _load(builder, starts)
        length = builder.sub(_load(builder, ends), address)
        words = builder.lshr(length, _all(3))
        with cgutils.for_range(builder, words_max) as loop:
            index = _spread(builder, loop.index)
            goes_on = builder.icmp_unsigned("<", index, words)
            offset = builder.select(goes_on, builder.shl(index, _all(3)), _all(0))
            word = _gather(builder, builder.add(address, offset))
            builder.store(builder.or_(builder.load(seen_place), word), seen_place)
            old = [builder.load(place) for place in places]
            for before, after, place in zip(old, _take(builder, old, word), places, strict=True):
                builder.store(builder.select(goes_on, after, before), place)
        # The last bytes are the upper ones of the word that ends the text. With none left the shift would be by 64,
        # which is not defined: two shifts by half do.
        last = _gather(builder, builder.sub(builder.add(address, length), _all(WORD_BYTES)))
        half = builder.sub(_all(32), builder.shl(builder.and_(length, _all(7)), _all(2)))
        tail = builder.lshr(builder.lshr(last, half), half)
        seen = builder.or_(builder.load(seen_place), tail)
        tail = builder.or_(tail, builder.shl(length, _all(56)))
        state = _take(builder, [builder.load(place) for place in places], tail)
        first, state = _finish(builder, state, 2, 0xEE)
        second, _ = _finish(builder, state, 1, 0xDD)
        _store(builder, first, first_word)
        _store(builder, second, second_word)
        tops = builder.bitcast(builder.and_(seen, _all(TOPS)), WIDE)
        return builder.icmp_unsigned("!=", tops, ir.Constant(WIDE, 0))

    signature = types.boolean(types.uint64, types.uint64, *[types.int64] * 5)
    return signature, generate


def _emit_for_kernels(  # noqa: PLR0913, PLR0917 - Numba counts the arguments of a kernel's call
    context: Any,  # noqa: ANN401
    k0: Any,  # noqa: ANN401
    k1: Any,  # noqa: ANN401
    starts: Any,  # noqa: ANN401
    ends: Any,  # noqa: ANN401
    words_max: Any,  # noqa: ANN401
    first_word: Any,  # noqa: ANN401
    second_word: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    return _emit(context, k0, k1, starts, ends, words_max, first_word, second_word)


def _emit_copy(_context: Any, to: Any, start: Any, size: Any) -> Any:  # noqa: ANN401, ARG001 - Numba hands in types
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        pointer = ir.IntType(8).as_pointer()
        to, start, size = arguments
        copy: Any = cgutils.raw_memcpy  # without types of its own
        copy(builder, builder.inttoptr(to, pointer), builder.inttoptr(start, pointer), size, 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


_hash_lanes: Callable[[np.uint64, np.uint64, int, int, int, int, int], bool] = instruction(
    _emit_for_kernels
)
"""Hash eight texts of 8 to 63 bytes, in kernels; say whether one holds a byte that is not ASCII.

The arguments are the key; the addresses of eight starts and of eight ends (int64); the most whole words
that a text has; and where to write eight first and eight second words of the digests (addresses of uint64).
"""


_copy_bytes: Callable[[int, int, int], None] = instruction(_emit_copy)
"""Copy to an address, from another one, so many bytes, in kernels."""

# --- kernels -----------------------------------------------------------------------------------------------------


@kernel
def _is_utf8(address: int, end: int) -> bool:
    """Say whether bytes are UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF)."""
    while address < end:
        first = np.int64(load_byte(address))
        address += 1
        if first < 0x80:
            continue
        more = 1 if first < 0xE0 else 2 if first < 0xF0 else 3
        if first < 0xC2 or first > 0xF4 or address + more > end:
            return False
        second = np.int64(load_byte(address))
        low = 0xA0 if first == 0xE0 else 0x90 if first == 0xF0 else 0x80
        high = 0x9F if first == 0xED else 0x8F if first == 0xF4 else 0xBF
        if second < low or second > high:
            return False
        for place in range(1, more):
            if np.int64(load_byte(address + place)) & 0xC0 != 0x80:
                return False
        address += more
    return True


@kernel
def _verdict(address: int, end: int) -> int:
    if address == end:
        return EMPTY
    if not _is_utf8(address, end):
        return NOT_UTF8
    return TOO_LONG if end - address > TEXT_BYTES_MAX else FINE


@inlined
def _longest(starts: Int64s, ends: Int64s, first: int) -> int:
    """Return the most whole words of eight texts; 0 if they do not all fit the lanes."""
    shortest = ends[first] - starts[first]
    longest = shortest
    for place in range(first + 1, first + LANES):
        length = ends[place] - starts[place]
        shortest = min(shortest, length)
        longest = max(longest, length)
    return 0 if shortest < WORD_BYTES or longest >= LANE_TEXT_BYTES else longest >> 3


@kernel
def _hash_spans(k0: np.uint64, k1: np.uint64, spans: Spans, digests: Digests) -> int:
    starts, ends = spans
    hi, lo, status = digests
    from_start, from_end = address_of(starts), address_of(ends)
    to_hi, to_lo = address_of(hi), address_of(lo)
    count = len(starts)
    found = 0
    place = 0
    while place < count:
        words = _longest(starts, ends, place) if place + LANES <= count else 0
        end = min(place + LANES, count)
        odd = True
        if words:
            at = place * WORD_BYTES
            odd = _hash_lanes(k0, k1, from_start + at, from_end + at, words, to_hi + at, to_lo + at)
        for i in range(place, end):
            status[i] = FINE
            if words == 0:
                hi[i], lo[i] = siphash128_at(k0, k1, starts[i], ends[i])
            if odd:
                status[i] = _verdict(starts[i], ends[i])
                found += status[i] != FINE
        place = end
    return found


@kernel
def _copy(spans: Spans, chosen: Int32s, data: UInt8s) -> None:
    starts, ends = spans
    at = address_of(data)
    for i in range(len(chosen)):
        start = starts[chosen[i]]
        size = ends[chosen[i]] - start
        _copy_bytes(at, start, size)
        at += size
