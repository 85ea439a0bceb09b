"""The log of one life of a node: how batches that clients send become entries that are durable.

A disk says yes some hundred times a second, clients ask thousands of times. So whatever comes while a write is under
way waits, and is written together as soon as that write is done: one entry a stream, one transaction, one yes of the
disk for all of them. Nobody waits for a timer, and the busier it gets the more share a write.

The log is a state machine. `Log.step` takes what happened and returns what to do; it never waits, and at most one write
is under way. What it acknowledges was durable before. After a write that failed it acknowledges nothing any more: what
the store holds beyond the last durable entry is not known, so a new life begins (a new `Log` under a new incarnation),
whose first entry says what was held of this one.

What there is one of for each batch is a struct of msgspec's: it is made in a tenth of the time of a data class, and
thousands are made a second.

The way not taken is a write a client, in parallel: entries would become durable out of order, and the chain of digests
would have gaps.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from homeroom import limits
from homeroom.clock import HybridClock
from homeroom.log.entries import Entry, Head, Sign, make_entry
from homeroom.log.origins import Origin, Stream, Token, Vector
from homeroom.log.payloads import pack

__all__ = [
    "Accepted",
    "Admission",
    "Admit",
    "Apply",
    "BatchRecord",
    "Drain",
    "Drained",
    "Effect",
    "Event",
    "Failed",
    "Life",
    "Log",
    "Offer",
    "Offers",
    "Refusal",
    "Refused",
    "Reply",
    "Write",
    "Written",
]


# --- what comes in ---------------------------------------------------------------------------------------------------


class BatchRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a batch, so that a repeat gets the same answer.

    Parameters
    ----------
    owner, batch_id : who sent it (the owner of a key) under which id
    digest : of its body
    answer : what the client was told, JSON
    token : of the entry that holds it, None if nothing of it was written
    """

    owner: str
    batch_id: str
    digest: bytes
    answer: bytes
    token: Token | None


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that a client sent.

    Parameters
    ----------
    ticket : names it in the reply
    tenant, owner, batch_id : whose events, who sent them, under which id
    digest : of the body; the same id with another digest is a conflict
    content : what `Admit` understands; the log does not look at it
    events, size_bytes : how many, and how large the body is
    known : the record of a batch under this id that the store has
    is_kept : whether a record of it is kept; without one a repeat is a new batch
    """

    ticket: int
    tenant: str
    owner: str
    batch_id: str
    digest: bytes
    content: Any
    events: int
    size_bytes: int
    known: BatchRecord | None = None
    is_kept: bool = True

    def under(self, ticket: int) -> "Offer":
        """Return this offer under a ticket; written out, because thousands a second get theirs."""
        return Offer(
            ticket=ticket,
            tenant=self.tenant,
            owner=self.owner,
            batch_id=self.batch_id,
            digest=self.digest,
            content=self.content,
            events=self.events,
            size_bytes=self.size_bytes,
            known=self.known,
            is_kept=self.is_kept,
        )


@dataclass(frozen=True, slots=True)
class Offers:
    """Batches that have come since the last step: what comes together is written together."""

    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """The write that was under way is durable."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The write that was under way failed, or nobody knows; ``why`` in words."""

    why: str


@dataclass(frozen=True, slots=True)
class Drain:
    """Take nothing new, finish what is there."""


Event: TypeAlias = Offers | Written | Failed | Drain


# --- what goes out ---------------------------------------------------------------------------------------------------


class Refusal(StrEnum):
    """Why a batch was not taken."""

    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    BUSY = "busy"
    DRAINING = "draining"
    UNAVAILABLE = "unavailable"
    UNATTAINABLE = "unattainable"
    """It is to be held where there is nobody."""


class Accepted(msgspec.Struct, frozen=True):
    """A batch is durable; ``answer`` is what admission said of it, ``is_repeat`` whether it was there before."""

    answer: bytes
    token: Token | None
    is_repeat: bool


class Refused(msgspec.Struct, frozen=True):
    """A batch was not taken. After ``UNAVAILABLE`` it may be durable nevertheless: send it again under its id."""

    refusal: Refusal
    why: str


class Reply(msgspec.Struct, frozen=True):
    """Tell a client."""

    ticket: int
    outcome: Accepted | Refused


