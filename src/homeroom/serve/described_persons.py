"""The rights of persons and compliance in the OpenAPI document."""

from typing import Any

from homeroom import limits
from homeroom.log.compliance import Outcome, Reason, RequestKind
from homeroom.log.consents import Need, Says
from homeroom.serve.describing import (
    WITH_BODY,
    answer,
    body,
    in_path,
    named,
    object_of,
    operation,
)

__all__ = ["person_paths", "person_schemas"]

_TEXT: dict[str, Any] = {"type": "string"}
_DAY: dict[str, Any] = {"type": "string", "format": "date"}
_INSTANT: dict[str, Any] = {"type": "string", "format": "date-time"}


def person_paths() -> dict[str, Any]:
    """Return the operations by path."""
    archive = {
        "description": "all that is kept of the person: a ZIP file with an index",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        "headers": {"Content-Disposition": {"schema": _TEXT, "description": "a name for the file"}},
    }
    said = {"200": answer("what was said, and what may be done by it", named("Consents"))}
    pseudonym = in_path("pseudonym", "of the person", minLength=1, maxLength=64)
    return {
        "/v1/access": {
            "post": operation(
                "accessPerson",
                "Get a copy of all that is kept of a person",
                (*WITH_BODY, "conflict", "elsewhere"),
                {"200": archive},
                requestBody=body(named("PersonNamed")),
            )
        },
        "/v1/consents": {
            "post": operation(
                "stateConsent",
                "State a consent for a purpose, or without one a restriction of processing",
                (*WITH_BODY, "conflict", "elsewhere"),
                said,
                requestBody=body(named("ConsentStated")),
            )
        },
        "/v1/rectifications": {
            "post": operation(
                "rectifyPerson",
                "Void events of a person, and have others take their place",
                (*WITH_BODY, "conflict", "elsewhere"),
                {"200": answer("how many", named("Rectified"))},
                requestBody=body(named("Rectifying")),
            )
        },
        "/v1/learners/{pseudonym}/consents": {
            "parameters": [pseudonym],
            "get": operation("listConsents", "Read what a person has said", ("bad-request",), said),
        },
        **_compliance_paths(),
    }


def _compliance_paths() -> dict[str, Any]:
    purposes = {"200": answer("what each purpose needs", named("Purposes"))}
    one = {"200": answer("the request", named("PersonRequest"))}
    every = object_of(("requests",), requests={"type": "array", "items": named("PersonRequest")})
    name = in_path("name", "the id of the request", minLength=1, maxLength=64)
    closed = object_of(("outcome",), outcome={"enum": [outcome.value for outcome in Outcome]})
    received = object_of(
        ("kind",), kind={"enum": [kind.value for kind in RequestKind]}, received=_DAY
    )
    for form in (closed, received):
        form["additionalProperties"] = False
    return {
        "/v1/compliance": {
            "get": operation(
                "getCompliance",
                "Read what is kept where, for how long, and which requests are open",
                ("conflict",),
                {"200": answer("the report", named("ComplianceReport"))},
            )
        },
        "/v1/purposes": {
            "get": operation("getPurposes", "Read the purposes", (), purposes),
            "put": operation(
                "putPurposes",
                "Say which purposes there are, and whether each needs consent",
                (*WITH_BODY, "conflict"),
                purposes,
                requestBody=body(named("Purposes")),
            ),
        },
        "/v1/requests": {
            "get": operation(
                "listRequests", "List requests of persons", (), {"200": answer("all", every)}
            ),
            "post": operation(
                "receiveRequest",
                "Note that a person has asked for something; it names nobody",
                (*WITH_BODY, "conflict"),
                {"201": answer("the request", named("PersonRequest"))},
                requestBody=body(received),
            ),
        },
        "/v1/requests/{name}/extend": {
            "parameters": [name],
            "post": operation(
                "extendRequest", "Give a request two months more", ("not-found", "conflict"), one
            ),
        },
        "/v1/requests/{name}/close": {
            "parameters": [name],
            "post": operation(
                "closeRequest",
                "Say what came of a request",
                (*WITH_BODY, "not-found", "conflict"),
                one,
                requestBody=body(closed),
            ),
        },
    }


def person_schemas() -> dict[str, Any]:
    """Return the schemas by name."""
    pseudonym = {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"}
    account = object_of(("account",), issuer=_TEXT, account={"type": "string", "minLength": 1})
    account["additionalProperties"] = False
    learner = {"anyOf": [pseudonym, account]}
    purpose = {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,39}$"}
    says = {"enum": [one.value for one in Says]}
    asked = object_of(("learner",), learner=learner)
    stated = object_of(("learner", "says"), learner=learner, purpose=purpose, says=says)
    needs = {
        "type": "object",
        "propertyNames": purpose,
        "additionalProperties": {"enum": [need.value for need in Need]},
        "maxProperties": limits.SUPERSEDED_MAX,
    }
    purposes = object_of(("purposes",), purposes=needs)
    rectifying = object_of(
        ("learner", "reason"),
        learner=account,
        void={
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "maxItems": limits.SUPERSEDED_MAX,
        },
        events={
            "type": "array",
            "items": {"type": "object"},
            "maxItems": limits.SUPERSEDED_MAX,
        },
        reason={"enum": [reason.value for reason in Reason]},
    )
    count = {"type": "integer"}
    for form in (asked, stated, purposes, rectifying):
        form["additionalProperties"] = False
    flags = {"type": "object", "additionalProperties": {"type": "boolean"}}
    return {
        "PersonNamed": asked,
        "ConsentStated": stated,
        "Purposes": purposes,
        "Rectifying": rectifying,
        "Rectified": object_of(("voided", "sent"), voided=count, sent=count),
        "Consents": object_of(
            ("learner", "allowed", "withheld", "stated"),
            learner=_TEXT,
            allowed=flags,
            withheld={"type": "boolean"},
            stated={"type": "array", "items": _fact(says)},
        ),
        "PersonRequest": object_of(
            ("id", "kind", "received", "due", "extended", "state", "closed", "is_overdue"),
            id=_TEXT,
            kind={"enum": [kind.value for kind in RequestKind]},
            received=_DAY,
            due=_DAY,
            extended={"type": "boolean"},
            state={"enum": ["open", *(outcome.value for outcome in Outcome)]},
            closed={**_DAY, "type": ["string", "null"]},
            is_overdue={"type": "boolean"},
        ),
        "ComplianceReport": _report(),
    }


def _fact(says: dict[str, Any]) -> dict[str, Any]:
    return object_of(
        ("id", "learner", "purpose", "says", "at", "stands"),
        id=_TEXT,
        learner=_TEXT,
        purpose={"type": ["string", "null"]},
        says=says,
        at=_INSTANT,
        stands={"type": "boolean"},
    )


def _report() -> dict[str, Any]:
    rows = {"type": "array", "items": {"type": "object"}}
    names = {
        "at": _INSTANT,
        "tenant": _TEXT,
        "residency": {"type": "object"},
        "statement": _TEXT,
        "jurisdictions": rows,
        "transfers": rows,
        "retention": rows,
        "persons": {"type": "object", "additionalProperties": {"type": "integer"}},
        "purposes": {"type": "object"},
        "requests": {"type": "array", "items": named("PersonRequest")},
        "erasures": rows,
    }
    return object_of(tuple(names), **names)
