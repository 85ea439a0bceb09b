"""What every handler does with a request before it knows what it is about: who asks, what the body and the query hold.

Handlers are many and small; the bounds of what they read stand here once. Whatever breaks one is told by the name of
the field and the bound, never by what was sent.
"""

from typing import Any, Final, TypeAlias

import msgspec
from litestar import Request, Response

from homeroom import limits
from homeroom.serve.access import Caller
from homeroom.serve.asking import read_object
from homeroom.serve.intake import read_body
from homeroom.serve.interface import Interface, header
from homeroom.serve.problems import ProblemError

__all__ = [
    "JSON",
    "Asked",
    "after_header",
    "after_of",
    "caller_of",
    "json_answer",
    "object_of",
    "whole_of",
]

JSON: Final = "application/json"
_AFTER: Final = "homeroom-after"
_DIGITS_MAX: Final = 16

Asked: TypeAlias = Request[Any, Any, Any]


async def caller_of(interface: Interface, request: Asked) -> Caller:
    """Return who is asking. Raises `ProblemError`."""
    return await interface.admit(list(request.scope["headers"]))


async def object_of(interface: Interface, request: Asked) -> dict[str, Any]:
    """Return the JSON object that a request carries. Raises `ProblemError`."""
    headers = list(request.scope["headers"])
    written = (header(headers, b"content-type") or "").partition(";")[0].strip().lower()
    if written != JSON or header(headers, b"content-encoding"):
        raise ProblemError(
            "unsupported-type",
            f"Content-Type must be {JSON}, without Content-Encoding",
            {"field": "Content-Type"},
        )
    bounds = (limits.QUESTION_BYTES_MAX, interface.settings.server.body_seconds_max)
    return read_object(await read_body(request.receive, headers, bounds))


def after_header(request: Asked) -> str | None:
    """Return the token that an answer must be after, as the header says."""
    return request.headers.get(_AFTER)


def after_of(request: Asked) -> str | None:
    """Return the token that an answer must be after, as the header or the query says."""
    return after_header(request) or request.query_params.get("after")


def whole_of(request: Asked, field: str, default: int, bounds: tuple[int, int]) -> int:
    """Return a whole number of the query, ``default`` where it has none. Raises `ProblemError` for what is none."""
    text = request.query_params.get(field)
    if text is None:
        return default
    least, most = bounds
    is_whole = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
    if not is_whole or not least <= int(text) <= most:
        raise ProblemError(
            "bad-request",
            f"{field} must be a whole number from {least:,} to {most:,}",
            {"field": field, "bound": most},
        )
    return int(text)


def json_answer(
    content: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    """Return an answer that is JSON."""
    return Response(
        msgspec.json.encode(content), media_type=JSON, status_code=status, headers=headers or {}
    )
