"""What an event is, at its two stages.

A codec turns bytes into ``RawEvents``: still with accounts, times as they were written, and line numbers. The door
(``homeroom.events.door``) turns those into an ``EventBatch``: pseudonyms, milliseconds, dictionary codes, identities.
Only the first kind ever holds a person's account, and it is never written anywhere. Both are columns, not objects:
at a quarter of a million events a second, one Python object an event is all the time there is.

What cannot become an event becomes a ``Reject``: it is counted by reason and written down with its source and line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = [
    "REJECT_KEYS",
    "STANDINGS",
    "TRACKS",
    "Decoded",
    "EventBatch",
    "Float64s",
    "Int8s",
    "Int32s",
    "Int64s",
    "RawEvents",
    "Reason",
    "Reject",
    "Strings",
    "UInt8s",
    "UInt64s",
]

Int8s: TypeAlias = npt.NDArray[np.int8]
Int32s: TypeAlias = npt.NDArray[np.int32]
Int64s: TypeAlias = npt.NDArray[np.int64]
UInt8s: TypeAlias = npt.NDArray[np.uint8]
UInt64s: TypeAlias = npt.NDArray[np.uint64]
Float64s: TypeAlias = npt.NDArray[np.float64]

Strings: TypeAlias = Sequence[str | None] | pa.Array
"""Text, one value an event: a Python list, or an Arrow array (string, large_string, or a dictionary of these).
``None`` or null is "absent"."""

TRACKS: tuple[str, ...] = (
    "other",
    "video",
    "problem",
    "reading",
    "forum",
    "live",
    "navigation",
    "enrolment",
)
"""The kinds of activity that have their own day bitmap; an event's track is its position here."""

STANDINGS: tuple[str, ...] = (
    "none",
    "enrolled",
    "left",
    "progressed",
    "graded",
    "completed",
    "passed",
    "failed",
)
"""What an event about a course run as a whole says of the learner's standing in it; an event's standing is its
position here, 0 for every event that is about anything less than the whole run."""


