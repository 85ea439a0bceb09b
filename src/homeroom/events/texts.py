"""Columns of text as kernels see them: bytes and offsets.

A quarter of a million events a second leaves no time for a Python object a value. Arrow already keeps text as one
run of bytes with offsets, so a list becomes Arrow once (25 ns a value, in C) and everything after that (hashes,
times) reads bytes in Numba. Every column is brought to one shape, large strings without nulls, because each further
shape of an argument would compile every kernel anew; widening 32-bit offsets costs a quarter of a nanosecond.

Absent text and empty text are the same thing here: no source that we know means something by an empty account, id
or time.

Kernels read through addresses, not arrays: an array handed from function to function is counted up and down each
time, with a locked instruction that takes longer than the load. `load_tail` never reads beyond the buffer, because
buffers that come from elsewhere need not be padded.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from llvmlite import ir

from homeroom.events.model import Int64s, Strings, UInt8s
from homeroom.kernel import inlined, instruction, types

__all__ = [
    "Texts",
    "address_of",
    "buffers",
    "large_strings",
    "load_byte",
    "load_tail",
    "load_word",
    "sealed",
]


class Texts(NamedTuple):
    """Text of n values: value i is ``data[offsets[i]:offsets[i + 1]]``, UTF-8. Both arrays are read-only."""

    data: UInt8s
    offsets: Int64s


def sealed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a read-only, contiguous view of an array (a copy only if it is not contiguous)."""
    if not array.flags.c_contiguous:
        array = np.ascontiguousarray(array)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def large_strings(values: Strings) -> pa.LargeStringArray:
    """Return values as large strings, absent ones as empty text.

    Raises
    ------
    UnicodeEncodeError
        A Python string holds a lone surrogate and has no UTF-8 form.
    pyarrow.ArrowTypeError
        A value is not text.
    """
    array = values if isinstance(values, pa.Array) else pa.array(values, pa.large_string())
    if array.type != pa.large_string():
        array = array.cast(pa.large_string())
    if not array.null_count:
        return array
    import pyarrow.compute as pc  # makes a function of Python for each of its own: a question needs none

    return pc.fill_null(array, "")


def buffers(array: pa.LargeStringArray) -> Texts:
    """Return the bytes and offsets of an array from `large_strings`, without a copy."""
    if len(array) == 0:
        return Texts(NO_BYTES, NO_OFFSETS)
    _, offsets, data = array.buffers()
    window = np.frombuffer(offsets, np.int64, len(array) + 1, array.offset * 8)
    content = NO_BYTES if data is None or data.size == 0 else np.frombuffer(data, np.uint8)
    return Texts(sealed(content), sealed(window))


NO_BYTES: UInt8s = sealed(np.zeros(0, np.uint8))
NO_OFFSETS: Int64s = sealed(np.zeros(1, np.int64))


def _emit_address(_context: Any, buffer: Any) -> Any:  # noqa: ANN401 - Numba's own types
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.ptrtoint(array.data, ir.IntType(64))

    return types.int64(buffer), generate


def _emit_load(result: str, size_bits: int) -> Any:  # noqa: ANN401
    def emit(_context: Any, address: Any) -> Any:  # noqa: ANN401, ARG001 - Numba hands in the type
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            pointer = builder.inttoptr(arguments[0], ir.IntType(size_bits).as_pointer())
            value = builder.load(pointer)
            value.align = 1  # text starts anywhere
            return value

        return getattr(types, result)(types.int64), generate

    return emit


address_of: Callable[[npt.NDArray[Any]], int] = instruction(_emit_address)
"""Return the address of the first byte of an array, in kernels; good as long as the array lives."""

load_word: Callable[[int], np.uint64] = instruction(_emit_load("uint64", 64))
"""Return the 64-bit little-endian word at an address, in kernels."""

load_byte: Callable[[int], int] = instruction(_emit_load("uint8", 8))
"""Return the byte at an address, in kernels."""


@inlined
def load_tail(address: int, end: int, limit: int) -> np.uint64:
    """Return the word at an address with the bytes from ``end`` on as zero; nothing from ``limit`` on is read."""
    if end - address >= 8:
        return load_word(address)
    if end <= address:
        return np.uint64(0)
    if address + 8 <= limit:
        spare_bits = np.uint64((8 - (end - address)) * 8)
        return (load_word(address) << spare_bits) >> spare_bits
    word = np.uint64(0)
    for place in range(end - address):
        word |= np.uint64(load_byte(address + place)) << np.uint64(8 * place)
    return word
