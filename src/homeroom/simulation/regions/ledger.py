"""What a simulated node folds: learners as rows that join, over a history of events, one an identity.

The engine's tables want thousands of events at a time; a world of eight nodes brings each of them ten a second. So the
simulation folds a small state of the same kind: days are a union, first and last a minimum and a maximum, a status the
greatest by time and text, voids a grow-only set after which touched rows are folded again, and a count of events that
follows from history. When a world has come together, the fold of a real node can be given the same entries
(`real_fold`).

What follows from an entry alone is worked out once for all nodes: it is a function of bytes that a checksum vouches
for. What a node makes of it, and whether it has met it before, is its own.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from homeroom.errors import EntryError
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import unpack

__all__ = ["FIRST_DAY", "Happening", "Ledger", "Reading", "Readings", "Row", "write_happenings"]

_DAY_MS: Final = 86_400_000
FIRST_DAY: Final = 20_400
"""The day since 1970 that the lowest bit of a row's days is."""
_MASK: Final = (1 << 64) - 1
_Figures: TypeAlias = tuple[object, ...]


class Happening(msgspec.Struct, array_like=True, frozen=True, cache_hash=True):
    """One event: its id, whose, when; the status that it brings, if any; the id of an event that it voids, if any."""

    id: str
    learner: str
    time_ms: int
    status: str = ""
    voids: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Happening]).decode


def write_happenings(events: Iterable[Happening]) -> bytes:
    """Return events as the content of an entry."""
    return _encode(list(events))


class Reading:
    """What an entry says.

    Attributes
    ----------
    events : those that are of learners, with the row that each alone comes to
    names : their ids
    rows : what the events of each learner come to
    voided : ids
    """

    __slots__ = ("events", "names", "rows", "voided")

    def __init__(self, said: Iterable[Happening]) -> None:
        self.events = {event: Row.of(event) for event in said if not event.voids}
        self.names = {event.id for event in self.events}
        self.rows: dict[str, Row] = {}
        self.voided = [event.voids for event in said if event.voids]
        for event, row in self.events.items():
            if event.learner in self.rows:
                self.rows[event.learner].join(row)
            else:
                self.rows[event.learner] = row.copy()


class Readings:
    """Contents of entries, decoded once for all nodes of a world, with what follows from them alone.

    Attributes
    ----------
    events_of : by learner all events of whatever entry, with the row that each alone comes to
    learners_of : by id of an event those that have one of it
    """

    def __init__(self) -> None:
        self.events_of: dict[str, dict[Happening, Row]] = {}
        self.learners_of: dict[str, set[str]] = {}
        self._read: dict[bytes, Reading] = {}
        self._hashes: dict[_Figures, int] = {}

    def of(self, entry: Entry) -> Reading:
        """Return what an entry says. Raises `EntryError`."""
        found = self._read.get(entry.payload_digest)
        if found is None:
            try:
                found = Reading(_decode(unpack(entry.payload).content))
            except msgspec.MsgspecError as error:
                raise EntryError(
                    f"entry {entry.number} of {entry.origin} cannot be read"
                ) from error
            self._read[entry.payload_digest] = found
            for event, row in found.events.items():
                self.events_of.setdefault(event.learner, {})[event] = row
                self.learners_of.setdefault(event.id, set()).add(event.learner)
        return found

    def hash_of(self, name: str, row: "Row | None") -> int:
        """Return the hash of a learner's row, or of a voided id, which has no row."""
        figures = (name,) if row is None else (name, *row.figures())
        value = self._hashes.get(figures)
        if value is None:
            said = repr(figures).encode()
            value = int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big")
            self._hashes[figures] = value
        return value


