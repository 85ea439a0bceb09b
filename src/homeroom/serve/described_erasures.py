"""Erasures in the OpenAPI document."""

from typing import Any

from homeroom import limits
from homeroom.log.certificates import Place
from homeroom.serve.describing import (
    TOKEN_HEADER,
    WITH_BODY,
    answer,
    body,
    in_path,
    named,
    object_of,
    operation,
)

__all__ = ["erasure_paths", "erasure_schemas"]


def erasure_paths() -> dict[str, Any]:
    """Return the operations by path."""
    every = object_of(("erasures",), erasures={"type": "array", "items": named("Certificate")})
    made = answer(
        "it counts; where something is left, and what that waits for", named("Certificate")
    )
    made["headers"] = {
        "Location": {"schema": {"type": "string"}, "description": "of the certificate"}
    }
    return {
        "/v1/erasures": {
            "get": operation(
                "listErasures", "List erasures", ("not-allowed",), {"200": answer("all", every)}
            ),
            "post": operation(
                "erase",
                "Erase people for ever, with all accounts that are merged with theirs",
                (*WITH_BODY, "not-allowed", "conflict", "unavailable"),
                {"202": made},
                requestBody=body(named("Erasing")),
            ),
        },
        "/v1/erasures/{name}": {
            "parameters": [in_path("name", "of the erasure", minLength=1, maxLength=64)],
            "get": operation(
                "getErasure",
                "Read a certificate: a line for each place, open until nothing is left there",
                ("not-allowed", "not-found"),
                {"200": answer("the certificate", named("Certificate"))},
            ),
        },
        "/v1/erasures/{name}/readmit": {
            "parameters": [in_path("name", "of the erasure", minLength=1, maxLength=64)],
            "post": operation(
                "readmit",
                "Let those who were erased come again from now on, as new people",
                ("not-allowed", "not-found"),
                {"204": {"description": "they may", "headers": TOKEN_HEADER}},
            ),
        },
    }


def erasure_schemas() -> dict[str, Any]:
    """Return the schemas by name."""
    text, instant = {"type": "string"}, {"type": "string", "format": "date-time"}
    pseudonym = {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"}
    account = object_of(("account",), issuer=text, account={"type": "string", "minLength": 1})
    account["additionalProperties"] = False
    learners = {
        "type": "array",
        "items": {"anyOf": [pseudonym, account]},
        "minItems": 1,
        "maxItems": limits.ERASED_KEYS_MAX,
    }
    asked = object_of(("learners",), learners=learners)
    asked["additionalProperties"] = False
    line = object_of(
        ("place", "done", "note"),
        place={"enum": [place.value for place in Place]},
        done={**instant, "type": ["string", "null"]},
        note=text,
    )
    members: dict[str, Any] = {
        "id": text,
        "tenant": text,
        "node": text,
        "at": instant,
        "due": instant,
        "complete": {"type": "boolean"},
        "learners": {"type": "array", "items": text},
        "places": {"type": "array", "items": line},
    }
    return {"Erasing": asked, "Certificate": object_of(tuple(members), **members)}
