"""The client for an event loop: `homeroom.client.client.Client`, in a form that waits for nobody else.

What it does, and what it raises, is the same, method by method; a test compares the two. Only the waiting differs.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from homeroom.client import messages
from homeroom.client.async_reaching import AsyncReaching
from homeroom.client.connecting import (
    LOST,
    Connecting,
    collected,
    failed,
    lower,
    monotonic_ms,
    refused_stream,
    wall_ms,
)
from homeroom.client.following import Followed, Following
from homeroom.client.ids import uuid7
from homeroom.client.messages import Definition, LiveAnswer, Receipt, Reply, Request
from homeroom.client.options import ClientOptions
from homeroom.client.retrying import Begun, Failed, GiveUp, Instruction, Try, Wait, Waited
from homeroom.client.wanted import Wanted
from homeroom.errors import ConflictError

__all__ = ["AsyncClient"]


async def _sleep_ms(wait_ms: int) -> None:
    await asyncio.sleep(wait_ms / 1_000)


class AsyncClient:
    """A node, or a world of them, from elsewhere. A context manager that closes its connections.

    Parameters
    ----------
    urls : address of the node, or several of one world, the one that is preferred first
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
        urls: str | Sequence[str],
        key: str | None = None,
        options: ClientOptions | None = None,
        *,
        now_ms: Callable[[], int] = monotonic_ms,
        sleep_ms: Callable[[int], Awaitable[None]] = _sleep_ms,
    ) -> None:
        connecting = Connecting.to(urls, key, options)
        self.url = connecting.urls[0]
        self.options = connecting.options
        self._reaching = AsyncReaching(connecting, now_ms, sleep_ms)
        self._now_ms, self._sleep_ms = now_ms, sleep_ms

    @property
    def token(self) -> str | None:
        """The last entry that this client has written; what it asks is answered after it. None asks for no wait."""
        return self._reaching.token

    @token.setter
    def token(self, token: str | None) -> None:
        self._reaching.token = token

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
        await self._reaching.close()

    def statistics(self) -> dict[str, Any]:
        """Return which nodes are asked, in which order, and what this client has met there.

        ``endpoints`` are by address, the best first: ``region``, ``asked`` (whether nothing stands against it), and the
        middle times of ``read_ms`` and ``write_ms``; ``generation`` is that of the routing table that is followed, and
        ``trouble`` says why a newer one is not.
        """
        return self._reaching.statistics()

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
        return messages.receipt_of(request, await self._reaching.reply(request), batch_id)

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
        return messages.answer_of(request, await self._reaching.reply(request))

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
        return messages.document_of(request, await self._reaching.reply(request))

    async def conflicts(self, days: int = 30) -> dict[str, Any]:
        """Return where nodes said different things of one thing in the last days: see ``docs/reference/http.md``.

        Raises `NodeError`; the key needs the scope ``admin``.
        """
        request = Request("asking for conflicts", "GET", f"/v1/conflicts?days={days:d}")
        return messages.document_of(request, await self._reaching.reply(request))

    async def status(self) -> dict[str, Any]:
        """Return how the node is: see ``docs/reference/http.md``. Raises `NodeError`."""
        request = Request("asking for the status", "GET", "/v1/status")
        return messages.document_of(request, await self._reaching.reply(request))

    async def cohorts(self) -> tuple[Definition, ...]:
        """Return the definitions of all cohorts. Raises `NodeError`."""
        request = messages.definition_request("GET", None)
        return messages.definitions_of(request, await self._reaching.reply(request))

    async def cohort(self, name: str) -> Definition:
        """Return the definition of a cohort. Raises `NodeError`."""
        request = messages.definition_request("GET", name)
        return messages.definition_of(request, await self._reaching.reply(request))

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
        reply = await self._reaching.reply(request)
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
        messages.check_deleted(request, await self._reaching.reply(request))

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
        following, exchange = Following(cohort, after), self._reaching.retrying.exchange()
        found: Instruction = self._reaching.step(exchange, Begun())
        while not isinstance(found, GiveUp):
            if isinstance(found, Wait):
                await self._sleep_ms(found.wait_ms)
                found = self._reaching.step(exchange, Waited())
                continue
            assert isinstance(found, Try), "a stream is opened, and never asked twice at once"
            heard = following.heard
            async for told in self._listened(following, found):
                yield told
            if following.heard > heard:
                exchange.go_on(self._now_ms())
            found = self._reaching.step(exchange, following.ended)
        raise messages.given_up(following.request(), found.why, None)

    async def _listened(self, following: Following, found: Try) -> AsyncIterator[Followed]:
        """Yield what one connection tells; at its end ``following`` says why it ended. Raises `NodeError`."""
        request = following.request(found.at)
        try:
            async with self._reaching.opened(request, found) as answer:
                if answer.status_code == 200:
                    async for chunk in answer.aiter_bytes():
                        for told in following.read(chunk):
                            yield told
                    following.ended = Failed("the stream ended", at=found.at)
                    return
                body = bytearray()
                async with asyncio.timeout(found.time_ms_max / 1_000):
                    async for chunk in answer.aiter_bytes():
                        collected(request, body, chunk)
        except LOST as error:
            following.ended = failed(error, found.at)
            return
        reply = Reply(answer.status_code, lower(answer.headers), bytes(body))
        following.ended = refused_stream(request, reply, found.at)
