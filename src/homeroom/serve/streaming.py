"""``GET /v1/stream``: who enters and leaves cohorts, as it is found, and how fresh that is (Server-Sent Events).

A reader holds a connection and the number of the last change that it has been told; everything else is kept once for
all (`homeroom.running.streaming`). So a reader that stands still costs nothing but its connection, which the server
closes when nothing is taken from it for too long. Whoever was cut off comes again with ``Last-Event-ID`` and goes on
where it was, or hears that it has missed something.

It tells of single learners: that needs the scope for persons, is written down when it begins, and ends when the key is
revoked. The form is that of the HTML standard, 9.2.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from homeroom import limits
from homeroom.cohorts.membership.changes import Change
from homeroom.cohorts.membership.reading import Told
from homeroom.errors import QuestionError
from homeroom.events.instants import format_instant
from homeroom.log.control import DefinitionKind, Scope
from homeroom.serve.access import Caller
from homeroom.serve.belonging import told_change
from homeroom.serve.interface import Headers, Interface, header
from homeroom.serve.problems import ProblemError

__all__ = ["STREAM_PATH", "STREAM_TYPE", "Streams"]

STREAM_PATH: Final = "/v1/stream"
STREAM_TYPE: Final = "text/event-stream"
_CHECK_S: Final = 1.0
"""So often it is looked whether the key still opens this."""
_NUMBER_DIGITS_MAX: Final = 18


class Streams:
    """All streams of changes of a node, as an ASGI application."""

    def __init__(self, interface: Interface) -> None:
        self._interface = interface
        self._open = 0  # <= limits.STREAMS_MAX

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Tell one reader until it goes away, the key is revoked, or the node stops."""
        if scope["method"] != "GET":
            raise ProblemError(
                "method-not-allowed", "changes are read with GET", headers={"Allow": "GET"}
            )
        headers: Headers = list(scope["headers"])
        caller = await self._interface.admit(headers)
        cohort = self._cohort(scope, caller)
        after = _after(headers)
        self._probe(caller)
        about = {"cohort": "*" if cohort is None else cohort}
        await self._interface.write_down(caller, "stream", about)
        self._open += 1
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [
                        (b"content-type", STREAM_TYPE.encode()),
                        (b"x-accel-buffering", b"no"),  # a proxy before us shall not collect it
                    ],
                }
            )
            told = self._interface.serving.listen(caller.tenant, after)
            reader = _Reader(told, receive, self._interface.stopping)
            authorization = header(headers, b"authorization") or ""
            await self._tell(reader, send, (authorization, cohort))
        finally:
            self._open -= 1

    def _cohort(self, scope: dict[str, Any], caller: Caller) -> str | None:
        """Return the only cohort that is wanted, None for all. Raises `ProblemError`."""
        caller.need(Scope.PERSONS)
        caller.need_all_courses("cohorts are about")
        given = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        cohort = given["cohort"][-1] if "cohort" in given else None
        defined = self._interface.serving.control().definitions(
            caller.tenant, DefinitionKind.COHORT
        )
        if cohort is not None and cohort not in defined:
            raise ProblemError(
                "not-found",
                "there is no cohort of this name; GET /v1/cohorts lists them",
                {"field": "cohort"},
            )
        return cohort

    def _probe(self, caller: Caller) -> None:
        """Raise `ProblemError` if nothing can be told now."""
        if self._open >= limits.STREAMS_MAX:
            raise ProblemError(
                "unavailable",
                f"{limits.STREAMS_MAX} streams are open, which is all that may be; close one, or come again later",
                {"bound": "STREAMS_MAX"},
                {"Retry-After": "10"},
            )
        try:
            self._interface.serving.changes(caller.tenant, 0, 1, None)
        except QuestionError:
            raise ProblemError(
                "unavailable",
                "the memberships of this tenant are not known yet; come again",
                headers={"Retry-After": "1"},
            ) from None

    async def _tell(self, reader: "_Reader", send: Any, about: tuple[str, str | None]) -> None:  # noqa: ANN401 - ASGI
        authorization, cohort = about
        now = asyncio.get_running_loop().time
        checked_s = now()
        async with reader:
            while (told := await reader.next()) is not None:
                if now() - checked_s >= _CHECK_S:
                    checked_s = now()
                    access = self._interface.access
                    try:
                        await access.caller(authorization, self._interface.now_ms())
                    except ProblemError:
                        break
                body = _written(told, cohort)
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class _Reader:
    """What one reader is told, until it has gone or the node stops; a context that waits for nobody at its end."""

    def __init__(self, told: AsyncIterator[Told], receive: Any, stopping: asyncio.Event) -> None:  # noqa: ANN401 - ASGI
        self._told = told
        self._receive = receive
        self._stopping = stopping
        self._ends: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> "_Reader":
        self._ends = {
            asyncio.create_task(self._gone()),
            asyncio.create_task(self._stopping.wait()),
        }
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._ends:
            task.cancel()
        await asyncio.gather(*self._ends, return_exceptions=True)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _next(self) -> Told:
        return await anext(self._told)

    async def next(self) -> Told | None:
        """Return what is told next; None if there is nobody to tell, or nothing more."""
        task = asyncio.create_task(self._next())
        try:
            await asyncio.wait({task, *self._ends}, return_when=asyncio.FIRST_COMPLETED)
            if any(end.done() for end in self._ends):
                return None
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


def _after(headers: Headers) -> int | None:
    """Return the number of the last change that a reader knows. Raises `ProblemError`."""
    text = header(headers, b"last-event-id")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX):
        raise ProblemError(
            "bad-request",
            "Last-Event-ID is no number that this stream gave; leave it out to hear from now on",
            {"field": "Last-Event-ID"},
        )
    return int(text)


# --- in the form of the standard -------------------------------------------------------------------------------------


def _written(told: Told, cohort: str | None) -> bytes:
    """Return what a reader is told at once. The number of an event says up to where everything has been told."""
    pieces = [b"event: missed\ndata: {}\n\n"] if told.missed else []
    pieces += [_change(one) for one in told.changes if cohort is None or one.cohort == cohort]
    fresh = {
        "as_of": format_instant(told.moment.now_ms),
        "vector": told.moment.applied.to_json(),
    }
    pieces.append(_event("fresh", told.last, fresh))
    return b"".join(pieces)


def _change(one: Change) -> bytes:
    said = {**told_change(one), "token": None if one.token is None else str(one.token)}
    return _event("change", one.number, said)


def _event(kind: str, number: int, said: object) -> bytes:
    return b"event: %b\nid: %d\ndata: %b\n\n" % (kind.encode(), number, msgspec.json.encode(said))
