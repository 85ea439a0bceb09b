"""A fingerprint of state: equal for equal logical content, wherever and however it was reached.

Every cell that holds something (a word of a track, an attribute, a grade) is hashed together with its learner's key,
its column's name and its place; the fingerprint is the sum of these hashes modulo 2^128. A sum does not depend on the
order of rows or partitions, absent cells add nothing, and a change of one row changes it by the difference of that
row alone. Values are hashed as text or number, never as a dictionary code.

Source of the construction: AdHash (Bellare, Micciancio, A new paradigm for collision-free hashing, 1997), with
SipHash as the hash: it guards against errors, not against a forger.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.digests import hash_texts
from homeroom.events.model import STANDINGS, Int64s, UInt64s
from homeroom.events.texts import Texts, buffers, large_strings, sealed
from homeroom.state.standing import COMPLETED, COMPLETIONS, OUTCOME, STATUS
from homeroom.state.table import Partition, SubjectTable

__all__ = [
    "hash_rows",
    "keys_fingerprint",
    "partition_fingerprints",
    "row_hashes",
    "standing_hashes",
    "table_fingerprint",
]

_STEP_ROWS = 1 << 16
_Column: TypeAlias = npt.NDArray[np.generic] | np.uint64 | int


def hash_rows(*columns: _Column) -> tuple[UInt64s, UInt64s]:
    """Return the 128-bit hash of each row of 64-bit columns: two uint64 arrays of the columns' shape (n,)."""
    count = max(len(c) for c in columns if isinstance(c, np.ndarray))
    matrix = np.empty((count, len(columns)), np.uint64)
    for i, column in enumerate(columns):
        matrix[:, i] = (
            column.astype(np.uint64) if isinstance(column, np.ndarray) else np.uint64(column)
        )
    offsets: Int64s = np.arange(count + 1, dtype=np.int64) * (8 * len(columns))
    return hash_texts(Texts(sealed(matrix.view(np.uint8).reshape(-1)), sealed(offsets)))


def _name_hash(name: str) -> np.uint64:
    """Return a 64-bit hash of a column's name."""
    return np.uint64(hash_texts(buffers(large_strings([name])))[0][0])


@functools.cache
def standing_hashes() -> Mapping[str, UInt64s]:
    """Return for each column of how an enrolment stands the hash of what each code stands for."""
    texts = {STATUS: STANDINGS, OUTCOME: STANDINGS, COMPLETED: COMPLETIONS}
    return {name: hash_texts(buffers(large_strings(one)))[0] for name, one in texts.items()}


def table_fingerprint(table: SubjectTable, kind: str, values: Mapping[str, UInt64s]) -> int:
    """Return the fingerprint of a table, 0 … 2^128 - 1.

    ``values`` has for each attribute the hash of the value behind each code.
    """
    return sum(partition_fingerprints(table, kind, values)) % (1 << 128)


def partition_fingerprints(
    table: SubjectTable, kind: str, values: Mapping[str, UInt64s]
) -> list[int]:
    """Return the fingerprints of the partitions of a table, 0 … 2^128 - 1 each; modulo that, their sum is its own."""
    return [_fingerprint(partition, kind, values) for partition in table.partitions]


def _fingerprint(partition: Partition, kind: str, values: Mapping[str, UInt64s]) -> int:
    total = 0
    for _, hi, lo in _cells(partition, kind, values):
        total += (_exact_sum(hi) << 64) + _exact_sum(lo)
    return total % (1 << 128)


def row_hashes(partition: Partition, kind: str, values: Mapping[str, UInt64s]) -> UInt64s:
    """Return a number for each row of a partition, uint64 (rows,): equal for equal rows, 0 for empty ones."""
    found = np.zeros(partition.rows, np.uint64)
    for rows, _, lo in _cells(partition, kind, values):
        found[rows] += lo  # a row is in each column once
    return found


def keys_fingerprint(kind: str, key_hi: UInt64s, key_lo: UInt64s) -> int:
    """Return the fingerprint of a set of keys, 0 for none; each key is in it once."""
    return _sum(key_hi, key_lo, _name_hash(kind))


def _cells(
    partition: Partition, kind: str, values: Mapping[str, UInt64s]
) -> Iterator[tuple[Int64s, UInt64s, UInt64s]]:
    """Return for each column, some rows at a time, which of them hold something, and both halves of its hash."""
    for start in range(0, partition.rows, _STEP_ROWS):
        rows = slice(start, min(start + _STEP_ROWS, partition.rows))
        for held, *columns in _columns(partition, rows, kind, values):
            if len(held):
                hi, lo = hash_rows(
                    partition.key_hi[rows][held], partition.key_lo[rows][held], *columns
                )
                yield held + start, hi, lo


def _columns(
    partition: Partition, rows: slice, kind: str, values: Mapping[str, UInt64s]
) -> Iterator[tuple[Int64s, *tuple[_Column, ...]]]:
    """Return for each column which of some rows hold something in it, and what of it is hashed beside the key."""
    for track, words in partition.words.items():
        column = _name_hash(f"{kind}/track/{track}")
        for i in range(partition.word_count):
            word = words[i, rows]
            held = np.flatnonzero(word)
            yield held, column, partition.first_word + i, word[held]
    for name, codes in partition.codes.items():
        held = np.flatnonzero(codes[rows] >= 0)
        value = values[name][codes[rows][held]]
        column = _name_hash(f"{kind}/attribute/{name}")
        yield held, column, value, partition.set_ms[name][rows][held]
    for name, numbers in partition.numbers.items():
        held = np.flatnonzero(~np.isnan(numbers[rows]))
        value = numbers[rows][held].view(np.uint64)
        column = _name_hash(f"{kind}/number/{name}")
        timed = partition.set_ms.get(name)
        yield held, column, value, 0 if timed is None else timed[rows][held]


def _sum(keys: UInt64s, *others: _Column) -> int:
    if not len(keys):
        return 0
    hi, lo = hash_rows(keys, *others)
    return (_exact_sum(hi) << 64) + _exact_sum(lo)


def _exact_sum(words: UInt64s) -> int:
    low = int((words & np.uint64(0xFFFFFFFF)).sum())
    return (int((words >> np.uint64(32)).sum()) << 32) + low
