"""What is asked of a running node: questions, who is in which cohort, and what has changed of that.

Whoever asks may want to be after an entry, and waits for it here; the answer says from what it is. Questions run in
threads of their own, so that the event loop goes on to hear clients.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple, TypeVar

from homeroom import limits
from homeroom.clock import hybrid_ms
from homeroom.cohorts.answers import Answer, Source
from homeroom.cohorts.live import LiveAnswer, Shows, ToldAnswer, Wanted
from homeroom.cohorts.members import existing
from homeroom.cohorts.membership.changes import ChangesPage
from homeroom.cohorts.membership.findings import Moment
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
from homeroom.errors import NotYetError
from homeroom.log.control import DefinitionKind
from homeroom.log.origins import Token, Vector
from homeroom.log.store import Store
from homeroom.node.explained import CellAsked, CellExplained
from homeroom.node.node import Node
from homeroom.node.overview import Numbers
from homeroom.node.parts_read import read_under
from homeroom.running.asking import answered_by, reached
from homeroom.running.belonging import Belonging
from homeroom.running.explaining import Around, explain_node
from homeroom.running.folds import Folds
from homeroom.running.live import Live, Seen
from homeroom.running.memberships import Memberships
from homeroom.running.sharding.leading import Leading
from homeroom.running.sharding.options import refused_here
from homeroom.running.snapshots import Snapshots
from homeroom.running.streaming import IsWanted, listen
from homeroom.running.tenant_doors import TenantDoors
from homeroom.running.world_status import freshness_of
from homeroom.state.conflicts import Conflicts, conflicts_of
from homeroom.state.state import State
from homeroom.state.zones import DAY_MS, day_of_date

_T = TypeVar("_T")

__all__ = ["Answering", "Asked", "Computed"]


_MEMBERSHIP: Final = "membership that is kept true as events come"


class Computed(NamedTuple):
    """What the engine has answered.

    Parameters
    ----------
    answer : as it is
    seen : what it is from
    told : what is told of it
    held : what was durable when it was begun
    is_settled : whether all of its events were sealed before that
    lasts : whether it will be the same at equal entries: nothing was in doubt, and nothing was taken away meanwhile
    under : what it was read under, if it depends on a part of the data; empty for all
    is_whole : whether all learners are in it; some are not while a shard is away
    """

    answer: Answer
    seen: Seen
    told: bytes
    held: Vector
    is_settled: bool
    lasts: bool
    under: str
    is_whole: bool = True


async def _nothing_told() -> AsyncIterator[Told]:
    """Tell of no change, for as long as somebody listens."""
    await asyncio.Event().wait()
    for told in tuple[Told, ...]():  # makes this an iterator
        yield told


def _nothing(_answer: Answer) -> bytes:
    return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What questions need of a node: its parts, the world that it belongs to, the clock, and its region by its name.

    ``shards`` are those in which its learners are, None where it has them all itself.
    """

    live: Live
    store: Store
    snapshots: Snapshots
    doors: TenantDoors
    memberships: Memberships
    folds: Folds
    belonging: Belonging | None
    now_ms: Callable[[], int]
    regions: Mapping[str, str]
    shards: Leading | None = None


