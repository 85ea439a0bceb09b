"""Erasures over HTTP: asked for, and followed until nothing is left.

Whoever asks names people as they are known outside, and the answer has raw keys alone: an account is in no answer, no
error, no address and no audit record.
"""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from homeroom import limits
from homeroom.errors import ControlError, ErasureError, InputError
from homeroom.log.control import Scope
from homeroom.log.erasures import Learner
from homeroom.serve.access import Caller
from homeroom.serve.interface import Interface
from homeroom.serve.problems import ProblemError
from homeroom.serve.requests import Asked, caller_of, json_answer, object_of

__all__ = ["erasure_routes", "learner_of"]

_FIELDS: Final = {"learners"}


def erasure_routes(interface: Interface) -> list[HTTPRouteHandler]:
    """Return the routes of erasures."""
    erasures = interface.serving.erasures

    @post("/v1/erasures", status_code=202)
    async def erase(request: Asked) -> Response[bytes]:
        caller = _may(await caller_of(interface, request))
        learners = _learners(await object_of(interface, request))
        try:
            keys = erasures.raw_keys(caller.tenant, learners)
            await interface.write_down(caller, "erasure", {"learners": len(keys)})
            made = await erasures.erase(caller.tenant, keys, caller.name)
        except InputError:
            raise _not_learners() from None
        except ControlError as error:
            raise ProblemError("conflict", str(error)) from None
        except ErasureError:
            raise ProblemError(
                "unavailable",
                "the register of erasures cannot be written; the node's health page says what is wrong",
                headers={"Retry-After": "5"},
            ) from None
        return json_answer(made.to_json(), 202, {"Location": f"/v1/erasures/{made.name}"})

    @get("/v1/erasures")
    async def listed(request: Asked) -> Response[bytes]:
        caller = _may(await caller_of(interface, request))
        return json_answer(
            {"erasures": [one.to_json() for one in erasures.certificates(caller.tenant)]}
        )

    @get("/v1/erasures/{name:str}")
    async def one(request: Asked) -> Response[bytes]:
        caller = _may(await caller_of(interface, request))
        name: str = request.path_params["name"]
        try:
            return json_answer(erasures.find(caller.tenant, name).to_json())
        except ControlError:
            raise _not_found() from None

    return [erase, listed, one, _readmission(interface)]


def _readmission(interface: Interface) -> HTTPRouteHandler:
    erasures = interface.serving.erasures

    @post("/v1/erasures/{name:str}/readmit", status_code=204)
    async def readmit(request: Asked) -> Response[None]:
        caller = _may(await caller_of(interface, request))
        name: str = request.path_params["name"]
        try:
            fact = erasures.readmission(caller.tenant, name)
        except ControlError:
            raise _not_found() from None
        await interface.write_down(caller, "readmission", {"erasure": name})
        token = await interface.serving.change(fact, caller.name)
        return Response(None, status_code=204, headers={"Homeroom-Token": str(token)})

    return readmit


def _may(caller: Caller) -> Caller:
    caller.need(Scope.ADMIN)
    if caller.is_limited:
        raise ProblemError(
            "not-allowed", "an erasure is about all course runs, and this key sees only some"
        )
    return caller


def _learners(written: Mapping[str, Any]) -> list[Learner]:
    """Return whom a request names. Raises `ProblemError`, which holds nothing of them."""
    learners = written.get("learners")
    if set(written) != _FIELDS or not isinstance(learners, list):
        raise _not_learners()
    if not 1 <= len(learners) <= limits.ERASED_KEYS_MAX:
        raise ProblemError(
            "bad-request",
            f"learners has {len(learners):,} items; from 1 to {limits.ERASED_KEYS_MAX:,} are allowed",
            {"field": "learners"},
        )
    return list(map(learner_of, learners))


def learner_of(written: object) -> Learner:
    """Return whom a request names. Raises `ProblemError`, which holds nothing of them."""
    if isinstance(written, str):
        return written
    if isinstance(written, dict) and set(written) <= {"issuer", "account"}:
        issuer, account = written.get("issuer", ""), written.get("account")
        if isinstance(issuer, str) and isinstance(account, str):
            return issuer, account
    raise _not_learners()


def _not_found() -> ProblemError:
    return ProblemError(
        "not-found", "there is no erasure of this name; GET /v1/erasures lists them"
    )


def _not_learners() -> ProblemError:
    return ProblemError(
        "bad-request",
        "the body must be an object with learners alone: a list of pseudonyms (32 hexadecimal digits), or of objects "
        "with issuer and account",
        {"field": "learners"},
    )
