"""Where two states differ: sums of rows as a tree, by table and partition, by ranges of keys, by row.

A fingerprint says that two states differ, and an operator must know where. So the sum that a fingerprint is can be told
in parts: of each partition of both tables, of the 256 ranges of keys that it is made of, of the 256 of each of these,
and of each row. Where two nodes tell parts of the same place, they find in three steps of some kilobytes the rows in
which they differ, however many rows there are.

A part has a *path*: a byte for the table and the partition, then up to two for bits of the key, then for a row all of
its key. The way not taken sends rows: it would carry what learners did over links for which it is not meant.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np

from homeroom import limits
from homeroom.events.model import UInt64s
from homeroom.state.fingerprint import keys_fingerprint, row_hashes
from homeroom.state.fold import PARTITION_SHIFT
from homeroom.state.keys import Keys, distinct_keys
from homeroom.state.state import State
from homeroom.state.table import Partition

__all__ = [
    "TABLES",
    "Sums",
    "children",
    "fingerprint_of",
    "place_of",
    "root_sums",
    "row_of",
    "rows_apart",
]

TABLES: Final = ("learners", "enrolments")
Sums: TypeAlias = Mapping[bytes, int]
"""By path the sum of all rows below it, 0 … 2^64 - 1."""
_MASK: Final = (1 << 64) - 1
_RANGE_BITS: Final = 8
_LEVELS: Final = 3
"""Bytes of the longest path that is not a row's."""


def fingerprint_of(state: State, shards: Sequence[int]) -> str:
    """Return the fingerprint of a state of whose tables `Tables.shards` are known."""
    total = sum(shards) + state.history.consents.fingerprint()
    total += keys_fingerprint("erased", *state.history.erased)
    return f"{total % (1 << 128):032x}"


def root_sums(shards: Iterable[Sequence[int]]) -> dict[bytes, int]:
    """Return the sums of partitions, of several states together, from what `Tables.shards` says of each."""
    each = list(shards)
    return {
        bytes([place]): sum(one[place] for one in each) & _MASK
        for place in range(len(TABLES) * limits.PARTITIONS)
    }


def children(states: Iterable[State], path: bytes) -> dict[bytes, int]:
    """Return the sums of all parts of a part, of several states together; those that come to nothing are left out."""
    found: dict[bytes, int] = {}
    for state in states:
        for below, value in _children(state, path):
            found[below] = (found.get(below, 0) + value) & _MASK
    return {below: value for below, value in found.items() if value}


def _children(state: State, path: bytes) -> list[tuple[bytes, int]]:
    number, place = divmod(path[0], limits.PARTITIONS)
    table, kind, values = state.tables.hashed()[number]
    partition = table.partitions[place]
    hashes = row_hashes(partition, kind, values)
    key_hi, key_lo = partition.key_hi[: partition.rows], partition.key_lo[: partition.rows]
    there = np.ones(partition.rows, np.bool_)
    for level, byte in enumerate(path[1:]):
        there &= _bytes(key_hi, level) == byte
    rows = np.flatnonzero(there & (hashes != 0))
    if len(path) == _LEVELS:
        keys = zip(key_hi[rows].tolist(), key_lo[rows].tolist(), hashes[rows].tolist(), strict=True)
        return [(path + _key(hi, lo), value) for hi, lo, value in keys]
    sums = np.zeros(1 << _RANGE_BITS, np.uint64)
    np.add.at(sums, _bytes(key_hi[rows], len(path) - 1), hashes[rows])
    return [(path + bytes([byte]), int(sums[byte])) for byte in np.flatnonzero(sums).tolist()]


def _bytes(key_hi: UInt64s, level: int) -> UInt64s:
    """Return of keys the byte that comes after those that a path names already, below the bits of the partition."""
    shift = PARTITION_SHIFT - np.uint64(_RANGE_BITS * (level + 1))
    return (key_hi >> shift) & np.uint64((1 << _RANGE_BITS) - 1)


def _key(hi: int, lo: int) -> bytes:
    return hi.to_bytes(8, "big") + lo.to_bytes(8, "big")


def row_of(path: bytes) -> str:
    """Return the key of the row that a path leads to, 32 hexadecimal digits; empty for a path to several rows.

    A learner's key is the pseudonym.
    """
    return path[_LEVELS:].hex() if len(path) > _LEVELS else ""


def place_of(path: bytes) -> str:
    """Say which partition of which table a path leads to."""
    number, place = divmod(path[0], limits.PARTITIONS)
    return f"{TABLES[number]}, shard {place}"


def rows_apart(one: State, other: State) -> dict[str, tuple[int, list[str]]]:
    """Return by partition how many rows of two states differ, and the keys of some; nothing where none does.

    At most ``limits.ROWS_TOLD_MAX`` keys are named in all.
    """
    found: dict[str, tuple[int, list[str]]] = {}
    left = limits.ROWS_TOLD_MAX
    tables = zip(one.tables.hashed(), other.tables.hashed(), strict=True)
    for number, ((mine, kind, values), (theirs, _, their_values)) in enumerate(tables):
        for place in range(limits.PARTITIONS):
            key_hi, key_lo = _unmatched(
                _rows(mine.partitions[place], kind, values),
                _rows(theirs.partitions[place], kind, their_values),
            )
            if len(key_hi):
                some = zip(key_hi[:left].tolist(), key_lo[:left].tolist(), strict=True)
                path = bytes([number * limits.PARTITIONS + place])
                found[place_of(path)] = len(key_hi), [_key(hi, lo).hex() for hi, lo in some]
                left -= min(left, len(key_hi))
    return found


_Rows: TypeAlias = tuple[UInt64s, UInt64s, UInt64s]
"""Keys of rows, upper and lower halves, and the hash of each."""


def _rows(partition: Partition, kind: str, values: Mapping[str, UInt64s]) -> _Rows:
    hashes = row_hashes(partition, kind, values)
    there = np.flatnonzero(hashes)
    return partition.key_hi[there], partition.key_lo[there], hashes[there]


def _unmatched(mine: _Rows, theirs: _Rows) -> Keys:
    """Return the keys of rows that only one side has as they are, sorted and distinct."""
    columns = [np.concatenate(pair) for pair in zip(mine, theirs, strict=True)]
    order = np.lexsort(columns[::-1])
    hi, lo, hashes = (column[order] for column in columns)
    same = (hi[1:] == hi[:-1]) & (lo[1:] == lo[:-1]) & (hashes[1:] == hashes[:-1])
    matched = np.zeros(len(hi), np.bool_)
    matched[1:] |= same
    matched[:-1] |= same
    return distinct_keys([(hi[~matched], lo[~matched])])
