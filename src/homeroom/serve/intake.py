"""``POST /v1/events``: the door that all events come through, and the one that must be quick.

It is plain ASGI: thousands of requests a second come through here, and most of what a framework does for a request is
of no use to a body that is handed on as bytes. Nothing is decoded here but the body's encoding; batches that are
written together are decoded together, behind the log (`homeroom.events.sent`).

What a client hears is durable. What it hears nothing of may be: it sends the batch again under the same id, and gets
the answer that it missed.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from homeroom import limits
from homeroom.adapters.bodies import ENCODINGS, BodyTooLargeError, decompressed
from homeroom.errors import InputError
from homeroom.events.sent import Form, SentBatch, count_events
from homeroom.log.control import Scope
from homeroom.log.log import Accepted, Refusal, Refused
from homeroom.regions.steps import Level
from homeroom.serve.acknowledging import not_held, wanted_level
from homeroom.serve.interface import KNOWN_CALLER, Headers, Interface, header, problem_of
from homeroom.serve.problems import PROBLEM_TYPE, ProblemError
from homeroom.serve.tokens import stamp_after
from homeroom.serve.whole import Whole

__all__ = ["FORMS", "Intake", "read_body"]

FORMS: Final[Mapping[str, Form]] = {
    "application/x-ndjson": Form.NDJSON,
    "application/ndjson": Form.NDJSON,
    "application/json": Form.JSON,
    "application/vnd.apache.arrow.stream": Form.ARROW,
}
"""By content type how the events of a body are written."""
_SLOW_BYTES: Final = 1 << 18
"""A body of this size is unpacked and looked at in a thread, so that nobody waits behind it."""
_JSON: Final = (b"content-type", b"application/json")

_REFUSALS: Final[Mapping[Refusal, tuple[str, str | None]]] = {
    Refusal.CONFLICT: ("conflict", None),
    Refusal.TOO_LARGE: ("too-large", None),
    Refusal.BUSY: ("unavailable", "1"),
    Refusal.DRAINING: ("unavailable", "5"),
    Refusal.UNAVAILABLE: ("unavailable", "5"),
    Refusal.UNATTAINABLE: ("bad-request", None),
}
"""By why the log refused a batch: the problem, and after how many seconds the client may come again."""


class _Told(msgspec.Struct):
    """What of an answer decides how it is given."""

    accepted: int
    refused: list[msgspec.Raw]
    refused_more: int = 0


_read_told: Final = msgspec.json.Decoder(_Told).decode


async def read_body(receive: Any, headers: Headers, bounds: tuple[int, float]) -> bytes:  # noqa: ANN401 - ASGI
    """Return the body of a request as it came.

    ``bounds`` are its bytes and the seconds that it may take. Raises `ProblemError` if it is over one of them, or the
    client has gone.
    """
    size_bytes_max, seconds_max = bounds
    length = header(headers, b"content-length")
    if length is not None and length.isdigit() and int(length) > size_bytes_max:
        raise _too_large(size_bytes_max)
    if isinstance(receive, Whole):
        return _within(receive.body, size_bytes_max)
    try:
        async with asyncio.timeout(seconds_max):
            message = await receive()
            body: bytes = message.get("body", b"")
            if not message.get("more_body", False) and message["type"] == "http.request":
                return _within(body, size_bytes_max)
            pieces = [body]
            size_bytes = len(body)
            while message.get("more_body", False):
                message = await receive()
                pieces.append(message.get("body", b""))
                size_bytes += len(pieces[-1])
                if size_bytes > size_bytes_max:
                    raise _too_large(size_bytes_max)
    except TimeoutError:
        raise ProblemError(
            "too-slow",
            f"the body did not come within {seconds_max:g} seconds",
            {"bound": "server.body_seconds_max"},
            {"Connection": "close"},
        ) from None
    if message["type"] != "http.request":
        raise ProblemError("bad-request", "the client went away before the body had come")
    return _within(b"".join(pieces), size_bytes_max)


def _within(body: bytes, size_bytes_max: int) -> bytes:
    if len(body) > size_bytes_max:
        raise _too_large(size_bytes_max)
    return body


def _too_large(size_bytes_max: int) -> ProblemError:
    return ProblemError(
        "too-large",
        f"the body has more than {size_bytes_max:,} bytes; send smaller batches",
        {"bound": "limits.body_bytes_max"},
    )


class Intake:
    """Takes batches of events, as an ASGI application."""

    def __init__(self, interface: Interface) -> None:
        self._interface = interface

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer one request."""
        try:
            status, headers, body = await self._taken(scope, receive)
        except Exception as error:  # noqa: BLE001 - every error is an answer
            problem = problem_of(error)
            self._interface.metrics.batch(problem.name)
            status, body = problem.status, problem.document()
            headers = [(b"content-type", PROBLEM_TYPE.encode())]
            headers += [(k.lower().encode(), v.encode()) for k, v in problem.headers.items()]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _taken(self, scope: Any, receive: Any) -> tuple[int, Headers, bytes]:  # noqa: ANN401 - ASGI
        if scope["method"] != "POST":
            raise ProblemError(
                "method-not-allowed", "events are sent with POST", headers={"Allow": "POST"}
            )
        headers: Headers = scope["headers"]
        interface = self._interface
        caller = await interface.admit_data(headers, scope.get(KNOWN_CALLER))
        caller.need(Scope.WRITE)
        form, encoding = _form(headers)
        batch_id = _batch_id(headers)
        level = wanted_level(interface, headers, scope["query_string"])
        settings = interface.settings
        bounds = (settings.limits.body_bytes_max, settings.server.body_seconds_max)
        sent = await read_body(receive, headers, bounds)
        interface.metrics.body(len(sent))
        looked_at = (sent, form, encoding, batch_id, settings.limits.body_bytes_max)
        # What is packed small may be large; what is small and plain is not worth a thread.
        is_small = encoding is None and form is not Form.ARROW and len(sent) < _SLOW_BYTES
        batch, events = (
            _looked_at(*looked_at) if is_small else await asyncio.to_thread(_looked_at, *looked_at)
        )
        interface.admit_events(caller, events)
        if (after := header(headers, b"homeroom-after")) is not None:
            interface.serving.stamp_after(stamp_after(after))
        if level is Level.LOCAL:
            outcome = await interface.serving.offer(caller.tenant, caller.owner, batch)
            return self._accepted(_taken(outcome))
        outcome, reached = await interface.serving.offer_held(
            caller.tenant, caller.owner, batch, level
        )
        status, told, body = self._accepted(_taken(outcome))
        if reached < level:
            raise not_held(_taken(outcome).token, reached, level)
        return status, [*told, (b"homeroom-held", reached.name.lower().encode())], body

    def _accepted(self, outcome: Accepted) -> tuple[int, Headers, bytes]:
        told = _read_told(outcome.answer)
        refused = len(told.refused) + told.refused_more
        metrics = self._interface.metrics
        headers: Headers = [_JSON]
        if outcome.is_repeat:
            metrics.batch("repeat")
            headers.append((b"idempotent-replayed", b"true"))
        else:
            metrics.batch("accepted", told.accepted, refused)
        if refused and not told.accepted:
            raise ProblemError(
                "nothing-accepted",
                "every event of the batch was refused; refused says why",
                {"accepted": 0, "refused": told.refused, "refused_more": told.refused_more},
            )
        token = b"null"
        if outcome.token is not None:
            text = str(outcome.token).encode()
            headers.append((b"homeroom-token", text))
            token = b'"' + text + b'"'
        return 200, headers, outcome.answer[:-1] + b',"token":' + token + b"}"


