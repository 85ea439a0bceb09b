"""What a simulated node folds: learners as rows that join, over a history of events, one an identity.

The engine's tables want thousands of events at a time; a world of eight nodes brings each of them ten a second. So the
simulation folds a small state of the same kind: days are a union, first and last a minimum and a maximum, a status the
greatest by time and text, voids a grow-only set after which touched rows are folded again, erasures one that lets
nothing of a learner in, and a count of events that follows from history. When a world has come together, the fold of a
real node can be given the same entries (`real_fold`).

What follows from an entry alone is worked out once for all nodes: it is a function of bytes that a checksum vouches
for. What a node makes of it, and whether it has met it before, is its own.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from homeroom.errors import EntryError
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import unpack
from homeroom.log.rulings import Rulings, ruling_of
from homeroom.simulation.regions.cutting import Bases, cut
from homeroom.simulation.regions.rows import REFUSED, Happening, Row

__all__ = [
    "POISON",
    "Ledger",
    "Reading",
    "Readings",
    "read_happenings",
    "write_happenings",
]

POISON: Final = "poison"
"""How the id of an event begins that no node can fold for a while."""
_MASK: Final = (1 << 64) - 1
_Figures: TypeAlias = tuple[object, ...]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Happening]).decode


def write_happenings(events: Iterable[Happening]) -> bytes:
    """Return events as the content of an entry."""
    return _encode(list(events))


def read_happenings(payload: bytes) -> list[Happening]:
    """Return the events of a payload. Raises `EntryError`."""
    try:
        return _decode(unpack(payload).content)
    except msgspec.MsgspecError as error:
        raise EntryError("the payload of an entry cannot be read") from error


class Reading:
    """What an entry says.

    Attributes
    ----------
    events : those that are of learners, with the row that each alone comes to
    names : their ids
    rows : what the events of each learner come to
    voided : ids
    erased : learners
    consents : what learners say of consent
    merges : what says of two learners that they are one
    packed : by entry that says so, what a snapshot holds of it
    learners : all whose events these are, of whatever kind
    """

    __slots__ = (
        "consents",
        "erased",
        "events",
        "learners",
        "merges",
        "names",
        "packed",
        "rows",
        "said",
        "voided",
    )

    def __init__(self, said: Sequence[Happening]) -> None:
        self.said = tuple(said)
        self.packed: dict[tuple[Origin, int], msgspec.Raw] = {}
        self.learners = {event.learner for event in said if event.learner}
        self.erased = [event.erases for event in said if event.erases]
        self.events = {e: Row.of(e) for e in said if e.is_activity}
        self.consents = [event for event in said if event.says]
        self.merges = [event for event in said if event.joins]
        self.names = {event.id for event in self.events}
        self.rows: dict[str, Row] = {}
        self.voided = [event.voids for event in said if event.voids]
        for event, row in self.events.items():
            if event.learner in self.rows:
                self.rows[event.learner].join(row)
            else:
                self.rows[event.learner] = row.copy()


def joined(pairs: Iterable[Sequence[str]]) -> dict[str, set[str]]:
    """Return by learner all those that are one with them, by pairs who are."""
    groups: dict[str, set[str]] = {}
    for one, other in pairs:
        group = groups.get(one, {one}) | groups.get(other, {other})
        groups.update(dict.fromkeys(group, group))
    return groups


class Readings:
    """Contents of entries, decoded once for all nodes of a world, with what follows from them alone.

    Attributes
    ----------
    events_of : by learner all events of whatever entry, with the row that each alone comes to
    learners_of : by id of an event those that have one of it
    refuses : whether there is an event that this release cannot fold
    """

    def __init__(self) -> None:
        self.events_of: dict[str, dict[Happening, Row]] = {}
        self.learners_of: dict[str, set[str]] = {}
        self.refuses = False
        self._read: dict[bytes, Reading] = {}
        self._said: dict[tuple[Happening, ...], Reading] = {}
        self._hashes: dict[_Figures, int] = {}

    def of(self, entry: Entry) -> Reading:
        """Return what an entry says. Raises `EntryError`."""
        # A redacted entry still has the digest of the payload that it was written with.
        redaction = entry.redaction
        digest = entry.payload_digest if redaction is None else redaction.payload_digest
        found = self._read.get(digest)
        if found is None:
            found = self._read[digest] = self.read(read_happenings(entry.payload))
        return found

    def read(self, said: Sequence[Happening]) -> Reading:
        """Return what some events say."""
        name = tuple(said)
        found = self._said.get(name)
        if found is None:
            found = self._said[name] = Reading(said)
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


class Ledger:
    """What entries of a stream add up to; of all others it knows how far they have come.

    Attributes
    ----------
    applied : by origin the last number that is folded
    rows : by learner
    voided : ids
    erased : learners
    consents : by learner all that was said of consent
    merged : what says of two learners that they are one, whether it was taken back or not
    retired : origins that have collapsed into the epoch, and are folded whole
    readings_of : what is folded, by entry, as far as it is history
    bases : what was before history begins
    """

    def __init__(self, readings: Readings, stream: Stream = Stream.ANALYTIC) -> None:
        self.applied: dict[Origin, int] = {}
        self._stream = stream
        self.retired: set[Origin] = set()
        self.readings_of: dict[tuple[Origin, int], Reading] = {}
        self.bases = Bases()
        self._rulings: Rulings = {}
        self._lost: set[tuple[Origin, int]] = set()
        self.rows: dict[str, Row] = {}
        self.voided: set[str] = set()
        self.erased: set[str] = set()
        self.consents: dict[str, set[Happening]] = {}
        self.merged: set[Happening] = set()
        self._readings = readings
        # History: an event is all of it, so each is there once.
        self._known: set[Happening] = set()
        self._changed: set[str] = set()
        self._hashes: dict[str, int] = {}
        self._sum = 0

    def fold(self, entry: Entry) -> None:
        """Take the next entry of its origin."""
        assert entry.number == self.applied.get(entry.origin, 0) + 1, "entries are folded in order"
        if entry.origin.stream is self._stream:
            reading = self._readings.of(entry)
            if self._readings.refuses and any(name.startswith(POISON) for name in reading.names):
                raise EntryError(f"entry {entry.number} of {entry.origin} cannot be folded")
            self._fold(entry.origin, entry.number, reading)
        self.applied[entry.origin] = entry.number

    def _fold(self, origin: Origin, number: int, reading: Reading) -> None:
        if self.bases.day:
            reading = self._readings.read(self.bases.since(reading.said))
        self.readings_of[origin, number] = reading
        # Whatever is ruled of the entry that says it: an erasure is for ever.
        for learner in reading.erased:
            self._erase(learner)
        if self._is_lost(origin, number):
            self._lost.add((origin, number))
        else:
            self._add(reading)

    def _is_lost(self, origin: Origin, number: int) -> bool:
        ruling = ruling_of(self._rulings, origin, number) if origin in self._rulings else None
        return ruling is not None and ruling.hybrid is None

    def _add(self, reading: Reading) -> None:
        if self._is_new(reading):
            self._known.update(reading.events)
            self._join(reading.rows)
        else:
            for event, row in reading.events.items():
                self._take(event, row)
        for voided in reading.voided:
            self._void(voided)
        for said in reading.consents:
            self._consent(said)
        if reading.merges:
            self.merged.update(reading.merges)
            self._changed.update(f"\3{edge.id}" for edge in reading.merges)

    def _consent(self, said: Happening) -> None:
        if said.learner in self.erased:
            return
        self.consents.setdefault(said.learner, set()).add(said)
        self._changed.add(f"\2{said.learner}")

    def consent_of(self, learner: str) -> str:
        """Return what stands of what a learner has said: of what nothing supersedes, the most restrictive."""
        said = self.consents.get(learner, ())
        superseded = {name for one in said for name in one.supersedes}
        standing = {one.says for one in said if one.id not in superseded}
        return max(standing, default=REFUSED)

    def rule(self, rulings: Rulings) -> None:
        """Take what was ruled of entries: what it changes is folded again."""
        if rulings == self._rulings:
            return
        self._rulings = rulings
        lost = {name for name in self.readings_of if self._is_lost(*name)}
        if lost == self._lost:
            return
        self._lost = lost
        self._changed |= {f"\0{voided}" for voided in self.voided}
        self.voided = set()
        self._fold_anew()

    def _fold_anew(self) -> None:
        self._changed.update(self.rows, self.bases.rows)
        self._changed.update(f"\2{learner}" for learner in self.consents)
        self._changed.update(f"\3{edge.id}" for edge in self.merged)
        self.rows, self._known, self.consents = self.bases.copies(), set(), {}
        self.merged = set()
        for name, reading in self.readings_of.items():
            if name not in self._lost:
                self._add(reading)

    def cut(self, day: int, vector: Mapping[Origin, int]) -> None:
        """Let history begin on a day since 1970; what was before it stays as bases, as far as a vector covers it."""
        if day <= self.bases.day:
            return
        counted = {
            name: reading for name, reading in self.readings_of.items() if name not in self._lost
        }
        self.bases = cut(self.bases, day, vector, counted, self.erased)
        for name, reading in self.readings_of.items():
            self.readings_of[name] = self._readings.read(self.bases.since(reading.said))
        self._fold_anew()

    def restore(
        self,
        said: Iterable[tuple[Origin, int, Sequence[Happening]]],
        applied: Mapping[Origin, int],
        bases: Bases,
    ) -> None:
        """Begin with what a snapshot holds."""
        assert not self.applied, "a snapshot replaces state"
        self.applied, self.bases = dict(applied), Bases(bases.day, dict(bases.rows))
        self.rows = self.bases.copies()
        self._changed.update(self.rows)
        for origin, number, happenings in said:
            self._fold(origin, number, self._readings.read(happenings))

    def retire(self, origins: Iterable[Origin]) -> None:
        """Name origins no more that are folded whole."""
        for origin in origins:
            self.applied.pop(origin, None)
            self.retired.add(origin)

    def lack(self, origins: Iterable[Origin]) -> None:
        """Name origins, though nothing of them is folded: who does not name them has all of them."""
        for origin in sorted(origins):
            self.applied.setdefault(origin, 0)

    def _is_new(self, reading: Reading) -> bool:
        """Say whether all events of an entry count as they are."""
        return (
            self._known.isdisjoint(reading.events)
            and self.voided.isdisjoint(reading.names)
            and self.erased.isdisjoint(reading.learners)
        )

    def _take(self, event: Happening, row: Row) -> None:
        if event in self._known or event.learner in self.erased:
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

    def _erase(self, learner: str) -> None:
        self.erased.add(learner)
        self._known.difference_update(self._readings.events_of.get(learner, ()))
        self.rows.pop(learner, None)
        self.bases.rows.pop(learner, None)
        self.consents.pop(learner, None)
        self._changed |= {learner, f"\1{learner}", f"\2{learner}"}

    def _refold(self, learner: str) -> None:
        self._changed.add(learner)
        self.rows.pop(learner, None)
        if learner in self.bases.rows:
            self.rows[learner] = self.bases.rows[learner].copy()
        for event, row in self._readings.events_of[learner].items():
            if event in self._known and event.id not in self.voided:
                self._join({learner: row})

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that are equal for equal rows, voids and erasures."""
        for name in self._changed:
            value = self._hash_of(name)
            self._sum += value - self._hashes.get(name, 0)
            self._hashes[name] = value
        self._changed.clear()
        self._sum &= _MASK
        return f"{self._sum:016x}"

    def _hash_of(self, name: str) -> int:
        row, kept = self.rows.get(name), {"\0": self.voided, "\1": self.erased}
        if name[0] in "\2\3":
            said = sorted(self._said(name))
            return self._readings.hash_of("\n".join((name, *said)), None) if said else 0
        is_there = row is not None or name[1:] in kept.get(name[0], ())
        return self._readings.hash_of(name, row) if is_there else 0

    def _said(self, name: str) -> Iterable[str]:
        """Return what is said of consent or of merges under a name."""
        if name[0] == "\2":
            return (one.id for one in self.consents.get(name[1:], ()))
        return (repr(edge.joins) for edge in self.merged if edge.id == name[1:])

    def answered(self) -> dict[str, Row]:
        """Return by the least name of learners who are one what their rows come to together.

        Who is erased is named by nobody, and is still between those whom it was merged with.
        """
        groups = joined(edge.joins for edge in self.merged if edge.id not in self.voided)
        found: dict[str, Row] = {}
        for learner, row in sorted(self.rows.items()):
            name = min(groups.get(learner, {learner}) & self.rows.keys())
            found.setdefault(name, Row()).join(row)
        return found

    def events(self) -> set[Happening]:
        """Return history, voided events included."""
        return set(self._known)

    def applied_digest(self) -> bytes:
        """Return a digest of how far each origin with events is folded, and of what was ruled."""
        return self._digest({Stream.ANALYTIC})

    def documents_digest(self) -> bytes:
        """Return a digest of how far each origin with documents is folded, nothing if there is none."""
        streams = {origin.stream for origin in self.applied if origin.stream.has_documents}
        return self._digest(streams) if streams else b""

    def pinned_digest(self) -> bytes:
        """Return a digest of how far each origin of pinned events is folded, nothing if there is none."""
        is_any = any(origin.stream is Stream.PINNED for origin in self.applied)
        return self._digest({Stream.PINNED}) if is_any else b""

    def _digest(self, streams: Collection[Stream]) -> bytes:
        said = sorted(
            (str(origin), number)
            for origin, number in self.applied.items()
            if origin.stream in streams
        )
        ruled = sorted(self._rulings.items())
        return hashlib.blake2b(repr((said, ruled)).encode(), digest_size=16).digest()
