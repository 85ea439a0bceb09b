"""What both clients know of the nodes that they reach: the endpoints, the last table, the last entry that was written.

Threads and tasks wait in different ways, and nothing else of a client differs: what has happened is noted here, and
what follows from it said, under a lock that an event loop never waits for. `homeroom.client.reaching` and
`homeroom.client.async_reaching` add the waiting.
"""

import threading
from collections.abc import Callable
from typing import Any

from homeroom.client import messages
from homeroom.client.connecting import Connecting
from homeroom.client.messages import Reply, Request
from homeroom.client.retrying import (
    Answered,
    Done,
    Event,
    Exchange,
    Failed,
    GiveUp,
    Instruction,
    Wait,
)
from homeroom.client.written import Written

__all__ = ["Reached"]


class Reached:
    """The nodes of a world, and the last entry that was written there.

    Parameters
    ----------
    connecting : where they are, and what opens them
    now_ms : a clock of milliseconds that only grow

    Raises
    ------
    SettingsError
        The certificates cannot be read.
    """

    def __init__(self, connecting: Connecting, now_ms: Callable[[], int]) -> None:
        self._written = Written()
        self._discovery = connecting.discovery()
        self.retrying = connecting.retrying(self._discovery.endpoints())
        self._connecting = connecting
        self._trusted = connecting.trusted()
        self._now_ms = now_ms
        self._lock = threading.Lock()

    def step(self, exchange: Exchange, event: Event) -> Instruction:
        """Return what is to be done after something has happened."""
        with self._lock:
            if isinstance(event, Failed):
                self._discovery.hurry(self._now_ms())
            found = exchange.step(event, self._now_ms())
        retried = self._connecting.options.retried
        if retried is not None and isinstance(found, Wait) and isinstance(event, Failed | Answered):
            retried(event.why)
        return found

    def written(self, token: str | None) -> None:
        """Hear of an entry that was written."""
        with self._lock:
            self._written.hear(token, self._now_ms())

    @property
    def token(self) -> str | None:
        """The last entry that was written."""
        return self._written.last

    @token.setter
    def token(self, token: str | None) -> None:
        with self._lock:
            self._written.be(token)

    def statistics(self) -> dict[str, Any]:
        """Return which endpoints there are, and what has been met there."""
        with self._lock:
            table = self._discovery.table
            return {
                "generation": table and table.generation,
                "trouble": self._discovery.trouble,
                "endpoints": self.retrying.endpoints.statistics(),
            }

    def _headers(self, request: Request) -> dict[str, str]:
        """Return the headers of an attempt, which goes after what was written."""
        with self._lock:
            written = self._written.named(self._now_ms())
        return messages.headers_after(request, written) | self._connecting.key_headers

    def _ended(
        self, request: Request, exchange: Exchange, found: Done | GiveUp, reply: Reply | None
    ) -> Reply:
        """Return the answer that a request ends with. Raises `UnavailableError` if it was given up."""
        if isinstance(found, GiveUp):
            raise messages.given_up(request, found.why, reply)
        assert reply is not None, "an answer came"
        self.written(reply.token)
        return Reply(reply.status, reply.headers, reply.body, exchange.attempts)

    def _heard(self, body: bytes) -> bool:
        """Hear what an endpoint said of routes, nothing if it said none; say whether that is enough."""
        with self._lock:
            if body and self._connecting.heard(self._discovery, body):
                self.retrying.endpoints.take(self._discovery.endpoints())
            return bool(body) and not self._discovery.trouble

    def _not_refreshed(self, error: BaseException) -> None:
        """Hear that asking for a table has ended in a fault: nobody waits for it, so it is told where one looks."""
        self._discovery.trouble = f"asking for a routing table failed: {type(error).__name__}"
