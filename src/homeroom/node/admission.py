"""Through the door together: batches of many clients become the contents of one entry a stream.

A door costs a fixed amount a call and little an event. So all batches that are written together go through it in one
call a tenant and form, as though they were one file of many lines; what it refuses is told by line, and so finds its
way back to the batch and the place in it.

Erasures come the same way, and count for the events that are written with them. Events of those who are erased are cut
here, and their clients hear what they would have heard otherwise: who is erased is nobody's business.

Changes of the control stream come the same way. They are checked against all that was stated before, those of the same
group included, and take their numbers here; but events of the group are admitted under the epoch before.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import msgspec
import numpy as np

from homeroom.cohorts.kept import check_change
from homeroom.errors import HomeroomError
from homeroom.events.door import Admitted, Door
from homeroom.events.model import Decoded, EventBatch, Reject, UInt64s
from homeroom.events.projection import Cut, Projection
from homeroom.events.sent import SentDecoded, SentPart, answers, columns
from homeroom.log.consents import Consent, Consented
from homeroom.log.control import Change, Control, write_changes
from homeroom.log.erasures import Erasure, erased_keys
from homeroom.log.log import Admission, Offer
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import Part, open_parts, write_parts
from homeroom.log.voiding import EventsVoided
from homeroom.state.batches import chosen_events, joined_batches
from homeroom.state.keys import Keys, distinct_keys, find_sorted, halves

__all__ = ["Again", "Doors", "Mark", "Reader", "SentReader", "again_name"]

_STATED = (Erasure, Consented, EventsVoided)
"""What is stated of events and persons, beside them in the analytic stream."""
_NO_IDS: UInt64s = np.empty(0, np.uint64)
_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Mark:
    """Content of an offer of the node itself: an entry is written, without events if nothing else is in it."""


@dataclass(frozen=True, slots=True)
class Again:
    """Content of an offer of the node itself: what an entry holds that counts nowhere, to be written once more.

    Its events have been through a door, and keep the identities that they got there: so they count once, wherever else
    they are.
    """

    content: bytes


_OWN = (*_STATED, Mark, Again)
"""Contents that no reader reads."""


def again_name(origin: Origin, number: int) -> str:
    """Return the name under which the log keeps that an entry was written once more."""
    return f"again {origin} {number}"


class Reader(Protocol):
    """Reads offers of one form, and says what became of each. ``stream`` is the one that an offer is durable with."""

    stream: Stream

    def begin(self) -> None:
        """Begin with a new group: what was read before has been written, or never will be."""
        ...

    def documents(self) -> Mapping[Stream, bytes]:
        """Return what goes into streams of documents of all that was read since the beginning.

        One form of offers has documents, the others have none.
        """
        ...

    def read(self, offers: Sequence[Offer]) -> Decoded:
        """Decode offers as one; lines are numbered on from one to the next."""
        ...

    def answers(
        self,
        decoded: Any,  # noqa: ANN401 - what `read` returned
        rejects: Sequence[Reject],
        cuts: Sequence[Cut],
    ) -> list[bytes]:
        """Return what each client is told, JSON; ``rejects`` and ``cuts`` are those of `Door.admit`."""
        ...


class SentReader:
    """Reads batches of events."""

    stream = Stream.ANALYTIC

    def begin(self) -> None:
        """Nothing is held from one group to the next."""

    def documents(self) -> Mapping[Stream, bytes]:
        """Events have no documents."""
        return {}

    def read(self, offers: Sequence[Offer]) -> SentDecoded:
        """Decode batches as one."""
        return columns([SentPart(offer.owner, offer.content) for offer in offers])

    def answers(
        self, decoded: SentDecoded, rejects: Sequence[Reject], cuts: Sequence[Cut]
    ) -> list[bytes]:
        """Return how many events of each batch were taken, which were refused and why, and what was left out."""
        return answers(decoded, rejects, cuts)


@dataclass(slots=True)
class _Taken:
    """What was taken of one tenant."""

    batches: list[EventBatch] = field(default_factory=list)
    voids: list[UInt64s] = field(default_factory=list)
    erasures: list[Erasure] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)


_Grouped: TypeAlias = dict[str, _Taken]


class Doors:
    """The doors of all tenants.

    Parameters
    ----------
    readers : by type of an offer's content what reads it
    control : what was stated so far; `follow` tells of more
    keep_labels : is told of a tenant, by hash, the labels of ids that its door met; what comes of that is among the
        documents of the group

    Attributes
    ----------
    cut_events : by tenant events that were of somebody who is erased, since the start
    """

    def __init__(
        self,
        readers: Mapping[type, Reader],
        control: Control,
        keep_labels: Callable[[str, Mapping[str, str]], None] | None = None,
    ) -> None:
        self._readers = readers
        self._keep_labels = keep_labels
        self._doors: dict[str, Door] = {}
        self._control = control
        self._erased: dict[str, Keys] = {}
        self.cut_events: Counter[str] = Counter()

    def open(self, tenant: str, door: Door) -> None:
        """Let events of a tenant in by this door, from now on."""
        self._doors[tenant] = door

    def follow(self, control: Control) -> None:
        """Admit under this epoch from now on."""
        self._control = control
        for tenant, readmitted in control.readmitted.items():
            if tenant in self._doors:
                self._doors[tenant].readmitted = readmitted

    def erase(self, tenant: str, keys: Keys) -> None:
        """Let nothing in any more that is of these raw keys, beside those of before."""
        self._erased[tenant] = distinct_keys([*self._known_erased(tenant), keys])

    def _known_erased(self, tenant: str) -> list[Keys]:
        known = self._erased.get(tenant)
        return [] if known is None else [known]

    def durable(self) -> None:
        """Take note that the group that was admitted last is durable."""
        for projection in self._projections():
            projection.labels_kept()

    def _projections(self) -> list[Projection]:
        found = (door.projection for door in self._doors.values())
        return [one for one in found if one is not None]

    def admit(self, offers: Sequence[Offer]) -> Admission:
        """Take offers through the doors of their tenants; see `homeroom.log.log.Admit`."""
        told: list[bytes] = [b""] * len(offers)
        readers = self._readers.values()
        for reader in readers:
            reader.begin()
        for projection in self._projections():
            projection.begin()
        changes = self._admit_changes(offers, told)
        taken = self._read(offers, told)
        self._note_labels(taken)
        pinned = {tenant: one for tenant, one in taken.items() if self._is_pinned(tenant)}
        others = {tenant: one for tenant, one in taken.items() if tenant not in pinned}
        contents = {
            Stream.ANALYTIC: self._written(others) or _mark(offers),
            Stream.PINNED: self._written(pinned),
            Stream.CONTROL: write_changes(changes) if changes else b"",
        }
        for reader in readers:
            contents.update(reader.documents())
        streams = [self._stream(offer) for offer in offers]
        return Admission(contents, told, streams, self._control.epoch)

    def _note_labels(self, tenants: Iterable[str]) -> None:
        if self._keep_labels is None:
            return
        for tenant in tenants:
            projection = self._doors[tenant].projection
            labels = {} if projection is None else projection.labels
            if labels:
                self._keep_labels(tenant, labels)

    def _read(self, offers: Sequence[Offer], told: list[bytes]) -> _Grouped:
        """Take what is no change through the doors, all of one tenant and form together."""
        grouped: dict[tuple[str, type], list[int]] = defaultdict(list)
        taken: _Grouped = {}
        for number, offer in enumerate(offers):
            if isinstance(offer.content, _STATED):
                self._take_stated(offer, taken.setdefault(offer.tenant, _Taken()))
                told[number] = b"{}"
            elif isinstance(offer.content, Mark):
                told[number] = b"{}"
            elif isinstance(offer.content, Again):
                self._take_again(offer.content, taken)
                told[number] = b"{}"
            elif not isinstance(offer.content, Change):
                grouped[offer.tenant, type(offer.content)].append(number)
        for (tenant, form), numbers in grouped.items():
            reader = self._readers[form]
            decoded = reader.read([offers[number] for number in numbers])
            admitted = self._take(tenant, decoded, taken)
            said = reader.answers(decoded, admitted.rejects, admitted.cuts)
            for number, answer in zip(numbers, said, strict=True):
                told[number] = answer
        return taken

    def _take_again(self, again: Again, taken: _Grouped) -> None:
        for written in open_parts(again.content):
            if written.tenant not in self._doors:
                continue  # its key is not the one of the world, or nobody knows it any more
            mine = taken.setdefault(written.tenant, _Taken())
            part = written.coded(self._doors[written.tenant].dictionaries)
            mine.erasures.extend(part.erasures)
            mine.consents.extend(part.consents)
            mine.voids.append(part.voids)
            if part.events is not None:
                batch = self._unerased(written.tenant, part.events, mine.erasures)
                mine.batches.extend([batch] if len(batch) else [])

    def _take_stated(self, offer: Offer, mine: _Taken) -> None:
        match offer.content:
            case Erasure() as erasure:
                mine.erasures.append(erasure)
            case Consented(consents):
                mine.consents.extend(consents)
            case EventsVoided(ids):
                mine.voids.append(self._doors[offer.tenant].id_hashes(ids))

    def _stream(self, offer: Offer) -> Stream:
        """Return the stream that an offer is durable with."""
        form = type(offer.content)
        if form is Change:
            return Stream.CONTROL
        stream = Stream.ANALYTIC if form in _OWN else self._readers[form].stream
        if stream is Stream.ANALYTIC and self._is_pinned(offer.tenant):
            return Stream.PINNED
        return stream

    def _is_pinned(self, tenant: str) -> bool:
        """Say whether a tenant's events have the stream that stays in a jurisdiction."""
        return self._control.pins_events(tenant)

    def _admit_changes(self, offers: Sequence[Offer], told: list[bytes]) -> list[Change]:
        control, changes = self._control, []
        for number, offer in enumerate(offers):
            if isinstance(offer.content, Change):
                try:
                    check_change(control, offer.content.fact)
                except HomeroomError as error:
                    told[number] = _json({"error": str(error)})
                    continue
                control = control.folded(offer.content, control.epoch + 1)
                changes.append(offer.content)
                told[number] = _json({"epoch": control.epoch})
        return changes

    def _take(self, tenant: str, decoded: Decoded, taken: _Grouped) -> Admitted:
        door = self._doors[tenant]
        projection = door.projection
        met = 0 if projection is None else projection.met
        admitted = door.admit(decoded, "")
        mine = taken.setdefault(tenant, _Taken())
        batch = self._unerased(tenant, admitted.batch, mine.erasures)
        if projection is not None and len(batch) < len(admitted.batch):
            projection.leave_out(met, batch)
        if len(batch):
            mine.batches.append(batch)
        if decoded.voided:
            mine.voids.append(door.id_hashes(decoded.voided))
        return admitted

    def _unerased(self, tenant: str, batch: EventBatch, erasures: list[Erasure]) -> EventBatch:
        """Return those events that are of nobody who is erased, now or by what comes with them."""
        known = self._known_erased(tenant)
        if erasures:
            known = [distinct_keys([*known, erased_keys(erasures)])]
        if not known:
            return batch
        gone = find_sorted(*known[0], batch.key_hi, batch.key_lo) >= 0
        if not gone.any():
            return batch
        self.cut_events[tenant] += int(np.count_nonzero(gone))
        return chosen_events(batch, ~gone)

    def _consents_kept(self, tenant: str, consents: list[Consent]) -> tuple[Consent, ...]:
        """Return those consents that are of nobody who is erased."""
        if not consents or tenant not in self._erased:
            return tuple(consents)
        numbers = [int.from_bytes(one.key, "big") for one in consents]
        gone = find_sorted(*self._erased[tenant], *halves(numbers)) >= 0
        return tuple(one for one, is_gone in zip(consents, gone, strict=True) if not is_gone)

    def _written(self, taken: Mapping[str, _Taken]) -> bytes:
        parts = [
            Part(
                tenant,
                _joined(one.batches),
                np.concatenate([_NO_IDS, *one.voids]),
                tuple(one.erasures),
                self._consents_kept(tenant, one.consents),
            )
            for tenant, one in taken.items()
            if one.batches or one.voids or one.erasures or one.consents
        ]
        dictionaries = {part.tenant: self._doors[part.tenant].dictionaries for part in parts}
        return write_parts(parts, dictionaries) if parts else b""


def _mark(offers: Sequence[Offer]) -> bytes:
    """Return the content of an entry without events, nothing if none of the offers is a mark."""
    return write_parts([], {}) if any(isinstance(one.content, Mark) for one in offers) else b""


def _joined(batches: Sequence[EventBatch]) -> EventBatch | None:
    """Return the events of batches as one; nearly always there is but one, of all offers of a form."""
    return joined_batches(batches) if len(batches) > 1 else next(iter(batches), None)
