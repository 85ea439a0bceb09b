"""A node that runs on a data directory.

A start opens the newest whole snapshot of every tenant, folds the entries of the log after it, and begins a new life of
the log; then it takes batches. A stop takes nothing new, writes what is there, folds it and leaves a snapshot. Whatever
ends a node otherwise loses nothing that was acknowledged: the next start folds more entries, that is all.
"""

import asyncio
import contextlib
import json
import secrets
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from homeroom.adapters.directory import DataDirectory
from homeroom.adapters.erasure_register import ErasureRegister
from homeroom.adapters.signing import is_signed
from homeroom.clock import HybridClock, hybrid_ms
from homeroom.cohorts.answers import Answer, Source
from homeroom.cohorts.live import LiveAnswer, Shows, Status, Trouble
from homeroom.cohorts.members import existing
from homeroom.cohorts.membership.changes import ChangesPage
from homeroom.cohorts.membership.membership import Membership
from homeroom.cohorts.membership.reading import (
    CohortsNow,
    LearnerNow,
    MembersPage,
    Told,
    cohorts_now,
    learner_now,
    members_page,
)
from homeroom.cohorts.questions import Question
from homeroom.errors import ControlError, HomeroomError, NotYetError, StoreError
from homeroom.events.sent import SentBatch, count_events
from homeroom.limits import LABELS_SEALED_MAX
from homeroom.log.certificates import Certificate
from homeroom.log.control import (
    MAIN,
    Change,
    Control,
    DefinitionKind,
    Fact,
    TenantPut,
    read_changes,
)
from homeroom.log.cuts import HistoryCut
from homeroom.log.entries import Entry, Sign
from homeroom.log.log import Accepted, Offer, Refused
from homeroom.log.origins import Stream, Token, Vector
from homeroom.log.payloads import unpack
from homeroom.node.node import Node
from homeroom.running.checking import Checker
from homeroom.running.committing import Committer, Writing
from homeroom.running.control_socket import (
    ControlSocket,
    ErasureAsked,
    WebhookAsked,
    WebhookTold,
    listening,
)
from homeroom.running.erasing import Erasing, RunningErasures, open_register
from homeroom.running.following import Follower
from homeroom.running.live import Live, Seen
from homeroom.running.memberships import Memberships
from homeroom.running.opening import (
    NodeOptions,
    Opened,
    Recording,
    open_all,
    open_vault,
    stated_entries,
    zone_of,
)
from homeroom.running.persons import RunningPersons
from homeroom.running.recording import LabelsFound, NodeRecords
from homeroom.running.retaining import Retention
from homeroom.running.streaming import listen
from homeroom.running.tenant_doors import TenantDoors
from homeroom.state.state import State
from homeroom.state.zones import day_of_date

_T = TypeVar("_T")

__all__ = ["RunningNode"]


