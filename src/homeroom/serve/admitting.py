"""The door of a node when too many come: which class a request is of, and what it does while it has to wait.

`homeroom.traffic.overload` decides; here are the futures that wait, the timer that refuses them, and the answer that
tells to come again. A request is let in when it has come whole: who sends its body slowly holds a connection, which has
bounds of its own, and no place that others want. What watches the node is never refused, nor is a stream of changes,
which ends when its reader goes.

Rates by key (`homeroom.serve.rates`) are another thing: they are what one key may ever do; this is what the node can do
now.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from homeroom import limits
from homeroom.serve.interface import KNOWN_CALLER, Headers, Interface, header
from homeroom.serve.problems import ProblemError
from homeroom.serve.streaming import STREAM_PATH
from homeroom.serve.whole import Whole
from homeroom.traffic.overload.admission import Effect, Overload, Refuse
from homeroom.traffic.overload.kinds import Kind

__all__ = ["Gate", "Refusal", "kind_of"]

App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

_MS: Final = 1_000.0
_LOOK_S: Final = 0.02
"""How often it is looked whether somebody has waited too long, while anybody waits."""
_LOCAL: Final = "local"
"""The level of acknowledgement that waits for no other node."""
_FREE: Final = frozenset({"/metrics", "/v1/routes", STREAM_PATH})
_EXPORTS: Final = frozenset(
    {"/conflicts", "/v1/access", "/v1/compliance", "/v1/conflicts", "/v1/explain"}
)
_FILES: Final = (".csv", ".parquet")
_WAITS: Final = frozenset({b"homeroom-ack", b"homeroom-after", b"homeroom-fresh", b"homeroom-wait"})
"""Headers of requests that wait for other nodes: how long they take says nothing of this one."""
_LARGE: Final = (b'"report"', b'"members"')
"""Questions with answers of megabytes name themselves so."""
_REFUSED: Final = {
    Kind.INGEST: "more events come than this node can take now; they are safe to send again under the same ids",
    Kind.QUERY: "more is asked than this node can answer now; ask again",
    Kind.EXPORT: "this node is busy with what cannot wait; ask again later",
}


def kind_of(scope: Mapping[str, Any]) -> Kind | None:
    """Return the class of a request (an HTTP scope of ASGI 3.0), None for one that is never refused."""
    path: str = scope["path"]
    if path == "/v1/events":
        return Kind.INGEST
    if path.startswith("/xapi"):
        is_read = (
            scope["method"] in ("GET", "HEAD", "OPTIONS") or b"method=" in scope["query_string"]
        )
        return Kind.QUERY if is_read else Kind.INGEST
    if path.startswith("/health/") or path in _FREE:
        return None
    is_list = path.startswith("/v1/cohorts/") and path.endswith("/members")
    is_file = path.endswith(_FILES)
    return Kind.EXPORT if is_list or is_file or path in _EXPORTS else Kind.QUERY


def _has_body(headers: Headers) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in headers
    )


class Refusal(NamedTuple):
    """One that is told to come again: of which class it was, and after how many seconds."""

    kind: Kind
    after_s: int

    def problem(self) -> ProblemError:
        """Return what it is told."""
        return ProblemError(
            "overloaded",
            _REFUSED[self.kind],
            {"class": self.kind.name.lower()},
            {"Retry-After": str(self.after_s)},
        )


class _Ticket:
    """One that waits to be let in."""

    __slots__ = ("flow", "kind", "told")

    def __init__(self, kind: Kind, flow: str, told: "asyncio.Future[int | None]") -> None:
        self.kind = kind
        self.flow = flow
        self.told = told


class Gate:
    """Lets requests to an application, or tells them to come again.

    Parameters
    ----------
    interface : whose node, keys and settings these are
    """

    def __init__(self, interface: Interface) -> None:
        self._interface = interface
        self.overload: Overload[_Ticket] = interface.overload
        self._is_local = interface.settings.acknowledgement.least == _LOCAL
        self._timer: asyncio.TimerHandle | None = None

    def refused(self, scope: Any) -> Refusal | None:  # noqa: ANN401 - ASGI
        """Return what a request is told for which there is not even a place to wait; None for all others.

        It is asked before anything is done for a request: of four times what can be done, three quarters end here.
        """
        kind = kind_of(scope)
        if kind is None or not self.overload.is_crowded(kind):
            return None
        now_ms = asyncio.get_running_loop().time() * _MS
        after_s = self.overload.refused_at_once(kind, self._flow(scope), now_ms)
        return None if after_s is None else Refusal(kind, after_s)

    async def through(self, app: App, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Have a request answered once it is let in. Raises `ProblemError` if it is not."""
        kind = kind_of(scope)
        if kind is None:
            await app(scope, receive, send)
        elif isinstance(receive, Whole) or not _has_body(scope["headers"]):
            flow = self._flow(scope)
            if not self.overload.enter(kind, flow):
                await self._wait(kind, flow, scope)
            began_ms = asyncio.get_running_loop().time() * _MS
            try:
                await app(scope, receive, send)
            finally:
                self._leave(kind, flow, began_ms, scope)
        elif refused := self.refused(scope):
            raise refused.problem()
        else:
            await self._in_parts(app, (scope, kind), receive, send)

    async def _in_parts(
        self,
        app: App,
        asked: tuple[Any, Kind],
        receive: Any,  # noqa: ANN401 - ASGI
        send: Any,  # noqa: ANN401 - ASGI
    ) -> None:
        """Have a request answered that is let in when its body has come."""
        scope, kind = asked
        flow, now = self._flow(scope), asyncio.get_running_loop().time
        began_ms: float | None = None
        is_question = scope["path"] == "/v1/query"

        async def received() -> Any:  # noqa: ANN401 - ASGI
            nonlocal began_ms, kind
            message = await receive()
            if is_question and _is_large(message.get("body", b"")):
                kind = Kind.EXPORT
            is_whole = message["type"] == "http.request" and not message.get("more_body", False)
            if is_whole and began_ms is None:
                if not self.overload.enter(kind, flow):
                    await self._wait(kind, flow, scope)
                began_ms = now() * _MS
            return message

        try:
            await app(scope, received, send)
        finally:
            if began_ms is not None:
                self._leave(kind, flow, began_ms, scope)

    def _flow(self, scope: Any) -> str:  # noqa: ANN401 - ASGI
        """Return whose request it is: the tenant, or one of some places that all share who are not known by a key."""
        caller = scope.get(KNOWN_CALLER)
        if caller is None:
            given = header(scope["headers"], b"authorization") or ""
            interface = self._interface
            caller = interface.access.known(given, interface.now_ms()) if given else None
            if not given:
                session = interface.session(scope["headers"])
                caller = None if session is None else session.caller
            if caller is None:
                return f"?{hash(given) % limits.OVERLOAD_FLOWS_MAX}"
        tenant: str = caller.tenant
        return tenant

    def _leave(self, kind: Kind, flow: str, began_ms: float, scope: Any) -> None:  # noqa: ANN401 - ASGI
        measured = began_ms if self._is_of_here(kind, scope) else None
        now_ms = asyncio.get_running_loop().time() * _MS
        effects = self.overload.leave(kind, flow, measured, now_ms)
        if effects:
            self._carry_out(effects)

    def _is_of_here(self, kind: Kind, scope: Any) -> bool:  # noqa: ANN401 - ASGI
        """Say whether how long a request took is of this node's making, and not of those that it waited for."""
        query = scope["query_string"]
        if query and any(name in query for name in (b"ack=", b"after=", b"fresh=", b"wait=")):
            return False
        if not _WAITS.isdisjoint([name for name, _ in scope["headers"]]):
            return False
        if kind is not Kind.INGEST:
            return True
        return self._is_local and self._interface.serving.control().members.least == _LOCAL

    # --- those that wait ---------------------------------------------------------------------------------------------

    async def _wait(self, kind: Kind, flow: str, scope: Any) -> None:  # noqa: ANN401 - ASGI
        """Return when a request is let in. Raises `ProblemError` if it is refused."""
        loop = asyncio.get_running_loop()
        ticket = _Ticket(kind, flow, loop.create_future())
        self._carry_out(self.overload.wait(kind, flow, ticket, loop.time() * _MS))
        self._watch()
        try:
            after_s = await ticket.told
        except BaseException:
            # Stopped while it waited, or in the turn of the loop in which it was let in.
            waited = self.overload.forget(kind, flow, ticket)
            is_in = ticket.told.done() and not ticket.told.cancelled() and not ticket.told.result()
            if is_in and not waited:
                self._carry_out(self.overload.leave(kind, flow, None, loop.time() * _MS))
            raise
        if after_s is not None:
            raise Refusal(kind, after_s).problem()
        # Who it was is found out again: a key may have been revoked meanwhile.
        scope.pop(KNOWN_CALLER, None)

    def _carry_out(self, effects: list[Effect[_Ticket]]) -> None:
        now_ms = asyncio.get_running_loop().time() * _MS
        waiting = effects
        while waiting:
            effect = waiting.pop(0)
            ticket = effect.waiter
            if isinstance(effect, Refuse):
                if not ticket.told.done():
                    ticket.told.set_result(effect.retry_after_s)
            elif ticket.told.done():  # it was stopped, and has not run yet
                waiting += self.overload.leave(ticket.kind, ticket.flow, None, now_ms)
            else:
                ticket.told.set_result(None)

    def _watch(self) -> None:
        if self._timer is None and self.overload.is_anybody_waiting:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        self._timer = None
        self._carry_out(self.overload.look(asyncio.get_running_loop().time() * _MS))
        self._watch()


def _is_large(body: bytes) -> bool:
    return any(name in body for name in _LARGE)
