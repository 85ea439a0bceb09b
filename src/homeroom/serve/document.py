"""The OpenAPI document, and a page that shows it.

It is written here and not collected from the handlers: what a body may be stands in types that no framework sees
(events are decoded behind the log, questions are parsed by their kind), and every answer that is no success has one
form. A test compares it with the routes that there are; another asks the interface all that the document allows.

The page is drawn from the document, so that it needs nothing from anywhere.
"""

import html
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

import msgspec

from homeroom import limits
from homeroom.cohorts.questions import QUESTIONS
from homeroom.events.sent_json import SentEvent
from homeroom.serve.defining import KINDS
from homeroom.serve.intake import FORMS
from homeroom.serve.problems import PROBLEM_TYPE, PROBLEMS
from homeroom.serve.streaming import STREAM_PATH, STREAM_TYPE

__all__ = ["document", "page"]

_REF: Final = "#/components/schemas/{name}"
_ALWAYS: Final = ("internal", "unavailable")
_WITH_KEY: Final = ("not-authenticated", "not-allowed", "too-many", *_ALWAYS)
_WITH_BODY: Final = ("bad-request", "too-slow", "too-large", "unsupported-type")
_TOKEN_HEADER: Final = {
    "Homeroom-Token": {
        "description": "names the entry that holds this; a later read may ask to be after it",
        "schema": {"type": "string"},
    }
}
_TAG_HEADER: Final = {
    "ETag": {"description": "the version, for If-Match", "schema": {"type": "string"}}
}


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the interface."""
    paths: dict[str, Any] = {"/v1/events": _events(), "/v1/query": _query()}
    for path, kind in KINDS.items():
        paths |= _definitions(path, kind.value)
    paths |= _reading()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "homeroom",
            "version": version("homeroom"),
            "description": "Takes learning events, and answers questions about groups of learners.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "a key, hr_…"},
                "named_key": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "the key's name as user, the key as password",
                },
            },
            "schemas": _schemas(),
        },
    }


# --- parts -----------------------------------------------------------------------------------------------------------


def _operation(
    name: str, about: str, problems: Iterable[str], answers: Mapping[str, Any], **more: object
) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": about,
        **more,
        "responses": {**answers, **_problems((*problems, *_WITH_KEY))},
        "security": [{"key": []}, {"named_key": []}],
    }


def _open(name: str, about: str, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return an operation that needs no key."""
    responses = {**answers, **_problems(_ALWAYS)}
    return {"operationId": name, "summary": about, "responses": responses, "security": []}


def _problems(names: Iterable[str]) -> dict[str, Any]:
    titles: dict[int, list[str]] = {}
    for name in dict.fromkeys(names):
        status, title = PROBLEMS[name]
        titles.setdefault(status, []).append(title)
    return {
        str(status): {
            "description": "; ".join(said),
            "content": {PROBLEM_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}},
        }
        for status, said in sorted(titles.items())
    }


def _answer(
    about: str, schema: Mapping[str, Any], headers: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": about,
        "content": {"application/json": {"schema": dict(schema)}},
    }
    return found | ({"headers": dict(headers)} if headers else {})


def _named(name: str) -> dict[str, Any]:
    return {"$ref": _REF.format(name=name)}


def _in_path(name: str, about: str, **schema: object) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": about,
        "schema": {"type": "string", **schema},
    }


def _in_header(name: str, about: str, **schema: object) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "description": about,
        "schema": {"type": "string", **schema},
    }


def _after() -> list[dict[str, Any]]:
    about = "a token: the answer waits until it holds that entry"
    query = {"name": "after", "in": "query", "description": about, "schema": {"type": "string"}}
    return [_in_header("Homeroom-After", about), query]


