"""Which address leads to which page, and what a browser is shown where there is none, or something is wrong."""

from collections.abc import Awaitable, Callable
from typing import Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from homeroom.serve.interface import Interface, problem_of
from homeroom.serve.pages.assets import asset_at
from homeroom.serve.pages.exports import TYPES, file_of
from homeroom.serve.pages.first_told import FirstTold
from homeroom.serve.pages.frame import SAFE, drawn, moved
from homeroom.serve.pages.overview import overview
from homeroom.serve.pages.provider import AtProvider
from homeroom.serve.pages.questions import KINDS
from homeroom.serve.pages.signing_in import SigningIn, asked_for
from homeroom.serve.pages.studio import page_of
from homeroom.serve.pages.visits import Visit, form_of, visit_of
from homeroom.serve.problems import ProblemError
from homeroom.serve.requests import Asked

__all__ = ["page_routes", "problem_page", "wants_page"]

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_Page = Callable[[Visit], Awaitable[Response[bytes]]]


def page_routes(interface: Interface) -> list[HTTPRouteHandler]:
    """Return the routes of the pages."""
    door, first_told = SigningIn(), FirstTold()

    async def first(visit: Visit) -> Response[bytes]:
        return await overview(visit, first_told)

    @get("/")
    async def start() -> Response[bytes]:
        return moved("/overview")

    routes = [
        start,
        *_of_door(interface, door),
        *_of_provider(interface, door),
        _asset(),
        _inside(interface, "/overview", first),
    ]
    for kind in KINDS:
        routes.append(_inside(interface, f"/{kind}", _question(kind)))
        routes += [_inside(interface, f"/{kind}.{one}", _file(kind, one)) for one in TYPES]
    return routes


def _question(kind: str) -> _Page:
    async def page(visit: Visit) -> Response[bytes]:
        return await page_of(visit, kind)

    return page


def _file(kind: str, suffix: str) -> _Page:
    async def file(visit: Visit) -> Response[bytes]:
        return await file_of(visit, kind, suffix)

    return file


def _inside(interface: Interface, path: str, page: _Page) -> HTTPRouteHandler:
    """Return the route of a page for those who are signed in; others are sent to the door."""

    @get(path)
    async def answer(request: Asked) -> Response[bytes]:
        async def work(visit: Visit) -> Response[bytes]:
            return moved(asked_for(visit)) if visit.session is None else await page(visit)

        return await _told(interface, request, work)

    return answer


async def _told(interface: Interface, request: Asked, work: _Page) -> Response[bytes]:
    """Return a page, or one that says why there is none."""
    visit = visit_of(interface, request)
    try:
        return await work(visit)
    except Exception as error:  # noqa: BLE001 - every error is a page
        return _problem(visit, problem_of(error))


def _problem(visit: Visit, problem: ProblemError) -> Response[bytes]:
    values = {"problem": problem}
    return drawn(visit, "problem.html", values, problem.status, problem.headers)


def wants_page(request: Asked) -> bool:
    """Say whether a request is that of a browser which is to show what it gets, and nothing for programs."""
    is_for_programs = request.scope["path"].startswith(("/v1/", "/xapi", "/health/", "/static/"))
    return not is_for_programs and "text/html" in request.headers.get("accept", "")


def problem_page(interface: Interface, request: Asked, problem: ProblemError) -> Response[bytes]:
    """Return what a browser shows of a problem. Raises like `visit_of`."""
    return _problem(visit_of(interface, request), problem)


def _of_door(interface: Interface, door: SigningIn) -> list[HTTPRouteHandler]:
    @get("/sign-in")
    async def ask(request: Asked) -> Response[bytes]:
        async def work(visit: Visit) -> Response[bytes]:
            return door.page(visit)

        return await _told(interface, request, work)

    @post("/sign-in")
    async def enter(request: Asked) -> Response[bytes]:
        async def work(visit: Visit) -> Response[bytes]:
            address = "" if request.client is None else request.client.host
            fields = await form_of(interface, request)
            try:
                return await door.enter(visit, fields, address)
            except ProblemError as error:
                page = door.page(visit, error.detail, error.status)
                page.headers.update(error.headers)
                return page

        return await _told(interface, request, work)

    @post("/sign-out")
    async def leave(request: Asked) -> Response[bytes]:
        async def work(visit: Visit) -> Response[bytes]:
            return await door.go(visit, await form_of(interface, request))

        return await _told(interface, request, work)

    return [ask, enter, leave]


def _of_provider(interface: Interface, door: SigningIn) -> list[HTTPRouteHandler]:
    """Return the routes to a provider and back; none where nobody signs in there."""
    if interface.provider is None:
        return []
    provider = AtProvider(interface.provider, door)

    @get("/sign-in/provider")
    async def away(request: Asked) -> Response[bytes]:
        async def work(visit: Visit) -> Response[bytes]:
            return provider.go(visit)

        return await _told(interface, request, work)

    @get("/sign-in/provider/back")
    async def back(request: Asked) -> Response[bytes]:
        async def work(visit: Visit) -> Response[bytes]:
            return await provider.back(visit)

        return await _told(interface, request, work)

    return [away, back]


def _asset() -> HTTPRouteHandler:
    @get("/static/{digest:str}/{name:str}")
    async def asset(request: Asked) -> Response[bytes]:
        found = asset_at(request.path_params["digest"], request.path_params["name"])
        if found is None:
            raise ProblemError("not-found", "there is no such file, or it is another one by now")
        headers = {"Cache-Control": _FOR_EVER, "ETag": found.etag, "Vary": "Accept-Encoding"}
        headers["Cross-Origin-Resource-Policy"] = SAFE["Cross-Origin-Resource-Policy"]
        if request.headers.get("if-none-match") == found.etag:
            return Response(b"", status_code=304, media_type=found.kind, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(found.content, media_type=found.kind, headers=headers)
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, media_type=found.kind, headers=headers)

    return asset
