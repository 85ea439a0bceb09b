"""How the client for an event loop has a request answered: as `homeroom.client.reaching`, with tasks for threads.

The attempt that loses against a second one is cancelled, and with it its connection.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

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

__all__ = ["AsyncReaching"]


def _forget(task: "asyncio.Task[Any]") -> None:
    """Look at what came of a task, so that the event loop tells nobody of it."""
    if not task.cancelled():
        task.exception()


class AsyncReaching(Reached):
    """The nodes of a world, and the last entry that was written there; as `homeroom.client.reaching.Reaching`."""

    def __init__(
        self,
        connecting: Connecting,
        now_ms: Callable[[], int],
        sleep_ms: Callable[[int], Awaitable[None]],
    ) -> None:
        super().__init__(connecting, now_ms)
        self._sleep_ms = sleep_ms
        self._http: dict[str, httpx.AsyncClient] = {}
        self._refreshing: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.wait([self._refreshing])
        for client in self._http.values():
            await client.aclose()

    # --- one request -------------------------------------------------------------------------------------------------

    async def reply(self, request: Request) -> Reply:
        """Return the answer to a request, after as many attempts as it takes. Raises `UnavailableError`."""
        self._refresh_if_due()
        exchange = self.retrying.exchange(request.kind)
        flying: set[asyncio.Task[tuple[Event, Reply | None]]] = set()
        reply: Reply | None = None
        found = self.step(exchange, Begun())
        try:
            while not isinstance(found, Done | GiveUp):
                if isinstance(found, Wait):
                    await self._sleep_ms(found.wait_ms)
                    found = self.step(exchange, Waited())
                    continue
                if isinstance(found, Try):
                    attempt = self._attempted(request, found)
                    if exchange.late_in_ms is None and not flying:
                        event, reply = await attempt
                        found = self.step(exchange, event)
                        continue
                    flying.add(asyncio.ensure_future(attempt))
                event, reply = await self._next(exchange, flying)
                found = self.step(exchange, event)
        finally:
            for task in flying:
                task.add_done_callback(_forget)
                task.cancel()
        return self._ended(request, exchange, found, reply)

    @staticmethod
    async def _next(
        exchange: Exchange, flying: set[asyncio.Task[tuple[Event, Reply | None]]]
    ) -> tuple[Event, Reply | None]:
        """Wait for the end of an attempt, or for what is late."""
        late_ms = exchange.late_in_ms
        done, _ = await asyncio.wait(
            flying,
            timeout=None if late_ms is None else late_ms / 1_000,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not done:
            return Late(), None
        task = next(iter(done))
        flying.discard(task)
        return task.result()

    # --- one attempt -------------------------------------------------------------------------------------------------

    async def _attempted(self, request: Request, found: Try) -> tuple[Event, Reply | None]:
        """Make an attempt and return what came of it."""
        try:
            reply = await self._attempt(request, found)
        except LOST as error:
            return failed(error, found.at), None
        return messages.answered(reply, found.at), reply

    async def _attempt(self, request: Request, found: Try) -> Reply:
        body = bytearray()
        async with (
            asyncio.timeout(found.time_ms_max / 1_000),
            self.opened(request, found) as answer,
        ):
            async for chunk in answer.aiter_bytes():
                collected(request, body, chunk)
            return Reply(answer.status_code, lower(answer.headers), bytes(body))

    @asynccontextmanager
    async def opened(self, request: Request, found: Try) -> AsyncIterator[httpx.Response]:
        """Return the beginning of an answer to a request, which goes after the last entry that was written.

        It is there in time; who reads its body bounds that.
        """
        opening = self.http(found.at).stream(
            request.method,
            request.path,
            headers=self._headers(request),
            content=request.body,
            timeout=timeouts(found),
        )
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(found.time_ms_max / 1_000):
                answer = await stack.enter_async_context(opening)
            yield answer

    def http(self, url: str) -> httpx.AsyncClient:
        """Return what has the connections to an address."""
        if url not in self._http:
            made_with = httpx.AsyncHTTPTransport
            settings = self._connecting.http_settings(url, self._trusted, made_with)
            self._http[url] = httpx.AsyncClient(**settings)
        return self._http[url]

    # --- where there are others --------------------------------------------------------------------------------------

    def _refresh_if_due(self) -> None:
        if self._refreshing is None and self._discovery.is_due(self._now_ms()):
            self._refreshing = asyncio.ensure_future(self._refresh())
            self._refreshing.add_done_callback(self._refreshed)

    def _refreshed(self, task: "asyncio.Task[None]") -> None:
        self._refreshing = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._not_refreshed(error)

    async def _refresh(self) -> None:
        """Ask for a newer routing table, and follow it."""
        for found in asked_for_routes(self.retrying.endpoints, self._now_ms()):
            try:
                body = await self._routes(found)
            except LOST as error:
                self._discovery.trouble = why_failed(error, found.at)
                continue
            if self._heard(body):
                return

    async def _routes(self, found: Try) -> bytes:
        """Return what an endpoint says of routes, up to what a table may have; the key does not go along."""
        body = bytearray()
        async with (
            asyncio.timeout(found.time_ms_max / 1_000),
            self.http(found.at).stream("GET", ROUTES_PATH, timeout=timeouts(found)) as answer,
        ):
            if answer.status_code != 200:
                return b""
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > limits.ROUTES_BYTES_MAX:
                    break
        return bytes(body)
