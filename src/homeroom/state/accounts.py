"""Accounts that a scan has met, and the days on which each was active: a subject table in the making.

A subject table finds rows by pseudonym, and a pseudonym costs a keyed BLAKE2s. A scan meets each account twenty times
and may not spend that on every event, so here rows are found by the SipHash of the account under a key that lives as
long as the scan, and the pseudonym is worked out once, when an account is new. At the end the rows go to the
partitions of their pseudonyms and are clustered by first day (`AccountTable.subjects`), and what the scan needed to
find them is dropped.

What an event still needs after hashing fits two words: 99 bits that tell accounts apart (three choose the partition,
96 stand in its index, `homeroom.state.buckets`) and sixteen for the day. Two of a hundred million accounts become one
by chance in one scan of 10^14. First and last day follow from the words and are not kept.

The way not taken: pseudonyms for all events, into the table itself. The vector code of `homeroom.events.lanes` makes
that possible, at three times the hashing.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.model import Int32s, Int64s, UInt8s, UInt64s
from homeroom.events.siplanes import FINE
from homeroom.events.texts import sealed
from homeroom.kernel import kernel
from homeroom.limits import DAYS_PER_WORD, PARTITIONS, TIME_MS_MAX
from homeroom.state.buckets import (
    DAY_BITS,
    DAY_MASK,
    TAG_BITS,
    bucket_count,
    fold_sightings,
    new_buckets,
    refill,
    rows_max,
)
from homeroom.state.fold import PARTITION_SHIFT, group_by_partition
from homeroom.state.instructions import highest_bit, lowest_bit
from homeroom.state.paging import new_words
from homeroom.state.running import Run, Task
from homeroom.state.table import ANY, Partition, SubjectTable
from homeroom.state.zones import DAY_MS, Zone, local_days

__all__ = ["AccountPartition", "AccountTable", "Times", "Window"]

BUCKETS_FIRST: Final = 32
ROWS_SMALL: Final = 1 << 16
ROWS_RESERVED: Final = 1 << 22
"""Rows that a partition's columns have once it has more than a few: of memory that is not written to, the system gives
none, and columns that need not grow are copied nowhere."""
WORDS_MAX: Final = (1 << DAY_BITS) // DAYS_PER_WORD + 1
Days: TypeAlias = npt.NDArray[np.uint16]

assert TIME_MS_MAX // DAY_MS + 2 < 1 << DAY_BITS
assert PARTITIONS.bit_length() - 1 + TAG_BITS + DAY_BITS <= 64


class Times(NamedTuple):
    """Times of events in milliseconds, int64, and the first and last of those that count."""

    time_ms: Int64s
    first_ms: int
    last_ms: int


class Window(NamedTuple):
    """Events on their way in, columns of length n; `AccountTable.window` makes one.

    ``hi`` and ``lo`` uint64, the hash of the account, the day in the lowest bits of ``hi``; ``order`` int32, which
    event this is. All three lie by partition, those of p at ``starts[p]:starts[p + 1]``. ``words`` are the numbers of
    the words that the days of all lie in.
    """

    hi: UInt64s
    lo: UInt64s
    order: Int32s
    starts: Int64s
    words: tuple[int, ...]


class AccountPartition:
    """The accounts of one range of hashes. Not for two threads at once."""

    def __init__(self) -> None:
        self.rows = 0
        self.key_hi: UInt64s = np.empty(0, np.uint64)
        self.key_lo: UInt64s = np.empty(0, np.uint64)
        self.columns: dict[int, UInt64s] = {}
        self._addresses = np.zeros(WORDS_MAX, np.int64)
        self._buckets = new_buckets(BUCKETS_FIRST)
        self._make_room(rows_max(self._buckets))

    def fold(self, window: Window, number: int) -> Int32s:
        """OR the days of a window's events of this partition into their rows.

        Returns
        -------
        The events whose accounts are new, int32, in the order of their rows, which are the last ones. The caller
        gives them their pseudonyms with `name`.
        """
        mine = slice(window.starts[number], window.starts[number + 1])
        hi, lo, order = window.hi[mine], window.lo[mine], window.order[mine]
        for word in window.words:
            if word not in self.columns:
                self._place(word, new_words(len(self.key_hi)))
        before = self.rows
        new = np.empty(len(order), np.int32)
        at = 0
        while at < len(order):
            at, self.rows = fold_sightings(
                self._buckets, self._addresses, (at, self.rows, before), hi, lo, order, new
            )
            if at < len(order):
                self._grow()
        return new[: self.rows - before]

    def name(self, first_row: int, key_hi: UInt64s, key_lo: UInt64s) -> None:
        """Give rows that follow each other their pseudonyms."""
        self.key_hi[first_row : first_row + len(key_hi)] = key_hi
        self.key_lo[first_row : first_row + len(key_lo)] = key_lo

    def forget_hashes(self) -> None:
        """Drop the index; nothing can be folded after this."""
        self._buckets = np.zeros(0, np.uint64)

    def _grow(self) -> None:
        old = self._buckets
        self._buckets = new_buckets(2 * bucket_count(old))
        refill(self._buckets, old)
        self._make_room(rows_max(self._buckets))

    def _make_room(self, rows: int) -> None:
        if rows <= len(self.key_hi):
            return
        if rows > ROWS_SMALL:
            rows = max(rows, ROWS_RESERVED)
        self.key_hi = self._moved(self.key_hi, rows)
        self.key_lo = self._moved(self.key_lo, rows)
        for word, column in self.columns.items():
            self._place(word, self._moved(column, rows))

    def _moved(self, old: UInt64s, rows: int) -> UInt64s:
        column = new_words(rows)
        column[: self.rows] = old[: self.rows]
        return column

    def _place(self, word: int, column: UInt64s) -> None:
        self.columns[word] = column
        self._addresses[word] = column.ctypes.data


class AccountTable:
    """All accounts of a scan, in partitions that threads can lock one by one.

    Parameters
    ----------
    zone : in which days are cut
    """

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self.partitions = [AccountPartition() for _ in range(PARTITIONS)]

    @property
    def rows(self) -> int:
        """Number of accounts."""
        return sum(partition.rows for partition in self.partitions)

    def is_one_day(self, first_ms: int, last_ms: int) -> bool:
        """Whether all instants from one to another are of one day, without a change of clock between them."""
        zone = self._zone
        span = np.array([first_ms, last_ms], np.int64)
        first, last = np.searchsorted(zone.starts_ms, span, side="right")
        day, last_day = local_days(span, zone)
        return bool(first == last and day == last_day)

    def window(
        self, hi: UInt64s, lo: UInt64s, status: UInt8s, time_ms: Int64s
    ) -> tuple[Window, Times]:
        """Cut the days of hashed events and group the good ones by partition.

        Parameters
        ----------
        hi, lo : hashes of the accounts; the lowest bits of ``hi`` are overwritten
        status : `homeroom.events.siplanes.FINE` for events that count
        time_ms : good for all that count
        """
        starts = np.zeros(PARTITIONS + 1, np.int64)
        by_partition = (
            np.empty(len(hi), np.uint64), np.empty(len(hi), np.uint64), np.empty(len(hi), np.int32)
        )  # fmt: skip
        zone = self._zone
        met = np.zeros(WORDS_MAX, np.bool_)
        first_ms, last_ms = _group(
            (hi, lo),
            (status, sealed(time_ms)),
            (zone.starts_ms, zone.offsets_ms),
            starts,
            met,
            by_partition,
        )
        words = tuple(np.flatnonzero(met).tolist())
        return Window(*by_partition, starts, words), Times(time_ms, first_ms, last_ms)

    def subjects(self, run: Run) -> SubjectTable:
        """Return the accounts as a settled subject table; this table is empty afterwards."""
        table = SubjectTable()
        parts = [partition for partition in self.partitions if partition.rows]
        self.partitions = []
        if not parts:
            return table
        for part in parts:
            part.forget_hashes()
        words = sorted({word for part in parts for word in part.columns})
        first, count = words[0], words[-1] + 1 - words[0]
        key_hi = _taken(parts, "key_hi")
        order, starts = np.empty(len(key_hi), np.int64), np.zeros(PARTITIONS + 1, np.int64)
        group_by_partition(key_hi, starts, order)
        first_day, last_day = np.zeros(len(key_hi), np.uint16), np.zeros(len(key_hi), np.uint16)
        _find_days(parts, run, first_day, last_day)
        targets = [(p, order[starts[p] : starts[p + 1]]) for p in range(PARTITIONS)]
        table.partitions = [Partition(first, 0) for _ in range(PARTITIONS)]
        days = _Settling(key_hi, first_day, last_day, count)
        run([days.task(table.partitions[number], rows) for number, rows in targets])
        del key_hi, first_day, last_day, days
        key_lo = _taken(parts, "key_lo")
        run([_key_task(table.partitions[number], key_lo, rows) for number, rows in targets])
        del key_lo
        for word in words:
            column = _taken_word(parts, word)
            run([
                _word_task(table.partitions[number], word - first, column, rows)
                for number, rows in targets
            ])  # fmt: skip
            del column
        return table


class _Settling(NamedTuple):
    """What partitions are filled from: by account, the upper half of its key and its first and last day."""

    key_hi: UInt64s
    first_day: Days
    last_day: Days
    word_count: int

    def task(self, partition: Partition, rows: Int64s) -> Task:
        """Fill a partition with these accounts, clustered by first day; ``rows`` is put in their order."""

        def work() -> None:
            rows[:] = rows[np.argsort(self.first_day[rows], kind="stable")]
            partition.rows = len(rows)
            partition.key_hi = self.key_hi[rows]
            start = self.first_day[rows].astype(np.int32)
            partition.start_day = start
            partition.last_day = self.last_day[rows].astype(np.int32)
            partition.words = {ANY: np.zeros((self.word_count, len(rows)), np.uint64)}
            partition.slots = None
            heads = np.flatnonzero(np.diff(start, prepend=-1))
            partition.run_days, partition.run_starts = start[heads], np.append(heads, len(rows))

        return work


# --- from accounts to subjects -----------------------------------------------------------------------------------


def _taken(parts: Sequence[AccountPartition], name: str) -> UInt64s:
    """Return a column of all parts in one piece, and take it away from them."""
    column: UInt64s = np.concatenate([getattr(part, name)[: part.rows] for part in parts])
    for part in parts:
        setattr(part, name, np.empty(0, np.uint64))
    return column


def _taken_word(parts: Sequence[AccountPartition], word: int) -> UInt64s:
    """Return one word of all parts in one piece, and take it away from them."""
    taken = np.zeros(sum(part.rows for part in parts), np.uint64)
    place = 0
    for part in parts:
        column = part.columns.pop(word, None)
        if column is not None:
            taken[place : place + part.rows] = column[: part.rows]
        place += part.rows
    return taken


def _find_days(
    parts: Sequence[AccountPartition], run: Run, first_day: Days, last_day: Days
) -> None:
    ends = np.cumsum([part.rows for part in parts]).tolist()

    def task(part: AccountPartition, end: int) -> Task:
        chosen = slice(end - part.rows, end)

        def work() -> None:
            for word, column in sorted(part.columns.items()):
                from_day = word * DAYS_PER_WORD
                _add_days(column, from_day, first_day[chosen], last_day[chosen])

        return work

    run([task(part, end) for part, end in zip(parts, ends, strict=True)])


def _key_task(partition: Partition, key_lo: UInt64s, rows: Int64s) -> Task:
    def work() -> None:
        partition.key_lo = key_lo[rows]

    return work


def _word_task(partition: Partition, place: int, column: UInt64s, rows: Int64s) -> Task:
    def work() -> None:
        np.take(column, rows, out=partition.words[ANY][place])

    return work


# --- kernels -----------------------------------------------------------------------------------------------------


@kernel
def _group(hashes, about, zone, starts, met, by_partition):
    """Put the good events, with their days, in the order of partitions; mark their words, return the range of times.

    The arguments are pairs: hashes (hi, lo), what is known of the events (status, time_ms), the zone (starts_ms,
    offsets_ms); and what is written: ``starts``, ``met``, and the columns ``hi``, ``lo`` and ``order`` of `Window`.
    """
    hi, lo = hashes
    status, time_ms = about
    to_hi, to_lo, to_order = by_partition
    starts_ms, offsets_ms = zone
    first_ms, last_ms = np.int64(TIME_MS_MAX), np.int64(-1)
    # The stretch of the zone that the last event fell into: its ends, and what turns its instants into local ones.
    low, high, shift = np.int64(0), np.int64(0), np.int64(0)
    for i in range(len(hi)):
        if status[i] != FINE:
            continue
        t = time_ms[i]
        if t < low or t >= high:
            stretch = np.searchsorted(starts_ms, t, side="right") - 1
            low = starts_ms[stretch]
            high = starts_ms[stretch + 1] if stretch + 1 < len(starts_ms) else np.int64(TIME_MS_MAX)
            shift = offsets_ms[stretch] - 4 * DAY_MS
        day = np.uint64(t + shift) // np.uint64(
            DAY_MS
        )  # an index without a sign needs no look at it
        first_ms, last_ms = min(first_ms, t), max(last_ms, t)
        met[day // np.uint64(DAYS_PER_WORD)] = True
        hi[i] = (hi[i] & ~DAY_MASK) | day
        starts[(hi[i] >> PARTITION_SHIFT) + np.uint64(1)] += 1
    for p in range(1, len(starts)):
        starts[p] += starts[p - 1]
    place = starts[:-1].copy()
    for i in range(len(hi)):
        if status[i] == FINE:
            p = hi[i] >> PARTITION_SHIFT
            at = place[p]
            to_hi[at] = hi[i]
            to_lo[at] = lo[i]
            to_order[at] = i
            place[p] = at + 1
    return first_ms, last_ms


@kernel
def _add_days(column, from_day, first_day, last_day):
    """Move each row's first and last day, 0 where there was none, by one word; words come in their order."""
    for row in range(len(first_day)):
        word = column[row]
        if word != 0:
            last_day[row] = from_day + highest_bit(word)
            if first_day[row] == 0:
                first_day[row] = from_day + lowest_bit(word)