class Answering:
    """The side of a node that is asked; a running node is one.

    Parameters
    ----------
    asked : the parts of the node
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._pool = ThreadPoolExecutor(2, "homeroom-ask")
        self._asking_loop = asyncio.get_running_loop()
        # What may take minutes never takes all threads: questions go on beside it.
        self._one_of_history = asyncio.Lock()

    def stop_answering(self) -> None:
        """Return when no question runs any more."""
        self._pool.shutdown()

    async def ask(
        self,
        tenant: str,
        question: Question,
        after: Token | Wanted | None,
        shows: Shows = Shows.REGISTERED,
        tell: Callable[[Answer], bytes] = _nothing,
    ) -> LiveAnswer:
        """Answer a question from a state that holds what is wanted, or the entry ``after``.

        ``tell`` says what is told of the answer, in the thread that has it: to hand a triangle on to another takes
        longer than to make it, where threads are busy.

        Raises `QuestionError`, and `NotYetError` or `NotFreshError` where that has not come in time.
        """
        must = await self.reach(Wanted.of(after))
        found = await self.computed(tenant, question, must, shows, tell)
        said = self.described(found.seen.applied, found.seen.newest, found.seen.epoch, found.held)
        return LiveAnswer(
            answer=found.answer,
            applied=said.applied,
            age_ms=said.age_ms,
            is_complete=said.is_complete and found.is_whole and found.answer.history_from is None,
            epoch=said.epoch,
            freshness=said.freshness,
            told=found.told,
        )

    async def reach(self, wanted: Wanted) -> Vector | None:
        """Wait until what is wanted is folded; return what an answer must hold. Raises as `ask` does."""
        of = self._asked
        return await reached(wanted, of.live, of.folds, of.store, of.belonging)

    async def computed(
        self,
        tenant: str,
        question: Question,
        must: Vector | None,
        shows: Shows,
        tell: Callable[[Answer], bytes],
    ) -> Computed:
        """Have the engine answer from a state that holds ``must``, which is folded. Raises `QuestionError`."""
        of = self._asked
        if of.shards is not None:
            asking = partial(self._asked_of_shards, of.shards, (tenant, question), shows, tell)
            return await self._asking_loop.run_in_executor(self._pool, asking)
        before = of.snapshots.sources.get(tenant, Source())
        showing = of.doors.showing.get(tenant)
        held, doubt = of.store.held(), self._doubt(tenant)

        def ask(state: State) -> tuple[Answer, bool, str]:
            is_settled = not state.unsealed_events  # looked at where nobody changes it
            node = Node(state if showing is None else showing(state, shows))
            answer = node.ask(question, node.summary(before))
            return answer, is_settled, read_under(state, question, answer)

        def asked() -> tuple[tuple[Answer, bool, str], Seen, bytes]:
            found, seen = of.live.ask(tenant, ask, must)
            return found, seen, tell(found[0])

        found, seen, told = await self._asking_loop.run_in_executor(self._pool, asked)
        answer, is_settled, under = found
        lasts = doubt is not None and doubt == self._doubt(tenant)
        return Computed(answer, seen, told, held, is_settled, lasts, under)

    def _asked_of_shards(
        self,
        shards: Leading,
        asked: tuple[str, Question],
        shows: Shows,
        tell: Callable[[Answer], bytes],
    ) -> Computed:
        """Have shards answer from all that is folded. Raises `QuestionError` and `ShardsAwayError`."""
        (tenant, question), held = asked, self._asked.store.held()
        known = self._asked.live.seen(tenant)
        found = shards.ask(tenant, question, shows)
        seen, told = replace(known, applied=found.applied), tell(found.answer)
        return Computed(
            answer=found.answer,
            seen=seen,
            told=told,
            held=held,
            is_settled=False,
            lasts=False,
            under="",
            is_whole=found.is_whole,
        )

    def need_one_state(self, what: str) -> None:
        """Raise `NotInShardsError` where learners are in shards."""
        if self._asked.shards is not None:
            raise refused_here(what)

    def source(self, tenant: str, numbers: Numbers) -> Source:
        """Return what was read of a tenant, by what its state says of it."""
        return numbers.added_to(self._asked.snapshots.sources.get(tenant, Source()))

    def _doubt(self, tenant: str) -> tuple[object, ...] | None:
        """Return what stays the same while answers are what they will be at equal entries; None while none will be."""
        of, live = self._asked, self._asked.live
        showing = of.doors.showing.get(tenant)
        if live.is_in_doubt or not of.doors.follows(tenant, live.control):
            return None
        return live.times_anew, live.removals, id(showing)

    @property
    def shards(self) -> Leading | None:
        """The shards in which its learners are, None where it has them all itself."""
        return self._asked.shards

    @property
    def is_apart(self) -> bool:
        """Whether another node has another state at equal entries, as far as that is known."""
        belonging = self._asked.belonging
        return belonging is not None and bool(belonging.alarms.apart())

    @property
    def held(self) -> Vector:
        """What is durable here."""
        return self._asked.store.held()

    def described(self, applied: Vector, newest: int, epoch: int, held: Vector) -> ToldAnswer:
        """Say what a state of this vector is from, as things are now; ``held`` was durable when it was asked."""
        of = self._asked
        is_whole = applied.covers(held) and not of.live.lacks_collapsed(applied)
        return ToldAnswer(
            applied=of.live.named(applied),
            age_ms=max(of.now_ms() - hybrid_ms(newest), 0) if newest else None,
            is_complete=is_whole,
            epoch=epoch,
            freshness=freshness_of(of.belonging, applied),
        )

    @property
    def live(self) -> Live:
        """What is folded."""
        return self._asked.live

    def labels_mark(self, tenant: str) -> int:
        """Return a number that is equal where the same labels of a tenant's ids are known."""
        labels = self._asked.snapshots.labels(tenant)
        labels.of("")  # those that everybody may know are there from here on
        return labels.mark

    def tenant_key(self, tenant: str) -> bytes:
        """Return the key of a tenant's pseudonyms. Raises `KeyFileError`."""
        return self._asked.snapshots.key(tenant)

    async def explain(self, tenant: str, asked: CellAsked, shows: Shows) -> CellExplained:
        """Return why a cell became other; see `homeroom.running.explaining`.

        Raises `QuestionError` where it cannot be said, `NotYetError` where the ends of what is asked have not come in
        time, and `StoreError`.
        """
        self.need_one_state("why a cell became other")
        of = self._asked
        await of.folds.covers(answered_by(asked.held()), None)
        around = Around(of.live, of.store, of.doors.showing.get(tenant), of.regions)
        explain = partial(explain_node, around, tenant, asked, shows)
        async with self._one_of_history:
            return await self._asking_loop.run_in_executor(self._pool, explain)

    async def conflicts(self, tenant: str, days: int) -> Conflicts:
        """Return where nodes said different things of one thing, for times of the last days or later."""
        self.need_one_state("what nodes said differently")
        of = self._asked
        since_ms = of.now_ms() - days * DAY_MS

        def find() -> Conflicts:
            state, _ = of.live.still(tenant)
            return conflicts_of(state, since_ms, limits.TIME_MS_MAX)

        async with self._one_of_history:
            return await self._asking_loop.run_in_executor(self._pool, find)

    # --- membership --------------------------------------------------------------------------------------------------

    async def cohorts(self, tenant: str, after: Token | None) -> CohortsNow:
        """Return all cohorts that are kept, with their sizes. Raises `QuestionError` and `NotYetError`."""
        now = await self._of_membership(tenant, cohorts_now, after)
        day = -1 if now.date is None else day_of_date(now.date)
        live = self._asked.live
        count = partial(live.read, tenant, lambda state: len(existing(state.learners, day)))
        learners = await self._asking_loop.run_in_executor(self._pool, count)
        return replace(now, learners=learners, moment=self._named(now.moment))

    async def members(
        self, tenant: str, cohort: str, cursor: int, count: int, after: Token | None
    ) -> MembersPage:
        """Return some members of a cohort from a cursor on, 0 for the first ones.

        Raises `QuestionError`, and `NotYetError` for a cohort about which all learners are just being asked.
        """

        def look(membership: Membership) -> MembersPage:
            defined = self._asked.live.control.definitions(tenant, DefinitionKind.COHORT)
            if cohort in defined and cohort not in membership.cohorts:
                raise NotYetError(f"all learners are being asked about {cohort}; ask again")
            return members_page(membership, cohort, cursor, count)

        page = await self._of_membership(tenant, look, after)
        return replace(page, moment=self._named(page.moment))

    async def cohorts_of(self, tenant: str, learner: str, after: Token | None) -> LearnerNow:
        """Return the cohorts of one learner, by its pseudonym. Raises `QuestionError` and `NotYetError`."""
        now = await self._of_membership(tenant, lambda one: learner_now(one, learner), after)
        return replace(now, moment=self._named(now.moment))

    def _named(self, moment: Moment) -> Moment:
        """Return a moment as it is told: without what no vector names any more."""
        return replace(moment, applied=self._asked.live.named(moment.applied))

    def changes(self, tenant: str, after: int, count: int, cohort: str | None) -> ChangesPage:
        """Return changes of membership after a number, of one cohort or of all. Raises `QuestionError`."""
        self.need_one_state(_MEMBERSHIP)
        return self._asked.memberships.read(
            tenant, lambda one: one.changes.page(after, count, cohort)
        )

    async def listen(self, tenant: str, after: int | None) -> AsyncIterator[Told]:
        """Tell changes after a number (None: from now on) as they are found, and how fresh memberships are."""
        self.need_one_state(_MEMBERSHIP)
        of = self._asked
        async with aclosing(listen(of.memberships, tenant, after, of.folds.next)) as heard:
            async for told in heard:
                yield replace(told, moment=self._named(told.moment))

    def heed(self, tenant: str, after: int | None, wanted: IsWanted) -> AsyncIterator[Told]:
        """Do as `listen`, and pass over the changes that are found while ``wanted`` says no."""
        if self._asked.shards is not None:
            return _nothing_told()
        return listen(self._asked.memberships, tenant, after, self._asked.folds.next, wanted)

    async def _of_membership(
        self, tenant: str, look: Callable[[Membership], _T], after: Token | None
    ) -> _T:
        self.need_one_state(_MEMBERSHIP)
        memberships = self._asked.memberships
        if after is not None:
            await self._asked.folds.reached(
                after, lambda: memberships.read(tenant, lambda one: one.moment.applied)
            )
        return memberships.read(tenant, look)
