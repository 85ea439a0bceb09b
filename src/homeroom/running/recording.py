"""The record store of a running node: what its clients send goes through the log, and then into the vault.

Statements and documents are prepared in the thread that writes, one request after the other, each seeing what those
before it will have changed. What comes of them is sealed, and goes into the document stream; the events in them go
through the door like all others, into the same commit. When that is durable the vault's file is changed, still before
the client hears of it: whoever was told yes finds it.

The vault's file may be behind the log, after a crash, or lost; it says how far it is, and what is missing is applied
from the log at a start.

Entries of other nodes of the jurisdiction are applied as they arrive: in the order of each node, in any order among
them. What is refused because of what is here already (an id that is taken, an entity tag that is old) is refused by the
node that was asked, as it knew things then; that two nodes said yes to what cannot both be is settled by the vault, the
same way everywhere.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from homeroom.adapters.vault.applying import Vault
from homeroom.adapters.vault.coming_home import change_of_passage
from homeroom.adapters.vault.labels import change_of_labels, labels_in, read_labels
from homeroom.adapters.vault.operations import (
    ActivityKnown,
    Change,
    LabelsKept,
    Stamped,
    StatementKept,
    StatementSent,
    SubjectKey,
    decode,
    encode,
)
from homeroom.adapters.vault.passage import SealKey, redacted_passages, written_passages
from homeroom.adapters.vault.preparing import Prepared, Preparer
from homeroom.adapters.vault.reading import VaultReader, wrapped_opens
from homeroom.adapters.vault.redacting import redacted_change
from homeroom.adapters.vault.sealing import Seals, TenantKeys
from homeroom.adapters.vault.statements import uuid_bytes
from homeroom.adapters.vault.terms import PLACE_BITS
from homeroom.errors import EntryError, HomeroomError, StoreError, VaultError, kind_and_places
from homeroom.events.labels import Labels
from homeroom.events.model import Decoded, Reject
from homeroom.events.projection import Cut
from homeroom.events.vocabulary import VerbTable
from homeroom.events.xapi import XapiCodec
from homeroom.limits import FOLD_ENTRIES_MAX, RECORD_CHANGE_UNITS_MAX
from homeroom.log import log
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import unpack
from homeroom.log.store import Store
from homeroom.records.forms import time_text
from homeroom.records.store import (
    Accepted,
    Caller,
    DocumentChange,
    Refusal,
    Refused,
    Sent,
)
from homeroom.running.homes_here import HomesHere

__all__ = [
    "LabelsFound",
    "LabelsReader",
    "RecordReader",
    "RecordRequest",
    "homes_of",
    "outcome_of",
    "redacted_documents",
    "redacted_records",
]

_json = msgspec.json.Encoder().encode
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(list[bytes]).decode


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """What a client of the record store sends, checked, and who it is."""

    asked: Sent | DocumentChange
    caller: Caller


class _Told(msgspec.Struct, omit_defaults=True):
    """An outcome on its way through the log."""

    ids: tuple[str, ...] = ()
    refusal: str | None = None
    field: str = ""
    rule: str = ""
    homes: tuple[str, ...] = ("",)

    def outcome(self) -> Accepted | Refused:
        if self.refusal is None:
            return Accepted(self.ids)
        return Refused(Refusal(self.refusal), self.field, self.rule)


_told: Final = msgspec.json.Decoder(_Told).decode


def outcome_of(answer: bytes) -> Accepted | Refused:
    """Return what became of a request, by what the log answers."""
    return _told(answer).outcome()


def homes_of(answer: bytes) -> tuple[str, ...]:
    """Return where what was sent is kept, by what the log answers: jurisdictions, empty for here; none if refused."""
    told = _told(answer)
    return told.homes if told.refusal is None else ()


class RecordReader:
    """Prepares requests and applies what comes of them; used in the thread that writes.

    Parameters
    ----------
    path : of the vault's file
    keys_of : returns the keys of a tenant
    now_ms : the clock of the machine
    labels_of : returns the labels of a tenant, as far as they are known
    seal_key : opens what was sealed elsewhere for this jurisdiction; None in a node alone

    Attributes
    ----------
    homes : where persons have their homes
    trouble : why the vault cannot be written, None while all is well
    applied : by origin the last entry that is in the vault
    stamps : by origin the hybrid stamp of that, of those that came since the start
    conflicts : under how many ids nodes accepted different statements
    changes : how often the vault has changed since the start
    stopped : by origin why nothing more of it is applied: what another node wrote makes no sense here
    """

    stream = Stream.DOCUMENT

    def __init__(
        self,
        path: Path,
        keys_of: Callable[[str], TenantKeys],
        now_ms: Callable[[], int],
        labels_of: Callable[[str], Labels],
        seal_key: SealKey | None = None,
    ) -> None:
        self.trouble: str | None = None
        self.homes = HomesHere()
        self._seal_key = seal_key
        self._vault = Vault(path)
        self._reader = VaultReader(path)
        self._preparer = Preparer(self._reader, keys_of, self.homes.away_of)
        self._now_ms = now_ms
        self.labels_of = labels_of
        self._codec = XapiCodec(VerbTable.standard())
        self._prepared: list[Prepared] = []
        self._outcomes: list[bytes] = []
        self._keys_of = keys_of
        self._label_changes: list[Change] = []
        self._fresh_labels: list[tuple[Labels, list[str]]] = []
        self._seals: dict[str, Seals] = {}
        self._store: Store | None = None
        self.stamps: dict[Origin, int] = {}
        self.stopped: dict[Origin, str] = {}
        self.conflicts = self._vault.conflicts()
        self.changes = 0
        self.applied = Vector.from_json(msgspec.json.decode(self._vault.applied or "{}"))

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._vault.close()

    def tenants(self) -> list[str]:
        """Return the names of the tenants whose records are in the vault."""
        return self._reader.tenants()

    # --- admission ---------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin with a new group; what was prepared and has not been applied never will be."""
        self._forget_labels()
        if self._prepared:
            self._preparer.forget()
            self._prepared = []

    def _forget_labels(self) -> None:
        self._label_changes, self._fresh_labels = [], []

    def read(self, offers: Sequence[log.Offer]) -> Decoded:
        """Prepare requests in order; return the events in the statements of those that can be done."""
        lines: list[bytes] = []
        self._outcomes, now_ms = [], self._now_ms()
        with self._reader.at_once():
            for offer in offers:
                request: RecordRequest = offer.content
                prepared = self._prepare(request, now_ms)
                self._outcomes.append(_json(_outcome(prepared)))
                if isinstance(prepared, Prepared):
                    self._prepared.append(prepared)
                    if isinstance(request.asked, Sent):
                        lines += _lines(request.asked, prepared)
        return self._codec.decode(b"\n".join(lines), 1)

    def _prepare(self, request: RecordRequest, now_ms: int) -> Prepared | Refused:
        if isinstance(request.asked, Sent):
            return self._preparer.accept(request.asked, request.caller, now_ms)
        return self._preparer.change(request.asked, request.caller, now_ms)

    def answers(
        self, decoded: Decoded, rejects: Sequence[Reject], cuts: Sequence[Cut]
    ) -> list[bytes]:
        """Return the outcome of each request; a statement that is no event is a statement all the same."""
        del decoded, rejects, cuts
        return self._outcomes

    def documents(self) -> Mapping[Stream, bytes]:
        """Return the operations of all requests that can be done, what keeps labels, and what is sealed for others."""
        encoded = [one.encoded for one in self._prepared if one.encoded]
        encoded += map(encode, self._label_changes)
        sealed: dict[str, list[bytes]] = {}
        for one in self._prepared:
            for home, passage in one.sealed.items():
                sealed.setdefault(home, []).append(passage)
        contents = {Stream.sealed_for(home): _pack(some) for home, some in sealed.items()}
        return {**contents, Stream.DOCUMENT: _pack(encoded)} if encoded else contents

    def keep_labels(self, tenant: str, labels: Mapping[str, str]) -> None:
        """Have labels kept with the group that is being read; those that are kept already are not kept again."""
        known = self.labels_of(tenant)
        fresh = [text for hashed, text in labels.items() if known.of(hashed) is None]
        if fresh:
            self._label_changes.append(change_of_labels(tenant, self._seals_of(tenant), fresh))
            self._fresh_labels.append((known, fresh))

    # --- application -------------------------------------------------------------------------------------------------

    def durable(self, entry: Entry) -> None:
        """Apply an entry that was just written here."""
        changes = [one.change for one in self._prepared if one.encoded]
        changes += self._label_changes
        for known, fresh in self._fresh_labels:
            known.add(fresh)
        self._forget_labels()
        is_next = self.applied[entry.origin] + 1 == entry.number
        if is_next and self._apply([_stamped(entry, changes)], [entry]):
            for one in self._prepared:
                self._preparer.applied(one)
        else:
            self._preparer.forget()
            if not is_next and self._store is not None:
                # The one before could not be applied; the log has both.
                self._caught_up(entry, self._store)
        self._prepared = []

    def _caught_up(self, entry: Entry, store: Store) -> None:
        try:
            self._catch_up(entry.origin, entry.number, store, self._taken)
        except (EntryError, StoreError, VaultError) as error:
            self.trouble = str(error)

    def take(self, entries: Sequence[Entry]) -> None:
        """Apply entries that other nodes wrote: in the order of each, in any order among them, again without harm.

        Between two writes, in the thread that writes. That the file cannot be written is told as a trouble: then the
        entries are taken from the log later.

        Raises
        ------
        EntryError
            An entry is damaged, or cannot be read.
        StoreError
            One is missing before it.
        VaultError
            Something in it is under another key; nothing of it was applied.
        """
        for labels, some in self._taken(entries):
            labels.add(some)

    def follow(self, entries: Sequence[Entry], store: Store) -> None:
        """Apply entries that other nodes wrote, and that are in a store; what is missing before them too.

        What makes no sense is told, stops its origin here until the next start, and nothing else.
        """
        for origin in dict.fromkeys(entry.origin for entry in entries):
            some = [entry for entry in entries if entry.origin == origin]
            if some[0].number > self.applied[origin] + 1:
                self.follow_up(origin, some[0].number - 1, store)
            if some[0].number <= self.applied[origin] + 1:
                self._tried(origin, partial(self.take, some))

    def follow_up(self, origin: Origin, last: int, store: Store) -> None:
        """Apply some of what another node wrote, and a store holds, up to a number; see `follow`."""
        some = min(last, self.applied[origin] + FOLD_ENTRIES_MAX)
        self._tried(origin, partial(self._catch_up, origin, some, store, self.take))

    def _tried(self, origin: Origin, apply: Callable[[], object]) -> None:
        if origin in self.stopped:
            return
        try:
            apply()
        except StoreError as error:  # it is tried again
            self.trouble = str(error)
        except Exception as error:  # noqa: BLE001 - others' entries must not stop this node; it is told
            why = str(error) if isinstance(error, HomeroomError) else kind_and_places(error)
            self.stopped[origin] = (
                f"documents of {origin} after entry {self.applied[origin]} are in the log and not among the records: "
                f"{why}"
            )

    def _taken(self, entries: Sequence[Entry]) -> list[tuple[Labels, Iterable[str]]]:
        """Apply those entries that are not yet; return labels in them, and to which they belong."""
        fresh: list[Entry] = []
        ends = dict(self.applied)
        for entry in entries:
            number = ends.get(entry.origin, 0)
            if entry.number <= number:
                continue
            if entry.number > number + 1:
                raise StoreError(_gap(entry.origin, number, entry.number))
            ends[entry.origin] = entry.number
            fresh.append(entry)
        stamped = [_stamped(entry, self._changes(entry)) for entry in fresh]
        # Before anything is applied: what does not open here never will.
        labels = [
            found for one in stamped for each in one.changes for found in self._looked_at(each)
        ]
        if not fresh or not self._apply(stamped, fresh):
            return []
        return labels

    def _changes(self, entry: Entry) -> list[Change]:
        entry.check_payload()
        content = unpack(entry.payload).content
        if not entry.origin.stream.home:
            return _written(content)
        if self._seal_key is None:
            raise VaultError(f"{entry.origin} is sealed, and there is no key here to open it")
        passages = written_passages(content)
        key = self._seal_key
        return [change_of_passage(one, key, self._seals_of(one.tenant)) for one in passages]

    def is_kept(self, origin: Origin) -> bool:
        """Say whether what an origin writes goes into this vault: documents, and what is sealed for here."""
        stream = origin.stream
        return stream is Stream.DOCUMENT or stream.home == self.homes.here != ""

    def _looked_at(self, change: Change) -> list[tuple[Labels, Iterable[str]]]:
        """Return the labels in a change. Raises `VaultError` for one, or a person's key, that is under another key."""
        seals = self._seals_of(change.tenant)
        if any(isinstance(one, ActivityKnown) for one in change.operations):
            self._preparer.unmeet(change.tenant)
        for one in change.operations:
            if isinstance(one, SubjectKey):
                seals.unwrap(one.subject, one.wrapped)
        sealed = [one.sealed for one in change.operations if isinstance(one, LabelsKept)]
        known = self.labels_of(change.tenant)
        return [(known, some) for some in labels_in(seals, sealed)] if sealed else []

    def catch_up(self, store: Store, node: str | None = None) -> None:
        """Apply what a store holds beyond what is applied.

        Where ``node`` is given, what others have written than this node is looked at before, as by `follow`.
        Raises `EntryError` for an entry that is damaged, `StoreError` where one is missing.
        """
        self._store = store
        for origin, held in sorted(store.held().items()):
            if not self.is_kept(origin):
                continue
            if node not in (None, origin.node):
                self._tried(origin, partial(self._catch_up, origin, held, store, self.take))
            elif not self._catch_up(origin, held, store, self._taken):
                break
        self._preparer.forget()

    def _catch_up(
        self, origin: Origin, last: int, store: Store, take: Callable[[Sequence[Entry]], object]
    ) -> bool:
        """Apply what a store holds of an origin; return whether that could be done."""
        while (before := self.applied[origin]) < last:
            room = min(FOLD_ENTRIES_MAX, last - before)
            entries = store.read(origin, before + 1, room)
            if not entries:
                raise StoreError(_gap(origin, before, last + 1))
            take(entries)
            if self.applied[origin] == before:
                return False
        return True

    def opens(self, tenant: str) -> bool:
        """Say whether a key that was wrapped for a tenant opens with its key, if there is any."""
        return wrapped_opens(self._reader, tenant, self._seals_of(tenant))

    def read_labels(self) -> None:
        """Make known what labels the file has. Raises `VaultError` where one does not open."""
        for tenant in self.tenants():
            known = self.labels_of(tenant)
            for some in read_labels(self._reader, tenant, self._seals_of(tenant)):
                known.add(some)

    def _seals_of(self, tenant: str) -> Seals:
        if tenant not in self._seals:
            self._seals[tenant] = Seals(self._keys_of(tenant))
        return self._seals[tenant]

    def erase(self, tenant: str, subjects: Sequence[bytes]) -> str | None:
        """Destroy the keys of people, and all that is under them; return why it could not be done, None if it was.

        Between two writes, when nothing is prepared that is not applied.
        """
        for at in range(0, len(subjects), RECORD_CHANGE_UNITS_MAX):
            change = self._preparer.destroying(tenant, subjects[at : at + RECORD_CHANGE_UNITS_MAX])
            if change.operations and not self._apply([Stamped(0, b"", [change])], []):
                return self.trouble
        return None

    def scrub(self) -> str | None:
        """Leave nothing in the file's journal; return why something may be left, None if nothing is."""
        try:
            return self._vault.scrub()
        except VaultError as error:
            return str(error)

    def _apply(self, stamped: Sequence[Stamped], entries: Sequence[Entry]) -> bool:
        """Apply what is in entries; return whether that could be done."""
        applied = self.applied.joined({one.origin: one.number for one in entries})
        try:
            self._vault.apply(stamped, _json(applied.to_json()).decode())
            self.conflicts = self._vault.conflicts()
        except VaultError as error:
            self.trouble = str(error)
            return False
        self.applied = applied
        self.changes += 1
        self.stamps.update({one.origin: one.hybrid for one in entries})
        self.trouble = self._vault.trouble
        return True


