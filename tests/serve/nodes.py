"""A node in memory, for what stands before one: the real log, door and state, with a store that is always willing."""

import asyncio
import hashlib

from homeroom.clock import HybridClock
from homeroom.cohorts.answers import Source
from homeroom.cohorts.ask import ask
from homeroom.cohorts.kept import check_change
from homeroom.cohorts.live import LiveAnswer, Status
from homeroom.errors import NotYetError
from homeroom.events.door import Door
from homeroom.events.sent import SentPart, answers, columns, count_events
from homeroom.events.vocabulary import VerbTable
from homeroom.log.control import Change, Control, KeyCreated, Scope, TenantPut, write_changes
from homeroom.log.log import (
    Accepted,
    Admission,
    Apply,
    Drain,
    Life,
    Log,
    Offer,
    Offers,
    Reply,
    Write,
    Written,
)
from homeroom.log.origins import Origin, Stream, Token, Vector
from homeroom.serve.keys import draw_key
from homeroom.state.state import State
from homeroom.state.zones import load_zone

KEY = bytes(range(32))
NOW_MS = 1_795_428_000_000
"""2026-11-23T10:00:00Z."""


class MemoryNode:
    """One tenant's door and state behind a log, with as many tenants as are put."""

    def __init__(self):
        self.now_ms = NOW_MS
        self._control = Control()
        self._tenants = {}
        self._records = {}
        self._applied = Vector()
        self._replies = {}
        self._pending = []
        self._ticket = 0
        life = Life("here", "a" * 32, Vector(), sign=lambda digest: digest + digest)
        self.log = Log(life, HybridClock(), self._admit)
        self.troubles = ()
        self.changes = []

    # --- what Serving asks ---

    async def offer(self, tenant, owner, batch):
        self._ticket += 1
        offer = Offer(
            ticket=self._ticket,
            tenant=tenant,
            owner=owner,
            batch_id=batch.name,
            digest=batch.digest,
            content=batch,
            events=count_events(batch),
            size_bytes=len(batch.body),
            known=self._records.get((owner, batch.name)),
        )
        self._steps(Offers((offer,)))
        return self._replies.pop(offer.ticket)

    def status(self, tenant):
        found = self._tenants.get(tenant)
        learners = events = 0
        if found is not None:
            found[1].settle()
            learners, events = found[1].learners.rows, found[1].counts.accepted
        return Status(
            learners=learners,
            events=events,
            applied=self._applied,
            held=self._applied,
            ages_ms={str(origin): 0 for origin in self._applied},
            epoch=self._control.epoch,
            troubles=self.troubles,
            is_ready=not self.troubles,
        )

    async def ask(self, tenant, question, after):
        if after is not None and self._applied[after.origin] < after.number:
            raise NotYetError("not here")
        state = self._tenants[tenant][1]
        state.settle()
        answer = await asyncio.to_thread(ask, state, question, Source(learners=state.learners.rows))
        return LiveAnswer(
            answer=answer,
            applied=self._applied,
            age_ms=0 if self._applied else None,
            is_complete=True,
            epoch=self._control.epoch,
        )

    async def change(self, fact, author):
        check_change(self._control, fact)
        change = Change(fact=fact, author=author, at_ms=self.now_ms)
        self.changes.append(write_changes([change]))
        self._control = self._control.folded(change, self._control.epoch + 1)
        if isinstance(fact, TenantPut) and fact.name not in self._tenants:
            door = Door(KEY, VerbTable.standard())
            self._tenants[fact.name] = (door, State(load_zone(fact.timezone), door.dictionaries))
        origin = Origin("here", "a" * 32, Stream.CONTROL)
        return Token(origin, self._control.epoch, self.now_ms << 16)

    def control(self):
        return self._control

    # --- what it does for itself ---

    async def key(self, *scopes, tenant="main", name="test", **fields):
        """Create a key and return its text."""
        drawn = draw_key()
        if tenant not in self._control.tenants:
            await self.change(TenantPut(name=tenant), "test")
        fact = KeyCreated(
            prefix=drawn.prefix,
            name=name,
            digest=drawn.digest,
            tenant=tenant,
            owner=fields.pop("owner", drawn.prefix),
            scopes=tuple(map(Scope, scopes)),
            **fields,
        )
        await self.change(fact, "test")
        return drawn.text

    def _admit(self, offers):
        self._pending = []
        told = []
        for offer in offers:
            door, _ = self._tenants[offer.tenant]
            decoded = columns([SentPart(offer.owner, offer.content)])
            admitted = door.admit(decoded, "sent")
            self._pending.append((offer.tenant, admitted.batch))
            told += answers(decoded, admitted.rejects)
        any_events = any(len(batch) for _, batch in self._pending)
        content = hashlib.sha256(b"".join(o.digest for o in offers)).digest() if any_events else b""
        return Admission({Stream.ANALYTIC: content}, told)

    def _steps(self, event):
        waiting = [event]
        while waiting:
            effects = self.log.step(waiting.pop(), self.now_ms)
            self.log.check_invariants()
            for effect in effects:
                if isinstance(effect, Write):
                    self._records |= {(r.owner, r.batch_id): r for r in effect.records}
                    waiting.append(Written())
                elif isinstance(effect, Apply):
                    self._fold(effect.entries)
                elif isinstance(effect, Reply):
                    self._replies[effect.ticket] = effect.outcome

    def _fold(self, entries):
        for tenant, batch in self._pending:
            self._tenants[tenant][1].fold(batch)
        for entry in entries:
            self._applied = self._applied.advanced(entry.origin, entry.number)

    def drain(self):
        """Take nothing new."""
        self._steps(Drain())


__all__ = ["KEY", "NOW_MS", "Accepted", "MemoryNode"]
