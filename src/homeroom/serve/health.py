"""How the node is: whether it lives and serves, what it counts, and where else requests may go.

Load balancers, monitors and clients ask here, some of them once a second and with no key: so whatever needs none tells
nothing of any tenant, and costs next to nothing.
"""

import asyncio
from dataclasses import asdict
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from homeroom.adapters import metrics
from homeroom.adapters.probes import DRAINING
from homeroom.cohorts.live import CheckStatus, ShardsStatus, Status
from homeroom.events.instants import format_instant
from homeroom.log.control import Scope
from homeroom.serve.access import Caller
from homeroom.serve.interface import Interface
from homeroom.serve.problems import ProblemError
from homeroom.serve.requests import JSON, Asked, caller_of, json_answer

__all__ = ["health_routes"]


def _told(status: Status, caller: Caller) -> list[str]:
    """Return what is wrong: all of it for who runs the node, for others what concerns their tenant."""
    if caller.runs_node:
        return [one.text for one in status.troubles]
    return status.told_to(caller.tenant)


def _checked(checked: CheckStatus) -> dict[str, Any]:
    """Return how far it has been read again what is on disk."""
    finished = checked.finished_ms
    return {
        "entries": checked.entries,
        "files": checked.files,
        "damages": checked.damages,
        "finished": None if finished is None else format_instant(finished),
    }


def _admission(interface: Interface, caller: Caller) -> dict[str, Any]:
    """Return how the door is; how much others do is told to who runs the node alone."""
    if not caller.runs_node:
        return {}
    overload = interface.overload
    classes = {kind.name.lower(): asdict(one) for kind, one in overload.statistics().items()}
    now_ms = 1_000 * asyncio.get_running_loop().time()
    return {"admission": {"load": round(overload.load(now_ms), 3), "classes": classes}}


def _cache(interface: Interface, caller: Caller) -> dict[str, Any]:
    """Return how the cache is: to who runs the node, for it is shared by all tenants."""
    caches = interface.metrics.caches
    return {"cache": caches().to_json()} if caches is not None and caller.runs_node else {}


def _away(shards: ShardsStatus) -> dict[str, str]:
    return {str(number): why for number, why in sorted(shards.away.items())}


def _of_node(status: Status) -> list[str]:
    """Return what anybody may know of what is wrong: nothing of any tenant, but that there is something."""
    is_more = any(one.tenant is not None for one in status.troubles)
    return status.told_to("") + (["some tenant has troubles: see /v1/status"] if is_more else [])


def _is_draining(interface: Interface) -> bool:
    return interface.traffic is not None and interface.traffic.is_draining


def _of_world(interface: Interface, status: Status) -> dict[str, Any]:
    """Return how the world looks from here, and where requests go; nothing at a node alone."""
    if status.world is None:
        return {}
    said = asdict(status.world)
    if interface.traffic is not None:
        said["traffic"] = asdict(interface.traffic.status())
    return {"world": said}


def health_routes(interface: Interface) -> list[HTTPRouteHandler]:
    """Return the routes by which a node is looked at, and by which clients learn of the others."""
    return [*_open_routes(interface), *_told_routes(interface)]


def _open_routes(interface: Interface) -> list[HTTPRouteHandler]:
    """Return those that need no key."""

    @get("/health/live")
    async def live() -> Response[bytes]:
        return json_answer({"alive": True})

    @get("/health/ready")
    async def ready() -> Response[bytes]:
        status = await asyncio.to_thread(interface.serving.status, "")
        said: dict[str, Any] = {"ready": status.is_ready, "troubles": _of_node(status)}
        if not status.is_ready or not _is_draining(interface):
            return json_answer(said, 200 if status.is_ready else 503)
        # Whoever divides requests among nodes takes this one out; what comes nevertheless is served.
        return json_answer({**said, "ready": False, "draining": True}, 503, {DRAINING: "1"})

    @get("/v1/routes")
    async def routes() -> Response[bytes]:
        traffic = interface.traffic
        if traffic is None:
            raise ProblemError("not-found", "this node is alone: there is nowhere else to go")
        document = traffic.document()
        if not document:
            raise ProblemError(
                "unavailable",
                "this node has no routing table yet; ask another node, or again in a moment",
                headers={"Retry-After": "1"},
            )
        return Response(document, media_type=JSON)

    return [live, ready, routes]


def _told_routes(interface: Interface) -> list[HTTPRouteHandler]:
    @get("/v1/status")
    async def status(request: Asked) -> Response[bytes]:
        caller = await caller_of(interface, request)
        found = await asyncio.to_thread(interface.serving.status, caller.tenant)
        said: dict[str, Any] = {
            "vector": found.applied.to_json(),
            "held": found.held.to_json(),
            "ages_ms": dict(found.ages_ms),
            "epoch": found.epoch,
            "ready": found.is_ready,
            "troubles": _told(found, caller),
            "checked": _checked(found.checked),
        }
        is_told = caller.scopes & {Scope.READ, Scope.PERSONS, Scope.ADMIN}
        if is_told and not caller.is_limited:
            said = {"learners": found.learners, "events": found.events, **said}
            if found.history_from is not None:
                said |= {"history_from": found.history_from, "lost": found.lost}
        if found.shards is not None and caller.runs_node:
            said["shards"] = {"count": found.shards.count, "away": _away(found.shards)}
        said |= _admission(interface, caller) | _cache(interface, caller)
        return json_answer({**said, **_of_world(interface, found)})

    @get("/metrics")
    async def counted(request: Asked) -> Response[bytes]:
        if interface.settings.server.metrics == "admin":
            (await caller_of(interface, request)).need(Scope.ADMIN)
        traffic = None if interface.traffic is None else interface.traffic.status()
        status = await asyncio.to_thread(interface.serving.status, "")
        text = interface.metrics.page(status, traffic)
        return Response(text, media_type=metrics.CONTENT_TYPE)

    return [status, counted]