@dataclass(frozen=True, slots=True)
class Write:
    """Write entries and records in one transaction, make it durable, and say `Written` or `Failed`."""

    entries: tuple[Entry, ...]
    records: tuple[BatchRecord, ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """Fold entries, which are durable."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Drained:
    """Nothing is waiting and nothing is being written."""


Effect: TypeAlias = Write | Reply | Apply | Drained


# --- the log ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Admission:
    """What the door made of some offers.

    ``contents`` are those of the entries by stream (empty bytes: nothing to write), ``answers`` JSON, one an offer;
    ``streams``, one an offer, say in which of the entries it is, None for one of which nothing is written; ``epoch`` is
    the control epoch under which all was settled.
    """

    contents: Mapping[Stream, bytes]
    answers: Sequence[bytes]
    streams: Sequence[Stream | None]
    epoch: int = 0


Admit: TypeAlias = Callable[[Sequence[Offer]], Admission]
"""Takes offers through the door. It may be asked again for some of the same offers, and answers the same."""


@dataclass(frozen=True, slots=True)
class Life:
    """Who writes: a node under an incarnation that nobody had before."""

    node: str
    incarnation: str
    held: Vector
    """What the store held when this life began."""
    sign: Sign


class Log:
    """One life of a node's log.

    Parameters
    ----------
    life : who writes
    clock : hybrid time of the node
    admit : the door

    Attributes
    ----------
    heads : by stream the last durable entry of this life
    """

    def __init__(self, life: Life, clock: HybridClock, admit: Admit) -> None:
        self.life = life
        self.heads: dict[Stream, Head] = {}
        self._clock = clock
        self._admit = admit
        self._waiting: deque[Offer] = deque()
        # By owner and batch id, the tickets and digest of what waits or is being written.
        self._tickets: dict[tuple[str, str], tuple[bytes, list[int]]] = {}
        self._write: Write | None = None
        self._answered: tuple[BatchRecord, ...] = ()
        self._failure: str | None = None
        self._is_draining = False

    @property
    def failure(self) -> str | None:
        """Why nothing is acknowledged any more, None while all is well."""
        return self._failure

    @property
    def waiting(self) -> int:
        """Number of offers that wait for the next write."""
        return len(self._waiting)

    def origin(self, stream: Stream) -> Origin:
        """Return who numbers the entries of a stream in this life."""
        return Origin(self.life.node, self.life.incarnation, stream)

    def step(self, event: Event, now_ms: int) -> list[Effect]:
        """Take what happened; return what to do, in this order."""
        if isinstance(event, Offers):
            effects = [effect for offer in event.offers for effect in self._offered(offer)]
        elif isinstance(event, Written):
            effects = self._written()
        elif isinstance(event, Failed):
            effects = self._failed(event.why)
        else:
            self._is_draining = True
            effects = []
        effects += self._next(now_ms)
        if self._is_draining and self._write is None and not self._waiting:
            effects.append(Drained())
        return effects

    def _offered(self, offer: Offer) -> list[Effect]:
        known, name = offer.known, (offer.owner, offer.batch_id)
        waiting = self._tickets.get(name)
        before = known.digest if known is not None else waiting[0] if waiting is not None else None
        if before not in (None, offer.digest):
            why = (
                f"another batch was sent under the id {offer.batch_id}; a new batch needs a new id"
            )
            return [Reply(offer.ticket, Refused(Refusal.CONFLICT, why))]
        if known is not None:
            return [Reply(offer.ticket, Accepted(known.answer, known.token, is_repeat=True))]
        if waiting is not None:
            waiting[1].append(offer.ticket)
            return []
        refused = self._closed()
        if refused is not None:
            return [Reply(offer.ticket, refused)]
        self._tickets[name] = (offer.digest, [offer.ticket])
        self._waiting.append(offer)
        return []

    def _closed(self) -> Refused | None:
        """Return why nothing new is taken, None if it is."""
        if self._failure is not None:
            return Refused(Refusal.UNAVAILABLE, self._failure)
        if self._is_draining:
            return Refused(Refusal.DRAINING, "this node is stopping")
        if len(self._waiting) >= limits.OFFERS_WAITING_MAX:
            why = f"{len(self._waiting):,} batches wait to be written, and no more may"
            return Refused(Refusal.BUSY, why)
        return None

    # --- writing -----------------------------------------------------------------------------------------------------

    def _next(self, now_ms: int) -> list[Effect]:
        """Begin the next write, if none is under way and anything waits."""
        effects: list[Effect] = []
        while self._waiting and self._write is None and self._failure is None:
            effects += self._begin(self._gathered(), now_ms)
        return effects

    def _gathered(self) -> list[Offer]:
        offers, events, size_bytes = [self._waiting.popleft()], 0, 0
        while self._waiting:
            events, size_bytes = events + offers[-1].events, size_bytes + offers[-1].size_bytes
            following = self._waiting[0]
            if (
                events + following.events > limits.GROUP_EVENTS_MAX
                or size_bytes + following.size_bytes > limits.GROUP_BYTES_MAX
            ):
                break
            offers.append(self._waiting.popleft())
        return offers

    def _begin(self, offers: list[Offer], now_ms: int) -> list[Effect]:
        """Write offers together; those of them that no entry can hold wait for the next write, or are refused."""
        admission = self._admit(offers)
        payloads = {
            stream: pack(content, None if stream in self.heads else self._claim(stream))
            for stream, content in admission.contents.items()
            if content
        }
        largest = max(map(len, payloads.values()), default=0)
        if largest > limits.ENTRY_BYTES_MAX:
            half = len(offers) // 2
            if half == 0:
                return self._too_large(offers[0], largest)
            self._waiting.extendleft(reversed(offers[half:]))
            return self._begin(offers[:half], now_ms)
        entries = tuple(
            make_entry(
                self.origin(stream),
                self.heads.get(stream, Head()),
                (self._clock.stamp(now_ms), admission.epoch),
                payload,
                self.life.sign,
            )
            for stream, payload in sorted(payloads.items())
        )
        tokens = {entry.origin.stream: entry.token for entry in entries}
        records = tuple(
            BatchRecord(
                owner=offer.owner,
                batch_id=offer.batch_id,
                digest=offer.digest,
                answer=answer,
                token=None if stream is None else tokens.get(stream),
            )
            for offer, answer, stream in zip(
                offers, admission.answers, admission.streams, strict=True
            )
        )
        kept = tuple(record for record, offer in zip(records, offers, strict=True) if offer.is_kept)
        # More tickets may come to these offers until the write is done.
        self._write, self._answered = Write(entries, kept), records
        return [self._write]

    def _claim(self, stream: Stream) -> Vector:
        """Return what the first entry of a stream says that the store held.

        Of documents only they themselves tell: other streams go to nodes that must not hear of them. What is sealed
        for another jurisdiction goes there, so it tells of nothing beside what all have but of itself.
        """
        held = self.life.held
        if stream is Stream.DOCUMENT:
            return held
        return Vector({o: n for o, n in held.items() if o.stream.is_shared or o.stream is stream})

    def _written(self) -> list[Effect]:
        assert self._write is not None, "a write was under way"
        write, self._write = self._write, None
        for entry in write.entries:
            self.heads[entry.origin.stream] = entry.head
        effects: list[Effect] = []
        if write.entries:
            effects.append(Apply(write.entries))
        for record in self._answered:
            _, (first, *others) = self._tickets.pop((record.owner, record.batch_id))
            effects.append(Reply(first, Accepted(record.answer, record.token, is_repeat=False)))
            effects += [
                Reply(ticket, Accepted(record.answer, record.token, is_repeat=True))
                for ticket in others
            ]
        return effects

    def _failed(self, why: str) -> list[Effect]:
        self._failure, self._write = why, None
        self._waiting.clear()
        tickets, self._tickets = self._tickets, {}
        refused = Refused(Refusal.UNAVAILABLE, why)
        return [Reply(ticket, refused) for _, waiting in tickets.values() for ticket in waiting]

    def _too_large(self, offer: Offer, size_bytes: int) -> list[Effect]:
        _, tickets = self._tickets.pop((offer.owner, offer.batch_id))
        why = (
            f"the batch has {size_bytes:,} bytes after compression, an entry holds at most "
            f"{limits.ENTRY_BYTES_MAX:,}; send it in smaller batches"
        )
        return [Reply(ticket, Refused(Refusal.TOO_LARGE, why)) for ticket in tickets]

    # --- what must hold ----------------------------------------------------------------------------------------------

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        names = {(offer.owner, offer.batch_id) for offer in self._waiting}
        if self._write is not None:
            names |= {(record.owner, record.batch_id) for record in self._answered}
            assert self._failure is None, "nothing is written after a failure"
        assert names == set(self._tickets), (
            "each batch that waits has its tickets, and nothing else has"
        )
        assert not (self._waiting and self._write is None), "nothing waits while nothing is written"
        assert self._failure is None or not self._tickets, "after a failure nobody waits"