def _form(headers: Headers) -> tuple[Form, str | None]:
    """Return how the events are written, and how the body is encoded."""
    written = header(headers, b"content-type") or ""
    form = FORMS.get(written.partition(";")[0].strip().lower())
    if form is None:
        raise ProblemError(
            "unsupported-type",
            f"Content-Type must be one of {', '.join(FORMS)}",
            {"field": "Content-Type"},
        )
    encoding = (header(headers, b"content-encoding") or "identity").lower()
    if encoding == "identity":
        return form, None
    if encoding not in ENCODINGS:
        raise ProblemError(
            "unsupported-type",
            f"Content-Encoding must be one of {', '.join(ENCODINGS)}, or be left out",
            {"field": "Content-Encoding"},
            {"Accept-Encoding": ", ".join(ENCODINGS)},
        )
    return form, encoding


def _batch_id(headers: Headers) -> str | None:
    text = header(headers, b"idempotency-key")
    if text is None:
        if any(name == b"idempotency-key" for name, _ in headers):
            raise ProblemError(
                "bad-request", "Idempotency-Key is given twice", {"field": "Idempotency-Key"}
            )
        return None
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    is_plain = text.isascii() and text.isprintable()
    if not is_plain or not 0 < len(text) <= limits.BATCH_ID_CHARACTERS_MAX:
        raise ProblemError(
            "bad-request",
            f"Idempotency-Key must have from 1 to {limits.BATCH_ID_CHARACTERS_MAX} printable ASCII characters",
            {"field": "Idempotency-Key"},
        )
    return text


def _looked_at(
    sent: bytes, form: Form, encoding: str | None, batch_id: str | None, size_bytes_max: int
) -> tuple[SentBatch, int]:
    """Return the batch, and at most how many events it has."""
    try:
        body = sent if encoding is None else decompressed(sent, encoding, size_bytes_max)
        digest = hashlib.sha256(body).digest()
        batch = SentBatch(batch_id=batch_id, body=body, form=form, digest=digest)
        events = count_events(batch)
    except BodyTooLargeError as error:
        raise ProblemError("too-large", str(error), {"bound": "limits.body_bytes_max"}) from None
    except InputError as error:
        raise ProblemError("bad-request", str(error)) from None
    if events > limits.SENT_EVENTS_MAX:
        raise ProblemError(
            "too-large",
            f"the batch has {events:,} events, at most {limits.SENT_EVENTS_MAX:,} are taken at once; send smaller ones",
            {"bound": "SENT_EVENTS_MAX"},
        )
    return batch, events


def _taken(outcome: Accepted | Refused) -> Accepted:
    """Return what was taken. Raises `ProblemError` if it was not."""
    if isinstance(outcome, Refused):
        raise _refused(outcome)
    return outcome


def _refused(outcome: Refused) -> ProblemError:
    name, after_s = _REFUSALS[outcome.refusal]
    headers = {} if after_s is None else {"Retry-After": after_s}
    detail = outcome.why
    if outcome.refusal is Refusal.CONFLICT:
        detail = "another batch was sent under this Idempotency-Key; a new batch needs a new one"
    return ProblemError(name, detail, {"refusal": outcome.refusal.value}, headers)
