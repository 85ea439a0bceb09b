"""What is asked of a node, as requests, and what its answers mean: bytes in, bytes out, no socket.

An answer that is none of a node's (a proxy's page, half a document) is told apart from one that says no: the first is
nobody's fault and says nothing of the events. What a node says of a problem is repeated, up to a bound and without what
could steer a terminal; what was sent, and the key, never are.
"""

import gzip
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from homeroom import limits
from homeroom.client.measures import Kind
from homeroom.client.retrying import ELSEWHERE, Answered
from homeroom.client.wanted import Wanted
from homeroom.errors import (
    ConflictError,
    InputError,
    KeyRefusedError,
    NodeError,
    QuestionError,
    RequestRefusedError,
    UnavailableError,
)

__all__ = [
    "ACKS",
    "Definition",
    "LeftOut",
    "LiveAnswer",
    "Receipt",
    "Refusal",
    "Reply",
    "Request",
    "answer_of",
    "answered",
    "batch_request",
    "check_deleted",
    "definition_of",
    "definition_request",
    "definitions_of",
    "document_of",
    "event_lines",
    "explain_request",
    "given_up",
    "good",
    "headers_after",
    "later",
    "query_request",
    "receipt_of",
    "retry_after_ms",
    "was_put_before",
]

_T = TypeVar("_T")
_JSON: Final = {"Content-Type": "application/json"}
_NDJSON: Final = {"Content-Type": "application/x-ndjson"}
_ERRORS: Final[Mapping[int, type[NodeError]]] = {
    401: KeyRefusedError,
    403: KeyRefusedError,
    409: ConflictError,
    412: ConflictError,
    408: UnavailableError,
    429: UnavailableError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request; ``what`` it is for, in words for people.

    ``reads`` says that the answer depends on what was sent before, so the last token goes along.
    """

    what: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    reads: bool = False

    @property
    def kind(self) -> Kind:
        """Whether it may be asked of two nodes at once; what is written down in an audit log is asked of one."""
        return Kind.READ if self.reads or self.method == "GET" else Kind.WRITE


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, read to its end; names of headers in small letters. ``attempts`` were made for it."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    attempts: int = 1

    @property
    def token(self) -> str | None:
        """The entry that holds what was sent."""
        return self.headers.get("homeroom-token")


# --- what is handed out ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event of a batch was refused; ``position`` is its place, from 1."""

    position: int
    reason: str
    detail: str


class LeftOut(msgspec.Struct, frozen=True):
    """An attribute that was left out of events: which, of how many, and why."""

    field: str
    events: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a batch. It is durable.

    Parameters
    ----------
    batch_id : under which it was sent
    accepted : events that were taken
    refused : why others were not; the node tells the first 100
    refused_more : how many besides these were refused
    left_out : attributes that the node left out of events that it took, and why
    token : names the entry that holds the batch; None if it holds nothing of it
    is_repeat : whether the node had the batch already, and has told what it told then
    held : how many regions held it by then: ``local``, ``remote`` or ``all``
    """

    batch_id: str
    accepted: int
    refused: tuple[Refusal, ...] = ()
    refused_more: int = 0
    left_out: tuple[LeftOut, ...] = ()
    token: str | None = None
    is_repeat: bool = False
    held: str = "local"

    @property
    def events_refused(self) -> int:
        """How many events were refused."""
        return len(self.refused) + self.refused_more


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAnswer:
    """The answer to a question, and what the node knew: see ``docs/reference/http.md``, Asking.

    Parameters
    ----------
    answer : as ``docs/reference/outputs.md`` describes it
    vector : by origin the last entry in it
    age_ms : how long ago the newest of these was made; None if there is none
    complete : whether everything that was durable there is in it
    epoch : number of the last definition or key that it knew
    freshness : by region how many seconds ago all that it had written was in it, None where that is not known; empty
        for a node that has no others
    freshness_in_words : the same for people, such as ``us-east now, lagos 0.8 s``
    """

    answer: Mapping[str, Any] = field(repr=False)
    vector: Mapping[str, int]
    age_ms: int | None
    complete: bool
    epoch: int
    freshness: Mapping[str, float | None] = field(default_factory=dict)
    freshness_in_words: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as the node told it, to be kept and compared with a later one (``homeroom compare``)."""
        said: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        if not self.freshness:
            del said["freshness"], said["freshness_in_words"]
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A version of a cohort's definition; ``in_words`` says what it means."""

    name: str
    version: int
    definition: Mapping[str, Any]
    author: str
    at: str
    in_words: str = ""


ACKS: Final = ("local", "remote", "all")
"""How many regions hold a batch durably when its client hears yes (``docs/explanation/regions.md``)."""

# --- requests --------------------------------------------------------------------------------------------------------

_encode: Final = msgspec.json.Encoder().encode


def event_lines(events: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Return each event as a line of JSON.

    Raises
    ------
    InputError
        One is no object, or holds what JSON cannot; the message says which, by its place from 1.
    """
    lines = []
    for place, event in enumerate(events, 1):
        if not isinstance(event, Mapping):
            raise InputError(
                f"event {place} is {type(event).__name__}, must be a mapping of fields"
            )
        try:
            lines.append(_encode(event))
        except (TypeError, ValueError, RecursionError, UnicodeError) as error:
            kind = type(error).__name__
            raise InputError(
                f"event {place} cannot be written as JSON ({kind}); its fields are texts, numbers, booleans and times"
            ) from None
    return lines


def batch_request(lines: Sequence[bytes], batch_id: str, ack: str | None = None) -> Request:
    """Return the request that sends a batch; the same lines under the same id give the same bytes.

    Raises
    ------
    InputError
        There are no events or too many, the id cannot be sent, or ``ack`` is none.
    """
    if not 0 < len(lines) <= limits.SENT_EVENTS_MAX:
        raise InputError(
            f"the batch has {len(lines):,} events, must have from 1 to {limits.SENT_EVENTS_MAX:,}; a Sender makes "
            "batches of any number of events"
        )
    is_plain = batch_id.isascii() and batch_id.isprintable() and batch_id.strip() == batch_id
    if not is_plain or not 0 < len(batch_id) <= limits.BATCH_ID_CHARACTERS_MAX:
        raise InputError(
            f"batch_id has {len(batch_id)} characters, must have from 1 to {limits.BATCH_ID_CHARACTERS_MAX}, printable "
            "ASCII, with no blank at its ends; leave it out to have one drawn"
        )
    headers = {**_NDJSON, "Idempotency-Key": f'"{batch_id}"'}
    if ack is not None:
        if ack not in ACKS:
            raise InputError(f"ack is {ack[:80]!r}, must be one of {', '.join(ACKS)}")
        headers["Homeroom-Ack"] = ack
    body = b"\n".join(lines) + b"\n"
    if len(body) > limits.CLIENT_GZIP_BYTES_MIN:
        body, headers["Content-Encoding"] = gzip.compress(body, 1, mtime=0), "gzip"
    return Request(f"sending {len(lines):,} events", "POST", "/v1/events", headers, body)


def query_request(question: Mapping[str, Any] | str, wanted: Wanted | None = None) -> Request:
    """Return the request that asks a question, given as an object or as TOML, for an answer that holds what is wanted.

    Raises
    ------
    QuestionError
        The text is no TOML, or holds several questions; or what is wanted cannot be asked for.
    """
    headers = {**_JSON, **(Wanted() if wanted is None else wanted).headers()}
    written = _encoded(_question(question))
    return Request("asking", "POST", "/v1/query", headers, written, reads=True)


def _question(question: Mapping[str, Any] | str) -> Mapping[str, Any]:
    """Return a question, given as an object or as TOML, as an object. Raises `QuestionError`."""
    if isinstance(question, str):
        try:
            question = tomllib.loads(question)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise QuestionError(f"the question is not TOML: {error}") from None
    if not isinstance(question.get("question"), str):
        raise QuestionError(
            "question must name the kind of one question, such as 'retention'; ask several one by one"
        )
    return question


def explain_request(
    question: Mapping[str, Any] | str,
    cell: tuple[str, str],
    since: LiveAnswer | str,
    until: LiveAnswer | str | None,
) -> Request:
    """Return the request that asks which entries changed a cell. Raises `QuestionError` like `query_request`."""
    row, column = cell
    asked = {
        "question": _question(question),
        "cell": {"row": row, "column": column},
        "since": _end(since),
        **({} if until is None else {"until": _end(until)}),
    }
    return Request("asking why a cell changed", "POST", "/v1/explain", _JSON, _encoded(asked))


def _end(end: LiveAnswer | str) -> Mapping[str, Any] | str:
    return end if isinstance(end, str) else {"vector": dict(end.vector), "epoch": end.epoch}


def headers_after(request: Request, written: Sequence[str]) -> dict[str, str]:
    """Return the headers of a request that is after what was written, the last first, whatever else it is after.

    The answer to one that reads holds these entries, as many as a node takes. What another writes is stamped later, at
    whichever node: for that the last is enough.
    """
    if not written:
        return dict(request.headers)
    given = request.headers.get("Homeroom-After", "")
    room = limits.AFTER_MAX - (given.count(",") + 1 if given else 0)
    named = written[: max(1, room)] if request.reads else written[:1]
    return {**request.headers, "Homeroom-After": ", ".join(filter(None, (given, *named)))}


def definition_request(
    method: str,
    name: str | None,
    definition: Mapping[str, Any] | None = None,
    version: int | None = None,
) -> Request:
    """Return the request that reads, puts or deletes a cohort's definition; None names all.

    Raises
    ------
    QuestionError
        The name is empty or has a slash, or the definition cannot be written as JSON.
    """
    path, headers = "/v1/cohorts", {}
    if name is not None:
        if not name or "/" in name:
            raise QuestionError(f"cohort is {name!r}, must be a name without a slash")
        path += f"/{quote(name, safe='')}"
    if version is not None:
        headers = {"If-None-Match": "*"} if version == 0 else {"If-Match": f'"{version}"'}
    body = b""
    if definition is not None:
        headers, body = headers | _JSON, _encoded(definition)
    return Request(f"{method} {path}", method, path, headers, body, method == "GET")


def _encoded(written: Mapping[str, Any]) -> bytes:
    try:
        return _encode(written)
    except (TypeError, ValueError, RecursionError, UnicodeError) as error:
        raise QuestionError(
            f"what is asked cannot be written as JSON ({type(error).__name__}); use texts, numbers, lists and objects"
        ) from None


# --- answers ---------------------------------------------------------------------------------------------------------


class _Receipt(msgspec.Struct):
    accepted: int
    refused: tuple[Refusal, ...] = ()
    refused_more: int = 0
    left_out: tuple[LeftOut, ...] = ()
    token: str | None = None


class _Definitions(msgspec.Struct):
    cohorts: tuple[Definition, ...]


class _Problem(msgspec.Struct):
    type: str = ""
    title: str = ""
    detail: str = ""
    field: str | None = None
    bound: str | None = None


class _Elsewhere(msgspec.Struct):
    regions: tuple[str, ...] = ()


def answered(reply: Reply, at: str | None = None) -> Answered:
    """Return what the answer of an endpoint means to whoever tries again."""
    regions: tuple[str, ...] = ()
    if reply.status == ELSEWHERE:
        with suppress(msgspec.DecodeError, UnicodeError, RecursionError):  # else nobody says where
            regions = msgspec.json.decode(reply.body, type=_Elsewhere).regions
    return Answered(
        reply.status,
        retry_after_ms(reply.headers),
        at,
        regions[: limits.ENDPOINTS_MAX],
        reply.headers.get("homeroom-home", ""),
        _problem(reply) is not None,
    )


def receipt_of(request: Request, reply: Reply, batch_id: str) -> Receipt:
    """Return what became of a batch. Raises `NodeError` if nothing can be said of its events one by one."""
    if reply.status == 422 and _name(_problem(reply)) == "nothing-accepted":
        told = _decoded(request, reply, _Receipt)
    else:
        told = _decoded(request, good(request, reply), _Receipt)
    return Receipt(
        batch_id=batch_id,
        accepted=told.accepted,
        refused=told.refused,
        refused_more=told.refused_more,
        left_out=told.left_out,
        token=told.token,
        is_repeat="idempotent-replayed" in reply.headers,
        held=reply.headers.get("homeroom-held", "local"),
    )


def answer_of(request: Request, reply: Reply) -> LiveAnswer:
    """Return the answer to a question. Raises `NodeError`."""
    return _decoded(request, good(request, reply), LiveAnswer)


def definition_of(request: Request, reply: Reply) -> Definition:
    """Return a definition. Raises `NodeError`."""
    return _decoded(request, good(request, reply), Definition)


def definitions_of(request: Request, reply: Reply) -> tuple[Definition, ...]:
    """Return all definitions. Raises `NodeError`."""
    return _decoded(request, good(request, reply), _Definitions).cohorts


def document_of(request: Request, reply: Reply) -> dict[str, Any]:
    """Return an object of any kind. Raises `NodeError`."""
    return _decoded(request, good(request, reply), dict[str, Any])


def check_deleted(request: Request, reply: Reply) -> None:
    """Return if the definition is gone. Raises `NodeError`.

    One that is not there any more at a second attempt went at the first, whose answer was lost.
    """
    if not (reply.status == 404 and reply.attempts > 1):
        good(request, reply)


def was_put_before(reply: Reply, found: Definition, follows: int, definition: object) -> bool:
    """Say whether a put that was refused had been done at an earlier attempt, whose answer was lost."""
    is_next = found.version == follows + 1 and dict(found.definition) == definition
    return reply.status == 412 and reply.attempts > 1 and is_next


def retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """Return what ``Retry-After`` asks to wait (RFC 9110, 10.2.3); dates, which need a clock, are not read."""
    text = headers.get("retry-after", "").strip()
    return int(text) * 1_000 if text.isascii() and text.isdigit() and len(text) < 8 else None


def later(one: str | None, other: str | None) -> str | None:
    """Return the later of two tokens, by their hybrid stamps (``docs/reference/log.md``)."""
    return max(one, other, key=_stamp) if one and other else one or other


def _stamp(token: str) -> int:
    stamp = token.rpartition("/")[2]
    return int(stamp) if stamp.isascii() and stamp.isdigit() else 0


def given_up(request: Request, why: str, reply: Reply | None) -> UnavailableError:
    """Return the error that ends a request which was tried until the end; ``reply`` is the last answer, if any came."""
    problem = None if reply is None else _problem(reply)
    said = "" if problem is None else f" ({_shown(f'{problem.title}: {problem.detail}')})"
    return UnavailableError(
        f"{request.what}: {why}{said}",
        name=_name(problem),
        status=0 if reply is None else reply.status,
        field=None if problem is None else problem.field,
        bound=None if problem is None else problem.bound,
    )


def good(request: Request, reply: Reply) -> Reply:
    """Return an answer that says yes. Raises the `NodeError` that another one means."""
    if 200 <= reply.status < 300:
        return reply
    problem, status = _problem(reply), reply.status
    if problem is None:
        # Whoever sits between says no in words of its own, or sends elsewhere, where the key must not go.
        said = f"the answer was {status}, and is none of a node's; is this the address of one?"
        kind: type[NodeError] = RequestRefusedError if status < 500 else UnavailableError
        raise _ERRORS.get(status, kind)(f"{request.what}: {said}", status=status)
    name, said = _name(problem), f"{problem.title}: {problem.detail}"
    for what, text in (("field", problem.field), ("bound", problem.bound)):
        if text and text not in said:
            said += f" ({what} {text})"
    kind = _ERRORS.get(status, RequestRefusedError if status < 500 else NodeError)
    raise kind(
        f"{request.what}: {_shown(said)}",
        name=name,
        status=status,
        field=problem.field,
        bound=problem.bound,
    )


def _problem(reply: Reply) -> _Problem | None:
    """Return the problem document of an answer (RFC 9457), None if it is none."""
    if not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        return msgspec.json.decode(reply.body, type=_Problem)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _name(problem: _Problem | None) -> str:
    return "" if problem is None else problem.type.rpartition("#")[2]


def _decoded(request: Request, reply: Reply, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise UnavailableError(
            f"{request.what}: the answer {reply.status} is none of a node's; is this the address of one?",
            status=reply.status,
        ) from None


def _shown(text: str) -> str:
    line = "".join(c if c.isprintable() else " " for c in text)
    most = limits.CLIENT_DETAIL_CHARACTERS_MAX
    return line if len(line) <= most else f"{line[:most]}…"