@dataclass(frozen=True, slots=True)
class LabelsFound:
    """Labels that are to be kept of what was loaded into a directory before a node ran on it; ``labels`` by hash."""

    labels: Mapping[str, str]


class LabelsReader:
    """Has found labels kept; used in the thread that writes. ``reader`` is that of records."""

    stream = Stream.DOCUMENT

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader
        self._count = 0

    def begin(self) -> None:
        """Nothing is held here from one group to the next."""

    def documents(self) -> Mapping[Stream, bytes]:
        """Return nothing: what comes of labels is among the documents of records."""
        return {}

    def read(self, offers: Sequence[log.Offer]) -> Decoded:
        """Have the labels kept; there are no events in them."""
        self._count = len(offers)
        for offer in offers:
            self._reader.keep_labels(offer.tenant, offer.content.labels)
        return XapiCodec(VerbTable.standard()).decode(b"", 1)

    def answers(
        self, decoded: Decoded, rejects: Sequence[Reject], cuts: Sequence[Cut]
    ) -> list[bytes]:
        """Return that there is nothing to tell."""
        del decoded, rejects, cuts
        return [b"{}"] * self._count


def _lines(sent: Sent, prepared: Prepared) -> list[bytes]:
    """Return the statements that are kept, and were not there before, each with a time.

    A statement without one is of the time at which it is stored. So a repeat, which is stored no second time, must not
    come here: it would be another event.
    """
    places = {
        operation.id: operation.place
        for operation in prepared.change.operations
        if isinstance(operation, StatementKept | StatementSent)
    }
    lines = []
    for statement_id, statement in zip(prepared.answer.ids, sent.statements, strict=True):
        place = places.pop(uuid_bytes(statement_id), None)
        if place is not None:
            stored = {"id": statement_id, "timestamp": time_text(place >> PLACE_BITS)}
            lines.append(_json({**stored, **statement}))
    return lines


