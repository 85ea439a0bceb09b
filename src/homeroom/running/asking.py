"""A question to a running node: what its answer must hold is waited for first, and what it holds is told with it.

What an answer must hold is said in two ways. By vector, or by the tokens of entries: a client reads what it wrote, at
whichever node. Or by age: what each region had written two seconds ago is in it. The second is no vector that could be
named beforehand; it holds or does not, and becomes true by what is folded and by what word comes of other nodes
(`homeroom.running.freshness`). As soon as it does, what is folded by then is the vector that the answer is after: so a
frozen state that is older is not asked.

The way not taken is to answer anyway, and to have the client look at the age: it would ask in a loop, each time for a
whole answer.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from homeroom.clock import hybrid_ms
from homeroom.cohorts.answers import Answer, Source
from homeroom.cohorts.live import LiveAnswer, Shows, Wanted, freshness_in_words
from homeroom.cohorts.questions import Question
from homeroom.errors import NotFreshError
from homeroom.log.origins import Stream, Vector
from homeroom.node.node import Node
from homeroom.running.belonging import Belonging
from homeroom.running.folds import Folds
from homeroom.running.live import Live, Seen
from homeroom.running.world_status import freshness_of
from homeroom.state.state import State

__all__ = ["Asking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Answers questions.

    Parameters
    ----------
    live, folds : what is folded, and who waits for it
    held : returns what is durable here
    belonging : of a node in a world, None for one alone
    showing : by tenant a state as its askers may see it
    sources : by tenant what was read before there was a log
    now_ms : the clock of the machine
    pool : threads that answer
    """

    live: Live
    folds: Folds
    held: Callable[[], Vector]
    belonging: Belonging | None
    showing: Mapping[str, Callable[[State, Shows], State]]
    sources: Mapping[str, Source]
    now_ms: Callable[[], int]
    pool: ThreadPoolExecutor

    async def ask(
        self, tenant: str, question: Question, wanted: Wanted, shows: Shows
    ) -> LiveAnswer:
        """Answer a question from a state that holds what is wanted.

        Raises `QuestionError`, and `NotYetError` or `NotFreshError` where that has not come in time.
        """
        after = await self._reached(wanted)
        held, before = self.held(), self.sources.get(tenant, Source())
        showing = self.showing.get(tenant)

        def ask(state: State) -> Answer:
            node = Node(state if showing is None else showing(state, shows))
            return node.ask(question, node.summary(before))

        asked = partial(self.live.ask, tenant, ask, after)
        answer, seen = await asyncio.get_running_loop().run_in_executor(self.pool, asked)
        return LiveAnswer(
            answer=answer,
            applied=seen.applied,
            age_ms=self._age_ms(seen),
            is_complete=seen.applied.covers(held) and answer.history_from is None,
            epoch=seen.epoch,
            freshness=freshness_of(self.belonging, seen.applied),
        )

    async def _reached(self, wanted: Wanted) -> Vector | None:
        """Wait until what is wanted is folded; return what the state that is asked must hold."""
        # Documents are in no answer, and those of another jurisdiction never come here.
        numbers = {o: n for o, n in wanted.after.items() if o.stream is not Stream.DOCUMENT}
        after = Vector(numbers)
        if after:
            await self.folds.covers(after, wanted.wait_ms)
        if wanted.lag_s_max is None:
            return after or None
        lag_s_max, wait_ms = wanted.lag_s_max, self.folds.bounded(wanted.wait_ms)
        # A node alone is as fresh as can be once all is folded that is durable now.
        held = self.held() if self.belonging is None else Vector()
        found = Vector()

        def is_fresh() -> bool:
            nonlocal found
            found = self.live.applied
            lags = freshness_of(self.belonging, found) or {}
            return found.covers(held) and found.covers(after) and not _lagging(lags, lag_s_max)

        if not await self.folds.becomes(is_fresh, wait_ms):
            lagging = _lagging(freshness_of(self.belonging, found) or {}, lag_s_max)
            raise NotFreshError(
                f"after {wait_ms:,} ms not all of what each region had written {lag_s_max:g} s ago is here: "
                f"{freshness_in_words(lagging) or 'what this node has written'}; ask again, or for less",
                lagging,
            )
        return found

    def _age_ms(self, seen: Seen) -> int | None:
        return max(self.now_ms() - hybrid_ms(seen.newest), 0) if seen.newest else None


def _lagging(lags: Mapping[str, float | None], lag_s_max: float) -> dict[str, float | None]:
    """Return the regions whose share is older, or of unknown age."""
    return {region: lag for region, lag in lags.items() if lag is None or lag > lag_s_max}
