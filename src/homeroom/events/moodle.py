"""Moodle's logs become events: the export that a teacher downloads, and the table that an administrator has.

The *export* (Reports, Logs, Download) was made for reading: it has the person's full name, a time in words of the
site's language without a zone, and the ids only inside an English sentence: "The user with id '5' viewed the 'quiz'
activity with course module id '12'." That sentence is the one thing that Moodle does not translate, so the ids are
taken from it. The full name is a name: it is an account of last resort, where the sentence names no user.

The *logstore* (table ``mdl_logstore_standard_log``, as CSV, Parquet, JSON lines or a JSON array) has all of it as
columns. Addresses (``ip``) and ``other`` are never read.

Two things look like the learner and are not. In an enrolment the acting user may be a teacher: the learner is the
related user. And who is "logged in as" somebody (``realuserid``) is not that learner: such rows are refused.
"""

import datetime as dt
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
from msgspec import Struct

from homeroom.errors import MappingError
from homeroom.events.jsonlines import Items, JsonReader
from homeroom.events.model import TRACKS, Decoded, Int64s, RawEvents, Reason, Reject
from homeroom.events.vocabulary import VerbTable
from homeroom.limits import TEXT_BYTES_MAX

__all__ = ["DateOrder", "MoodleCodec", "MoodleDecoded", "looks_like"]

Cell: TypeAlias = str | int | float | bool | None
Fault: TypeAlias = tuple[Reason, str]

_LOGSTORE_HEADER: Final = frozenset({"eventname", "timecreated", "userid"})
_EXPORT_HEADER: Final = frozenset({"time", "component", "event name", "description"})
_NOBODY: Final = frozenset({"", "0", "-1", "-"})
_NULLS: Final = frozenset({"", "0", "null", "\\n"})
_CONTEXT_USER: Final = "30"
_CONTEXT_MODULE: Final = "70"
_OF_RELATED_USER: Final = (r"\core\event\user_enrolment_", r"\core\event\course_completed")
_ENROLS: Final = re.compile(
    r"enrol\w* the user with id '(\d+)'|for the user with id '(\d+)' in the course"
)
_ACTS: Final = re.compile(r"[Uu]ser with id '(-?\d+)'")
_MODULE: Final = re.compile(r"course module id '(\d+)'")
_COURSE: Final = re.compile(r"course with id '(\d+)'")
_NUMERIC_DATE: Final = re.compile(
    r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2}),?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp]\.?[Mm]\.?)?"
)
_WORDY_DATE: Final = re.compile(
    r"(?:[A-Za-z]+,\s*)?(\d{1,2})[\s-]+([A-Za-z]{3,9})\.?[\s-]+(\d{4}|\d{2}),?\s+"
    r"(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp]\.?[Mm]\.?)?"
)
_ISO_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}")
_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TIMES_CACHED: Final = 65_536
_TIME_TEXT_MAX: Final = 64
_SECONDS_MAX: Final = 10**12


