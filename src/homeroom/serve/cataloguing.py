"""The catalogue over HTTP: which ids anybody may read, and which attributes may be kept.

It is read and written by keys with the scope ``admin``. What is registered is told to everybody who may ask questions,
so it is written down who did it, and of which kind; the names themselves stand in the control stream, not in the audit
log.
"""

from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from homeroom.errors import ControlError
from homeroom.log.catalogue import CatalogueFact, IdKind, IdsRegistered, IdsWithdrawn
from homeroom.log.control import Scope
from homeroom.serve.access import Caller
from homeroom.serve.interface import Interface
from homeroom.serve.problems import ProblemError, scrubbed
from homeroom.serve.requests import Asked, caller_of, json_answer, object_of

__all__ = ["catalogue_routes"]

_WORDS: Final = tuple(IdKind)


class _Named(msgspec.Struct, forbid_unknown_fields=True):
    kind: IdKind
    names: tuple[str, ...]


def catalogue_routes(interface: Interface) -> list[HTTPRouteHandler]:
    """Return the handlers of the catalogue."""

    @get("/v1/catalogue")
    async def listed(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request)
        return json_answer(_said(interface, caller))

    @post("/v1/catalogue/register", status_code=200)
    async def register(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request)
        one = _named(await object_of(interface, request))
        fact = IdsRegistered(tenant=caller.tenant, kind=one.kind, names=one.names)
        return await _changed(interface, caller, fact, "registered")

    @post("/v1/catalogue/withdraw", status_code=200)
    async def withdraw(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request)
        one = _named(await object_of(interface, request))
        fact = IdsWithdrawn(tenant=caller.tenant, kind=one.kind, names=one.names)
        return await _changed(interface, caller, fact, "withdrawn")

    return [listed, register, withdraw]


async def _admin(interface: Interface, request: Asked) -> Caller:
    caller = await caller_of(interface, request)
    caller.need(Scope.ADMIN)
    caller.need_all_courses("the catalogue is about")
    return caller


def _named(written: dict[str, Any]) -> _Named:
    try:
        return msgspec.convert(written, _Named)
    except msgspec.ValidationError:
        raise ProblemError(
            "bad-request",
            f"the body must be an object of kind (one of {', '.join(IdKind)}) and names (a list of texts)",
            {"field": "kind, names"},
        ) from None


async def _changed(
    interface: Interface, caller: Caller, fact: CatalogueFact, action: str
) -> Response[bytes]:
    try:
        interface.serving.control().check(fact)
        done = {"kind": fact.kind.value, "names": len(fact.names)}
        await interface.write_down(caller, f"catalogue.{action}", done)
        token = await interface.serving.change(fact, caller.name)
    except ControlError as error:
        unsaid = [[*fact.names, *(name[:80] for name in fact.names)]]
        raise ProblemError("conflict", scrubbed(str(error), unsaid, _WORDS)) from None
    return json_answer(_said(interface, caller), 200, {"Homeroom-Token": str(token)})


def _said(interface: Interface, caller: Caller) -> dict[str, list[str]]:
    catalogue = interface.serving.control().catalogue(caller.tenant)
    return {kind.value: sorted(catalogue.registered(kind)) for kind in IdKind}
