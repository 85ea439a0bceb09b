"""Requests as they are read, answers as they are sent, and errors as problem documents (RFC 9457).

The record store talks ASGI itself: a statement a request is the common case, and most of what a framework does for a
request would take longer than the request. Bodies are read up to a bound and no further.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from homeroom import limits
from homeroom.errors import RecordError
from homeroom.records.store import LOCAL, Accepted, Caller, Holding, Refusal, Refused
from homeroom.records.versions import Version
from homeroom.serve.acknowledging import LEVELS, not_held
from homeroom.serve.problems import PROBLEM_TYPE, ProblemError
from homeroom.serve.whole import Whole

__all__ = [
    "Answer",
    "Receive",
    "Request",
    "Scope",
    "Send",
    "answer_json",
    "answer_of",
    "problem",
    "problem_of",
    "read_body",
    "read_pairs",
    "refused",
    "written",
]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PARAMETERS_MAX: Final = 100
_encode: Final = msgspec.json.Encoder().encode
_NAMES: Final = {
    Refusal.INVALID: "bad-request",
    Refusal.FORBIDDEN: "not-allowed",
    Refusal.CONFLICT: "conflict",
    Refusal.PRECONDITION: "precondition-failed",
    Refusal.TOO_LARGE: "too-large",
    Refusal.UNAVAILABLE: "unavailable",
    Refusal.UNATTAINABLE: "bad-request",
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
    holding : how far what it writes must have come
    """

    method: str
    pairs: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    version: Version
    caller: Caller
    holding: Holding = LOCAL


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


def answer_json(value: object) -> Answer:
    """Return an answer with JSON."""
    return Answer(200, _encode(value), "application/json")


def problem(name: str, rule: str, about: str = "") -> ProblemError:
    """Return an error that ends a request.

    Parameters
    ----------
    name : one of `homeroom.serve.problems.PROBLEMS`
    rule : in words: what was broken, and what to do
    about : path of the field or name of the parameter that broke it, empty if it is none of these
    """
    extra = {"field": about} if about else {}
    return ProblemError(name, f"{about} {rule}".strip(), {**extra, "rule": rule})


def problem_of(error: RecordError) -> ProblemError:
    """Return the error that a broken rule ends a request with."""
    rule = f"{error.rule}; {error.remedy}" if error.remedy else error.rule
    return problem("bad-request", rule, error.field)


def answer_of(error: ProblemError) -> Answer:
    """Return the problem document of an error."""
    return Answer(error.status, error.document(), PROBLEM_TYPE, error.headers)


def refused(why: Refused) -> Answer:
    """Return the problem document of what was not done."""
    return answer_of(problem(_NAMES[why.refusal], why.rule, why.field))


def written(outcome: Accepted | Refused, answer: Answer) -> Answer:
    """Return what is answered to a request that writes; ``answer`` where it has come as far as it was to."""
    if isinstance(outcome, Refused):
        return refused(outcome)
    if outcome.lacks:
        return answer_of(not_held(None, LEVELS[outcome.held], LEVELS[outcome.lacks]))
    return answer.with_headers({"Homeroom-Held": outcome.held})


async def read_body(headers: Mapping[str, str], receive: Receive, seconds_max: float) -> bytes:
    """Return the body of a request.

    Raises `ProblemError` where it is too large, compressed, breaks off, or does not come in time.
    """
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise problem("unsupported-type", "must not be compressed", "Content-Encoding")
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) > limits.RECORD_BODY_BYTES_MAX:
        raise _too_large()
    if isinstance(receive, Whole):
        if len(receive.body) > limits.RECORD_BODY_BYTES_MAX:
            raise _too_large()
        return receive.body
    try:
        async with asyncio.timeout(seconds_max):
            return await _whole_body(receive)
    except TimeoutError:
        rule = f"the body did not come within {seconds_max:g} seconds; send it again"
        raise problem("too-slow", rule) from None


async def _whole_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise problem("bad-request", "the body broke off")
        chunks.append(message.get("body", b""))
        size_bytes += len(chunks[-1])
        if size_bytes > limits.RECORD_BODY_BYTES_MAX:
            raise _too_large()
        if not message.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large() -> ProblemError:
    rule = f"the body has more than {limits.RECORD_BODY_BYTES_MAX:,} bytes; send less at a time"
    return problem("too-large", rule)


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
