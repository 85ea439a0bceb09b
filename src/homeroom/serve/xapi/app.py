"""The record store as an ASGI application, and as a part of a Litestar one.

A request goes through the same gate whatever it asks for: which resource and method, who sends it, in which version,
and may they. Only then is its body looked at. The gate itself authenticates nobody: who sends a request stands in
``scope["caller"]`` when it comes here (`homeroom.records.store.Caller`), put there by whoever stands in front. A form
of the alternate syntax may carry its credentials inside, so for these alone there is `Settings.authenticate`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from litestar.handlers import ASGIRouteHandler, asgi

from homeroom import limits
from homeroom.errors import RecordError, RecordsElsewhereError
from homeroom.records.documents import Kind, activity_asked, agent_asked
from homeroom.records.forms import time_text
from homeroom.records.people import person_of
from homeroom.records.queries import once_each
from homeroom.records.signatures import Verify
from homeroom.records.store import LOCAL, Caller, Holding, Records
from homeroom.records.versions import VERSION_HEADER, Version
from homeroom.serve.problems import ProblemError
from homeroom.serve.xapi.alternate import is_disguised, undisguised
from homeroom.serve.xapi.documents import Documents
from homeroom.serve.xapi.exchange import (
    Answer,
    Receive,
    Request,
    Scope,
    Send,
    answer_json,
    answer_of,
    problem,
    problem_of,
    read_body,
    read_pairs,
)
from homeroom.serve.xapi.statements import CONSISTENT_HEADER, Statements

__all__ = ["READ", "WRITE", "RecordStore", "Settings", "record_store", "send_answer"]

Handler: TypeAlias = Callable[[Request], Awaitable[Answer]]
Authenticate: TypeAlias = Callable[[Mapping[str, str]], Awaitable[Caller | None]]

Methods: TypeAlias = dict[str, Handler]

READ: Final = "read"
WRITE: Final = "write"
"""What a caller may do here; `homeroom.serve.xapi.admission` says which keys give it."""
_ANYBODY: Final = Caller(tenant="", key_name="", scopes=frozenset(), authority={})
"""Who asks for the about resource, which is for anybody."""


async def _nobody(_: Mapping[str, str]) -> Caller | None:
    return None


@dataclass(frozen=True, slots=True)
class Settings:
    """How a record store is set up.

    Parameters
    ----------
    verify : verifies signatures of signed statements
    base_path : where it is mounted
    authenticate : who has the credentials in these headers, for the alternate syntax; None if nobody
    holding : how far what is written must have come, by the headers of a request; raises `ProblemError`
    body_seconds_max : in which a body must have come
    origins : of pages that may send requests from a browser (CORS); none unless they are named
    """

    verify: Verify
    base_path: str = "/xapi"
    authenticate: Authenticate = _nobody
    holding: Callable[[Mapping[str, str]], Holding] = lambda _headers: LOCAL
    body_seconds_max: float = 30.0
    origins: frozenset[str] = frozenset()


class RecordStore:
    """The record store.

    Parameters
    ----------
    records : keeps what is sent
    settings : how it is set up
    """

    def __init__(self, records: Records, settings: Settings) -> None:
        self._records = records
        self._settings = settings
        statements = Statements(records, settings.verify, f"{settings.base_path}/statements")
        self._resources: dict[str, Methods] = {
            "statements": {
                "GET": statements.get,
                "PUT": statements.put,
                "POST": statements.post,
            },
            "activities/state": _methods(Documents(records, Kind.STATE)),
            "activities/profile": _methods(Documents(records, Kind.ACTIVITY_PROFILE)),
            "agents/profile": _methods(Documents(records, Kind.AGENT_PROFILE)),
            "activities": {"GET": self._activity},
            "agents": {"GET": self._agent},
            "about": {"GET": _about},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        try:
            answer = await self._answer(scope, headers, receive)
        except ProblemError as error:
            answer = answer_of(error)
        except RecordsElsewhereError as error:
            extra = {"regions": list(error.regions)}
            answer = answer_of(ProblemError("elsewhere", str(error), extra))
        except RecordError as error:
            answer = answer_of(problem_of(error))
        told = {VERSION_HEADER: _version_of(headers).value, **answer.headers}
        if self._resource(scope["path"]) == "statements":
            # Every answer of this resource says it, errors too (1.0.3, Communication, 2.1.3; 2.0, 4.1.6.1).
            told[CONSISTENT_HEADER] = time_text(self._records.consistent_through_ms())
        await send_answer(answer, {**told, **self._cross_origin(headers)}, scope["method"], send)

    async def _answer(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> Answer:
        """Have a request answered, if it may be."""
        methods = self._methods_of(scope["path"])
        if scope["method"] == "OPTIONS" and self._cross_origin(headers):
            return _preflight(methods)
        bound = self._settings.body_seconds_max
        told = await _told(scope, headers, methods, lambda: read_body(headers, receive, bound))
        if told.is_form and told.caller is None and "authorization" in told.headers:
            told = told._replace(caller=await self._settings.authenticate(told.headers))
        if methods["GET"] is not _about:
            _check_may(told)
            version = Version.asked(told.headers.get(VERSION_HEADER.lower()))
        else:
            version = _version_of(told.headers)
        request = Request(
            method=told.method,
            pairs=told.pairs,
            headers=told.headers,
            body=told.body,
            version=version,
            caller=told.caller or _ANYBODY,
            holding=LOCAL if told.method == "GET" else self._settings.holding(told.headers),
        )
        answer = await methods[told.method](request)
        return answer.with_headers({VERSION_HEADER: version.value})

    def _resource(self, path: str) -> str:
        return path.removeprefix(self._settings.base_path).strip("/")

    def _methods_of(self, path: str) -> Methods:
        methods = self._resources.get(self._resource(path))
        if methods is None:
            listed = ", ".join(self._resources)
            raise problem("not-found", f"there is no such resource; there are {listed}")
        return methods

    def _cross_origin(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return what lets a page of another origin read an answer, nothing unless it is one of those allowed."""
        origin = headers.get("origin")
        if origin is None or origin not in self._settings.origins:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": f"ETag, Last-Modified, {CONSISTENT_HEADER}, {VERSION_HEADER}",
            "Vary": "Origin",
        }

    async def _activity(self, request: Request) -> Answer:
        """Return what is known of an activity (1.0.3, Communication, 2.5; 2.0, 4.1.6.4)."""
        activity = activity_asked(request.pairs)
        definition = await self._records.definition(activity, request.caller)
        known = {} if definition is None else {"definition": definition}
        return answer_json({"objectType": "Activity", "id": activity, **known})

    async def _agent(self, request: Request) -> Answer:
        """Return what is known of a person (1.0.3, Communication, 2.4; 2.0, 4.1.6.3)."""
        agent = agent_asked(request.pairs)
        portraits = await self._records.portraits(agent, request.caller)
        return answer_json(person_of(agent, portraits))


