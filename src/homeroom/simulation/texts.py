"""Events become text by copying ready pieces.

All that differs between two lines are three values of a fixed width (account, event id, time) and a handful of codes,
and for each code the text is known beforehand. So a format is a list of *slots*, each one of the three values, or a
dictionary of pieces and the code that picks from it, and one kernel copies pieces for CSV and xAPI alike. A JSON
encoder or Arrow's string kernels would build each line anew, several times slower.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.model import Int64s, UInt8s
from homeroom.kernel import kernel
from homeroom.simulation.chance import Stream, bits, hashed
from homeroom.simulation.curriculum import DAY_MS
from homeroom.simulation.sessions import Events

__all__ = ["Fixed", "LineFormat", "Pieces", "Slot", "Texts"]

_PREFIX: Final = "learner-"
_LONG_BYTES: Final = 27
_LONG_DIGITS: Final = 9
_ID_BYTES: Final = 36
_TIME_BYTES: Final = 24
_DATE_BYTES: Final = 10
_ZERO: Final = ord("0")
_HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
_ACCOUNT: Final = int(Stream.ACCOUNT)

Bytes2: TypeAlias = npt.NDArray[np.uint8]
"""Texts of one width, uint8 of shape (n, width)."""


class Fixed(IntEnum):
    """A value of a fixed width, another one on each line."""

    ACCOUNT = 0
    EVENT_ID = 1
    TIME = 2


@dataclass(frozen=True, slots=True)
class Pieces:
    """A slot that is filled from a dictionary: ``texts[code]`` for the code in the event's field ``by``."""

    by: str
    texts: Sequence[str]


Slot: TypeAlias = Fixed | str | Pieces
"""What a line is made of; a plain text is the same on every line."""


class Texts:
    """The accounts, ids and times of the events of one world, as text.

    Parameters
    ----------
    learners : size of the world, which settles the digits of an account
    accounts : ``short`` for ``learner-000123``, ``long`` for 27 bytes, the last of them hexadecimal from the seed
    seed : of the world
    dates : the days of the world, in order; an event lies within
    """

    def __init__(
        self, learners: int, accounts: str, seed: np.uint64, dates: Sequence[dt.date]
    ) -> None:
        digits = max(6, len(str(learners))) if accounts == "short" else _LONG_DIGITS
        self._blank = f"{_PREFIX}{'0' * digits}"
        if accounts == "long":
            self._blank = f"{self._blank}-".ljust(_LONG_BYTES, "0")
        self._digits = len(_PREFIX) + digits
        self._seed = seed
        self._dates = _bytes("".join(date.isoformat() for date in dates))
        self._start_ms = (dates[0] - dt.date(1970, 1, 1)).days * DAY_MS

    def accounts(self, events: Events) -> Bytes2:
        """Return the accounts, uint8 of shape (n, bytes of an account)."""
        out = np.tile(_bytes(self._blank), (len(events), 1))
        _fill_accounts(events, out, self._digits, self._seed)
        return out

    def ids(self, events: Events) -> Bytes2:
        """Return the event ids in the form of a UUID of version 4, uint8 of shape (n, 36)."""
        out = np.empty((len(events), _ID_BYTES), np.uint8)
        _fill_ids(events, out)
        return out

    def times(self, events: Events) -> Bytes2:
        """Return the times in ISO 8601 with milliseconds and Z, uint8 of shape (n, 24)."""
        out = np.tile(_bytes("____-__-__T00:00:00.000Z"), (len(events), 1))
        _fill_times(events, out, self._dates, self._start_ms)
        return out

    def fixed(self, events: Events) -> tuple[Bytes2, Int64s]:
        """Return all three side by side in the order of `Fixed`, and the edges of each."""
        parts = (self.accounts(events), self.ids(events), self.times(events))
        edges = np.cumsum([0, *(part.shape[1] for part in parts)], dtype=np.int64)
        return np.concatenate(parts, axis=1), edges