class Reason(StrEnum):
    """Why something that was read did not become an event."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    WRONG_TYPE = "wrong_type"
    MISSING_FIELD = "missing_field"
    COLUMN_COUNT = "column_count"
    QUOTE_MISPLACED = "quote_misplaced"
    LINE_TOO_LONG = "line_too_long"
    TEXT_TOO_LONG = "text_too_long"
    TIME_FORMAT = "time_format"
    TIME_WITHOUT_ZONE = "time_without_zone"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    SCORE_NOT_FINITE = "score_not_finite"
    SCORE_OUT_OF_RANGE = "score_out_of_range"
    NUMBER_FORMAT = "number_format"
    TRUNCATED = "truncated"
    DECOMPRESSION_BOMB = "decompression_bomb"
    UNREADABLE = "unreadable"
    NOT_EVENTS = "not_events"
    BEFORE_CUT = "before_cut"


@dataclass(frozen=True, slots=True)
class Reject:
    """One thing that was read and is not an event.

    ``detail`` names the field and the rule, never the content: a rejects file must be safe to send to a vendor.
    ``line`` counts from 1; 0 stands for the file as a whole.
    """

    source: str
    line: int
    reason: Reason
    detail: str


REJECT_KEYS: Final = frozenset(one.name for one in fields(Reject))
"""By these a rejects file is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEvents:
    """Events as a codec read them, column by column; every column has the length of ``line``.

    Parameters
    ----------
    line : int64 array, shape (n,), line or row number in the source, from 1
    account : the account's name as its issuer knows it; absent ones are rejected at the door
    issuer : who named the account (home page, host, file); one text for all, or a column
    time : ISO 8601 text with a zone (rejected at the door if not), or int64 milliseconds since 1970 UTC
    verb, activity : one text for all, or a column; an absent verb is rejected at the door
    course, event_id, track : a column, or None where the source has none. An event with a ``track`` keeps it;
        one without is given its track by the verb table
    score : share of the best possible score for xAPI (-1 to 1), else as the source counts; NaN is absent
        (a codec rejects what the source itself wrote as not finite)
    progress : share, 0 to 1; NaN is absent
    success, completion : int8, 1 yes, 0 no, -1 absent
    duration_ms : int64 milliseconds, -1 absent
    standing : a column of names of ``STANDINGS``, or None: then the verb table says what a verb about the course
        run as a whole means
    section : the part of the course that the activity lies in (chapter, week, module)
    answer : what was answered, where the question offers its answers or wants a number; never free text
    position_s, position_from_s, length_s : float64 seconds, NaN absent: where in the video this happened (of a seek:
        where it led), where a seek began, how long the video is
    attributes : facts about the learner that may be stored (country, platform, …), by name
    """

    line: Int64s
    account: Strings
    time: Strings | Int64s
    issuer: Strings | str = ""
    verb: Strings | str
    activity: Strings | str = ""
    course: Strings | None = None
    event_id: Strings | None = None
    track: Strings | None = None
    score: Float64s | None = None
    progress: Float64s | None = None
    success: Int8s | None = None
    completion: Int8s | None = None
    duration_ms: Int64s | None = None
    standing: Strings | None = None
    section: Strings | None = None
    answer: Strings | None = None
    position_s: Float64s | None = None
    position_from_s: Float64s | None = None
    length_s: Float64s | None = None
    attributes: Mapping[str, Strings] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.line)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a codec made of one chunk: events, and what could not become one.

    ``Reject.source`` may be left empty by a codec; the reader fills it in. ``voided`` are the ids of events that
    statements of this chunk take back (xAPI 4.2.2, voiding); these statements are no events themselves.
    """

    events: RawEvents
    rejects: Sequence[Reject] = ()
    voided: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBatch:
    """Events after the door: nothing in it names a person. All columns have the same length n.

    Parameters
    ----------
    key_hi, key_lo : uint64, the two halves of the 128-bit pseudonym of the learner
    time_ms : int64, milliseconds since 1970-01-01T00:00:00Z, within ``limits.TIME_MS_MIN``/``MAX``
    verb, activity, course : int32 codes in the dictionaries of the run; -1 is absent (activity, course)
    track : uint8, position in ``TRACKS``
    identity_hi, identity_lo : uint64, digest of the whole row: two events with the same one are the same event
    id_hash : uint64, hash of the event id alone, 0 where there is none: same id, other identity is a conflict
    score, progress, success, completion, duration_ms : as in ``RawEvents``; None where no event has one
    standing : uint8, position in ``STANDINGS``; None where no event has one
    section, answer : int32 codes in the dictionaries of the run, -1 is absent; None where no event has one
    position_s, position_from_s, length_s : as in ``RawEvents``; None where no event has one
    origin, entry : which entry of a log it came with: int32 code of the origin in the dictionaries of the run, -1 for
        an event that no log told of, and int64 number of the entry; None where no event came from a log
    attributes : int32 codes by attribute name, -1 is absent
    """

    key_hi: UInt64s
    key_lo: UInt64s
    time_ms: Int64s
    verb: Int32s
    activity: Int32s
    course: Int32s
    track: UInt8s
    identity_hi: UInt64s
    identity_lo: UInt64s
    id_hash: UInt64s
    score: Float64s | None = None
    progress: Float64s | None = None
    success: Int8s | None = None
    completion: Int8s | None = None
    duration_ms: Int64s | None = None
    standing: UInt8s | None = None
    section: Int32s | None = None
    answer: Int32s | None = None
    position_s: Float64s | None = None
    position_from_s: Float64s | None = None
    length_s: Float64s | None = None
    origin: Int32s | None = None
    entry: Int64s | None = None
    attributes: Mapping[str, Int32s] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.time_ms)
