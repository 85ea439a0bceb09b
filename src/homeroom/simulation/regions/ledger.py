"""What a simulated node folds: learners as rows that join, over a history of events, one an identity.

The engine's tables want thousands of events at a time; a world of eight nodes brings each of them ten a second. So the
simulation folds a small state of the same kind: days are a union, first and last a minimum and a maximum, a status the
greatest by time and text, voids a grow-only set after which touched rows are folded again, and a count of events that
follows from history. The fold of a real node has tests of its own (`tests/state`, `tests/node`); that both come to the
same over the same entries is not compared.

Contents are decoded once for all nodes: they are a function of bytes that a checksum vouches for.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from homeroom.errors import EntryError
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import unpack

__all__ = ["Happening", "Ledger", "Readings", "Row", "write_happenings"]

_DAY_MS: Final = 86_400_000
_FIRST_DAY: Final = 19_000
_MASK: Final = (1 << 64) - 1


class Happening(msgspec.Struct, array_like=True, frozen=True):
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


class Readings:
    """Contents of entries, decoded once for all nodes of a world."""

    def __init__(self) -> None:
        self._read: dict[bytes, list[Happening]] = {}

    def of(self, entry: Entry) -> list[Happening]:
        """Return the events of an entry. Raises `EntryError`."""
        found = self._read.get(entry.payload_digest)
        if found is None:
            try:
                found = _decode(unpack(entry.payload).content)
            except msgspec.MsgspecError as error:
                raise EntryError(
                    f"entry {entry.number} of {entry.origin} cannot be read"
                ) from error
            self._read[entry.payload_digest] = found
        return found


@dataclass(slots=True)
class Row:
    """A learner: days as bits, first and last time, the status with its time, events counted."""

    days: int = 0
    first_ms: int = 1 << 62
    last_ms: int = 0
    status: tuple[int, str] = (0, "")
    events: int = 0

    def join(self, event: Happening) -> None:
        """Take an event."""
        time_ms = event.time_ms
        self.days |= 1 << (time_ms // _DAY_MS - _FIRST_DAY)
        self.first_ms = min(self.first_ms, time_ms)
        self.last_ms = max(self.last_ms, time_ms)
        if event.status:
            self.status = max(self.status, (time_ms, event.status))
        self.events += 1

    def figures(self) -> tuple[int, int, int, tuple[int, str], int]:
        """Return all of it."""
        return self.days, self.first_ms, self.last_ms, self.status, self.events


@dataclass(slots=True)
class _Past:
    """History: events by identity, which is all of an event; by learner, and where an id is to be found."""

    by_learner: dict[str, dict[Happening, None]] = field(default_factory=dict)
    learners_of: dict[str, set[str]] = field(default_factory=dict)


class Ledger:
    """What entries add up to.

    Attributes
    ----------
    applied : by origin the last number that is folded
    rows : by learner
    voided : ids
    retired : origins that have collapsed into the epoch, and are folded whole
    """

    def __init__(self, readings: Readings) -> None:
        self.applied: dict[Origin, int] = {}
        self.retired: set[Origin] = set()
        self.rows: dict[str, Row] = {}
        self.voided: set[str] = set()
        self._readings = readings
        self._past = _Past()
        self._changed: set[str] = set()
        self._hashes: dict[str, int] = {}
        self._sum = 0

    def fold(self, entry: Entry) -> None:
        """Take the next entry of its origin."""
        assert entry.number == self.applied.get(entry.origin, 0) + 1, "entries are folded in order"
        if entry.origin.stream is Stream.ANALYTIC:
            for event in self._readings.of(entry):
                if event.voids:
                    self._void(event.voids)
                else:
                    self._take(event)
        self.applied[entry.origin] = entry.number

    def retire(self, origins: Iterable[Origin]) -> None:
        """Name origins no more that are folded whole."""
        for origin in origins:
            self.applied.pop(origin, None)
            self.retired.add(origin)

    def lack(self, origins: Iterable[Origin]) -> None:
        """Name origins, though nothing of them is folded: who does not name them has all of them."""
        for origin in sorted(origins):
            self.applied.setdefault(origin, 0)

    def _take(self, event: Happening) -> None:
        known = self._past.by_learner.setdefault(event.learner, {})
        if event in known:
            return
        known[event] = None
        self._past.learners_of.setdefault(event.id, set()).add(event.learner)
        if event.id not in self.voided:
            self.rows.setdefault(event.learner, Row()).join(event)
            self._changed.add(event.learner)

    def _void(self, voided: str) -> None:
        if voided in self.voided:
            return
        self.voided.add(voided)
        self._changed.add(f"\0{voided}")
        for learner in sorted(self._past.learners_of.get(voided, ())):
            row = Row()
            for event in self._past.by_learner[learner]:
                if event.id not in self.voided:
                    row.join(event)
            self._changed.add(learner)
            if row.events:
                self.rows[learner] = row
            else:
                self.rows.pop(learner, None)

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that are equal for equal rows and voids."""
        for name in self._changed:
            row = self.rows.get(name)
            said = f"{name} {row.figures()}" if row is not None else name if name[0] == "\0" else ""
            value = int.from_bytes(hashlib.blake2b(said.encode(), digest_size=8).digest(), "big")
            value = value if said else 0
            self._sum = (self._sum + value - self._hashes.get(name, 0)) & _MASK
            self._hashes[name] = value
        self._changed.clear()
        return f"{self._sum:016x}"

    def events(self) -> set[Happening]:
        """Return history, voided events included."""
        return {event for known in self._past.by_learner.values() for event in known}

    def applied_digest(self) -> bytes:
        """Return a digest of how far each origin with events is folded."""
        said = sorted(
            (str(origin), number)
            for origin, number in self.applied.items()
            if origin.stream is Stream.ANALYTIC
        )
        return hashlib.blake2b(repr(said).encode(), digest_size=16).digest()