def record_store(records: Records, settings: Settings) -> ASGIRouteHandler:
    """Return the record store as a part of a Litestar application, at ``settings.base_path``."""
    store = RecordStore(records, settings)

    @asgi(settings.base_path, is_mount=True, copy_scope=True)
    async def xapi(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - Litestar has its own names for these
        await store(scope, receive, send)

    return xapi


# --- the gate ----------------------------------------------------------------------------------------------------


class _Told(NamedTuple):
    """What a request says, whichever way it says it."""

    method: str
    pairs: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    caller: Caller | None
    is_form: bool = False


async def _told(
    scope: Scope,
    headers: Mapping[str, str],
    methods: Methods,
    body_of: Callable[[], Awaitable[bytes]],
) -> _Told:
    """Read a request whose method the resource has."""
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    _check_method(method, methods)
    if len(scope["query_string"]) > limits.RECORD_QUERY_BYTES_MAX:
        rule = f"the query has more than {limits.RECORD_QUERY_BYTES_MAX:,} bytes"
        raise problem("too-large", rule)
    pairs = read_pairs(scope["query_string"])
    caller: Caller | None = scope.get("caller")
    if not is_disguised(method, pairs, headers):
        if caller is None and method != "GET":
            raise _unauthorized()
        body = b"" if method == "GET" else await body_of()
        return _Told(method, pairs, headers, body, caller)
    form = undisguised(pairs, headers, await body_of())
    method = "GET" if form.method == "HEAD" else form.method
    _check_method(method, methods)
    return _Told(method, form.pairs, form.headers, form.body, caller, is_form=True)


def _check_method(method: str, methods: Methods) -> None:
    if method not in methods:
        error = problem("method-not-allowed", "the resource does not have this method")
        error.headers["Allow"] = _allowed(methods)
        raise error


def _check_may(told: _Told) -> None:
    """Check that somebody sends the request, and may (1.0.3, Communication, 3.2 and 4)."""
    if told.caller is None:
        raise _unauthorized()
    needed = READ if told.method == "GET" else WRITE
    if needed not in told.caller.scopes:
        rule = f"the key does not have the scope {needed}; use one that has"
        raise problem("not-allowed", rule)


def _unauthorized() -> ProblemError:
    error = problem("not-authenticated", "the request has no credentials that are known here")
    error.headers["WWW-Authenticate"] = 'Basic realm="xAPI"'
    return error


def _version_of(headers: Mapping[str, str]) -> Version:
    """Return the version that an answer is told in, whatever the request is worth."""
    is_first = headers.get(VERSION_HEADER.lower(), "").startswith("1.")
    return Version.ONE if is_first else Version.TWO


async def _about(request: Request) -> Answer:
    """Return which versions there are (1.0.3, Communication, 2.8; 2.0, 4.1.6.7)."""
    once_each(request.pairs, frozenset())
    return answer_json({"version": request.version.known})


# --- answers -----------------------------------------------------------------------------------------------------


def _methods(documents: Documents) -> Methods:
    return {
        "GET": documents.get,
        "PUT": documents.put,
        "POST": documents.post,
        "DELETE": documents.delete,
    }


def _allowed(methods: Methods) -> str:
    return ", ".join(("HEAD", *methods))


def _preflight(methods: Methods) -> Answer:
    headers = {
        "Access-Control-Allow-Methods": _allowed(methods),
        "Access-Control-Allow-Headers": (
            f"Authorization, Content-Type, If-Match, If-None-Match, Accept-Language, {VERSION_HEADER}"
        ),
        "Access-Control-Max-Age": "600",
    }
    return Answer(204, headers=headers)


async def send_answer(answer: Answer, headers: Mapping[str, str], method: str, send: Send) -> None:
    """Send an answer.

    Parameters
    ----------
    headers : beside those of its body; to a HEAD nothing of the body goes out
    """
    sent = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    if answer.content_type:
        sent.append((b"content-type", answer.content_type.encode("latin-1", "replace")))
    if answer.status not in (204, 304):
        sent.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": sent})
    body = b"" if method == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})
