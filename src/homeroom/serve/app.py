"""The HTTP interface as one application: which path leads where, and what stands around all of them.

Routes, methods and errors are Litestar's; what an answer says is not: bodies are read, and answers written, by the
modules that know them, so that one bound, one scope and one form of a problem hold for all. Around everything stands
`Guarded`: it lets in as many as can be answered, takes the time, counts, and turns what nobody foresaw into an answer
that tells nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias

import msgspec
from litestar import Litestar, Response, asgi, delete, get, post, put
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler

from homeroom import limits
from homeroom.log.control import DefinitionKind, Scope
from homeroom.serve import asking, defining
from homeroom.serve.admitting import Gate, Refusal
from homeroom.serve.belonging import membership_routes
from homeroom.serve.cataloguing import catalogue_routes
from homeroom.serve.compliance import compliance_routes
from homeroom.serve.conflicts import conflict_routes
from homeroom.serve.document import document, page
from homeroom.serve.erasing import erasure_routes
from homeroom.serve.explaining import explaining_routes
from homeroom.serve.health import health_routes
from homeroom.serve.hooking import webhook_routes
from homeroom.serve.intake import Intake
from homeroom.serve.interface import KNOWN_CALLER, Headers, Interface, header, problem_of
from homeroom.serve.pages import page_routes, problem_page, wants_page
from homeroom.serve.persons import person_routes
from homeroom.serve.problems import PROBLEM_TYPE, ProblemError
from homeroom.serve.requests import JSON, Asked, caller_of, json_answer, object_of
from homeroom.serve.streaming import STREAM_PATH, Streams
from homeroom.serve.wanting import wanted_of
from homeroom.serve.whole import Deadline, Watch, Whole
from homeroom.traffic.overload.kinds import Kind

__all__ = ["Guarded", "make_app"]

_TOKEN: Final = "Homeroom-Token"  # noqa: S105 - a header's name
_SAFE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
)
"""On every answer that does not say otherwise: it is what it says, is nowhere kept, and may load and run nothing."""

_WHOLE: Final = frozenset({"/v1/events", "/xapi/statements"})
"""Where so many requests come that those that have come whole are answered without a task; see `Guarded.whole`."""

Told: TypeAlias = Callable[[int, Headers, bytes], None]
"""Is told an answer: status, headers and body."""

Bound: TypeAlias = AbstractAsyncContextManager[Any]
"""Around what may take too long; raises `TimeoutError`."""

Mounted: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application."""


def make_app(interface: Interface, mounted: Mapping[str, Mounted] | None = None) -> "Guarded":
    """Return the application of an interface, with other applications below some of its paths."""
    quick = [
        asgi("/v1/events", copy_scope=False)(Intake(interface).__call__),
        *(_mounted(path, other) for path, other in (mounted or {}).items()),
    ]
    app = Litestar(
        route_handlers=[
            *quick,
            asgi(STREAM_PATH, copy_scope=False)(Streams(interface).__call__),
            *_questions(interface),
            *_definitions(interface),
            *membership_routes(interface),
            *webhook_routes(interface),
            *catalogue_routes(interface),
            *erasure_routes(interface),
            *explaining_routes(interface),
            *person_routes(interface),
            *compliance_routes(interface),
            *conflict_routes(interface),
            *health_routes(interface),
            *page_routes(interface),
            *_pages(),
        ],
        exception_handlers={
            ProblemError: _problem,
            HTTPException: partial(_of_litestar, interface),
            Exception: _problem,
        },
        openapi_config=None,
        pdb_on_exception=False,
        debug=False,
        logging_config=None,
    )
    return Guarded(app, interface, quick)


