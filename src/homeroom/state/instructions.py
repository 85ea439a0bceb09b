"""Instructions of the processor that Numba has no word for, and LLVM has.

A row of a large table is a hundred nanoseconds away, and a fold needs another one for every event; the processor can
wait for ten of them at once if it is told in time. The first and the last day of a word are one instruction each, and
sixty steps of a loop without it. And four entries of an index are compared without a branch, which is what a branch
that waits for memory and then goes the other way costs most.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from homeroom.kernel import cgutils, instruction, types

__all__ = [
    "BUCKET_BYTES",
    "BUCKET_ENTRIES",
    "entry_in_bucket",
    "highest_bit",
    "lowest_bit",
    "prefetch",
    "set_bits",
]

BUCKET_ENTRIES = 4
BUCKET_BYTES = 64
"""One cache line: four first words, then four second words."""
WORD = ir.IntType(64)
FOUR = ir.VectorType(WORD, BUCKET_ENTRIES)
WRITE, KEEP, DATA = 1, 3, 1
"""It will be written, is to stay in all caches, and is no code."""


def _emit_prefetch(_context: Any, address: Any) -> Any:  # noqa: ANN401, ARG001 - Numba hands in the type
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        number = ir.IntType(32)
        pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        function: Any = cgutils.get_or_insert_function  # without types of its own
        hints = [ir.Constant(number, hint) for hint in (WRITE, KEEP, DATA)]
        place = builder.inttoptr(arguments[0], pointer)
        builder.call(function(builder.module, kind, "llvm.prefetch.p0"), [place, *hints])
        return context.get_dummy_value()

    return types.void(types.int64), generate


def _emit_set_bits(_context: Any, address: Any, bits: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        place = builder.inttoptr(arguments[0], WORD.as_pointer())
        builder.store(builder.or_(builder.load(place), arguments[1]), place)
        return context.get_dummy_value()

    return types.void(types.int64, types.uint64), generate


def _emit_lowest(_context: Any, word: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


def _emit_highest(_context: Any, word: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        above = builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))
        return builder.sub(ir.Constant(WORD, 63), above)

    return types.int64(types.uint64), generate


def _emit_entry(_context: Any, address: Any, first: Any, tag: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        place, first, tag = arguments
        lanes = [ir.Constant(ir.IntType(32), lane) for lane in range(BUCKET_ENTRIES)]

        def loaded(offset: int) -> Any:  # noqa: ANN401
            at = builder.add(place, ir.Constant(WORD, offset))
            four = builder.load(builder.inttoptr(at, FOUR.as_pointer()))
            four.align = 8
            return four

        def spread(word: Any) -> Any:  # noqa: ANN401
            four = ir.Constant(FOUR, ir.Undefined)
            for lane in lanes:
                four = builder.insert_element(four, word, lane)
            return four

        firsts, seconds = loaded(0), loaded(BUCKET_BYTES // 2)
        tags = builder.lshr(seconds, ir.Constant(FOUR, [ir.Constant(WORD, 32)] * BUCKET_ENTRIES))
        same = builder.and_(
            builder.icmp_unsigned("==", firsts, spread(first)),
            builder.icmp_unsigned("==", tags, spread(tag)),
        )
        nothing = ir.Constant(FOUR, [ir.Constant(WORD, 0)] * BUCKET_ENTRIES)
        found = builder.select(same, seconds, nothing)
        entry = builder.extract_element(found, lanes[0])
        for lane in lanes[1:]:
            entry = builder.or_(entry, builder.extract_element(found, lane))
        return entry

    return types.uint64(types.int64, types.uint64, types.uint64), generate


prefetch: Callable[[Any], None] = instruction(_emit_prefetch)
"""Ask for the cache line at an address that will soon be written, in kernels; any address is allowed."""

set_bits: Callable[[Any, Any], None] = instruction(_emit_set_bits)
"""OR a uint64 into the word at an address, in kernels; the caller has made sure that it is one."""

lowest_bit: Callable[[Any], int] = instruction(_emit_lowest)
"""Return the place of the lowest bit set of a uint64, 64 if none is, in kernels."""

highest_bit: Callable[[Any], int] = instruction(_emit_highest)
"""Return the place of the highest bit set of a uint64, -1 if none is, in kernels."""

entry_in_bucket: Callable[[Any, Any, Any], Any] = instruction(_emit_entry)
"""Return the second word of the entry with this first word and this upper half of the second, 0 if there is none, in
kernels. The arguments are the address of a bucket, the first word (uint64) and the upper half (uint64, below 2**32)."""
