"""A simulated node erases: a register beside the disk, a door that lets nobody in again, and a log that is cleaned.

It is what a running node does (`homeroom.running.erasing`), in small. The register is written first and is in no copy
of the disk, so that a restore brings nobody back. What it has and the log has not is stated again at a start. When an
erasure is folded, the log is read and what it has of the learner is cut out, in place; so it is at each start, since
what a disk has then may be old. What others send is cut before it is written.

Nothing is cut before its erasure is folded: until then other nodes answer with it, and this one would answer something
else at the same vector.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from homeroom.log.entries import Entry, Sign
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import unpack
from homeroom.log.redacting import redacted_entry
from homeroom.simulation.disk_store import DiskStore
from homeroom.simulation.regions.ledger import Ledger, Readings, read_happenings, write_happenings
from homeroom.simulation.regions.papers import names_any, without_papers
from homeroom.simulation.regions.rows import Happening
from homeroom.simulation.regions.signatures import signature_of

__all__ = ["Cleaning", "Redact", "Register", "cut", "has_any", "without_erased"]

_ALL: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class Redact:
    """A write: put these entries in the places of theirs."""

    entries: tuple[Entry, ...]


def cut(events: Iterable[Happening], erased: Collection[str]) -> list[Happening]:
    """Return events without those of learners who are erased; that something is void stays, without who said it."""
    return [
        event if event.learner not in erased else Happening("", "", 0, voids=event.voids)
        for event in events
        if event.learner not in erased or event.voids
    ]


def has_any(entry: Entry, erased: Collection[str], readings: Readings) -> bool:
    """Say whether an entry has anything of learners who are erased."""
    if entry.origin.stream.has_documents:
        return names_any(entry, erased)
    if entry.origin.stream is Stream.CONTROL:
        return False
    return not readings.of(entry).learners.isdisjoint(erased)


def without_erased(entry: Entry, erased: Collection[str], node: str, sign: Sign) -> Entry:
    """Return an entry without what it has of learners who are erased, as a node redacts it."""

    def without_events(_: bytes) -> bytes:
        return write_happenings(cut(read_happenings(entry.payload), erased))

    is_of_papers = entry.origin.stream.has_documents
    redact = without_papers(entry, erased) if is_of_papers else without_events
    left = redacted_entry(entry, redact, node, sign)
    assert left is not None
    return left


class Register:
    """Erasures that were asked for at a node, beside its disk: durable before anything else is done about them.

    Attributes
    ----------
    learners : who is erased
    """

    def __init__(self) -> None:
        self.learners: set[str] = set()
        self._erasures: dict[str, Happening] = {}
        # By erasure the life of the node that has stated it anew.
        self._restated: dict[str, str | None] = {}

    def add(self, erasure: Happening) -> None:
        """Take an erasure."""
        self.learners.add(erasure.erases)
        self._erasures.setdefault(erasure.erases, erasure)

    def missing(self, erased: Collection[str], life: str | None) -> list[Happening]:
        """Return erasures that do not count yet in this life; each is returned to it once."""
        found = [
            erasure
            for learner, erasure in self._erasures.items()
            if learner not in erased and self._restated.get(learner, "") != life
        ]
        self._restated.update(dict.fromkeys((one.erases for one in found), life))
        return found


class Cleaning:
    """How one life of a node cleans its log.

    Parameters
    ----------
    node : who redacts
    store : its log
    ledger : what is folded
    readings : of the world

    Attributes
    ----------
    is_due : whether the log has to be read for what it may have
    """

    def __init__(self, node: str, store: DiskStore, ledger: Ledger, readings: Readings) -> None:
        self.is_due = True
        self._node, self._sign = node, partial(signature_of, node)
        self._store, self._readings = store, readings
        self._ledger = ledger

    def move(self, store: DiskStore) -> None:
        """Clean another store from now on, in which anything may be."""
        self._store, self.is_due = store, True

    def wrote(self, entries: Iterable[Entry]) -> None:
        """Take entries that were written as they are."""
        erased = self._ledger.erased
        if erased and any(has_any(entry, erased, self._readings) for entry in entries):
            self.is_due = True

    def cleaned(self, entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """Return entries without what is erased."""
        erased = self._ledger.erased
        if not erased:
            return tuple(entries)
        return tuple(
            without_erased(entry, erased, self._node, self._sign)
            if has_any(entry, erased, self._readings)
            else entry
            for entry in entries
        )

    def due(self) -> Redact:
        """Return what is to be written; from then on nothing is due."""
        erased = self._ledger.erased
        self.is_due = False
        found = [entry for entry in self._stored() if has_any(entry, erased, self._readings)]
        # Whatever is found: the disk may have more than the log reads, of what a snapshot has passed over.
        return Redact(self.cleaned(found))

    def explained(self, entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """Return those of some redacted entries whose copies here would lose the same, and have not."""
        return tuple(entry for entry in entries if self._is_explained(entry))

    def _is_explained(self, entry: Entry) -> bool:
        mine = self._store.read(entry.origin, entry.number, 1)
        if not mine or mine[0].redaction is not None or mine[0].digest != entry.digest:
            return False
        (left,) = self.cleaned(mine)
        return unpack(left.payload).content == unpack(entry.payload).content

    def _stored(self) -> Iterable[Entry]:
        origins: list[Origin] = sorted(self._store.held())
        return (entry for origin in origins for entry in self._store.read(origin, 1, _ALL))