class LineFormat:
    """A format of one line an event, made of slots."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._slots = _merged(slots)
        pieces: list[bytes] = []
        self._firsts: list[int] = []
        self._line_bytes_max = 0
        for slot in self._slots:
            self._firsts.append(len(pieces))
            if isinstance(slot, Fixed):
                continue
            encoded = [text.encode() for text in ([slot] if isinstance(slot, str) else slot.texts)]
            self._line_bytes_max += max(map(len, encoded))
            pieces.extend(encoded)
        self._offsets = np.cumsum([0, *map(len, pieces)], dtype=np.int64)
        self._data = np.frombuffer(b"".join(pieces), np.uint8)

    def lines(self, events: Events, texts: Texts) -> memoryview:
        """Return the events as lines."""
        fixed, edges = texts.fixed(events)
        codes = np.empty((len(events), len(self._slots)), np.int32)
        for place, (slot, first) in enumerate(zip(self._slots, self._firsts, strict=True)):
            if isinstance(slot, Fixed):
                codes[:, place] = -1 - slot
            elif isinstance(slot, str):
                codes[:, place] = first
            else:
                codes[:, place] = first + events[slot.by].astype(np.int32)
        widths = sum(
            int(edges[slot + 1] - edges[slot]) for slot in self._slots if isinstance(slot, Fixed)
        )
        out = np.empty(len(events) * (self._line_bytes_max + widths), np.uint8)
        end = _copy_pieces(codes, fixed, edges, self._offsets, self._data, out)
        return out[:end].data


def _merged(slots: Sequence[Slot]) -> list[Slot]:
    """Put constants into the dictionary beside them: a copy less a line."""
    merged: list[Slot] = []
    for slot in slots:
        before = merged[-1] if merged else None
        if isinstance(slot, Pieces) and isinstance(before, str):
            merged[-1] = Pieces(slot.by, [before + text for text in slot.texts])
        elif isinstance(slot, str) and isinstance(before, Pieces):
            merged[-1] = Pieces(before.by, [text + slot for text in before.texts])
        else:
            merged.append(slot)
    return merged


def _bytes(text: str) -> UInt8s:
    return np.frombuffer(text.encode("ascii"), np.uint8)


@kernel
def _fill_accounts(events: Events, out: Bytes2, digits: int, seed: np.uint64) -> None:
    """Write the learner's number up to column ``digits``; what room there is behind a dash gets hexadecimal."""
    width = out.shape[1]
    key = hashed(seed, _ACCOUNT)
    for i in range(len(events)):
        learner = int(np.int64(events[i].learner))
        number = learner + 1
        place = digits - 1
        while number > 0:
            out[i, place] = _ZERO + number % 10
            number //= 10
            place -= 1
        draw = hashed(key, learner)
        for k in range(digits + 1, width):
            out[i, k] = _HEX[bits(draw, 4 * (k - digits - 1), 4)]


@kernel
def _fill_ids(events: Events, out: Bytes2) -> None:
    for i in range(len(events)):
        high = (events[i].id_high & ~np.uint64(0xF000)) | np.uint64(0x4000)
        low = (events[i].id_low & ~(np.uint64(3) << np.uint64(62))) | (
            np.uint64(1) << np.uint64(63)
        )
        place = 0
        for nibble in range(32):
            half = high if nibble < 16 else low
            if nibble in (8, 12, 16, 20):
                out[i, place] = 45
                place += 1
            out[i, place] = _HEX[bits(half, 60 - 4 * (nibble % 16), 4)]
            place += 1


@kernel
def _put_number(out: Bytes2, row: int, last: int, number: int) -> None:
    """Write a number backwards from a column on; zeros stand there already."""
    while number > 0:
        out[row, last] = _ZERO + number % 10
        number //= 10
        last -= 1


@kernel
def _fill_times(events: Events, out: Bytes2, dates: UInt8s, start_ms: int) -> None:
    for i in range(len(events)):
        since = events[i].time_ms - start_ms
        day = since // DAY_MS
        for k in range(_DATE_BYTES):
            out[i, k] = dates[day * _DATE_BYTES + k]
        rest = since - day * DAY_MS
        _put_number(out, i, 22, rest % 1000)
        _put_number(out, i, 18, rest // 1000 % 60)
        _put_number(out, i, 15, rest // 60_000 % 60)
        _put_number(out, i, 12, rest // 3_600_000)


@kernel
def _copy_pieces(
    codes: npt.NDArray[np.int32],
    fixed: Bytes2,
    edges: Int64s,
    offsets: Int64s,
    data: UInt8s,
    out: UInt8s,
) -> int:
    """Copy, line by line, the pieces that the codes name; a negative code is a fixed value. Return the end."""
    end = 0
    for i in range(codes.shape[0]):
        for slot in range(codes.shape[1]):
            code = codes[i, slot]
            if code >= 0:
                for k in range(offsets[code], offsets[code + 1]):
                    out[end] = data[k]
                    end += 1
            else:
                for k in range(edges[-1 - code], edges[-code]):
                    out[end] = fixed[i, k]
                    end += 1
    return end