class DateOrder(StrEnum):
    """How an export writes a date in numbers: Moodle's own English is day first, its American English is not."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


@dataclass(frozen=True, slots=True)
class MoodleDecoded(Decoded):
    """What rows of a log became.

    ``zone_assumed`` says that times had no zone and that of the codec was used; ``left_out`` is always 0.
    """

    left_out: int = 0
    zone_assumed: bool = False


class LogRow(Struct, gc=False, frozen=True):
    """A row of the logstore; numbers may be texts, as most dumps write them."""

    eventname: Cell = None
    timecreated: Cell = None
    userid: Cell = None
    id: Cell = None
    component: Cell = None
    action: Cell = None
    target: Cell = None
    objecttable: Cell = None
    objectid: Cell = None
    contextlevel: Cell = None
    contextinstanceid: Cell = None
    courseid: Cell = None
    relateduserid: Cell = None
    realuserid: Cell = None


_FIELDS: Final = LogRow.__struct_fields__


class _Row(Struct, gc=False, frozen=True):
    account: str
    issuer: str
    time_ms: int
    verb: str
    activity: str
    component: str
    course: str | None
    event_id: str | None


class _RefusedError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.fault: Fault = (reason, detail)


def looks_like(sample: Mapping[str, object]) -> bool:
    """Say whether one decoded JSON object is a row of the logstore."""
    return {name.lower() for name in sample} >= _LOGSTORE_HEADER


class MoodleCodec:
    """Decodes Moodle's log export and logstore.

    Parameters
    ----------
    verbs : the table that says which event counts for which track; None is the standard one
    timezone : the zone of the export's times (IANA name); the logstore's are instants
    date_order : how the export writes dates in numbers
    issuer : who names the accounts. Give each site its own when logs of several are read together
    """

    name: Final = "moodle"

    def __init__(
        self,
        verbs: VerbTable | None = None,
        timezone: str = "UTC",
        date_order: DateOrder = DateOrder.DAY_FIRST,
        issuer: str = "moodle",
    ) -> None:
        try:
            zone = zoneinfo.ZoneInfo(timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise MappingError(
                f"timezone is {timezone!r}, which is no IANA time zone, such as Europe/Berlin or UTC"
            ) from None
        table = VerbTable.standard() if verbs is None else verbs
        self._by_type = lru_cache(_TIMES_CACHED)(table.by_type)
        self._time_ms = lru_cache(_TIMES_CACHED)(_ExportTimes(zone, date_order).read)
        self._issuer = issuer
        self._reader = JsonReader(LogRow)

    @staticmethod
    def looks_like_header(names: Sequence[str]) -> bool:
        """Say whether a table with these columns is an export or a logstore."""
        known = {_plain(name) for name in names}
        return known >= _EXPORT_HEADER or known >= _LOGSTORE_HEADER

    def decode(self, chunk: bytes, first_line: int) -> Decoded:
        """Decode whole lines of JSON, one row of the logstore a line."""
        return self._of_items(self._reader.lines(chunk, first_line))

    def decode_document(self, data: bytes) -> Decoded:
        """Decode a JSON array of rows of the logstore; the place in the array stands for the line."""
        return self._of_items(self._reader.document(data))

    def decode_columns(
        self, columns: Mapping[str, "pa.Array | Sequence[Any]"], line: Int64s
    ) -> MoodleDecoded:
        """Decode columns of a table whose header `looks_like_header` knows.

        Parameters
        ----------
        columns : values by column name, all of one length; other columns may be missing or be there
        line : int64, shape (n,), the line of each row
        """
        texts = {_plain(name): _texts(values) for name, values in columns.items()}
        if texts.keys() >= _LOGSTORE_HEADER:
            cells = [texts.get(name) or [None] * len(line) for name in _FIELDS]
            rows = [LogRow(*row) for row in zip(*cells, strict=True)]
            return self._of_items(Items(rows, line, []))
        return self._of_export(texts, line)

    def _of_items(self, items: Items[LogRow]) -> MoodleDecoded:
        rows: list[_Row] = []
        lines: list[int] = []
        rejects = list(items.rejects)
        for value, line in zip(items.values, items.line.tolist(), strict=True):
            try:
                rows.append(_of_logstore(value, self._issuer))
                lines.append(line)
            except _RefusedError as error:
                rejects.append(Reject("", line, *error.fault))
        rejects.sort(key=lambda reject: reject.line)
        return MoodleDecoded(self._events(rows, lines), rejects)

    def _of_export(self, texts: Mapping[str, list[str | None]], line: Int64s) -> MoodleDecoded:
        absent: list[str | None] = [None] * len(line)
        names = ("time", "user full name", "component", "event name", "description")
        rows: list[_Row] = []
        lines: list[int] = []
        rejects: list[Reject] = []
        cells = zip(line.tolist(), *(texts.get(name, absent) for name in names), strict=True)
        for number, time, *rest in cells:
            try:
                time_ms = self._time_ms((time or "")[:_TIME_TEXT_MAX])
                rows.append(_of_export_row(time_ms, *rest, issuer=self._issuer))
                lines.append(number)
            except _RefusedError as error:
                rejects.append(Reject("", number, *error.fault))
        return MoodleDecoded(self._events(rows, lines), rejects, zone_assumed=bool(rows))

    def _events(self, rows: Sequence[_Row], lines: Sequence[int]) -> RawEvents:
        account = pa.array([row.account for row in rows], pa.string())
        tracks = [
            self._by_type(row.verb, row.component)
            if max(len(row.verb), len(row.component)) <= TEXT_BYTES_MAX
            else -1
            for row in rows
        ]
        return RawEvents(
            line=np.array(lines, np.int64),
            account=account,
            issuer=pa.array([row.issuer for row in rows], pa.string()),
            time=np.array([row.time_ms for row in rows], np.int64),
            verb=pa.array([row.verb for row in rows], pa.string()),
            activity=pa.array([row.activity for row in rows], pa.string()),
            course=pa.array([row.course for row in rows], pa.string()),
            event_id=pa.array([row.event_id for row in rows], pa.string()),
            track=pa.array(
                [TRACKS[track] if track >= 0 else None for track in tracks], pa.string()
            ),
        )


def _plain(name: str) -> str:
    return name.strip().strip("\ufeff").lower()


def _texts(values: "pa.Array | Sequence[Any]") -> list[str | None]:
    """Return a column as text; numbers of a typed column are written as a dump writes them."""
    plain = values.to_pylist() if isinstance(values, pa.Array | pa.ChunkedArray) else values
    return [value if value is None or isinstance(value, str) else _text(value) for value in plain]


def _text(cell: object) -> str:
    """Write a cell as text: 12.0, which is how a column with a gap comes out of many programs, is 12."""
    if cell is None or cell != cell:  # noqa: PLR0124 - not a number: how a gap in a column of numbers is written
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _of_logstore(row: LogRow, issuer: str) -> _Row:
    component = _text(row.component)
    verb = _text(row.eventname).replace("\\\\", "\\") or f"{component}:{_text(row.action)}".strip(
        ":"
    )
    if not verb:
        raise _RefusedError(Reason.MISSING_FIELD, "eventname is missing")
    if _text(row.realuserid).lower() not in _NULLS:
        raise _RefusedError(
            Reason.NOT_EVENTS, "realuserid is set: somebody else, logged in as this user"
        )
    account = _text(row.userid)
    if verb.startswith(_OF_RELATED_USER) and _text(row.relateduserid).lower() not in _NULLS:
        account = _text(row.relateduserid)
    if account.lower() in _NOBODY or account.lower() in _NULLS:
        raise _RefusedError(
            Reason.MISSING_FIELD, "userid is empty, 0 or -1: nobody who is logged in"
        )
    event_id = _text(row.id)
    course = _text(row.courseid)
    return _Row(
        account=account,
        issuer=issuer,
        time_ms=_seconds_as_ms(row.timecreated),
        verb=verb,
        activity=_activity(row, component),
        component=component,
        course=None if course.lower() in _NULLS else course,
        event_id=event_id or None,
    )


def _activity(row: LogRow, component: str) -> str:
    """Name the thing: the module by its course module id, else the object. What is about users names nothing."""
    if (
        _text(row.contextlevel) == _CONTEXT_MODULE
        and _text(row.contextinstanceid).lower() not in _NULLS
    ):
        return f"{component}:{_text(row.contextinstanceid)}"
    of_user = _text(row.contextlevel) == _CONTEXT_USER or _text(row.objecttable).startswith(
        ("user", "role")
    )
    found = _text(row.objectid)
    return "" if of_user or found.lower() in _NULLS else f"{component}:{found}"


def _seconds_as_ms(cell: Cell) -> int:
    text = _text(cell)
    if not text:
        raise _RefusedError(Reason.MISSING_FIELD, "timecreated is missing")
    if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        raise _RefusedError(Reason.TIME_FORMAT, "timecreated must be whole seconds since 1970")
    return max(-_SECONDS_MAX, min(int(text), _SECONDS_MAX)) * 1_000


def _of_export_row(
    time_ms: int | Fault,
    full_name: str | None,
    component: str | None,
    event_name: str | None,
    description: str | None,
    *,
    issuer: str,
) -> _Row:
    if not isinstance(time_ms, int):
        raise _RefusedError(*time_ms)
    sentence = description or ""
    verb = (event_name or component or "").strip()
    if not verb:
        raise _RefusedError(Reason.MISSING_FIELD, "Event name is empty")
    enrolled = _ENROLS.search(sentence)
    acting = _ACTS.search(sentence)
    account = (enrolled[1] or enrolled[2]) if enrolled else acting[1] if acting else ""
    if not acting and full_name and full_name.strip() not in _NOBODY:
        account, issuer = full_name.strip(), f"{issuer}-names"
    if account in _NOBODY:
        raise _RefusedError(
            Reason.MISSING_FIELD, "no user is named, or 0 or -1: nobody who is logged in"
        )
    module = _MODULE.search(sentence)
    course = _COURSE.search(sentence)
    kind = (component or "").strip()
    return _Row(
        account=account,
        issuer=issuer,
        time_ms=time_ms,
        verb=verb,
        activity=f"{kind}:{module[1]}" if module else "",
        component=kind,
        course=course[1] if course else None,
        event_id=None,
    )


@dataclass(frozen=True, slots=True)
class _ExportTimes:
    zone: zoneinfo.ZoneInfo
    date_order: DateOrder

    def read(self, text: str) -> int | Fault:
        """Return the instant of a time as exports write it, in milliseconds, or what is wrong with it."""
        text = text.strip().replace("\u202f", " ").replace("\xa0", " ")
        if not text:
            return Reason.MISSING_FIELD, "Time is empty"
        try:
            when = self._when(text)
        except ValueError:
            when = None
        if when is None:
            return (
                Reason.TIME_FORMAT,
                f"Time is none of the known forms, dates {self.date_order.value}",
            )
        if when.tzinfo is None:
            when = when.replace(tzinfo=self.zone)
        return (when - _EPOCH) // dt.timedelta(milliseconds=1)

    def _when(self, text: str) -> dt.datetime | None:
        if _ISO_DATE.match(text):
            return dt.datetime.fromisoformat(text)
        numeric = _NUMERIC_DATE.fullmatch(text)
        if numeric:
            first, second, year, *clock = numeric.groups()
            day, month = (
                (first, second) if self.date_order is DateOrder.DAY_FIRST else (second, first)
            )
            return _datetime(int(day), int(month), year, clock)
        wordy = _WORDY_DATE.fullmatch(text)
        if wordy is None or wordy[2][:3].lower() not in _MONTHS:
            return None
        day, name, year, *clock = wordy.groups()
        return _datetime(int(day), _MONTHS.index(name[:3].lower()) + 1, year, clock)


def _datetime(day: int, month: int, year: str, clock: Sequence[str | None]) -> dt.datetime:
    hour, minute, second, half = clock
    hours = int(hour or 0)
    if half:
        if not 1 <= hours <= 12:
            raise ValueError
        hours = hours % 12 + (12 if half[0] in "pP" else 0)
    full_year = int(year) + (2000 if len(year) == 2 else 0)
    return dt.datetime(full_year, month, day, hours, int(minute or 0), int(second or 0))  # noqa: DTZ001 - zoned by the caller