def _mounted(path: str, other: Mounted) -> ASGIRouteHandler:
    @asgi(path, is_mount=True, copy_scope=True)
    async def pass_on(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        await other(scope, receive, send)

    return pass_on


# --- handlers --------------------------------------------------------------------------------------------------------


def _name(request: Asked) -> str:
    name: str = request.path_params["name"]
    return name


def _questions(interface: Interface) -> list[HTTPRouteHandler]:
    @post("/v1/query", status_code=200)
    async def query(request: Asked) -> Response[bytes]:
        caller = await caller_of(interface, request)
        caller.need(Scope.READ, Scope.AGGREGATE, Scope.PERSONS)
        written = await object_of(interface, request)
        wanted = wanted_of(request)
        said, headers = await asking.answered(interface, caller, written, wanted)
        return json_answer(said, headers=dict(headers))

    return [query]


def _definitions(interface: Interface) -> list[HTTPRouteHandler]:
    return [
        handler
        for path, kind in defining.KINDS.items()
        for handler in _of_kind(interface, path, kind)
    ]


def _of_kind(interface: Interface, path: str, kind: DefinitionKind) -> list[HTTPRouteHandler]:
    @get(f"/v1/{path}")
    async def listed(request: Asked) -> Response[bytes]:
        caller = await caller_of(interface, request)
        return json_answer(defining.listed(interface.serving.control(), caller, kind))

    @get(f"/v1/{path}/{{name:str}}")
    async def one(request: Asked) -> Response[bytes]:
        caller = await caller_of(interface, request)
        said = defining.one(interface.serving.control(), caller, kind, _name(request))
        return json_answer(said, headers={"ETag": defining.etag(said)})

    @get(f"/v1/{path}/{{name:str}}/history")
    async def history(request: Asked) -> Response[bytes]:
        caller = await caller_of(interface, request)
        return json_answer(
            defining.history(interface.serving.control(), caller, kind, _name(request))
        )

    @put(f"/v1/{path}/{{name:str}}", status_code=200)
    async def placed(request: Asked) -> Response[bytes]:
        caller = await caller_of(interface, request)
        caller.need(Scope.ADMIN)
        written, follows = await object_of(interface, request), _follows(request)
        said, token = await defining.put(
            interface, caller, (kind, _name(request)), written, follows
        )
        headers = {"ETag": defining.etag(said), _TOKEN: str(token)}
        return json_answer(said, 201 if said["version"] == 1 else 200, headers)

    @delete(f"/v1/{path}/{{name:str}}", status_code=204)
    async def deleted(request: Asked) -> Response[None]:
        caller = await caller_of(interface, request)
        token = await defining.deleted(interface, caller, (kind, _name(request)), _follows(request))
        return Response(None, status_code=204, headers={_TOKEN: str(token)})

    return [listed, one, history, placed, deleted]


def _follows(request: Asked) -> int | None:
    """Return the version that a change was made to, as its conditions say."""
    if request.headers.get("if-none-match", "").strip() == "*":
        return 0
    text = request.headers.get("if-match", "*").strip()
    if text == "*":
        return None
    number = text.strip('"')
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise ProblemError(
            "precondition-failed",
            'If-Match must be the ETag of a version, such as "3"',
            {"field": "If-Match"},
        )
    return int(number)


def _pages() -> list[HTTPRouteHandler]:
    written = msgspec.json.encode(document())
    drawn = page().encode()

    @get("/openapi.json")
    async def openapi() -> Response[bytes]:
        return Response(written, media_type=JSON)

    @get("/docs")
    async def docs() -> Response[bytes]:
        return Response(drawn, media_type="text/html; charset=utf-8")

    return [openapi, docs]


# --- errors ----------------------------------------------------------------------------------------------------------


def _problem(_request: Asked, error: Exception) -> Response[bytes]:
    problem = problem_of(error)
    return Response(
        problem.document(),
        status_code=problem.status,
        media_type=PROBLEM_TYPE,
        headers=problem.headers,
    )


def _of_litestar(interface: Interface, request: Asked, error: HTTPException) -> Response[bytes]:
    headers = {}
    if isinstance(error, MethodNotAllowedException):
        allowed = (error.headers or {}).get("allow") or (error.headers or {}).get("Allow")
        headers = {"Allow": str(allowed)} if allowed else {}
        problem = ProblemError("method-not-allowed", "this cannot be done here", headers=headers)
    elif isinstance(error, NotFoundException):
        problem = ProblemError("not-found", "there is nothing here; GET /docs lists what there is")
        if wants_page(request):
            return problem_page(interface, request, problem)
    elif error.status_code < 500:
        problem = ProblemError("bad-request", "the request cannot be read")
    else:
        return _problem(request, error)
    return _problem(request, problem)


class Guarded:
    """An application within its bounds of time, counted, with what every answer has.

    Parameters
    ----------
    app : what answers
    interface : whose settings and metrics these are
    quick : routes of it that are ASGI applications themselves, and that thousands of requests a second come to:
        they are called without what a framework does for a request
    """

    def __init__(
        self, app: Litestar, interface: Interface, quick: Sequence[ASGIRouteHandler] = ()
    ) -> None:
        self.litestar = app
        self._interface = interface
        self._watch = Watch(interface.settings.server.answer_seconds_max)
        self.gate = Gate(interface)
        routes = [(path, route) for route in quick for path in route.paths]
        self._exact = {path: (path, route.fn) for path, route in routes}
        self._under = [(f"{path}/", (path, route.fn)) for path, route in routes if route.is_mount]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer one request."""
        if scope["type"] != "http":
            await self.litestar(scope, receive, send)
            return
        seconds_max = self._interface.settings.server.answer_seconds_max
        # A stream ends when its reader goes; what a reader may not do is stand still, and the server sees to that.
        bound_s = None if scope["path"] == STREAM_PATH else seconds_max
        await self._within(asyncio.timeout(bound_s), scope, receive, send)

    def whole(self, scope: Any, body: bytes, answer: Told) -> bool:  # noqa: ANN401 - ASGI
        """Answer a request that has come whole, if many such requests come; return whether it will be.

        Who asks must be known by a key: to ask somebody else about a token takes a task. Who is refused because too
        many come is told so here, whatever it wants.
        """
        refused = self.gate.refused(scope)
        if refused is not None:
            self._refuse(scope, refused, answer)
            return True
        if scope["path"] not in _WHOLE or scope["method"] not in ("POST", "PUT"):
            return False
        given = header(scope["headers"], b"authorization")
        if not given:
            return False
        caller = self._interface.access.known(given, self._interface.now_ms())
        if caller is None:
            return False
        scope[KNOWN_CALLER] = caller
        head: Any = None

        async def send(message: Any) -> None:  # noqa: ANN401 - ASGI
            nonlocal head
            if message["type"] == "http.response.start":
                head = message
            else:
                answer(head["status"], head["headers"], message.get("body", b""))

        def work(deadline: Deadline) -> Awaitable[None]:
            return self._within(deadline, scope, Whole(body), send)

        self._watch.drive(work, asyncio.get_running_loop().time())
        return True

    def _refuse(self, scope: Any, refusal: Refusal, answer: Told) -> None:  # noqa: ANN401 - ASGI
        self._app_of(scope)  # it notes the route
        told = _refusal(refusal)
        metrics_ = self._interface.metrics
        metrics_.begun()
        metrics_.answered(scope.get("path_template") or "none", told[0], 0.0)
        answer(*told)

    async def _within(self, bound: Bound, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        now = asyncio.get_running_loop().time
        began_s, status = now(), 0

        async def counted(message: Any) -> None:  # noqa: ANN401 - ASGI
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_safe(message.get("headers", ()))
            await send(message)

        metrics_ = self._interface.metrics
        metrics_.begun()
        try:
            async with bound:
                await self.gate.through(self._app_of(scope), scope, receive, counted)
        except Exception as error:  # noqa: BLE001 - every error is an answer
            problem = problem_of(error)
            if status == 0:
                await _send_problem(counted, problem)
        finally:
            metrics_.answered(scope.get("path_template") or "none", status, now() - began_s)

    def _app_of(self, scope: Any) -> Any:  # noqa: ANN401 - ASGI
        """Return what answers a request, and note its route, as the framework would."""
        path = scope["path"]
        found = self._exact.get(path)
        if found is None:
            under = (route for start, route in self._under if path.startswith(start))
            found = next(under, None)
        if found is None:
            return self.litestar
        scope["path_template"], app = found
        return app


def _with_safe(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return headers with those that every answer has; the pages say some of these otherwise."""
    given = list(headers)
    names = {name for name, _ in given}
    return [*given, *(one for one in _SAFE if one[0] not in names)]


@lru_cache(maxsize=len(Kind) * limits.OVERLOAD_RETRY_S_MAX)
def _refusal(refusal: Refusal) -> tuple[int, Headers, bytes]:
    """Return what is told to one that is refused. There are few of these, and thousands are told them in a second."""
    problem = refusal.problem()
    body = problem.document()
    return problem.status, [*_problem_headers(problem, body), *_SAFE], body


def _problem_headers(problem: ProblemError, body: bytes) -> Headers:
    return [
        (b"content-type", PROBLEM_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
    ]


async def _send_problem(send: Any, problem: ProblemError) -> None:  # noqa: ANN401 - ASGI
    body = problem.document()
    headers = _problem_headers(problem, body)
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
