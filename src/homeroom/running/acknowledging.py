"""Clients that wait until other regions hold their batch.

The member knows who holds what; here its answers find their way back to the requests. What is written while anybody
waits asks the others to answer as soon as it is durable there, instead of with their next gossip; that costs a message
each, so nobody else asks for it.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence

from homeroom import limits
from homeroom.log.log import Accepted, Refused
from homeroom.log.origins import Token
from homeroom.regions.steps import AwaitHeld, Held, Level
from homeroom.running.in_world import InWorld

__all__ = ["Acknowledging"]


class Acknowledging:
    """In the event loop; `level` is read by the thread that writes.

    Parameters
    ----------
    options : of the world
    step : has the member take a step, from any thread
    """

    def __init__(self, options: InWorld, step: Callable[[AwaitHeld], None]) -> None:
        self._options, self._step = options, step
        self._loop = asyncio.get_running_loop()
        self._next_ticket = 0
        self._waiting: dict[int, asyncio.Future[Held]] = {}
        # How many clients wait for which level.
        self._wanted: Counter[Level] = Counter()

    @property
    def level(self) -> Level:
        """The highest level that anybody waits for."""
        return max((one for one in Level if self._wanted[one]), default=Level.LOCAL)

    async def at(
        self,
        level: Level,
        offer: Callable[[], Awaitable[Accepted | Refused]],
        waited_for: Callable[[Accepted], Sequence[Token]] | None = None,
    ) -> tuple[Accepted | Refused, Level]:
        """Offer something; return when it is held at a level or the time for that is over, and how far it is.

        ``waited_for`` returns what must be held, by the outcome, if that is other than the entry that was written.
        Raises what that raises.
        """
        with self._wanting(level):
            outcome = await offer()
            if isinstance(outcome, Refused):
                return outcome, level
            if waited_for is not None:
                tokens = waited_for(outcome)
            else:
                tokens = () if outcome.token is None else (outcome.token,)
            held = await asyncio.gather(*(self._held(token, level) for token in tokens))
            return outcome, min(held, default=level)

    @contextlib.contextmanager
    def _wanting(self, level: Level) -> Iterator[None]:
        """Have what is written meanwhile ask others for an answer, if a client wants to wait for them."""
        self._wanted[level] += 1
        try:
            yield
        finally:
            self._wanted[level] -= 1

    async def _held(self, token: Token, level: Level) -> Level:
        """Return how far an entry has come once it is held at a level, or when the time for it is over."""
        self._next_ticket += 1
        ticket = self._next_ticket
        future: asyncio.Future[Held] = self._loop.create_future()
        self._waiting[ticket] = future
        until_ms = self._options.steady_ms() + self._options.ack_wait_ms
        self._step(AwaitHeld(ticket, token, level, until_ms))
        # If the thread that writes is held up or has ended. No `asyncio.timeout`: not every request has a task.
        late = Held(ticket, Level.LOCAL, is_late=True)
        wait_s = (self._options.ack_wait_ms + limits.GOSSIP_MS) / 1_000
        timer = self._loop.call_later(wait_s, self.tell, late)
        try:
            return (await future).level
        finally:
            timer.cancel()
            self._waiting.pop(ticket, None)

    def tell(self, held: Held) -> None:
        """Tell a client what the member says."""
        future = self._waiting.get(held.ticket)
        if future is not None and not future.done():
            future.set_result(held)

    def stop(self) -> None:
        """Tell all who wait how far it is: nothing more will be heard."""
        for ticket in list(self._waiting):
            self.tell(Held(ticket, Level.LOCAL, is_late=True))