def _body(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": dict(schema)}}}


# --- operations ------------------------------------------------------------------------------------------------------


def _events() -> dict[str, Any]:
    array = {
        "type": "array",
        "items": _named("SentEvent"),
        "maxItems": limits.SENT_EVENTS_MAX,
    }
    content: dict[str, Any] = {
        kind: {"schema": array if form.value == "json" else {"type": "string"}}
        for kind, form in FORMS.items()
    }
    key = _in_header(
        "Idempotency-Key",
        "the id of the batch: sent again under it, it counts once. A UUID of version 7 also gives a time to events "
        "without one",
        minLength=1,
        maxLength=limits.BATCH_ID_CHARACTERS_MAX,
        pattern="^[ -~]+$",
    )
    problems = (*_WITH_BODY, "conflict", "nothing-accepted")
    return {
        "post": _operation(
            "sendEvents",
            "Send a batch of events; the answer comes when it is durable",
            problems,
            {"200": _answer("what was accepted and what refused", _named("Taken"), _TOKEN_HEADER)},
            parameters=[key],
            requestBody={"required": True, "content": content},
        )
    }


def _query() -> dict[str, Any]:
    return {
        "post": _operation(
            "ask",
            "Ask a question",
            (*_WITH_BODY, "bad-question", "bad-token", "not-yet"),
            {"200": _answer("the answer, and what it knows", _named("LiveAnswer"))},
            parameters=_after(),
            requestBody=_body(_named("Question")),
        )
    }


def _definitions(path: str, kind: str) -> dict[str, Any]:
    name = _in_path("name", f"of the {kind}", minLength=1, maxLength=limits.NAME_CHARACTERS_MAX)
    conditions = [
        _in_header("If-Match", 'only if it is at this version, such as "3"'),
        _in_header("If-None-Match", "`*`: only if there is none"),
    ]
    said = _answer(f"the {kind}", _named("Definition"), _TAG_HEADER)
    both = {**_TAG_HEADER, **_TOKEN_HEADER}
    changes = ("bad-definition", "conflict", "precondition-failed", "not-found")
    title = kind.capitalize()
    every = {
        "type": "object",
        "required": [path],
        "properties": {path: {"type": "array", "items": _named("Definition")}},
    }
    return {
        f"/v1/{path}": {
            "get": _operation(
                f"list{title}s", f"List the {path}", (), {"200": _answer(f"all {path}", every)}
            )
        },
        f"/v1/{path}/{{name}}": {
            "parameters": [name],
            "get": _operation(f"get{title}", f"Read a {kind}", ("not-found",), {"200": said}),
            "put": _operation(
                f"put{title}",
                f"Define a {kind}, or define it anew",
                (*_WITH_BODY, *changes),
                {
                    "200": _answer(f"the {kind} as it is now", _named("Definition"), both),
                    "201": _answer(f"the {kind}, which is new", _named("Definition"), both),
                },
                parameters=conditions,
                requestBody=_body({"type": "object"}),
            ),
            "delete": _operation(
                f"delete{title}",
                f"Delete a {kind}; its versions stay known",
                changes,
                {"204": {"description": "it is none any more", "headers": _TOKEN_HEADER}},
                parameters=conditions[:1],
            ),
        },
        f"/v1/{path}/{{name}}/history": {
            "parameters": [name],
            "get": _operation(
                f"get{title}History",
                f"Read all versions of a {kind}, the newest first",
                ("not-found",),
                {"200": _answer("its versions", _named("History"))},
            ),
        },
    }


def _reading() -> dict[str, Any]:
    pseudonym = _in_path("pseudonym", "of the learner", pattern="^[0-9a-f]{32}$")
    learner = _operation(
        "getLearnerCohorts",
        "Read which cohorts one learner is in, and why",
        ("bad-question", "bad-token", "not-found", "not-yet"),
        {"200": _answer("the answer, and what it knows", _named("LiveAnswer"))},
        parameters=[pseudonym, *_after()],
    )
    ready = {
        "type": "object",
        "required": ["ready", "troubles"],
        "properties": {
            "ready": {"type": "boolean"},
            "troubles": {"type": "array", "items": {"type": "string"}},
        },
    }
    alive = {"type": "object", "required": ["alive"], "properties": {"alive": {"const": True}}}
    text = {"schema": {"type": "string"}}
    health = _open(
        "isReady",
        "Say whether the node takes events and questions",
        {"200": _answer("it does", ready)},
    )
    health["responses"]["503"] = _answer("it does not, and says why", ready)
    metrics = {
        "200": {"description": "in the text format of Prometheus", "content": {"text/plain": text}}
    }
    page_of = {"200": {"description": "a page", "content": {"text/html": text}}}
    itself = {"200": _answer("this document", {"type": "object"})}
    return {
        "/v1/learners/{pseudonym}/cohorts": {"get": learner},
        "/v1/status": {
            "get": _operation(
                "getStatus",
                "Say how the node is",
                (),
                {"200": _answer("how it is", _named("Status"))},
            )
        },
        STREAM_PATH: {"get": _stream()},
        "/health/live": {
            "get": _open(
                "isAlive", "Say that the process answers", {"200": _answer("it does", alive)}
            )
        },
        "/health/ready": {"get": health},
        "/metrics": {"get": _operation("getMetrics", "Read the metrics", (), metrics)},
        "/openapi.json": {"get": _open("getDocument", "Read this document", itself)},
        "/docs": {"get": _open("getPage", "Read this document as a page", page_of)},
    }


def _stream() -> dict[str, Any]:
    cohort = {
        "name": "cohort",
        "in": "query",
        "description": "the only cohort that is wanted",
        "schema": {"type": "string", "minLength": 1},
    }
    about = "the last id that was heard: the stream goes on behind it"
    last = _in_header("Last-Event-ID", about, pattern="^[0-9]{1,18}$")
    told = {
        "description": "changes of membership as they are found, and how fresh they are; it does not end",
        "content": {STREAM_TYPE: {"schema": {"type": "string"}}},
    }
    return _operation(
        "followChanges",
        "Hear who enters and leaves cohorts (Server-Sent Events)",
        ("bad-request", "not-found"),
        {"200": told},
        parameters=[cohort, last],
    )


# --- schemas ---------------------------------------------------------------------------------------------------------


def _object(required: Iterable[str], **properties: object) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def _schemas() -> dict[str, Any]:
    _, events = msgspec.json.schema_components([SentEvent], ref_template=_REF)
    text, whole, yes = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
    vector = {"type": "object", "additionalProperties": whole}
    refused = _object(("position", "reason", "detail"), position=whole, reason=text, detail=text)
    version_of = {
        "version": whole,
        "definition": {"type": ["object", "null"]},
        "author": text,
        "at": {"type": "string", "format": "date-time"},
        "epoch": whole,
    }
    return {
        **events,
        "Taken": _object(
            ("accepted", "refused", "token"),
            accepted=whole,
            refused={"type": "array", "items": refused},
            refused_more=whole,
            token={"type": ["string", "null"]},
        ),
        "Question": _object(("question",), question={"enum": [kind.name for kind in QUESTIONS]}),
        "LiveAnswer": _object(
            ("answer", "vector", "age_ms", "complete", "epoch"),
            answer={"type": "object"},
            vector=vector,
            age_ms={"type": ["integer", "null"]},
            complete=yes,
            epoch=whole,
        ),
        "Definition": _object(("name", *version_of), name=text, in_words=text, **version_of),
        "History": _object(
            ("name", "versions"),
            name=text,
            versions={"type": "array", "items": _object(version_of, **version_of)},
        ),
        "Status": _object(
            ("vector", "held", "ages_ms", "epoch", "ready", "troubles"),
            learners=whole,
            events=whole,
            vector=vector,
            held=vector,
            ages_ms=vector,
            epoch=whole,
            ready=yes,
            troubles={"type": "array", "items": text},
        ),
        "Problem": _object(
            ("type", "title", "status", "detail"), type=text, title=text, status=whole, detail=text
        ),
    }


# --- the page --------------------------------------------------------------------------------------------------------

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "code{font-size:.9em}table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem .2rem 0;"
    "vertical-align:top}h2{border-top:1px solid #8888;padding-top:1rem;font-size:1.1rem;overflow-wrap:anywhere}"
    # On a phone a row is a line of two short cells and what they mean below it.
    "@media(max-width:40rem){td{display:inline-block}td:last-child{display:block;padding:0 0 .6rem}}"
    "@media(max-width:40rem){tr,tbody,table{display:block}code{overflow-wrap:anywhere}}"
)


