"""Events as the door lets them in, for the tests of the log."""

import numpy as np

from homeroom.events.dictionary import Dictionaries
from homeroom.events.door import Door
from homeroom.events.model import Decoded, EventBatch, RawEvents
from homeroom.events.vocabulary import VerbTable

KEY = bytes(range(32))


def admitted(count: int = 3) -> tuple[EventBatch, Dictionaries]:
    """Return some events that have every column, and the dictionaries behind their codes."""
    absent = [None] * (count - 1)
    raw = RawEvents(
        line=np.arange(1, count + 1),
        account=[f"account {number}" for number in range(count)],
        time=np.arange(count) * 1_000 + 1_700_000_000_000,
        verb=["watched" if number % 2 else "read" for number in range(count)],
        activity=["intro", *absent],
        course=["physics", *absent],
        event_id=[f"id {number}" for number in range(count)],
        score=np.array([0.5, *[np.nan] * (count - 1)]),
        progress=np.array([0.25, *[np.nan] * (count - 1)]),
        success=np.array([1, *[-1] * (count - 1)], np.int8),
        completion=np.array([0, *[-1] * (count - 1)], np.int8),
        duration_ms=np.array([1_500, *[-1] * (count - 1)]),
        standing=["passed", *absent],
        section=["week 1", *absent],
        answer=["blue", *absent],
        position_s=np.array([12.5, *[np.nan] * (count - 1)]),
        position_from_s=np.array([3.0, *[np.nan] * (count - 1)]),
        length_s=np.array([90.0, *[np.nan] * (count - 1)]),
        attributes={"country": ["NO", *absent]},
    )
    door = Door(KEY, VerbTable.standard())
    decided = door.admit(Decoded(raw), "test")
    assert not decided.rejects
    return decided.batch, door.dictionaries
