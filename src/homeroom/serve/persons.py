"""The rights of persons over HTTP: a copy of all that is kept, consent by purpose, restriction.

Whoever asks may name an account, and no answer, error, address or audit record has it: they have the pseudonym. A copy
is made and sent, and no cache on the way may keep it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from homeroom.errors import ControlError, InputError, RightsError
from homeroom.log.compliance import Reason
from homeroom.log.consents import EVERYTHING, Says
from homeroom.log.control import Scope
from homeroom.serve.access import Caller
from homeroom.serve.erasing import learner_of
from homeroom.serve.interface import Interface
from homeroom.serve.problems import ProblemError, scrubbed
from homeroom.serve.requests import Asked, caller_of, json_answer, object_of

__all__ = ["person_routes"]

_ZIP: Final = "application/zip"
_OURS: Final = ("account", "id", "issuer", "event", "events", "learner", "void", "reason")
_SAYS: Final = {says.value for says in Says}


def person_routes(interface: Interface) -> list[HTTPRouteHandler]:
    """Return the routes of rights of persons."""
    persons = interface.serving.persons

    @post("/v1/access", status_code=200)
    async def access(request: Asked) -> Response[bytes]:
        caller = await _with_data(interface, request)
        key = _key(interface, caller, await object_of(interface, request), {"learner"})
        await interface.write_down(caller, "person.access", {"learner": f"{key:032x}"})
        try:
            archive = await persons.archive(caller.tenant, key)
        except RightsError as error:
            raise ProblemError("conflict", str(error)) from None
        headers = {"Content-Disposition": 'attachment; filename="your-data.zip"'}
        return Response(archive, media_type=_ZIP, status_code=200, headers=headers)

    @get("/v1/learners/{pseudonym:str}/consents")
    async def consents(request: Asked) -> Response[bytes]:
        caller = _may(await caller_of(interface, request))
        key = _key(interface, caller, {"learner": request.path_params["pseudonym"]}, {"learner"})
        await interface.write_down(caller, "person.said", {"learner": f"{key:032x}"})
        return json_answer(persons.consents(caller.tenant, key))

    @post("/v1/consents", status_code=200)
    async def say(request: Asked) -> Response[bytes]:
        caller = await _with_data(interface, request)
        written = await object_of(interface, request)
        key = _key(interface, caller, written, {"learner", "purpose", "says"})
        purpose, says = _what(written)
        about = {"learner": f"{key:032x}", "purpose": purpose or None, "says": says.value}
        try:
            interface_control = interface.serving.control()
            known = interface_control.purposes(caller.tenant)
            if purpose != EVERYTHING and purpose not in known:
                raise _bad(
                    "purpose", f"there is no such purpose; there are: {', '.join(sorted(known))}"
                )
            await interface.write_down(caller, "person.say", about)
            await persons.say(caller.tenant, key, purpose, says)
        except InputError as error:
            raise _bad("says", scrubbed(str(error), purpose, [*_SAYS, *known])) from None
        except ControlError as error:
            raise ProblemError("conflict", str(error)) from None
        return json_answer(persons.consents(caller.tenant, key))

    return [access, consents, say, _rectification(interface)]


def _rectification(interface: Interface) -> HTTPRouteHandler:
    persons = interface.serving.persons

    @post("/v1/rectifications", status_code=200)
    async def rectify(request: Asked) -> Response[bytes]:
        caller = await _with_data(interface, request)
        caller.need(Scope.WRITE)
        fields = {"learner", "void", "events", "reason"}
        written = await object_of(interface, request)
        key = _key(interface, caller, written, fields)
        whose = learner_of(written["learner"])
        if isinstance(whose, str):
            raise _bad("learner", "learner must have issuer and account: events are sent under it")
        void, events, reason = _put_right(written)
        about = {"learner": f"{key:032x}", "voided": len(void), "sent": len(events)}
        await interface.write_down(caller, "person.rectify", {**about, "reason": reason.value})
        try:
            return json_answer(await persons.rectify(caller.tenant, whose, void, events))
        except InputError as error:
            raise _bad("events", scrubbed(str(error), [written], _OURS)) from None
        except ControlError as error:
            raise ProblemError("conflict", str(error)) from None

    return rectify


def _put_right(
    written: Mapping[str, Any],
) -> tuple[Sequence[str], Sequence[Mapping[str, Any]], Reason]:
    """Return which ids are voided, what takes their place, and why. Raises `ProblemError`."""
    void, events, reason = written.get("void", []), written.get("events", []), written.get("reason")
    if not isinstance(reason, str) or reason not in set(Reason):
        raise _bad("reason", f"reason must be one of {', '.join(Reason)}")
    if not isinstance(void, list) or not all(isinstance(one, str) for one in void):
        raise _bad("void", "void must be a list of ids of events")
    if not isinstance(events, list) or not all(isinstance(one, dict) for one in events):
        raise _bad("events", "events must be a list of objects, as /v1/events takes them")
    return void, events, Reason(reason)


async def _with_data(interface: Interface, request: Asked) -> Caller:
    """Return who asks with a body about persons, which this node may take."""
    return _may(await interface.admit_data(list(request.scope["headers"])))


def _may(caller: Caller) -> Caller:
    caller.need(Scope.PERSONS)
    if caller.is_limited:
        raise ProblemError(
            "not-allowed",
            "a person's rights are about all course runs, and this key sees only some",
        )
    return caller


def _key(interface: Interface, caller: Caller, written: Mapping[str, Any], fields: set[str]) -> int:
    """Return the raw key of whom a request names. Raises `ProblemError`, which holds nothing of them."""
    if not set(written) <= fields or "learner" not in written:
        raise _bad("learner", f"the body must be an object of {', '.join(sorted(fields))} alone")
    try:
        return interface.serving.persons.raw_key(caller.tenant, learner_of(written["learner"]))
    except (InputError, ProblemError):
        raise _bad(
            "learner",
            "learner must be a pseudonym (32 hexadecimal digits), or an object with issuer and account",
        ) from None


def _what(written: Mapping[str, Any]) -> tuple[str, Says]:
    purpose, says = written.get("purpose"), written.get("says")
    if not isinstance(says, str) or says not in _SAYS:
        raise _bad("says", f"says must be one of {', '.join(sorted(_SAYS))}")
    if purpose is not None and (not isinstance(purpose, str) or not purpose):
        raise _bad(
            "purpose", "purpose must be the name of a purpose, or left out for a restriction"
        )
    return purpose or EVERYTHING, Says(says)


def _bad(field: str, detail: str) -> ProblemError:
    return ProblemError("bad-request", detail, {"field": field})
