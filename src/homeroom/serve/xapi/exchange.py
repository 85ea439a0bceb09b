"""Requests as they are read, answers as they are sent, and errors as problem documents (RFC 9457).

The record store talks ASGI itself: a statement a request is the common case, and most of what a framework does for a
request would take longer than the request. Bodies are read up to a bound and no further.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from homeroom import limits
from homeroom.errors import RecordError
from homeroom.records.store import Caller, Refusal, Refused
from homeroom.records.versions import Version

__all__ = [
    "Answer",
    "ProblemError",
    "Receive",
    "Request",
    "Scope",
    "Send",
    "answer_json",
    "problem",
    "problem_of",
    "read_body",
    "read_pairs",
    "refused",
]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PARAMETERS_MAX: Final = 100
_encode: Final = msgspec.json.Encoder().encode
_STATUSES: Final = {
    Refusal.INVALID: 400,
    Refusal.FORBIDDEN: 403,
    Refusal.CONFLICT: 409,
    Refusal.PRECONDITION: 412,
    Refusal.TOO_LARGE: 413,
    Refusal.UNAVAILABLE: 503,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request.

    Parameters
    ----------
    method : in capital letters; GET for a HEAD
    pairs : names and values of its parameters, in order
    headers : by name in small letters
    body : whole
    version : that it is made in
    caller : who makes it
    """

    method: str
    pairs: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    version: Version
    caller: Caller


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: status, body, and headers beside those that every answer has."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_headers(self, headers: Mapping[str, str]) -> "Answer":
        """Return the answer with more headers."""
        return replace(self, headers={**self.headers, **headers})


class ProblemError(Exception):
    """A request that cannot be answered, with the answer that says so."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def answer_json(value: object) -> Answer:
    """Return an answer with JSON."""
    return Answer(200, _encode(value), "application/json")


def problem(status: int, rule: str, about: str = "") -> Answer:
    """Return a problem document.

    Parameters
    ----------
    status : of HTTP
    rule : in words: what was broken, and what to do
    about : path of the field or name of the parameter that broke it, empty if it is none of these
    """
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": f"{about} {rule}".strip(),
        **({"field": about} if about else {}),
        "rule": rule,
    }
    return Answer(status, _encode(document), "application/problem+json")


def problem_of(error: RecordError) -> Answer:
    """Return the problem document of a broken rule."""
    rule = f"{error.rule}; {error.remedy}" if error.remedy else error.rule
    return problem(400, rule, error.field)


def refused(why: Refused) -> Answer:
    """Return the problem document of what was not done."""
    return problem(_STATUSES[why.refusal], why.rule, why.field)


async def read_body(headers: Mapping[str, str], receive: Receive) -> bytes:
    """Return the body of a request; raise `ProblemError` where it is too large, compressed, or breaks off."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(problem(415, "must not be compressed", "Content-Encoding"))
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) > limits.RECORD_BODY_BYTES_MAX:
        raise ProblemError(_too_large())
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        _check_whole(message, body)
        return body
    chunks = [body]
    size_bytes = len(body)
    while message.get("more_body"):
        message = await receive()
        chunks.append(message.get("body", b""))
        size_bytes += len(chunks[-1])
        _check_whole(message, b"", size_bytes)
    return b"".join(chunks)


def _check_whole(message: Mapping[str, Any], body: bytes, size_bytes: int = 0) -> None:
    if message["type"] == "http.disconnect":
        raise ProblemError(problem(400, "the body broke off"))
    if max(len(body), size_bytes) > limits.RECORD_BODY_BYTES_MAX:
        raise ProblemError(_too_large())


def _too_large() -> Answer:
    rule = f"the body has more than {limits.RECORD_BODY_BYTES_MAX:,} bytes; send less at a time"
    return problem(413, rule)


def read_pairs(text: bytes) -> list[tuple[str, str]]:
    """Return names and values of a query string or a form; raise `RecordError` where it is none."""
    if not text:
        return []
    try:
        return parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_PARAMETERS_MAX,
        )
    except ValueError:
        raise RecordError(
            "", "the parameters are not names and values in URL encoding of UTF-8"
        ) from None
