"""Instructions of the processor that Numba has no word for, and LLVM has.

A row of a large table is a hundred nanoseconds away, and a fold needs another one for every event; the processor can
wait for ten of them at once if it is told in time. The first and the last day of a word are one instruction each, and
sixty steps of a loop without it.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["highest_bit", "lowest_bit", "prefetch"]

WORD = ir.IntType(64)
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


def _emit_lowest(_context: Any, word: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


def _emit_highest(_context: Any, word: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        above = builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))
        return builder.sub(ir.Constant(WORD, 63), above)

    return types.int64(types.uint64), generate


def _as_intrinsic(emit: Any) -> Any:  # noqa: ANN401 - Numba's annotations do not know what a kernel sees
    return intrinsic(emit)


prefetch: Callable[[int], None] = _as_intrinsic(_emit_prefetch)
"""Ask for the cache line at an address that will soon be written, in kernels; any address is allowed."""

lowest_bit: Callable[[Any], int] = _as_intrinsic(_emit_lowest)
"""Return the place of the lowest bit set of a uint64, 64 if none is, in kernels."""

highest_bit: Callable[[Any], int] = _as_intrinsic(_emit_highest)
"""Return the place of the highest bit set of a uint64, -1 if none is, in kernels."""