def page() -> str:
    """Return the document as a page of HTML that asks nobody for anything."""
    found = document()
    info = found["info"]
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        f'<meta name="viewport" content="width=device-width"><title>{_text(info["title"])}</title>',
        f"<style>{_STYLE}</style><h1>{_text(info['title'])} {_text(info['version'])}</h1>",
        f'<p>{_text(info["description"])} The same as data: <a href="/openapi.json">openapi.json</a>.</p>',
    ]
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            if method != "parameters":
                parts.append(_drawn(path, method, operation, operations.get("parameters", [])))
    parts.append("<h2>Problems</h2><table>")
    for name, (status, title) in PROBLEMS.items():
        parts.append(
            f'<tr id="{name}"><td>{status}</td><td><code>{name}</code></td><td>{_text(title)}</td></tr>'
        )
    return "".join([*parts, "</table></html>"])


def _drawn(
    path: str, method: str, operation: Mapping[str, Any], shared: Iterable[Mapping[str, Any]]
) -> str:
    rows = [
        (one["in"], one["name"], one.get("description", ""))
        for one in (*shared, *operation.get("parameters", ()))
    ]
    rows += [("body", kind, "") for kind in operation.get("requestBody", {}).get("content", ())]
    rows += [
        ("answer", status, one["description"]) for status, one in operation["responses"].items()
    ]
    drawn = "".join(
        f"<tr><td>{place}</td><td><code>{_text(name)}</code></td><td>{_text(about)}</td></tr>"
        for place, name, about in rows
    )
    anchor = re.sub(r"\W+", "-", f"{method} {path}").strip("-")
    return (
        f'<h2 id="{anchor}"><code>{method.upper()} {_text(path)}</code></h2>'
        f"<p>{_text(operation['summary'])}.</p><table>{drawn}</table>"
    )


def _text(text: str) -> str:
    return html.escape(text)