def redacted_documents(content: bytes, erased: Mapping[str, frozenset[bytes]]) -> bytes | None:
    """Return the content of an entry of documents without those who are erased, by tenant; None if it has none.

    Raises `EntryError`.
    """
    try:
        encoded = _unpack(content)
    except msgspec.MsgspecError as error:
        raise EntryError(f"the documents of an entry cannot be read: {error}") from error
    kept = [redacted_change(one, erased) for one in encoded]
    return None if kept == encoded else _pack(kept)


def redacted_records(
    stream: Stream, content: bytes, erased: Mapping[str, frozenset[bytes]]
) -> bytes | None:
    """Return the content of an entry of documents, sealed or not, without those who are erased; None if it has none.

    Raises `EntryError`.
    """
    redact = redacted_passages if stream.home else redacted_documents
    return redact(content, erased)


def _written(content: bytes) -> list[Change]:
    try:
        encoded = _unpack(content)
    except msgspec.MsgspecError as error:
        raise EntryError(f"the documents of an entry cannot be read: {error}") from error
    return list(map(decode, encoded))


def _stamped(entry: Entry, changes: Sequence[Change]) -> Stamped:
    return Stamped(entry.hybrid, entry.digest, changes)


def _gap(origin: Origin, before: int, after: int) -> str:
    return (
        f"the records go up to entry {before} of {origin}, and the log goes on at {after} or later: what is between "
        f"was forgotten, since a copy of the records held it. Restore the directory from a backup"
    )


def _outcome(prepared: Prepared | Refused) -> _Told:
    if isinstance(prepared, Refused):
        return _Told(refusal=prepared.refusal.value, field=prepared.field, rule=prepared.rule)
    return _Told(ids=prepared.answer.ids, homes=tuple(sorted(prepared.homes)))
