"""How the client that waits has a request answered: attempts, pauses, second questions, moves from node to node.

What is done is decided by `homeroom.client.retrying`; this module does it, in the thread that calls. Only a read that
may be asked of a second endpoint runs in a thread of its own, so that its caller can wait for either; a thread that is
left behind ends with its attempt, and nobody hears of it. In an event loop `homeroom.client.async_reaching`
does the same.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue
from typing import TypeAlias

import httpx

from homeroom import limits
from homeroom.client import messages
from homeroom.client.connecting import (
    LOST,
    ROUTES_PATH,
    Connecting,
    asked_for_routes,
    collected,
    failed,
    lower,
    timeouts,
    why_failed,
)
from homeroom.client.deadlines import Deadlines
from homeroom.client.messages import Reply, Request
from homeroom.client.reached import Reached
from homeroom.client.retrying import (
    Begun,
    Done,
    Event,
    Exchange,
    GiveUp,
    Late,
    Try,
    Wait,
    Waited,
)

__all__ = ["Reaching"]

_Landed: TypeAlias = tuple[Event | Exception, Reply | None]


class Reaching(Reached):
    """The nodes of a world, and the last entry that was written there.

    Parameters
    ----------
    connecting : where they are, and what opens them
    now_ms, sleep_ms : a clock of milliseconds that only grow, and what waits for so many

    Raises
    ------
    SettingsError
        The certificates cannot be read.
    """

    def __init__(
        self, connecting: Connecting, now_ms: Callable[[], int], sleep_ms: Callable[[int], None]
    ) -> None:
        super().__init__(connecting, now_ms)
        self._sleep_ms = sleep_ms
        self._threads = threading.BoundedSemaphore(limits.HEDGE_THREADS)
        self._http: dict[str, httpx.Client] = {}
        self.deadlines = Deadlines()
        self._is_closed = self._is_refreshing = False

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            self._is_closed = True
            clients, self._http = list(self._http.values()), {}
        for client in clients:
            client.close()

    # --- one request -------------------------------------------------------------------------------------------------

    def reply(self, request: Request) -> Reply:
        """Return the answer to a request, after as many attempts as it takes. Raises `UnavailableError`."""
        self._refresh_if_due()
        exchange = self.retrying.exchange(request.kind)
        landed: SimpleQueue[_Landed] = SimpleQueue()
        reply: Reply | None = None
        found = self.step(exchange, Begun())
        while not isinstance(found, Done | GiveUp):
            if isinstance(found, Wait):
                self._sleep_ms(found.wait_ms)
                found = self.step(exchange, Waited())
                continue
            if isinstance(found, Try):
                self._begin(request, found, exchange, landed)
            event, reply = self._next(exchange, landed)
            if isinstance(event, Exception):
                raise event
            found = self.step(exchange, event)
        return self._ended(request, exchange, found, reply)

    def _begin(
        self, request: Request, found: Try, exchange: Exchange, landed: SimpleQueue[_Landed]
    ) -> None:
        """Make an attempt; return at its end, or at once if a second one may be made beside it."""
        is_alone = exchange.late_in_ms is None and not exchange.is_hedged
        if is_alone or not self._threads.acquire(blocking=False):
            landed.put(self._attempted(request, found))
            return

        def work() -> None:
            try:
                landed.put(self._attempted(request, found))
            finally:
                self._threads.release()

        threading.Thread(target=work, name="homeroom-client", daemon=True).start()

    @staticmethod
    def _next(exchange: Exchange, landed: SimpleQueue[_Landed]) -> _Landed:
        """Wait for the end of an attempt, or for what is late."""
        late_ms = exchange.late_in_ms
        try:
            return landed.get(timeout=None if late_ms is None else late_ms / 1_000)
        except Empty:
            return Late(), None

    # --- one attempt -------------------------------------------------------------------------------------------------

    def _attempted(self, request: Request, found: Try) -> _Landed:
        """Make an attempt and return what came of it."""
        try:
            reply = self._attempt(request, found)
        except LOST as error:
            return failed(error, found.at), None
        except Exception as error:  # noqa: BLE001 - raised in the thread that asked
            return error, None
        return messages.answered(reply, found.at), reply

    def _attempt(self, request: Request, found: Try) -> Reply:
        body = bytearray()
        with self.deadlines.within(found.time_ms_max), self.opened(request, found) as answer:
            for chunk in answer.iter_bytes():
                collected(request, body, chunk)
            return Reply(answer.status_code, lower(answer.headers), bytes(body))

    @contextmanager
    def opened(self, request: Request, found: Try) -> Iterator[httpx.Response]:
        """Return the beginning of an answer to a request, which goes after the last entry that was written.

        It is there in time; its body is, if it is read within `deadlines`.
        """
        opening = self.http(found.at).stream(
            request.method,
            request.path,
            headers=self._headers(request),
            content=request.body,
            timeout=timeouts(found),
        )
        with ExitStack() as stack:
            with self.deadlines.within(found.time_ms_max):
                answer = stack.enter_context(opening)
            yield answer

    def http(self, url: str) -> httpx.Client:
        """Return what has the connections to an address."""
        with self._lock:
            if url not in self._http:
                settings = self._connecting.http_settings(url, self._trusted, httpx.HTTPTransport)
                client = self.deadlines.bounded(httpx.Client(**settings))
                if self._is_closed:
                    client.close()  # it says so itself to whoever uses it
                self._http[url] = client
            return self._http[url]

    # --- where there are others --------------------------------------------------------------------------------------

    def _refresh_if_due(self) -> None:
        with self._lock:
            if self._is_refreshing or not self._discovery.is_due(self._now_ms()):
                return
            self._is_refreshing = True

        def work() -> None:
            try:
                self._refresh()
            except Exception as error:  # noqa: BLE001 - nobody waits for this thread; it is told where one looks
                self._not_refreshed(error)
            finally:
                self._is_refreshing = False

        threading.Thread(target=work, name="homeroom-routes", daemon=True).start()

    def _refresh(self) -> None:
        """Ask for a newer routing table, and follow it."""
        for found in asked_for_routes(self.retrying.endpoints, self._now_ms()):
            try:
                body = self._routes(found)
            except LOST as error:
                self._discovery.trouble = why_failed(error, found.at)
                continue
            if self._heard(body):
                return

    def _routes(self, found: Try) -> bytes:
        """Return what an endpoint says of routes, up to what a table may have; the key does not go along."""
        body = bytearray()
        with (
            self.deadlines.within(found.time_ms_max),
            self.http(found.at).stream("GET", ROUTES_PATH, timeout=timeouts(found)) as answer,
        ):
            if answer.status_code != 200:
                return b""
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > limits.ROUTES_BYTES_MAX:
                    break
        return bytes(body)