class RunningNode:
    """A node; see `homeroom.serve.serving.Serving` for what those see who stand before it."""

    def __init__(
        self,
        opened: Opened,
        recording: Recording,
        options: NodeOptions,
        register: ErasureRegister | None,
    ) -> None:
        self._options = options
        self._stack, self._snapshots = opened.stack, opened.snapshots
        self._store = opened.store
        self._live = Live(opened.folding, options.now_ms)
        self._retention = Retention(self._live, options.now_ms)
        self._opening_troubles = opened.troubles
        self._recorder = recording.reader
        self._tenant_doors = TenantDoors(self._snapshots, self._live, self._recorder)
        self._doors = self._tenant_doors.doors
        self._stated = opened.stated
        self._readmitted = recording.readmitted
        self._follow(self._stated)
        for tenant, one in opened.folding.tenants.items():
            self._doors.erase(tenant, one.state.history.erased)
        self._loop = asyncio.get_running_loop()
        self._waiting: list[asyncio.Future[None]] = []
        self._listening: ControlSocket | None = None
        self._snapshot_troubles: dict[str, str] = {}
        self._snapshot_seen: dict[str, Vector] = {}
        self._collectable = Vector()
        self._watched: list[Callable[[], Sequence[Trouble]]] = []
        self._webhooks: Callable[[WebhookAsked], Awaitable[WebhookTold]] | None = None
        self._pool = ThreadPoolExecutor(2, "homeroom-ask")
        self._memberships = Memberships(
            self._live, lambda tenant: self._snapshots.place(tenant).path, options.now_ms
        )
        self._memberships.follow(None)
        self._follower = Follower(self._live, self._store, self._folded)
        self._committer = Committer(
            Writing(
                node=options.name,
                sign=opened.key.sign,
                store=self._store,
                clock=HybridClock(self._store.last_hybrid()),
                now_ms=options.now_ms,
                admit=self._doors.admit,
                durable=self._durable,
            )
        )
        self.records = NodeRecords(
            recording.path, recording.keys_of, self._committer.offer, options.now_ms
        )
        self._snapshotting = threading.Lock()
        self.erasures = self._erasures(register, opened.key.sign)
        self.watch(self.erasures.troubles)
        self.persons = RunningPersons(self.erasures, self._tenant_doors.showing)
        self._checker = Checker(
            self._store, partial(_is_signed, opened.key.public), self._places, options.now_ms
        )
        self._follower.start()
        self._checker.start()
        self._keeping = self._loop.create_task(self._keep_snapshots())

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
                store=self._store,
                live=self._live,
                memberships=self._memberships,
                recorder=self._recorder,
                records=self.records,
                key=self._snapshots.key,
                offer=self._committer.offer,
                reached=self._reached,
                in_writer=self._committer.done,
                shut=self._doors.erase,
                snapshot=self._snapshot_anew,
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
        opened = await asyncio.to_thread(open_all, path, options)
        register = None
        try:
            recording = await asyncio.to_thread(open_vault, path, opened, options)
            if options.is_serving:
                register = await asyncio.to_thread(open_register, options.erasure_register, path)
        except BaseException:
            opened.stack.close()
            raise
        node = cls(opened, recording, options, register)
        try:
            await node.erasures.begin()
        except BaseException:
            await node.stop()
            raise
        asked = (node._of_webhooks, node._of_erasures, node.persons.asked)
        node._listening = await listening(path, node.change, node.stated, *asked)
        if not node._live.control.tenants:
            await node.change(TenantPut(name=MAIN, timezone=zone_of(path, options)), "start")
        for name in node._live.tenants():
            await node._keep_found(name)
        return node

    async def stop(self) -> None:
        """Take nothing new, write and fold what is there, leave a snapshot, let go of the directory."""
        if self._listening is not None:
            self._listening.close()
        self._keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeping
        await self.erasures.stop()
        await self._committer.stop()
        await asyncio.to_thread(self._checker.stop)
        await asyncio.to_thread(self._follower.stop)
        await asyncio.to_thread(self._memberships.stop)
        await asyncio.to_thread(self._snapshot)
        with contextlib.suppress(StoreError):  # what is not forgotten now is at the next snapshot
            while self._store.collect(self._collectable):
                pass
        self._pool.shutdown()
        self.records.close()
        self._stack.close()

    # --- what comes in -----------------------------------------------------------------------------------------------

    async def offer(self, tenant: str, owner: str, batch: SentBatch) -> Accepted | Refused:
        """Take a batch of a key's owner; return when it is durable, or why it is not."""
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

    async def _keep_found(self, tenant: str) -> None:
        """Have labels kept of ids that were loaded as they are; a snapshot will have their hashes alone.

        Raises `StoreError` where they cannot be written.
        """
        texts = self._snapshots.found.pop(tenant, [])
        hashed = self._snapshots.labels(tenant).hasher.hashed
        for first in range(0, len(texts), LABELS_SEALED_MAX):
            some = texts[first : first + LABELS_SEALED_MAX]
            labels = LabelsFound({hashed(text): text for text in some})
            outcome = await self._stated_alone("labels", tenant, labels)
            if isinstance(outcome, Refused):
                raise StoreError(outcome.why)

    async def _stated_alone(self, what: str, tenant: str, content: object) -> Accepted | Refused:
        """Offer what the node itself has to say."""
        return await self._committer.offer(
            Offer(
                ticket=0,
                tenant=tenant,
                owner="",
                batch_id=f"{what} {secrets.token_hex(16)}",
                digest=b"",
                content=content,
                events=0,
                size_bytes=0,
                is_kept=False,
            )
        )

    async def change(self, fact: Fact, author: str) -> Token:
        """State a fact; return when it is durable and counts here.

        Raises `ControlError` if it makes no sense, `StoreError` if it cannot be written.
        """
        fact = self._retention.completed(fact)
        change = Change(fact=fact, author=author, at_ms=self._options.now_ms())
        outcome = await self._stated_alone("change", "", change)
        if isinstance(outcome, Refused):
            raise StoreError(outcome.why)
        answer = json.loads(outcome.answer)
        if "error" in answer:
            raise ControlError(str(answer["error"]))
        assert outcome.token is not None, "a change that makes sense is written"
        try:
            await self._reached(outcome.token)
        except NotYetError:
            if not isinstance(fact, HistoryCut):
                raise  # a cut of years takes longer than a read waits; it is durable, and will be made
        if isinstance(fact, TenantPut):
            await self.erasures.follow(fact.name)
            await self._keep_found(fact.name)
        return outcome.token

    def _durable(self, entries: Sequence[Entry]) -> None:
        """Take entries that are durable, in the thread that writes."""
        for entry in entries:
            if entry.origin.stream is Stream.CONTROL:
                for change in read_changes(unpack(entry.payload).content):
                    self._stated = self._stated.folded(change, self._stated.epoch + 1)
                self._follow(self._stated)
            elif entry.origin.stream is Stream.DOCUMENT:
                self._recorder.durable(entry)
        self._doors.durable()
        self._follower.durable(entries)

    def _follow(self, control: Control) -> None:
        """Admit by what is stated; in the thread that writes, or before it has begun."""
        self._tenant_doors.follow(control)
        self._readmitted.update(control.readmitted)

    # --- what goes out -----------------------------------------------------------------------------------------------

    async def ask(
        self,
        tenant: str,
        question: Question,
        after: Token | None,
        shows: Shows = Shows.REGISTERED,
    ) -> LiveAnswer:
        """Answer a question, if ``after`` is given from a state that holds that entry.

        Raises `QuestionError`, and `NotYetError` where the entry has not come within the time that a read waits.
        """
        if after is not None:
            await self._reached(after)
        held = self._store.held()
        before = self._snapshots.sources.get(tenant, Source())

        showing = self._tenant_doors.showing.get(tenant)

        def ask(state: State) -> Answer:
            node = Node(state if showing is None else showing(state, shows))
            return node.ask(question, node.summary(before))

        asked = partial(self._live.ask, tenant, ask, after)
        answer, seen = await self._loop.run_in_executor(self._pool, asked)
        return LiveAnswer(
            answer=answer,
            applied=seen.applied,
            age_ms=self._age_ms(seen),
            is_complete=seen.applied.covers(held) and answer.history_from is None,
            epoch=seen.epoch,
        )

    def _age_ms(self, seen: Seen) -> int | None:
        return max(self._options.now_ms() - hybrid_ms(seen.newest), 0) if seen.newest else None

    def status(self, tenant: str) -> Status:
        """Say how the node is. A tenant that is not there has no learners."""
        learners, events = 0, 0
        if tenant in self._live.tenants():
            learners, events = self._live.read(
                tenant, lambda state: (state.learners.rows, state.events + state.unsealed_events)
            )
        made = self._live.cuts()
        return Status(
            learners=learners,
            events=events,
            applied=self._live.applied,
            held=self._store.held(),
            ages_ms={
                str(origin): max(self._options.now_ms() - hybrid_ms(stamp), 0)
                for origin, stamp in self._live.stamps.items()
            },
            epoch=self._live.control.epoch,
            troubles=self._troubles(),
            is_ready=self._committer.trouble is None,
            cut_events=self._doors.cut_events.total() + self._live.cut_events,
            checked=self._checker.status,
            history_from=made[tenant].date if tenant in made else None,
            lost=made[tenant].lost if tenant in made else 0,
            lost_of_all=sum(cut.lost for cut in made.values()),
        )

    @property
    def troubles(self) -> tuple[str, ...]:
        """All that is wrong, in words, whosever it is."""
        return tuple(one.text for one in self._troubles())

    def _troubles(self) -> tuple[Trouble, ...]:
        parts = (self._committer, self._follower, self._recorder)
        of_tenants = (
            *self._snapshot_troubles.items(),
            *self._memberships.troubles.items(),
            *self._retention.troubles.items(),
        )
        stopped = (*self._live.troubles.values(), *self._live.waiting.values())
        return (
            *(Trouble(one.trouble) for one in parts if one.trouble is not None),
            *(Trouble(text, tenant) for tenant, text in of_tenants),
            *(one for troubles in self._watched for one in troubles()),
            *(Trouble(one) for one in stopped),
            *(Trouble(one) for one in self._live.alarms),
            *self._opening_troubles,
            *self._checker.troubles,
        )

    def watch(self, troubles: Callable[[], Sequence[Trouble]]) -> None:
        """Tell among what is wrong what something beside the node says of itself."""
        self._watched.append(troubles)

    def ask_of_webhooks(
        self, webhooks: Callable[[WebhookAsked], Awaitable[WebhookTold]] | None
    ) -> None:
        """Have somebody beside the node do what commands on this machine ask of webhooks; None is nobody."""
        self._webhooks = webhooks

    async def _of_webhooks(self, asked: WebhookAsked) -> WebhookTold:
        if self._webhooks is None:
            raise ControlError("this node runs without webhooks, or has not begun to; ask again")
        return await self._webhooks(asked)

    async def _of_erasures(self, asked: ErasureAsked) -> list[Certificate]:
        if not asked.learners:
            return self.erasures.certificates(asked.tenant)
        by_command = self.erasures.erase_by_command
        return [await by_command(asked.tenant, asked.learners, asked.author)]

    def control(self) -> Control:
        """Return what was stated so far."""
        return self._live.control

    def stated(self) -> list[Change]:
        """Return all that was stated, in order. Raises `StoreError`."""
        return [
            change
            for entry in stated_entries(self._store)
            for change in read_changes(unpack(entry.payload).content)
        ]

    # --- membership --------------------------------------------------------------------------------------------------

    async def cohorts(self, tenant: str, after: Token | None) -> CohortsNow:
        """Return all cohorts that are kept, with their sizes. Raises `QuestionError` and `NotYetError`."""
        now = await self._of_membership(tenant, cohorts_now, after)
        day = -1 if now.date is None else day_of_date(now.date)
        count = partial(self._live.read, tenant, lambda state: len(existing(state.learners, day)))
        learners = await self._loop.run_in_executor(self._pool, count)
        return replace(now, learners=learners)

    async def members(
        self, tenant: str, cohort: str, cursor: int, count: int, after: Token | None
    ) -> MembersPage:
        """Return some members of a cohort from a cursor on, 0 for the first ones.

        Raises `QuestionError`, and `NotYetError` for a cohort about which all learners are just being asked.
        """

        def look(membership: Membership) -> MembersPage:
            is_defined = cohort in self.control().definitions(tenant, DefinitionKind.COHORT)
            if is_defined and cohort not in membership.cohorts:
                raise NotYetError(f"all learners are being asked about {cohort}; ask again")
            return members_page(membership, cohort, cursor, count)

        return await self._of_membership(tenant, look, after)

    async def cohorts_of(self, tenant: str, learner: str, after: Token | None) -> LearnerNow:
        """Return the cohorts of one learner, by its pseudonym. Raises `QuestionError` and `NotYetError`."""
        return await self._of_membership(tenant, lambda one: learner_now(one, learner), after)

    def changes(self, tenant: str, after: int, count: int, cohort: str | None) -> ChangesPage:
        """Return changes of membership after a number, of one cohort or of all. Raises `QuestionError`."""
        return self._memberships.read(tenant, lambda one: one.changes.page(after, count, cohort))

    def listen(self, tenant: str, after: int | None) -> AsyncIterator[Told]:
        """Tell changes after a number (None: from now on) as they are found, and how fresh memberships are."""
        return listen(self._memberships, tenant, after, self._next_fold)

    async def _of_membership(
        self, tenant: str, look: Callable[[Membership], _T], after: Token | None
    ) -> _T:
        if after is not None:
            await self._reached(
                after, lambda: self._memberships.read(tenant, lambda one: one.moment.applied)
            )
        return self._memberships.read(tenant, look)

    # --- waiting -----------------------------------------------------------------------------------------------------

    async def _reached(self, token: Token, applied: Callable[[], Vector] | None = None) -> None:
        """Return when an entry is folded (or in ``applied``). Raises `NotYetError` after the time that a read waits."""
        applied = applied or (lambda: self._live.applied)
        try:
            async with asyncio.timeout(self._options.wait_ms / 1_000):
                while applied()[token.origin] < token.number:
                    folded = self._next_fold()
                    if applied()[token.origin] < token.number:
                        await folded
        except TimeoutError:
            raise NotYetError(
                f"entry {token.number} of {token.origin} has not come within {self._options.wait_ms:,} ms; ask again, "
                f"or ask without it"
            ) from None

    def _next_fold(self) -> "asyncio.Future[None]":
        """Return what is done after the next fold."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(future)
        return future

    def _folded(self, entries: Sequence[Entry]) -> None:
        """Have memberships follow what was folded, in the thread that folds."""
        self._wake()
        tokens = [
            Token(entry.origin, entry.number, entry.hybrid)
            for entry in entries
            if entry.origin.stream is Stream.ANALYTIC
        ]
        self._memberships.follow(tokens[-1] if tokens else None)
        self._wake()

    def _wake(self) -> None:
        """Look again at what waits, after a fold; in the thread that folds.

        Who begins to wait looks whether to wait at all after that, so nobody is missed who is not seen here.
        """
        if not self._waiting:
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    # --- snapshots ---------------------------------------------------------------------------------------------------

    async def _keep_snapshots(self) -> None:
        while True:
            await asyncio.sleep(self._options.snapshot_ms / 1_000)
            await self._retention.cut_due(self.change)
            await asyncio.to_thread(self._snapshot)
            self._committer.work(self._collect_some)

    def _places(self) -> dict[str, DataDirectory]:
        return {tenant: self._snapshots.place(tenant) for tenant in self._live.tenants()}

    def _snapshot(self) -> None:
        """Write a snapshot of every tenant that has changed, and see what the ones before them hold."""
        troubles: dict[str, str] = {}
        held: list[Vector] = []
        for tenant in self._live.tenants():
            what = "no snapshot could be written"
            try:
                if self._is_to_be_written(tenant):
                    self._snapshot_one(tenant)
                self._memberships.write(tenant)
                what = "the log is kept, because a snapshot is not whole"
                held.append(self._snapshots.verified(tenant))
            except HomeroomError as error:
                troubles[tenant] = f"{what}: {error}"
        self._snapshot_troubles = troubles
        if troubles:
            return  # what one tenant still needs of the log stays for all
        origins = {origin for one in held for origin in one if origin.stream is Stream.ANALYTIC}
        self._collectable = Vector({o: min(one[o] for one in held) for o in origins})

    def _snapshot_one(self, tenant: str) -> None:
        asked = self._memberships.asked(tenant)
        with self._snapshotting:
            self._snapshot_seen[tenant] = self._snapshots.write(tenant, self._live, asked)

    def _snapshot_anew(self, tenants: Sequence[str]) -> None:
        """Write snapshots that leave nothing of those who are erased. Raises `DataDirectoryError`."""
        for tenant in tenants:
            asked = self._memberships.asked(tenant)
            with self._snapshotting:
                self._snapshot_seen[tenant] = self._snapshots.clean(tenant, self._live, asked)

    def _is_to_be_written(self, tenant: str) -> bool:
        """Say whether a tenant has changed since its last snapshot, or something was cut that is still on the disk."""
        if self._snapshot_seen.get(tenant) != self._live.applied:
            return True
        cut = self._live.cuts().get(tenant)
        return cut is not None and self._snapshots.holds_what_was_cut(tenant, cut)

    def _collect_some(self) -> None:
        """Have entries forgotten that two snapshots of every tenant hold; in the thread that writes."""
        with contextlib.suppress(StoreError):  # a later write says what is wrong with the store
            if self._store.collect(self._collectable):
                self._committer.work(self._collect_some)


def _is_signed(public: bytes, _node: str, digest: bytes, signature: bytes) -> bool:
    """Say whether an entry is signed by this node's key, whatever name it had when it did: a name may change."""
    return is_signed(public, digest, signature)
