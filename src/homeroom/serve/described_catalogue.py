"""The part of the OpenAPI document that is about the catalogue: which ids anybody may read."""

from typing import Any

from homeroom import limits
from homeroom.log.catalogue import IdKind
from homeroom.serve.describing import (
    TOKEN_HEADER,
    WITH_BODY,
    answer,
    body,
    object_of,
    operation,
)

__all__ = ["catalogue_paths"]


def catalogue_paths() -> dict[str, Any]:
    """Return the operations that read and change the catalogue."""
    names = {"type": "array", "items": {"type": "string"}}
    kinds = [kind.value for kind in IdKind]
    whole = object_of(kinds, **dict.fromkeys(kinds, names))
    given = {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": limits.TEXT_BYTES_MAX},
        "minItems": 1,
        "maxItems": limits.CATALOGUE_NAMES_MAX,
    }
    wanted = {
        "type": "object",
        "required": ["kind", "names"],
        "additionalProperties": False,
        "properties": {"kind": {"type": "string", "enum": kinds}, "names": given},
    }

    def change(name: str, about: str) -> dict[str, Any]:
        said = {"200": answer("the catalogue after it", whole, TOKEN_HEADER)}
        problems = (*WITH_BODY, "conflict")
        return {"post": operation(name, about, problems, said, requestBody=body(wanted))}

    listed = {"200": answer("what is registered, by kind", whole)}
    return {
        "/v1/catalogue": {
            "get": operation("getCatalogue", "Read which ids anybody may read", (), listed)
        },
        "/v1/catalogue/register": change(
            "registerIds",
            "Let anybody read ids, or a door keep attributes; a * at the end is a prefix",
        ),
        "/v1/catalogue/withdraw": change("withdrawIds", "Register ids no longer"),
    }
