"""The home lets lives end, and origins collapse, as soon as its member says that nobody can be misled by it.

Every start of a node is a life, and would be two origins in every vector for ever. Which lives are over and which
origins all members hold alike is settled by the core (`homeroom.regions.ending`); what is left is to state it, in the
node that states what is stated, one statement at a time: the next look is taken once the last one counts, or what it
said would be said twice.

The way not taken is a command: nobody would give it often enough, and given wrongly it loses what clients were
promised.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from homeroom import limits
from homeroom.cohorts.live import Trouble
from homeroom.errors import HomeroomError
from homeroom.log.control import Fact
from homeroom.log.members import LivesEnded, OriginsClosed
from homeroom.regions.member import Member

__all__ = ["Endings", "endings_of"]


def endings_of(member: Member, now_ms: int) -> list[Fact]:
    """Return what a home may state of lives that are over, by its member; in the thread of the member."""
    facts: list[Fact] = []
    lives = member.over(now_ms)
    closed = member.closable()
    if lives:
        facts.append(LivesEnded(lives=tuple(map("/".join, lives[: limits.ENDINGS_MAX]))))
    if closed:
        some = list(closed.items())[: limits.ENDINGS_MAX]
        facts.append(OriginsClosed(closed={str(origin): number for origin, number in some}))
    return facts


class Endings:
    """Looks again and again, in the event loop, from `begin` to `stop`.

    Parameters
    ----------
    look : returns what may be stated, nothing where this node is not the home
    state : states facts, and returns when they count here
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[Sequence[Fact]]],
        state: Callable[[Sequence[Fact]], Awaitable[object]],
    ) -> None:
        self._look, self._state = look, state
        self._trouble: str | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._go_on())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def troubles(self) -> Sequence[Trouble]:
        """Return why nothing ends, if something should."""
        return () if self._trouble is None else (Trouble(self._trouble),)

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(limits.ENDINGS_MS / 1_000)
            try:
                facts = await self._look()
                if facts:
                    await self._state(facts)
                self._trouble = None
            except HomeroomError as error:  # it is tried again
                self._trouble = f"lives that are over could not be stated to be: {error}"
