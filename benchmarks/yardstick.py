"""How long it takes to merely read the words that a triangle needs: the limit that memory sets.

"At the speed of memory" says nothing without the speed of memory, and a plain loop is a bad measure of it: the
triangle itself is quicker than that. So the yardstick is written as carefully as the kernels: eight independent
sums of eight words each, in registers, with the same prefetching, over exactly the ranges that the triangle reads
(of word w the rows that began in it or before), in the largest pieces that these allow. It adds, so that what it
read can be checked, and does nothing else. `quickest_read` tries several distances of prefetching and takes the best.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from homeroom.events.texts import sealed
from homeroom.limits import DAYS_PER_WORD
from homeroom.state.running import Run
from homeroom.state.table import ANY, SubjectTable

__all__ = ["Stretch", "needed_stretches", "quickest_read", "read_stretches", "sum_words"]

_LANES = 8
_SUMS = 8
_STEP_WORDS = _LANES * _SUMS
_PREFETCH_WORDS = (0, 256, 512, 1024, 2048)
_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_VECTOR = ir.VectorType(_I64, _LANES)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring words in memory: uint64, read-only."""

    words: npt.NDArray[np.uint64]


def _emit_prefetch(builder: Any, place: Any) -> None:  # noqa: ANN401 - LLVM has no types
    prefetch = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
        builder.module,
        ir.FunctionType(ir.VoidType(), [_I8.as_pointer(), _I32, _I32, _I32]),
        "llvm.prefetch.p0",
    )
    flags = [ir.Constant(_I32, value) for value in (0, 3, 1)]  # read, keep in all caches, data
    builder.call(prefetch, [builder.bitcast(place, _I8.as_pointer()), *flags])


@intrinsic
def _sum_steps(typingctx, address, steps, ahead_words):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
    """Return the sum, modulo 2^64, of ``steps * 64`` words from an address on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401, ARG001
        data = builder.inttoptr(args[0], _I64.as_pointer())
        # LLVM keeps these in registers: they are written and read through constant addresses only.
        sums: list[Any] = [
            cgutils.alloca_once(builder, _VECTOR)  # type: ignore[no-untyped-call]
            for _ in range(_SUMS)
        ]
        for total in sums:
            builder.store(ir.Constant(_VECTOR, [0] * _LANES), total)
        with cgutils.for_range(builder, args[1]) as loop:
            base = builder.gep(data, [builder.mul(loop.index, ir.Constant(_I64, _STEP_WORDS))])
            ahead = builder.gep(base, [args[2]])
            for i, total in enumerate(sums):
                _emit_prefetch(builder, builder.gep(ahead, [ir.Constant(_I64, _LANES * i)]))
                place = builder.gep(base, [ir.Constant(_I64, _LANES * i)])
                vector = builder.load(builder.bitcast(place, _VECTOR.as_pointer()))
                vector.align = 1
                builder.store(builder.add(builder.load(total), vector), total)
        joined = builder.load(sums[0])
        for total in sums[1:]:
            joined = builder.add(joined, builder.load(total))
        reduce = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module, ir.FunctionType(_I64, [_VECTOR]), f"llvm.vector.reduce.add.v{_LANES}i64"
        )
        return builder.call(reduce, [joined])

    return types.uint64(types.int64, types.int64, types.int64), codegen


@numba.njit(cache=True, nogil=True)
def sum_words(words, ahead_words):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the sum, modulo 2^64, of uint64 words; memory is asked for ``ahead_words`` before it is needed."""
    steps = len(words) // _STEP_WORDS
    total = _sum_steps(words.ctypes.data, steps, ahead_words)  # type: ignore[call-arg, var-annotated]
    for i in range(steps * _STEP_WORDS, len(words)):
        total += words[i]
    return total


def needed_stretches(table: SubjectTable) -> list[list[Stretch]]:
    """Return, by partition, the words that a first-time triangle of a clustered table reads."""
    found = []
    for partition in table.partitions:
        run_words = partition.run_days // DAYS_PER_WORD - partition.first_word
        stretches = []
        for word in range(partition.word_count):
            runs = int(np.searchsorted(run_words, word, side="right"))
            rows = int(partition.run_starts[runs])
            if rows:
                stretches.append(Stretch(sealed(partition.words[ANY][word, :rows])))
        found.append(stretches)
    return found


def read_stretches(parts: Sequence[Sequence[Stretch]], ahead_words: int, run: Run) -> int:
    """Read all stretches, dealt out to threads as the triangle deals its partitions; return the sum modulo 2^64."""
    totals = [0] * run.workers

    def task(number: int) -> Callable[[], None]:
        def work() -> None:
            for part in parts[number :: run.workers]:
                for stretch in part:
                    totals[number] += int(sum_words(stretch.words, ahead_words))

        return work

    run([task(number) for number in range(run.workers)])
    return sum(totals) % (1 << 64)


def quickest_read(parts: Sequence[Sequence[Stretch]], run: Run, repeats: int = 20) -> int:
    """Return the prefetch distance, in words, at which reading is quickest here."""
    best: tuple[float, int] | None = None
    for ahead_words in _PREFETCH_WORDS:
        read_stretches(parts, ahead_words, run)
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            read_stretches(parts, ahead_words, run)
            times.append(time.perf_counter() - start)
        middle = sorted(times)[repeats // 2]
        best = min(best, (middle, ahead_words)) if best else (middle, ahead_words)
    assert best is not None
    return best[1]
