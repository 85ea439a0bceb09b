"""The lives of one node: a log and a store, begun again after each crash, and everything that clients were told.

A life begins with a store that is opened, a new incarnation, and what the store held. Clients offer batches, repeat
them, and try other bodies under old ids; the disk or the whole machine fails when a test says so. `Lives.check` then
looks at what is there, from nothing, and compares it with what was said.
"""

import hashlib
import json
from collections import Counter
from typing import Any

from homeroom.clock import HybridClock
from homeroom.errors import StoreError
from homeroom.log.entries import Entry, Head
from homeroom.log.log import (
    Accepted,
    Admission,
    BatchRecord,
    Effect,
    Failed,
    Life,
    Log,
    Offer,
    Offers,
    Refusal,
    Reply,
    Write,
    Written,
)
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import unpack
from homeroom.log.store import Store
from tests.log.chains import sign, verify

NOW_MS = 1_700_000_000_000
OWNER = "key"


def admit(offers):
    """Put each batch, its name and body, into the analytic entry, and some into the document entry as well."""
    streams: dict[Stream, list[Any]] = {Stream.ANALYTIC: [], Stream.DOCUMENT: []}
    for offer in offers:
        if offer.content != "nothing":
            streams[Stream.ANALYTIC].append([offer.batch_id, offer.content])
        if offer.content == "long":
            streams[Stream.DOCUMENT].append([offer.batch_id, "text " * 100])
    contents = {s: json.dumps(batches).encode() for s, batches in streams.items() if batches}
    answers = [json.dumps({"said": offer.content}).encode() for offer in offers]
    placed = [None if offer.content == "nothing" else Stream.ANALYTIC for offer in offers]
    return Admission(contents, answers, placed)


def digest_of(body):
    return hashlib.sha256(body.encode()).digest()


class Lives:
    """What one node did, and what its clients know."""

    def __init__(self, first_incarnation: int = 0) -> None:
        self.incarnation = first_incarnation
        self.told: dict[
            str, tuple[str, Accepted]
        ] = {}  # by batch id: body, and what was said of it
        self.offered: dict[str, set[str]] = {}
        self.starts: dict[str, Vector] = {}
        self.store: Store
        self.log: Log
        self.write: Write | None = None
        self._tickets: dict[int, tuple[str, str]] = {}
        self._ticket = 0

    def begin(self, store: Store) -> None:
        """Begin a life with what a store holds."""
        self.incarnation += 1
        self.store, self.write, self._tickets = store, None, {}
        life = Life("here", f"{self.incarnation:032x}", store.held(), sign=sign)
        self.starts[life.incarnation] = life.held
        self.log = Log(life, HybridClock(store.last_hybrid()), admit)

    def offer(self, batch_id: str, body: str) -> None:
        """Let a client send a batch, a new one or one that was sent before."""
        self._ticket += 1
        self._tickets[self._ticket] = (batch_id, body)
        self.offered.setdefault(batch_id, set()).add(body)
        offer = Offer(
            ticket=self._ticket,
            tenant="main",
            owner=OWNER,
            batch_id=batch_id,
            digest=digest_of(body),
            content=body,
            events=1,
            size_bytes=len(body),
            known=self.store.record(OWNER, batch_id),
        )
        self._do(self.log.step(Offers((offer,)), NOW_MS))

    def finish(self) -> None:
        """Do the write that is under way."""
        assert self.write is not None
        write, self.write = self.write, None
        try:
            self.store.write(write.entries, write.records)
        except StoreError as error:
            self._do(self.log.step(Failed(str(error)), NOW_MS))
        else:
            self._do(self.log.step(Written(), NOW_MS))

    def _do(self, effects: list[Effect]) -> None:
        self.log.check_invariants()
        for effect in effects:
            if isinstance(effect, Write):
                assert self.write is None, "one write at a time"
                self.write = effect
            elif isinstance(effect, Reply):
                self._hear(*self._tickets.pop(effect.ticket), effect.outcome)

    def _hear(self, batch_id: str, body: str, outcome: Any) -> None:
        before = self.told.get(batch_id)
        if isinstance(outcome, Accepted):
            if before is not None:
                assert body == before[0], "the same id with another body is a conflict"
                assert outcome.is_repeat, "what was acknowledged is known for ever"
                assert (outcome.answer, outcome.token) == (before[1].answer, before[1].token)
            self.told.setdefault(batch_id, (body, outcome))
        elif outcome.refusal is Refusal.CONFLICT:
            assert len(self.offered[batch_id]) > 1, "a conflict needs two bodies"
        else:
            assert outcome.refusal is Refusal.UNAVAILABLE
            assert self.log.failure is not None

    def check(self) -> None:
        """Assert that the store holds what was said, and nothing that contradicts it."""
        check_store(
            self.store,
            self.starts,
            {b: (body, a.answer, a.token) for b, (body, a) in self.told.items()},
        )


def claimed(held: Vector, origin: Origin) -> Vector:
    """Return what a life that began with this says of it in a stream: documents are told of among themselves."""
    if origin.stream is Stream.DOCUMENT:
        return held
    return Vector({o: n for o, n in held.items() if o.stream is not Stream.DOCUMENT})


def check_store(
    store: Store, starts: dict[str, Vector], told: dict[str, tuple[str, bytes, Any]]
) -> None:
    """Assert that a store holds entries that follow each other, each batch once, and all that was told.

    ``starts`` is by incarnation what was held when it began; ``told`` by batch id its body, answer and token.
    """
    where: dict[str, tuple[Origin, int]] = {}
    for origin, number in store.held().items():
        entries = store.read(origin, 1, number + 10)
        assert [entry.number for entry in entries] == [*range(1, number + 1)], "numbers have no gap"
        head = Head()
        for entry in entries:
            entry.check(head, verify)
            head = entry.head
            if entry.number == 1:
                assert unpack(entry.payload).closes == claimed(starts[origin.incarnation], origin)
            if origin.stream is Stream.ANALYTIC:
                for batch_id, _ in contents_of(entry):
                    assert batch_id not in where, "no batch is in two entries"
                    where[batch_id] = (origin, entry.number)
        assert store.head(origin) == head
    for batch_id, place in where.items():
        record = store.record(OWNER, batch_id)
        assert record is not None, "a batch has its record"
        assert record.token is not None
        assert place == (record.token.origin, record.token.number)
    for batch_id, (body, answer, token) in told.items():
        assert store.record(OWNER, batch_id) == BatchRecord(
            owner=OWNER, batch_id=batch_id, digest=digest_of(body), answer=answer, token=token
        ), "what was acknowledged is there"
        assert (batch_id in where) == (body != "nothing")


def contents_of(entry: Entry) -> list[list[str]]:
    batches: list[list[str]] = json.loads(unpack(entry.payload).content)
    assert max(Counter(batch_id for batch_id, _ in batches).values()) == 1
    return batches
