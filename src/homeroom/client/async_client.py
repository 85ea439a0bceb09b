"""The client for an event loop: `homeroom.client.client.Client`, in a form that waits for nobody else.

What it does, and what it raises, is the same, method by method; a test compares the two. Only the waiting differs.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from homeroom.client import messages
from homeroom.client.connecting import (
    LOST,
    Connecting,
    collected,
    lower,
    monotonic_ms,
    refused_stream,
    wall_ms,
    why_failed,
)
from homeroom.client.following import Followed, Following
from homeroom.client.ids import uuid7
from homeroom.client.messages import Definition, LiveAnswer, Receipt, Reply, Request
from homeroom.client.options import ClientOptions
from homeroom.client.retrying import (
    Answered,
    Begun,
    Done,
    Event,
    Exchange,
    Failed,
    GiveUp,
    Instruction,
    Try,
    Wait,
    Waited,
)
from homeroom.client.wanted import Wanted
from homeroom.errors import ConflictError

__all__ = ["AsyncClient"]


async def _sleep_ms(wait_ms: int) -> None:
    await asyncio.sleep(wait_ms / 1_000)


class AsyncClient:
    """A node, from elsewhere. A context manager that closes its connections.

    Parameters
    ----------
    url : address of the node
    key : what opens it; None for the one in the variable ``HOMEROOM_KEY``
    options : how to wait and try again
    now_ms, sleep_ms : a clock of milliseconds that only grow, and what waits for so many

    Raises
    ------
    SettingsError
        The address is none, there is no key, or the certificates cannot be read.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        options: ClientOptions | None = None,
        *,
        now_ms: Callable[[], int] = monotonic_ms,
        sleep_ms: Callable[[int], Awaitable[None]] = _sleep_ms,
    ) -> None:
        connecting = Connecting(url, key, options or ClientOptions())
        self.url = url
        self.options = connecting.options
        self.token: str | None = None
        """The last entry that this client has written; what it asks is answered after it. None asks for no wait."""
        self._http = httpx.AsyncClient(**connecting.http_settings())
        self._retrying = connecting.retrying()
        self._now_ms, self._sleep_ms = now_ms, sleep_ms

    def __repr__(self) -> str:
        """Show where the node is, and nothing of the key."""
        return f"AsyncClient({self.url!r})"

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    # --- what a node does --------------------------------------------------------------------------------------------

    async def send(
        self,
        events: Iterable[Mapping[str, Any]],
        batch_id: str | None = None,
        ack: str | None = None,
    ) -> Receipt:
        """Send a batch of events; return when it is durable.

        Parameters
        ----------
        events : objects with the fields of ``docs/reference/event-model.md``, at most ``limits.SENT_EVENTS_MAX``
        batch_id : the same for the same batch; None draws one, which stays the same over all retries
        ack : how many regions must hold it before that: ``local``, ``remote`` or ``all``; None for what the options say

        Raises
        ------
        InputError
            An event cannot be written as JSON, or there are none, or too many.
        NodeError
            Nothing of the batch was taken, or (`UnavailableError`) that is not known: send it again under its id.
        """
        drawn = batch_id or uuid7(wall_ms(), self.options.generator)
        return await self.send_lines(messages.event_lines(events), drawn, ack)

    async def send_lines(
        self, lines: Sequence[bytes], batch_id: str, ack: str | None = None
    ) -> Receipt:
        """Send a batch of events that are lines of JSON already; as `send`."""
        request = messages.batch_request(lines, batch_id, ack or self.options.ack)
        return messages.receipt_of(request, await self._reply(request), batch_id)

    async def query(
        self, question: Mapping[str, Any] | str, wanted: Wanted | None = None
    ) -> LiveAnswer:
        """Ask a question, given as an object or as TOML, for an answer that holds what is wanted.

        Raises
        ------
        QuestionError
            It is no question, or what is wanted cannot be asked for.
        NodeError
            The node does not answer it.
        """
        request = messages.query_request(question, wanted)
        return messages.answer_of(request, await self._reply(request))

    async def explain(
        self,
        question: Mapping[str, Any] | str,
        cell: tuple[str, str],
        since: LiveAnswer | str,
        until: LiveAnswer | str | None = None,
    ) -> dict[str, Any]:
        """Ask which entries changed a cell of an answer, by row and column as the answer labels them.

        Parameters
        ----------
        question : an object or TOML
        cell : row and column
        since, until : answers of nodes, or tokens of entries; None for what the node has now

        Raises
        ------
        QuestionError
            It is no question.
        NodeError
            The node does not explain it; the key needs the scope ``persons``.
        """
        request = messages.explain_request(question, cell, since, until)
        return messages.document_of(request, await self._reply(request))

    async def conflicts(self, days: int = 30) -> dict[str, Any]:
        """Return where nodes said different things of one thing in the last days: see ``docs/reference/http.md``.

        Raises `NodeError`; the key needs the scope ``admin``.
        """
        request = Request("asking for conflicts", "GET", f"/v1/conflicts?days={days:d}")
        return messages.document_of(request, await self._reply(request))

    async def status(self) -> dict[str, Any]:
        """Return how the node is: see ``docs/reference/http.md``. Raises `NodeError`."""
        request = Request("asking for the status", "GET", "/v1/status")
        return messages.document_of(request, await self._reply(request))

    async def cohorts(self) -> tuple[Definition, ...]:
        """Return the definitions of all cohorts. Raises `NodeError`."""
        request = messages.definition_request("GET", None)
        return messages.definitions_of(request, await self._reply(request))

    async def cohort(self, name: str) -> Definition:
        """Return the definition of a cohort. Raises `NodeError`."""
        request = messages.definition_request("GET", name)
        return messages.definition_of(request, await self._reply(request))

    async def put_cohort(
        self, name: str, definition: Mapping[str, Any], version: int | None = None
    ) -> Definition:
        """Define a cohort.

        Parameters
        ----------
        name : of the cohort
        definition : a rule, as ``docs/reference/cohorts.md`` describes it
        version : the one that is changed, 0 for none; None for whatever there is

        Raises
        ------
        ConflictError
            Somebody has changed it since that version.
        NodeError
            The definition makes no sense, or the key may not change it.
        """
        request = messages.definition_request("PUT", name, definition, version)
        reply = await self._reply(request)
        try:
            return messages.definition_of(request, reply)
        except ConflictError:
            if reply.attempts == 1 or version is None:
                raise
            found = await self.cohort(name)
            if messages.was_put_before(reply, found, version, definition):
                return found
            raise

    async def delete_cohort(self, name: str, version: int | None = None) -> None:
        """Delete the definition of a cohort, if it is at that version. Raises like `put_cohort`."""
        request = messages.definition_request("DELETE", name, version=version)
        messages.check_deleted(request, await self._reply(request))

    async def follow(
        self, cohort: str | None = None, after: int | None = None
    ) -> AsyncIterator[Followed]:
        """Yield changes of membership as they are found, and how fresh they are, for ever.

        A broken connection is made again, and goes on behind the last change that was yielded.

        Parameters
        ----------
        cohort : the only one that is wanted; None for all
        after : number of the last change that is known; None for changes from now on

        Raises
        ------
        NodeError
            The node refuses, or has not been reached again within the time limit.
        """
        following, exchange = Following(cohort, after), self._retrying.exchange()
        found: Instruction = self._step(exchange, Begun())
        while not isinstance(found, GiveUp):
            heard = following.heard
            async for told in self._listened(following):
                yield told
            if following.heard > heard:
                exchange = self._retrying.exchange()
                self._step(exchange, Begun())
            found = await self._before_try(exchange, following.ended)
        raise messages.given_up(following.request(), found.why, None)

    # --- requests ----------------------------------------------------------------------------------------------------

    def _step(self, exchange: Exchange, event: Event) -> Instruction:
        return exchange.step(event, self._now_ms())

    async def _before_try(self, exchange: Exchange, event: Event) -> Try | Done | GiveUp:
        """Wait until a request may be made (again), and return how, or that it is not."""
        instruction = self._step(exchange, event)
        if isinstance(instruction, Wait):
            await self._sleep_ms(instruction.wait_ms)
            instruction = self._step(exchange, Waited())
        assert not isinstance(instruction, Wait), "after a pause something happens"
        return instruction

    async def _reply(self, request: Request) -> Reply:
        """Return the answer to a request, after as many attempts as it takes. Raises `UnavailableError`."""
        exchange = self._retrying.exchange()
        event: Event = Begun()
        reply = None
        while isinstance(found := await self._before_try(exchange, event), Try):
            try:
                reply = await self._attempt(request, found.time_ms_max)
            except LOST as error:
                event, reply = Failed(why_failed(error)), None
            else:
                event = Answered(reply.status, messages.retry_after_ms(reply.headers))
        if isinstance(found, GiveUp):
            raise messages.given_up(request, found.why, reply)
        assert reply is not None, "an answer came"
        self.token = messages.later(self.token, reply.token)
        return Reply(reply.status, reply.headers, reply.body, exchange.attempts)

    def _headers(self, request: Request) -> dict[str, str]:
        return messages.read_headers(request, self.token)

    async def _attempt(self, request: Request, time_ms_max: int) -> Reply:
        body = bytearray()
        async with (
            asyncio.timeout(time_ms_max / 1_000),
            self._http.stream(
                request.method,
                request.path,
                headers=self._headers(request),
                content=request.body,
                timeout=time_ms_max / 1_000,
            ) as answer,
        ):
            async for chunk in answer.aiter_bytes():
                collected(request, body, chunk)
            return Reply(answer.status_code, lower(answer.headers), bytes(body))

    async def _listened(self, following: Following) -> AsyncIterator[Followed]:
        """Yield what one connection tells; at its end ``following`` says why it ended. Raises `NodeError`."""
        request = following.request()
        try:
            async with self._http.stream(
                request.method,
                request.path,
                headers=request.headers,
                timeout=self.options.attempt_s_max,
            ) as answer:
                if answer.status_code == 200:
                    async for chunk in answer.aiter_bytes():
                        for told in following.read(chunk):
                            yield told
                    following.ended = Failed("the stream ended")
                    return
                body = bytearray()
                async for chunk in answer.aiter_bytes():
                    collected(request, body, chunk)
        except LOST as error:
            following.ended = Failed(why_failed(error))
            return
        reply = Reply(answer.status_code, lower(answer.headers), bytes(body))
        following.ended = refused_stream(request, reply)