@dataclass(slots=True)
class Row:
    """A learner: days as bits, first and last time, the status with its time, events counted."""

    days: int = 0
    first_ms: int = 1 << 62
    last_ms: int = 0
    status: tuple[int, str] = (0, "")
    events: int = 0

    @classmethod
    def of(cls, event: Happening) -> "Row":
        """Return what one event comes to."""
        time_ms = event.time_ms
        status = (time_ms, event.status) if event.status else (0, "")
        return cls(1 << (time_ms // _DAY_MS - FIRST_DAY), time_ms, time_ms, status, 1)

    def join(self, other: "Row") -> None:
        """Take what other events come to, none of which is in this row; it is done most of all, so it calls nothing."""
        self.days |= other.days
        if other.first_ms < self.first_ms:  # noqa: PLR1730
            self.first_ms = other.first_ms
        if other.last_ms > self.last_ms:  # noqa: PLR1730
            self.last_ms = other.last_ms
        if other.status > self.status:  # noqa: PLR1730
            self.status = other.status
        self.events += other.events

    def copy(self) -> "Row":
        """Return a row that is equal."""
        return Row(self.days, self.first_ms, self.last_ms, self.status, self.events)

    def figures(self) -> tuple[int, int, int, tuple[int, str], int]:
        """Return all of it."""
        return self.days, self.first_ms, self.last_ms, self.status, self.events


class Ledger:
    """What entries add up to.

    Attributes
    ----------
    applied : by origin the last number that is folded
    rows : by learner
    voided : ids
    """

    def __init__(self, readings: Readings) -> None:
        self.applied: dict[Origin, int] = {}
        self.rows: dict[str, Row] = {}
        self.voided: set[str] = set()
        self._readings = readings
        # History: an event is all of it, so each is there once.
        self._known: set[Happening] = set()
        self._changed: set[str] = set()
        self._hashes: dict[str, int] = {}
        self._sum = 0

    def fold(self, entry: Entry) -> None:
        """Take the next entry of its origin."""
        assert entry.number == self.applied.get(entry.origin, 0) + 1, "entries are folded in order"
        if entry.origin.stream is Stream.ANALYTIC:
            reading = self._readings.of(entry)
            if self._known.isdisjoint(reading.events) and self.voided.isdisjoint(reading.names):
                self._known.update(reading.events)
                self._join(reading.rows)
            else:
                for event, row in reading.events.items():
                    self._take(event, row)
            for voided in reading.voided:
                self._void(voided)
        self.applied[entry.origin] = entry.number

    def _take(self, event: Happening, row: Row) -> None:
        if event in self._known:
            return
        self._known.add(event)
        if event.id not in self.voided:
            self._join({event.learner: row})

    def _join(self, joined: Mapping[str, Row]) -> None:
        self._changed.update(joined)
        rows = self.rows
        for learner, row in joined.items():
            mine = rows.get(learner)
            if mine is None:
                mine = rows[learner] = Row()
            mine.join(row)

    def _void(self, voided: str) -> None:
        if voided in self.voided:
            return
        self.voided.add(voided)
        self._changed.add(f"\0{voided}")
        for learner in self._readings.learners_of.get(voided, ()):
            self._refold(learner)

    def _refold(self, learner: str) -> None:
        self._changed.add(learner)
        self.rows.pop(learner, None)
        for event, row in self._readings.events_of[learner].items():
            if event in self._known and event.id not in self.voided:
                self._join({learner: row})

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that are equal for equal rows and voids."""
        for name in self._changed:
            row = self.rows.get(name)
            is_there = row is not None or name[0] == "\0"
            value = self._readings.hash_of(name, row) if is_there else 0
            self._sum += value - self._hashes.get(name, 0)
            self._hashes[name] = value
        self._changed.clear()
        self._sum &= _MASK
        return f"{self._sum:016x}"

    def events(self) -> set[Happening]:
        """Return history, voided events included."""
        return set(self._known)

    def applied_digest(self) -> bytes:
        """Return a digest of how far each origin with events is folded."""
        said = sorted(
            (str(origin), number)
            for origin, number in self.applied.items()
            if origin.stream is Stream.ANALYTIC
        )
        return hashlib.blake2b(repr(said).encode(), digest_size=16).digest()
