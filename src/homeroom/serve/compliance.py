"""Compliance over HTTP: the report, the purposes of a tenant, and the requests of persons with their deadlines.

For keys with the scope ``admin``. None of it names a person: a request has an id, which those who received it have in
their files.
"""

import secrets
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from litestar import Response, get, post, put
from litestar.handlers import HTTPRouteHandler

from homeroom.errors import ControlError
from homeroom.log.compliance import (
    Compliance,
    ComplianceFact,
    Outcome,
    PurposesPut,
    RequestClosed,
    RequestExtended,
    RequestKind,
    RequestReceived,
)
from homeroom.log.consents import Need
from homeroom.log.control import Scope
from homeroom.serve.access import Caller
from homeroom.serve.interface import Interface
from homeroom.serve.problems import ProblemError, scrubbed
from homeroom.serve.requests import Asked, caller_of, json_answer, object_of
from homeroom.serve.serving import Shared

__all__ = ["compliance_routes"]

_WORDS = ("analytics", *Need, *RequestKind, *Outcome)


class _Purposes(msgspec.Struct, forbid_unknown_fields=True):
    purposes: dict[str, Need]


class _Received(msgspec.Struct, forbid_unknown_fields=True):
    kind: RequestKind
    received: date | msgspec.UnsetType = msgspec.UNSET


class _Closed(msgspec.Struct, forbid_unknown_fields=True):
    outcome: Outcome


def compliance_routes(interface: Interface) -> list[HTTPRouteHandler]:
    """Return the routes of the report, of purposes and of requests."""
    return [*_report_and_purposes(interface), *_requests(interface)]


def _report_and_purposes(interface: Interface) -> list[HTTPRouteHandler]:
    serving = interface.serving

    @get("/v1/compliance")
    async def report(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request)
        shared = Shared.TOLD if caller.runs_node else Shared.LEFT_OUT
        return json_answer(await serving.persons.compliance(caller.tenant, shared))

    @get("/v1/purposes")
    async def purposes(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request)
        return json_answer(_said_purposes(interface, caller))

    @put("/v1/purposes")
    async def put_purposes(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request)
        written = _read(await object_of(interface, request), _Purposes, "purposes")
        fact = PurposesPut(tenant=caller.tenant, purposes=written.purposes)
        await _state(interface, caller, fact, "purposes.put")
        return json_answer(_said_purposes(interface, caller))

    return [report, purposes, put_purposes]


def _requests(interface: Interface) -> list[HTTPRouteHandler]:
    @get("/v1/requests")
    async def listed(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request)
        today = _today(interface)
        known = _known(interface, caller).requests.values()
        return json_answer({"requests": [one.to_json(today) for one in known]})

    @post("/v1/requests", status_code=201)
    async def receive(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request)
        written = _read(await object_of(interface, request), _Received, "kind, received")
        fact = RequestReceived(
            tenant=caller.tenant,
            id=secrets.token_hex(8),
            kind=written.kind,
            received=_day(interface, written.received),
        )
        await _state(interface, caller, fact, "request.received")
        return _one(interface, caller, fact.id, 201)

    @post("/v1/requests/{name:str}/extend", status_code=200)
    async def extend(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request)
        fact = RequestExtended(tenant=caller.tenant, id=_name(interface, caller, request))
        await _state(interface, caller, fact, "request.extended")
        return _one(interface, caller, fact.id, 200)

    @post("/v1/requests/{name:str}/close", status_code=200)
    async def close(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request)
        written = _read(await object_of(interface, request), _Closed, "outcome")
        name = _name(interface, caller, request)
        fact = RequestClosed(
            tenant=caller.tenant, id=name, outcome=written.outcome, closed=_today(interface)
        )
        await _state(interface, caller, fact, "request.closed")
        return _one(interface, caller, fact.id, 200)

    return [listed, receive, extend, close]


async def _admin(interface: Interface, request: Asked) -> Caller:
    caller = await caller_of(interface, request)
    caller.need(Scope.ADMIN)
    caller.need_all_courses("compliance is about")
    return caller


def _read(written: dict[str, Any], form: Any, fields: str) -> Any:  # noqa: ANN401 - one of the forms above
    try:
        return msgspec.convert(written, form)
    except msgspec.ValidationError:
        words = {
            _Purposes: f"a need for each purpose ({', '.join(Need)})",
            _Received: f"a kind ({', '.join(RequestKind)}) and, if it was not today, the day received",
            _Closed: f"an outcome ({', '.join(Outcome)})",
        }[form]
        raise ProblemError(
            "bad-request", f"the body must be an object of {fields}: {words}", {"field": fields}
        ) from None


async def _state(interface: Interface, caller: Caller, fact: ComplianceFact, what: str) -> None:
    try:
        interface.serving.control().check(fact)
        named = {} if isinstance(fact, PurposesPut) else {"request": fact.id}
        await interface.write_down(caller, what, named)
        await interface.serving.change(fact, caller.name)
    except ControlError as error:
        unsaid = list(fact.purposes) if isinstance(fact, PurposesPut) else []
        raise ProblemError("conflict", scrubbed(str(error), unsaid, _WORDS)) from None


def _day(interface: Interface, said: date | msgspec.UnsetType) -> str:
    return _today(interface) if isinstance(said, msgspec.UnsetType) else said.isoformat()


def _today(interface: Interface) -> str:
    return datetime.fromtimestamp(interface.now_ms() / 1_000, UTC).date().isoformat()


def _known(interface: Interface, caller: Caller) -> Compliance:
    return interface.serving.control().compliance.get(caller.tenant, Compliance())


def _name(interface: Interface, caller: Caller, request: Asked) -> str:
    name: str = request.path_params["name"]
    if name not in _known(interface, caller).requests:
        raise ProblemError(
            "not-found", "there is no request of this id; GET /v1/requests lists them"
        )
    return name


def _one(interface: Interface, caller: Caller, name: str, status: int) -> Response[bytes]:
    found = _known(interface, caller).requests[name]
    return json_answer(found.to_json(_today(interface)), status)


def _said_purposes(interface: Interface, caller: Caller) -> dict[str, Any]:
    known = interface.serving.control().purposes(caller.tenant)
    return {"purposes": {name: need.value for name, need in known.items()}}
