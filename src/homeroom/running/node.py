"""A node that runs on a data directory.

A start opens the newest whole snapshot of every tenant, folds the entries of the log after it, and begins a new life of
the log; then it takes batches. A stop takes nothing new, writes what is there, folds it and leaves a snapshot. Whatever
ends a node otherwise loses nothing that was acknowledged: the next start folds more entries, that is all.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from homeroom import limits
from homeroom.adapters.directory import DataDirectory
from homeroom.adapters.erasure_register import ErasureRegister
from homeroom.adapters.signing import NodeKey
from homeroom.clock import HybridClock
from homeroom.cohorts.live import Status, Trouble
from homeroom.errors import StoreError
from homeroom.events.sent import SentBatch, count_events
from homeroom.log.control import (
    MAIN,
    Change,
    Control,
    Fact,
    TenantPut,
    read_changes,
)
from homeroom.log.entries import Entry, Sign, Verify
from homeroom.log.log import Accepted, Offer, Refusal, Refused
from homeroom.log.members import MemberLeft
from homeroom.log.origins import Stream, Token, Vector
from homeroom.log.payloads import unpack
from homeroom.node.admission import Mark
from homeroom.regions.steps import Level
from homeroom.running.answering import Answering, Asked
from homeroom.running.belonging import Belonging, Surroundings
from homeroom.running.checking import Checker
from homeroom.running.collecting import Collecting
from homeroom.running.committing import Committer, Writing
from homeroom.running.control_socket import Doing
from homeroom.running.copying import RecordCopies
from homeroom.running.document_prints import DocumentPrints
from homeroom.running.endings import Endings
from homeroom.running.erasing import Erasing, RunningErasures
from homeroom.running.facts import Among, Facts
from homeroom.running.folds import Folds
from homeroom.running.following import Follower
from homeroom.running.gated_following import GatedFollower
from homeroom.running.in_turn import facts_that_wait
from homeroom.running.in_world import InWorld
from homeroom.running.levels import held_at
from homeroom.running.live import Fingerprint, Live
from homeroom.running.memberships import Memberships
from homeroom.running.node_records import NodeRecords
from homeroom.running.opening import NodeOptions, Recording, own_name, zone_of
from homeroom.running.persons import RunningPersons
from homeroom.running.recording import LabelsFound
from homeroom.running.refolding import stated_entries
from homeroom.running.replacing import Replacing
from homeroom.running.residing import Residing, VaultKey
from homeroom.running.returning import Returning
from homeroom.running.saving import Saving
from homeroom.running.sharing import Shared, Sharing
from homeroom.running.standing import Standing
from homeroom.running.starting import Started, start
from homeroom.running.tenant_doors import TenantDoors
from homeroom.running.upkeep import Tended, Upkeep
from homeroom.running.world_status import lacks_facts

_T = TypeVar("_T")

__all__ = ["RunningNode"]


class RunningNode(Answering):
    """A node; see `homeroom.serve.serving.Serving` for what those see who stand before it."""

    def __init__(self, started: Started, options: NodeOptions) -> None:
        opened, recording = started.opened, started.recording
        self._options, self._refolding = options, opened.refolding
        self._stack, self._snapshots = opened.stack, opened.snapshots
        self.sign = opened.key.sign
        self._store = opened.store
        self._live = Live(opened.folding, options.now_ms, opened.refolding.fold)
        self._recorder = recording.reader
        self._tenant_doors = TenantDoors(
            self._snapshots, self._live, self._recorder, own_name(options)
        )
        self._doors = self._tenant_doors.doors
        self._stated = opened.stated
        self._readmitted = recording.readmitted
        self._follow(self._stated.control)
        for tenant, one in opened.folding.tenants.items():
            self._doors.erase(tenant, one.state.history.erased)
        self._loop = asyncio.get_running_loop()
        self._folds = Folds(lambda: self._live.applied, options.wait_ms, self._hurry)
        self._socket = started.socket
        parts = self._snapshots, self._live, self._store
        self._replacing = Replacing(parts, options.world, self._save, lambda: self.belonging)
        self._memberships = Memberships(
            self._live, lambda tenant: self._snapshots.place(tenant).path, options.now_ms
        )
        self._memberships.follow(None)
        clock = HybridClock(self._store.last_hybrid())
        self._follower, self.belonging = self._following(opened.key, clock, recording)
        super().__init__(self._parts_asked())
        self._committer = Committer(self._writing(opened.key.sign, clock))
        among = self.belonging
        self._facts = Facts(
            options,
            (self._committer.offer, self._store),
            self._live,
            self._folds,
            self._snapshots,
            Among(
                self._closed, self._facts_that_wait, None if among is None else lambda: among.looks
            ),
        )
        self.records = NodeRecords(
            recording.path,
            recording.keys_of,
            self._committer.offer,
            options.now_ms,
            None if self.belonging is None else self.belonging.records_held(),
            self._recorder.homes,
        )
        bounds = self._replacing.needed_by_nobody, self._replacing.forgotten
        self._collecting = Collecting(self._store, self._committer.work, *bounds)
        self.saving = Saving(self._snapshots, self._live, self._memberships, self._collecting)
        self.record_copies = RecordCopies(
            recording.copies, self._recorder, options.record_copy_ms, self._collecting
        )
        places = self._places, recording.copies.check
        self._checker = Checker(self._store, self._verify(opened.key), places, options.now_ms)
        self._standing = self._stands(opened.troubles + recording.troubles)
        self.erasures = self._erasures(started.register, opened.key.sign)
        self.persons = RunningPersons(self.erasures, self._tenant_doors.showing)
        self._endings, self._returning = self._of_lives()
        self.upkeep = Upkeep(self._tended())
        self._begin()
        self._keeping = self._loop.create_task(self._keep_snapshots())

    def _hurry(self) -> None:
        self._follower.hurry()

    def _begin(self) -> None:
        """Have its threads begin."""
        for one in (self.erasures, self.record_copies, self._endings, self._returning):
            self.watch(one.troubles)
        if self.belonging is not None:
            self.watch(self.belonging.document_troubles)
        if self._replacing.courier is not None:
            self.watch(self._replacing.courier.troubles)
        self._follower.start()
        self._checker.start()
        self.record_copies.start()
        if self.belonging is not None:
            self.belonging.begin(self._committer)
            self._endings.begin()
            self._returning.begin()

    def _following(
        self, key: NodeKey, clock: HybridClock, recording: Recording
    ) -> tuple[Follower, Belonging | None]:
        """Return what folds, and in a world what belongs to it."""
        world, courier, name = self._options.world, self._replacing.courier, self._options.name
        if world is None or courier is None:
            return Follower(self._live, self._store, self._folded), None
        gate = GatedFollower(name, self._live, self._store, (self._folded, self._printed))
        sharing = self._sharing(world, recording.key)
        around = Surroundings(
            node=name,
            key=key.public_text,
            options=world,
            store=self._store,
            clock=clock,
            now_ms=self._options.now_ms,
            gate=gate,
            live=self._live,
            courier=courier,
            sharing=sharing,
            prints=DocumentPrints(recording.path, self._recorder, self._live, sharing.is_shared),
            stated=self._learn,
            mark=self._mark,
            audited=self._audited,
        )
        return gate, Belonging(around)

    def _sharing(self, world: InWorld, key: VaultKey) -> Sharing:
        return Sharing(
            Shared(
                residing=Residing(
                    node=self._options.name,
                    jurisdiction=self._options.jurisdiction,
                    world=world.world,
                    key=key,
                ),
                recorder=self._recorder,
                store=self._store,
                live=self._live,
            )
        )

    def _writing(self, sign: Sign, clock: HybridClock) -> Writing:
        return Writing(
            node=self._options.name,
            sign=sign,
            store=self._store,
            clock=clock,
            now_ms=self._options.now_ms if self.belonging is None else self.belonging.stamp_ms,
            admit=self._doors.admit,
            durable=self._durable,
            lives=self.belonging,
            closed=lambda: self._live.control.members.closed,
        )

    def _of_lives(self) -> tuple[Endings, Returning]:
        return (
            Endings(self._look_for_endings, self._facts.state_endings),
            Returning(
                self._options.name,
                self._live,
                self._store,
                self._facts.once,
                self._tenant_doors.is_open,
            ),
        )

    def _parts_asked(self) -> Asked:
        return Asked(
            live=self._live,
            store=self._store,
            snapshots=self._snapshots,
            doors=self._tenant_doors,
            memberships=self._memberships,
            folds=self._folds,
            belonging=self.belonging,
            now_ms=self._options.now_ms,
            regions={self._options.name: self._options.region},
        )

    def _stands(self, opening: Sequence[Trouble]) -> Standing:
        return Standing(
            store=self._store,
            live=self._live,
            doors=self._doors,
            recorder=self._recorder,
            memberships=self._memberships,
            facts=self._facts,
            follower=self._follower,
            committer=self._committer,
            checker=self._checker,
            belonging=self.belonging,
            opening=opening,
            of_snapshots=lambda: self.saving.troubles,
            now_ms=self._options.now_ms,
        )

    def _tended(self) -> Tended:
        return Tended(
            node=self._options.name,
            standing=self._standing,
            facts=self._facts,
            follower=self._follower,
            refolding=self._refolding,
            saving=self.saving,
            erasures=self.erasures,
            belonging=self.belonging,
        )

    def _doing(self) -> Doing:
        upkeep, persons = self.upkeep, self.persons
        return Doing(
            self.change,
            self.stated,
            upkeep.of_webhooks,
            upkeep.of_erasures,
            persons.asked,
            upkeep.of_node,
        )

    def _verify(self, key: NodeKey) -> Verify:
        if self.belonging is not None:
            return self.belonging.keys.verify
        return key.has_signed

    def _save(self) -> None:
        self.saving.save()

    def _printed(self, check: int, taken: Fingerprint) -> None:
        assert self.belonging is not None, "others have asked for it"
        self.belonging.printed(check, taken)

    def _erasures(self, register: ErasureRegister | None, sign: Sign) -> RunningErasures:
        return RunningErasures(
            Erasing(
                path=self._snapshots.place(MAIN).path,
                place=(self._options.region, self._options.jurisdiction),
                node=self._options.name,
                sign=sign,
                now_ms=self._options.now_ms,
                register=register,
                backup_days=self._options.backup_days,
                keeps_answers=self._options.keeps_answers,
                store=self._store,
                live=self._live,
                memberships=self._memberships,
                recorder=self._recorder,
                records=self.records,
                copies=self.record_copies,
                key=self._snapshots.key,
                offer=self._committer.offer,
                reached=self._folds.reached,
                in_writer=self._committer.done,
                shut=self._doors.erase,
                snapshot=self._clean,
                is_among_others=self.belonging is not None,
                late=lambda: 0 if self.belonging is None else self.belonging.sharing.late,
            )
        )

    @classmethod
    async def open(cls, path: Path, options: NodeOptions) -> "RunningNode":
        """Start a node on a directory, which is made if there is none.

        Raises
        ------
        DataDirectoryError, StoreError, KeyFileError
            The directory is damaged or in use; the message says what to do.
        """
        node = cls(await start(path, options), options)
        try:
            if node.belonging is not None:
                await node.belonging.settled()
            await node.erasures.begin()
        except BaseException:
            await node.stop()
            raise
        node._socket.begin(node._doing())
        if await node._facts.found(lambda: TenantPut(name=MAIN, timezone=zone_of(path, options))):
            await node.erasures.follow(MAIN)
        for name in node._live.tenants():
            await node._keep_found(name)
        return node

    async def stop(self) -> None:
        """Take nothing new, write and fold what is there, leave a snapshot, let go of the directory."""
        self._socket.close()
        self._keeping.cancel()
        await self._endings.stop()
        await self._returning.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeping
        await self.erasures.stop()
        await self.record_copies.stop()
        await self._committer.stop()
        if self.belonging is not None:
            await self.belonging.stop()
        await asyncio.to_thread(self._checker.stop)
        await asyncio.to_thread(self._follower.stop)
        await asyncio.to_thread(self._memberships.stop)
        await asyncio.to_thread(self._replacing.stop)
        if not self.renewal.is_set():  # else another state takes the place of this one
            await asyncio.to_thread(self.saving.save)
            self._collecting.finish()
        self.stop_answering()
        self.records.close()
        self._stack.close()

    # --- what comes in -----------------------------------------------------------------------------------------------

    async def offer(self, tenant: str, owner: str, batch: SentBatch) -> Accepted | Refused:
        """Take a batch of a key's owner; return when it is durable, or why it is not."""
        if not self._tenant_doors.is_open(tenant):
            why = self._live.refused.get(tenant, f"{tenant} is not known here yet")
            return Refused(Refusal.UNAVAILABLE, why)
        doors = self._tenant_doors
        return await self._committer.offer(
            Offer(
                ticket=0,
                tenant=tenant,
                owner=owner,
                # Both are kept for ever. An id may name somebody, and what is in a small batch can be guessed.
                batch_id=doors.kept_name(tenant, batch),
                digest=doors.kept_digest(tenant, batch),
                content=batch,
                events=count_events(batch),
                size_bytes=len(batch.body),
            )
        )

    def stamp_after(self, stamp: int) -> None:
        """Stamp what is offered from now on later than this; see `Committer.stamp_after`."""
        self._committer.stamp_after(stamp)

    async def offer_held(
        self, tenant: str, owner: str, batch: SentBatch, level: Level
    ) -> tuple[Accepted | Refused, Level]:
        """Take a batch; return when it is held at a level or the time for that is over, and the level that it has."""
        offer = partial(self.offer, tenant, owner, batch)
        return await held_at(self.belonging, level, offer)

    async def _keep_found(self, tenant: str) -> None:
        """Have labels kept of ids that were loaded as they are; a snapshot will have their hashes alone.

        Raises `StoreError` where they cannot be written.
        """
        texts = self._snapshots.found.pop(tenant, [])
        hashed = self._snapshots.labels(tenant).hasher.hashed
        for first in range(0, len(texts), limits.LABELS_SEALED_MAX):
            some = texts[first : first + limits.LABELS_SEALED_MAX]
            labels = LabelsFound({hashed(text): text for text in some})
            outcome = await self._facts.alone("labels", tenant, labels)
            if isinstance(outcome, Refused):
                raise StoreError(outcome.why)

    async def change(self, fact: Fact, author: str) -> Token:
        """State a fact; return when it is durable and counts here.

        Raises `ControlError` if it makes no sense, `StoreError` if it cannot be written, `HomeElsewhereError` in a node
        that is not the home of its world.
        """
        token = await self._facts.state(fact, author)
        if isinstance(fact, TenantPut):
            await self.erasures.follow(fact.name)
            await self._keep_found(fact.name)
        return token

    @property
    def renewal(self) -> asyncio.Event:
        """What is set once this node is to be stopped, and started again with another state in the place of its own."""
        return self._replacing.renewal

    @property
    def is_home(self) -> bool:
        """Whether facts are stated here: in a node alone, and at the home of a world."""
        return self._facts.is_home

    @property
    def home(self) -> str:
        """The node that states facts."""
        return self._facts.home

    def next_fold(self) -> "asyncio.Future[None]":
        """Return what is done after the next fold; in the event loop."""
        return self._folds.next()

    async def _closed(self, fact: MemberLeft) -> MemberLeft:
        of = self.belonging
        return fact if of is None else await self._committer.done(partial(of.closed, fact))

    async def _facts_that_wait(self) -> str | None:
        of = self.belonging
        if of is None:
            return None

        def look() -> str | None:
            of.follow(self._live.control)  # what was just ruled may not have come to the member yet
            return facts_that_wait(of.member, self._options.now_ms())

        return await self._committer.done(look)

    async def _look_for_endings(self) -> Sequence[Fact]:
        if not self.is_home or self.belonging is None:
            return ()
        return await self._committer.done(self.belonging.endings)

    def _audited(self, node: str, records: int, digest: str) -> None:
        self._facts.anchor(node, records, digest)

    def _mark(self) -> None:
        """Have an entry written that is this node's mark, in the event loop."""
        # A task that nobody holds may be collected.
        self._marking = self._loop.create_task(self._facts.alone("mark", "", Mark()))

    def _learn(self, entries: Sequence[Entry]) -> None:
        """Take what was folded, of whichever node, in the thread that writes: doors are to go by it."""
        if stated := [entry for entry in entries if entry.origin.stream is Stream.CONTROL]:
            for entry in stated:
                self._stated.take(entry)
            self._follow(self._stated.control)
        for tenant, erased in self._live.newly_erased().items():
            self._doors.erase(tenant, erased)
        self.erasures.heed()

    def _durable(self, entries: Sequence[Entry]) -> None:
        """Take entries that are durable, in the thread that writes."""
        for entry in entries:
            if entry.origin.stream is Stream.CONTROL:
                self._stated.take(entry)
                self._follow(self._stated.control)
            elif entry.origin.stream is Stream.DOCUMENT:
                self._recorder.durable(entry)
        self._doors.durable()
        self._follower.durable(entries)
        if self.belonging is not None:
            self.belonging.committed(entries)

    def _follow(self, control: Control) -> None:
        """Admit by what is stated; in the thread that writes, or before it has begun."""
        self._tenant_doors.follow(control)
        self._readmitted.update(control.readmitted)

    # --- what goes out -----------------------------------------------------------------------------------------------

    def status(self, tenant: str) -> Status:
        """Say how the node is. A tenant that is not there has no learners."""
        return self._standing.status(tenant)

    def fingerprint(self) -> tuple[Vector, str]:
        """Return what is folded, and its fingerprint: equal on nodes that have folded the same."""
        taken = self._live.fingerprint()
        return taken.applied, taken.digits

    @property
    def troubles(self) -> tuple[str, ...]:
        """All that is wrong, in words, whosever it is."""
        return tuple(one.text for one in self._standing.troubles())

    @property
    def is_ready(self) -> bool:
        """Whether it takes questions and events."""
        return self._committer.trouble is None

    def watch(self, troubles: Callable[[], Sequence[Trouble]]) -> None:
        """Tell among what is wrong what something beside the node says of itself."""
        self._standing.watched.append(troubles)

    def control(self) -> Control:
        """Return what was stated so far."""
        return self._live.control

    def lacks_facts(self) -> bool:
        """Say whether more was stated than this node knows, as far as it has heard: it has just begun, or was away."""
        return lacks_facts(self.belonging, self._live.applied)

    def stated(self) -> list[Change]:
        """Return all that was stated, in order. Raises `StoreError`."""
        return [
            change
            for entry in stated_entries(self._store)
            for change in read_changes(unpack(entry.payload).content)
        ]

    # --- folds -------------------------------------------------------------------------------------------------------

    def _folded(self, entries: Sequence[Entry]) -> None:
        """Have memberships follow what was folded, in the thread that folds."""
        self._folds.wake()
        tokens = [
            Token(entry.origin, entry.number, entry.hybrid)
            for entry in entries
            if entry.origin.stream.has_events
        ]
        self._memberships.follow(tokens[-1] if tokens else None)
        self._folds.wake()
        if self.belonging is not None:
            self.belonging.folded(entries)

    # --- snapshots ---------------------------------------------------------------------------------------------------

    async def _keep_snapshots(self) -> None:
        while True:
            await asyncio.sleep(self._options.snapshot_ms / 1_000)
            if self.is_home:
                await self._facts.retention.cut_due(self.change)
            await self.save()

    async def save(self) -> None:
        """Write snapshots of what has changed, and have the log forget what nobody needs any more."""
        await asyncio.to_thread(self.saving.save)
        self._collecting.begin()

    def _clean(self, tenants: Sequence[str]) -> None:
        """Write snapshots that leave nothing of those who are erased; in those that are under way something may be."""
        self._replacing.erased()
        self.saving.clean(tenants)
        self._replacing.erased()

    def _places(self) -> dict[str, DataDirectory]:
        return {tenant: self._snapshots.place(tenant) for tenant in self._live.tenants()}
