"""Accounts that a scan has met, and the days on which each was active: a subject table in the making.

A subject table finds rows by pseudonym, and a pseudonym costs a keyed BLAKE2s. A scan meets each account twenty times
and may not spend that on every event, so here rows are found by the SipHash of the account under a key that lives as
long as the scan, and the pseudonym is worked out once, when an account is new. At the end the rows go to the
partitions of their pseudonyms and are clustered by first day (`AccountTable.subjects`), and what the scan needed to
find them is dropped.

What an event still needs after hashing fits two words: 100 bits that tell accounts apart (four choose the partition,
96 stand in its index) and sixteen for the day. Two of a hundred million accounts become one by chance in one scan of
10^14. An index entry holds the hash and the row, so an event touches two cache lines of large memory, one here and
one in its word column; both are asked for ahead of time. First and last day follow from the words and are not kept.

The way not taken: pseudonyms for all events, into the table itself. The vector code of `homeroom.events.lanes` makes
that possible, at three times the hashing.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import numba
import numpy as np
import numpy.typing as npt

from homeroom.events.model import Int32s, Int64s, UInt8s, UInt64s
from homeroom.events.siplanes import FINE
from homeroom.events.texts import address_of, sealed
from homeroom.limits import DAYS_PER_WORD, PARTITIONS, TIME_MS_MAX
from homeroom.state.fold import group_by_partition
from homeroom.state.instructions import highest_bit, lowest_bit, prefetch
from homeroom.state.running import Run, Task
from homeroom.state.table import ANY, Partition, SubjectTable
from homeroom.state.zones import DAY_MS, Zone

__all__ = ["AccountPartition", "AccountTable", "Times", "Window"]

DAY_BITS: Final = 16
TAG_MASK: Final = np.uint64(0xFFFFFFFF)
DAY_MASK: Final = np.uint64((1 << DAY_BITS) - 1)
SHIFT: Final = np.uint64(64 - PARTITIONS.bit_length() + 1)
SLOTS_FIRST: Final = 1024
BLOCK: Final = 128
"""Events whose memory is asked for at once."""
WORD_BYTES: Final = 8
ENTRY_BYTES: Final = 16
_DAYS: Final = DAYS_PER_WORD
Days: TypeAlias = npt.NDArray[np.uint16]

assert TIME_MS_MAX // DAY_MS + 2 < 1 << DAY_BITS
assert PARTITIONS.bit_length() - 1 + 32 + DAY_BITS <= 64


class Times(NamedTuple):
    """Times of events in milliseconds, int64, and the first and last of those that count."""

    time_ms: Int64s
    first_ms: int
    last_ms: int


class Window(NamedTuple):
    """Events on their way in, columns of length n; `AccountTable.window` makes one.

    ``hi`` and ``lo`` uint64, the hash of the account, the day in the lowest bits of ``hi``; ``order`` the events by
    partition, those of p being ``order[starts[p]:starts[p + 1]]``; ``first_day`` and ``last_day`` of all.
    """

    hi: UInt64s
    lo: UInt64s
    order: Int32s
    starts: Int64s
    first_day: int
    last_day: int


class AccountPartition:
    """The accounts of one range of hashes. Not for two threads at once."""

    def __init__(self) -> None:
        self.rows = 0
        self.key_hi: UInt64s = np.empty(0, np.uint64)
        self.key_lo: UInt64s = np.empty(0, np.uint64)
        self.first_word = 0
        self.words: UInt64s = np.zeros((0, 0), np.uint64)
        self._slots: UInt64s = np.zeros(2 * SLOTS_FIRST, np.uint64)
        self._make_room(_rows_max(self._slots))

    def fold(self, window: Window, number: int) -> Int32s:
        """OR the days of a window's events of this partition into their rows.

        Returns
        -------
        The events whose accounts are new, int32, in the order of their rows, which are the last ones. The caller
        gives them their pseudonyms with `name` before anyone else folds.
        """
        events = window.order[window.starts[number] : window.starts[number + 1]]
        self._cover(window.first_day // _DAYS, window.last_day // _DAYS + 1)
        before = self.rows
        new = np.empty(len(events), np.int32)
        at = 0
        while at < len(events):
            at, self.rows = _fold(
                self._slots, self.words, self.first_word, (at, self.rows, before), events,
                (window.hi, window.lo), new,
            )  # fmt: skip
            if at < len(events):
                self._grow()
        return new[: self.rows - before]

    def name(self, key_hi: UInt64s, key_lo: UInt64s) -> None:
        """Give the newest rows their pseudonyms."""
        self.key_hi[self.rows - len(key_hi) : self.rows] = key_hi
        self.key_lo[self.rows - len(key_lo) : self.rows] = key_lo

    def forget_hashes(self) -> None:
        """Drop the index; nothing can be folded after this."""
        self._slots = np.zeros(0, np.uint64)

    def _grow(self) -> None:
        slots = np.zeros(2 * len(self._slots), np.uint64)
        _refill(slots, self._slots)
        self._slots = slots
        self._make_room(_rows_max(slots))

    def _make_room(self, rows_max: int) -> None:
        for name in ("key_hi", "key_lo"):
            column = np.empty(rows_max, np.uint64)
            column[: self.rows] = getattr(self, name)[: self.rows]
            setattr(self, name, column)
        self._rewrite(self.first_word, len(self.words), rows_max)

    def _cover(self, first_word: int, end_word: int) -> None:
        if not len(self.words):
            self.first_word = first_word
        first = min(first_word, self.first_word)
        count = max(end_word, self.first_word + len(self.words)) - first
        if (first, count) != (self.first_word, len(self.words)):
            self._rewrite(first, count, len(self.key_hi))

    def _rewrite(self, first: int, count: int, rows_max: int) -> None:
        """Have words from ``first`` on for so many rows; pages that nobody has written take no memory."""
        words = np.zeros((count, rows_max), np.uint64)
        for place, old in enumerate(self.words, self.first_word - first):
            if old[: self.rows].any():
                words[place, : self.rows] = old[: self.rows]
        self.words, self.first_word = words, first


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
        order = np.empty(len(hi), np.int32)
        zone = self._zone
        first_ms, last_ms, first_day, last_day = _group(
            hi, status, sealed(time_ms), (zone.starts_ms, zone.offsets_ms), starts, order
        )
        return Window(hi, lo, order, starts, first_day, last_day), Times(time_ms, first_ms, last_ms)

    def subjects(self, run: Run) -> SubjectTable:
        """Return the accounts as a settled subject table; this table is empty afterwards."""
        table = SubjectTable()
        parts = [partition for partition in self.partitions if partition.rows]
        self.partitions = []
        if not parts:
            return table
        for part in parts:
            part.forget_hashes()
        first = min(part.first_word for part in parts)
        count = max(part.first_word + len(part.words) for part in parts) - first
        key_hi = _taken(parts, "key_hi")
        order, starts = np.empty(len(key_hi), np.int64), np.zeros(PARTITIONS + 1, np.int64)
        group_by_partition(key_hi, SHIFT, starts, order)
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
        for word in range(first, first + count):
            column = _taken_word(parts, word)
            if column is not None:
                run([
                    _word_task(table.partitions[number], word - first, column, rows)
                    for number, rows in targets
                ])  # fmt: skip
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


def _rows_max(slots: UInt64s) -> int:
    """Return how many rows an index of this length may have: three of four slots."""
    return len(slots) // 2 * 3 // 4


# --- from accounts to subjects -----------------------------------------------------------------------------------


def _taken(parts: Sequence[AccountPartition], name: str) -> UInt64s:
    """Return a column of all parts in one piece, and take it away from them."""
    column: UInt64s = np.concatenate([getattr(part, name)[: part.rows] for part in parts])
    for part in parts:
        setattr(part, name, np.empty(0, np.uint64))
    return column


def _taken_word(parts: Sequence[AccountPartition], word: int) -> UInt64s | None:
    """Return one word column of all parts and take it away from them; None if nobody has written it."""
    column = np.zeros(sum(part.rows for part in parts), np.uint64)
    place, written = 0, False
    for part in parts:
        at = word - part.first_word
        if 0 <= at < len(part.words):
            column[place : place + part.rows] = part.words[at, : part.rows]
            written = True
        place += part.rows
    return column if written else None


def _find_days(
    parts: Sequence[AccountPartition], run: Run, first_day: Days, last_day: Days
) -> None:
    ends = np.cumsum([part.rows for part in parts]).tolist()

    def task(part: AccountPartition, end: int) -> Task:
        chosen = slice(end - part.rows, end)
        return lambda: _days_of_words(
            part.words, part.first_word, first_day[chosen], last_day[chosen]
        )

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


@numba.njit(cache=True, nogil=True)
def _group(hi, status, time_ms, zone, starts, order):
    """Write days into ``hi`` and order the good events by partition; return the range of times and of days."""
    starts_ms, offsets_ms = zone
    first_ms, last_ms = np.int64(TIME_MS_MAX), np.int64(-1)
    first_day, last_day = np.int64(1 << DAY_BITS), np.int64(-1)
    stretch = 0
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
        day = (t + shift) // DAY_MS
        first_ms, last_ms = min(first_ms, t), max(last_ms, t)
        first_day, last_day = min(first_day, day), max(last_day, day)
        hi[i] = (hi[i] & ~DAY_MASK) | np.uint64(day)
        starts[(hi[i] >> SHIFT) + np.uint64(1)] += 1
    for p in range(1, len(starts)):
        starts[p] += starts[p - 1]
    place = starts[:-1].copy()
    for i in range(len(hi)):
        if status[i] == FINE:
            p = hi[i] >> SHIFT
            order[place[p]] = i
            place[p] += 1
    return first_ms, last_ms, first_day, last_day


@numba.njit(cache=True, nogil=True)
def _fold(slots, words, first_word, progress, events, hashes, new):
    """Fold events until all are done or the index is full; return how many are done, and the rows there are now.

    ``progress`` is (events done, rows, rows before the window).
    """
    at, rows, before = progress
    hi, lo = hashes
    mask = np.uint64((len(slots) >> 1) - 1)
    rows_max = len(slots) // 2 * 3 // 4
    column_bytes = words.shape[1] * WORD_BYTES
    from_slots, from_words = address_of(slots), address_of(words)
    found = np.empty(BLOCK, np.int64)
    while at < len(events) and rows + BLOCK <= rows_max:
        count = min(BLOCK, len(events) - at)
        for i in range(count):
            prefetch(from_slots + np.int64(lo[events[at + i]] & mask) * ENTRY_BYTES)  # type: ignore[arg-type]
        for i in range(count):
            event = events[at + i]
            low = lo[event]
            high = hi[event]
            tag = (high >> np.uint64(DAY_BITS)) & TAG_MASK
            slot = low & mask
            while True:
                entry = slots[2 * slot + np.uint64(1)]
                if entry == 0:
                    new[rows - before] = event
                    rows += 1
                    entry = (tag << np.uint64(32)) | np.uint64(rows)
                    slots[2 * slot] = low
                    slots[2 * slot + np.uint64(1)] = entry
                    break
                if slots[2 * slot] == low and entry >> np.uint64(32) == tag:
                    break
                slot = (slot + np.uint64(1)) & mask
            row = np.int64(entry & TAG_MASK) - 1
            word = np.int64(high & DAY_MASK) // _DAYS - first_word
            prefetch(from_words + word * column_bytes + row * WORD_BYTES)
            found[i] = row
        for i in range(count):
            day = np.int64(hi[events[at + i]] & DAY_MASK)
            word = day // _DAYS
            words[word - first_word, found[i]] |= np.uint64(1) << np.uint64(day - word * _DAYS)
        at += count
    return at, rows


@numba.njit(cache=True, nogil=True)
def _refill(slots, old):
    """Enter all of an index into a larger one."""
    mask = np.uint64((len(slots) >> 1) - 1)
    for i in range(0, len(old), 2):
        if old[i + 1] != 0:
            slot = old[i] & mask
            while slots[2 * slot + np.uint64(1)] != 0:
                slot = (slot + np.uint64(1)) & mask
            slots[2 * slot] = old[i]
            slots[2 * slot + np.uint64(1)] = old[i + 1]


@numba.njit(cache=True, nogil=True)
def _days_of_words(words, first_word, first_day, last_day):
    """Write each row's first and last day."""
    for row in range(len(first_day)):
        first_day[row] = 0
        last_day[row] = 0
    for place in range(words.shape[0] - 1, -1, -1):
        from_day = (first_word + place) * _DAYS
        for row in range(len(first_day)):
            word = words[place, row]
            if word != 0:
                first_day[row] = from_day + lowest_bit(word)
                if last_day[row] == 0:
                    last_day[row] = from_day + highest_bit(word)
