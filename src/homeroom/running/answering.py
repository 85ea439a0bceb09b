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
from typing import TypeVar

from homeroom import limits
from homeroom.clock import hybrid_ms
from homeroom.cohorts.answers import Answer, Source
from homeroom.cohorts.live import LiveAnswer, Shows, Wanted
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
from homeroom.log.origins import Token
from homeroom.log.store import Store
from homeroom.node.explained import CellAsked, CellExplained
from homeroom.node.node import Node
from homeroom.running.asking import answered_by, reached
from homeroom.running.belonging import Belonging
from homeroom.running.explaining import Around, explain_node
from homeroom.running.folds import Folds
from homeroom.running.live import Live, Seen
from homeroom.running.memberships import Memberships
from homeroom.running.snapshots import Snapshots
from homeroom.running.streaming import IsWanted, listen
from homeroom.running.tenant_doors import TenantDoors
from homeroom.running.world_status import freshness_of
from homeroom.state.conflicts import Conflicts, conflicts_of
from homeroom.state.state import State
from homeroom.state.zones import DAY_MS, day_of_date

_T = TypeVar("_T")

__all__ = ["Answering", "Asked"]


def _nothing(_answer: Answer) -> bytes:
    return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What questions need of a node: its parts, the world that it belongs to, the clock, and its region by its name."""

    live: Live
    store: Store
    snapshots: Snapshots
    doors: TenantDoors
    memberships: Memberships
    folds: Folds
    belonging: Belonging | None
    now_ms: Callable[[], int]
    regions: Mapping[str, str]


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
        of = self._asked
        must = await reached(Wanted.of(after), of.live, of.folds, of.store, of.belonging)
        held = of.store.held()
        before = of.snapshots.sources.get(tenant, Source())

        showing = of.doors.showing.get(tenant)

        def ask(state: State) -> Answer:
            node = Node(state if showing is None else showing(state, shows))
            return node.ask(question, node.summary(before))

        def asked() -> tuple[Answer, Seen, bytes]:
            answer, seen = of.live.ask(tenant, ask, must)
            return answer, seen, tell(answer)

        answer, seen, told = await self._asking_loop.run_in_executor(self._pool, asked)
        is_whole = seen.applied.covers(held) and not of.live.lacks_collapsed(seen.applied)
        return LiveAnswer(
            answer=answer,
            applied=of.live.named(seen.applied),
            age_ms=self._age_ms(seen),
            is_complete=is_whole and answer.history_from is None,
            epoch=seen.epoch,
            freshness=freshness_of(of.belonging, seen.applied),
            told=told,
        )

    def _age_ms(self, seen: Seen) -> int | None:
        return max(self._asked.now_ms() - hybrid_ms(seen.newest), 0) if seen.newest else None

    async def explain(self, tenant: str, asked: CellAsked, shows: Shows) -> CellExplained:
        """Return why a cell became other; see `homeroom.running.explaining`.

        Raises `QuestionError` where it cannot be said, `NotYetError` where the ends of what is asked have not come in
        time, and `StoreError`.
        """
        of = self._asked
        await of.folds.covers(answered_by(asked.held()), None)
        around = Around(of.live, of.store, of.doors.showing.get(tenant), of.regions)
        explain = partial(explain_node, around, tenant, asked, shows)
        async with self._one_of_history:
            return await self._asking_loop.run_in_executor(self._pool, explain)

    async def conflicts(self, tenant: str, days: int) -> Conflicts:
        """Return where nodes said different things of one thing, for times of the last days or later."""
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
        return self._asked.memberships.read(
            tenant, lambda one: one.changes.page(after, count, cohort)
        )

    async def listen(self, tenant: str, after: int | None) -> AsyncIterator[Told]:
        """Tell changes after a number (None: from now on) as they are found, and how fresh memberships are."""
        of = self._asked
        async with aclosing(listen(of.memberships, tenant, after, of.folds.next)) as heard:
            async for told in heard:
                yield replace(told, moment=self._named(told.moment))

    def heed(self, tenant: str, after: int | None, wanted: IsWanted) -> AsyncIterator[Told]:
        """Do as `listen`, and pass over the changes that are found while ``wanted`` says no."""
        return listen(self._asked.memberships, tenant, after, self._asked.folds.next, wanted)

    async def _of_membership(
        self, tenant: str, look: Callable[[Membership], _T], after: Token | None
    ) -> _T:
        memberships = self._asked.memberships
        if after is not None:
            await self._asked.folds.reached(
                after, lambda: memberships.read(tenant, lambda one: one.moment.applied)
            )
        return memberships.read(tenant, look)
