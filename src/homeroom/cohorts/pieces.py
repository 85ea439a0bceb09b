"""Pieces of history: what one segment holds of a block of learners, each column read once however many ask for it."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.matching import Flags, Test, event_mask
from homeroom.events.columns import EVENT_COLUMNS
from homeroom.events.model import Int32s, Int64s
from homeroom.events.texts import sealed
from homeroom.state.coded import Coded
from homeroom.state.history import Segment

__all__ = ["Piece"]


class Piece:
    """The events of some learners of a block in one segment.

    Parameters
    ----------
    number : the segment's place among the segments
    segment : the segment
    subjects : which of the segment's learners these are
    rows : int32, the place of each of them in the block

    Attributes
    ----------
    offsets : int64, where each learner's events begin, and where the last ones end, counted from the piece's first
    """

    def __init__(self, number: int, segment: Segment, subjects: slice, rows: Int32s) -> None:
        offsets = segment.offsets[subjects.start : subjects.stop + 1]
        self.number = number
        self.rows = rows
        self._segment = segment
        self._first, self._end = int(offsets[0]), int(offsets[-1])
        self.offsets: Int64s = sealed(offsets - self._first)
        self._columns: dict[str, npt.NDArray[Any] | None] = {}

    def __len__(self) -> int:
        """Return the number of events."""
        return self._end - self._first

    def meets(self, span: tuple[int, int]) -> bool:
        """Say whether the segment has events from one instant on and before another."""
        return self._segment.max_ms >= span[0] and self._segment.min_ms < span[1]

    @cached_property
    def time_ms(self) -> Int64s:
        """The time of each event."""
        times = self.column("time_ms")
        assert times is not None, "every event has a time"
        return times

    def column(self, name: str) -> npt.NDArray[Any] | None:
        """Return a column of events, read-only; None if the segment does not have it."""
        if name not in self._columns:
            found = self._segment.piece(name, self._first, self._end)
            self._columns[name] = None if found is None else sealed(found)
        return self._columns[name]

    def coded(self, name: str) -> Coded | None:
        """Return a column of events as places in a list of values; None if the segment does not keep it so."""
        return self._segment.coded(name, self._first, self._end)

    def filled(self, name: str) -> npt.NDArray[Any]:
        """Return a column of events, read-only, with what stands for absent values where there is none."""
        found = self.column(name)
        if found is None:
            dtype, absent = EVENT_COLUMNS[name]
            found = sealed(np.full(len(self), absent, dtype))
        return found

    def codes(self, name: str) -> Int32s:
        """Return a column as codes, int32."""
        return sealed(self.filled(name).astype(np.int32, copy=False))

    def keep(self, tests: Sequence[Test]) -> Flags | None:
        """Return which events count and pass all tests, uint8; None if all do."""
        return event_mask(self._segment, self._first, self._end, tests)
