"""BLAKE2s of sixteen short messages at once.

One compression is some 1,100 operations on 32-bit words that wait for each other. Sixteen of them side by side, one
in each lane of a vector, cost the processor hardly more than one. LLVM does not find this by itself in a loop over
lanes (tried with 8 to 32), so here the instructions on vectors are written out for it; it cuts them to the width
that the processor has, so there is nothing to choose between machines.

Only the last block of a message is done this way: an account is nearly always shorter than a block, and what stands
before it is the same for all of one issuer. Longer ones take `homeroom.events.pseudonyms.blake2s128`.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from homeroom.kernel import instruction, types

__all__ = ["LANES", "compress_last_blocks"]

LANES = 16
LANE_BYTES = 4
WORD = ir.IntType(32)
VECTOR = ir.VectorType(WORD, LANES)

INITIAL = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)  # fmt: skip
ORDER = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
    (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
    (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
    (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
    (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
    (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
    (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
    (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
)
"""The order of the message's words in each round (RFC 7693, section 2.7)."""
PLACES = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip
"""The words of the state that each step of a round mixes: columns, then diagonals."""


class _Writer:
    """Writes vector instructions."""

    def __init__(self, builder: Any) -> None:  # noqa: ANN401 - llvmlite has no types
        self._builder = builder

    def all_lanes(self, word: int) -> Any:  # noqa: ANN401
        return ir.Constant(VECTOR, [ir.Constant(WORD, word)] * LANES)

    def pointer(self, base: Any, row: int) -> Any:  # noqa: ANN401
        offset = ir.Constant(ir.IntType(64), row * LANES * LANE_BYTES)
        return self._builder.inttoptr(self._builder.add(base, offset), VECTOR.as_pointer())

    def load(self, base: Any, row: int) -> Any:  # noqa: ANN401
        value = self._builder.load(self.pointer(base, row))
        value.align = LANE_BYTES
        return value

    def store(self, value: Any, base: Any, row: int) -> None:  # noqa: ANN401
        self._builder.store(value, self.pointer(base, row)).align = LANE_BYTES

    def xor_rotate(self, a: Any, b: Any, bits: int) -> Any:  # noqa: ANN401
        word = self._builder.xor(a, b)
        right = self._builder.lshr(word, self.all_lanes(bits))
        return self._builder.or_(right, self._builder.shl(word, self.all_lanes(32 - bits)))

    def mix(self, v: list[Any], place: tuple[int, int, int, int], x: Any, y: Any) -> None:  # noqa: ANN401
        """Write the mixing function G (RFC 7693, section 3.1)."""
        a, b, c, d = place
        for word, first, second in ((x, 16, 12), (y, 8, 7)):
            v[a] = self._builder.add(self._builder.add(v[a], v[b]), word)
            v[d] = self.xor_rotate(v[d], v[a], first)
            v[c] = self._builder.add(v[c], v[d])
            v[b] = self.xor_rotate(v[b], v[c], second)


def _emit(_context: Any, states: Any, blocks: Any, counted: Any) -> Any:  # noqa: ANN401, ARG001 - Numba hands in types
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        write = _Writer(builder)
        state_base, block_base, counted_base = arguments
        h = [write.load(state_base, row) for row in range(8)]
        m = [write.load(block_base, row) for row in range(16)]
        v = h + [write.all_lanes(word) for word in INITIAL]
        v[12] = builder.xor(v[12], write.load(counted_base, 0))
        v[14] = builder.xor(v[14], write.all_lanes(0xFFFFFFFF))
        for order in ORDER:
            for step, place in enumerate(PLACES):
                write.mix(v, place, m[order[2 * step]], m[order[2 * step + 1]])
        for row in range(8):
            write.store(builder.xor(builder.xor(h[row], v[row]), v[row + 8]), state_base, row)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


compress_last_blocks: Callable[[int, int, int], None] = instruction(_emit)
"""Compress the last block of `LANES` messages, in kernels.

The arguments are addresses of uint32 arrays: states of shape (8, LANES), changed in place; blocks of shape
(16, LANES), zeros after the message; and the lengths counted up to the end of each message, shape (LANES,), each
below 2**32.
"""
