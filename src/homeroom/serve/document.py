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
from homeroom.serve.acknowledging import LEVELS
from homeroom.serve.defining import KINDS
from homeroom.serve.described_catalogue import catalogue_paths
from homeroom.serve.described_conflicts import conflict_paths, conflict_schemas
from homeroom.serve.described_erasures import erasure_paths, erasure_schemas
from homeroom.serve.described_explanations import explanation_paths, explanation_schemas
from homeroom.serve.described_membership import (
    membership_paths,
    membership_schemas,
    webhook_paths,
)
from homeroom.serve.described_persons import person_paths, person_schemas
from homeroom.serve.describing import (
    REF,
    TAG_HEADER,
    TOKEN_HEADER,
    WITH_BODY,
    answer,
    body,
    in_header,
    in_path,
    named,
    object_of,
    open_operation,
    operation,
    wanted,
)
from homeroom.serve.intake import FORMS
from homeroom.serve.problems import PROBLEMS
from homeroom.serve.streaming import STREAM_PATH, STREAM_TYPE

__all__ = ["document", "page"]


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the interface."""
    paths: dict[str, Any] = {"/v1/events": _events(), "/v1/query": _query()}
    for path, kind in KINDS.items():
        paths |= _definitions(path, kind.value)
    paths |= {**membership_paths(), **webhook_paths(), **catalogue_paths()}
    paths |= {**erasure_paths(), **person_paths(), **explanation_paths()}
    paths |= {**conflict_paths(), **_reading()}
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


# --- operations ------------------------------------------------------------------------------------------------------


def _events() -> dict[str, Any]:
    array = {
        "type": "array",
        "items": named("SentEvent"),
        "maxItems": limits.SENT_EVENTS_MAX,
    }
    content: dict[str, Any] = {
        kind: {"schema": array if form.value == "json" else {"type": "string"}}
        for kind, form in FORMS.items()
    }
    key = in_header(
        "Idempotency-Key",
        "the id of the batch: sent again under it, it counts once. A UUID of version 7 also gives a time to events "
        "without one",
        minLength=1,
        maxLength=limits.BATCH_ID_CHARACTERS_MAX,
        pattern="^[ -~]+$",
    )
    about = "how many regions must hold the batch before the answer comes; what operators ask for at least counts too"
    ack = in_header("Homeroom-Ack", about, enum=list(LEVELS))
    in_query = {**ack, "name": "ack", "in": "query"}
    after = in_header("Homeroom-After", "tokens: the batch is stamped later than these entries")
    problems = (*WITH_BODY, "bad-token", "conflict", "nothing-accepted", "not-held")
    return {
        "post": operation(
            "sendEvents",
            "Send a batch of events; the answer comes when it is durable",
            problems,
            {"200": answer("what was accepted and what refused", named("Taken"), TOKEN_HEADER)},
            parameters=[key, ack, in_query, after],
            requestBody={"required": True, "content": content},
        )
    }


def _query() -> dict[str, Any]:
    return {
        "post": operation(
            "ask",
            "Ask a question",
            (*WITH_BODY, "bad-question", "bad-token", "not-yet", "not-fresh"),
            {"200": answer("the answer, and what it knows", named("LiveAnswer"))},
            parameters=wanted(),
            requestBody=body(named("Question")),
        )
    }


def _definitions(path: str, kind: str) -> dict[str, Any]:
    name = in_path("name", f"of the {kind}", minLength=1, maxLength=limits.NAME_CHARACTERS_MAX)
    conditions = [
        in_header("If-Match", 'only if it is at this version, such as "3"'),
        in_header("If-None-Match", "`*`: only if there is none"),
    ]
    said = answer(f"the {kind}", named("Definition"), TAG_HEADER)
    both = {**TAG_HEADER, **TOKEN_HEADER}
    changes = ("bad-definition", "conflict", "precondition-failed", "not-found")
    title = kind.capitalize()
    every = {
        "type": "object",
        "required": [path],
        "properties": {path: {"type": "array", "items": named("Definition")}},
    }
    return {
        f"/v1/{path}": {
            "get": operation(
                f"list{title}s", f"List the {path}", (), {"200": answer(f"all {path}", every)}
            )
        },
        f"/v1/{path}/{{name}}": {
            "parameters": [name],
            "get": operation(f"get{title}", f"Read a {kind}", ("not-found",), {"200": said}),
            "put": operation(
                f"put{title}",
                f"Define a {kind}, or define it anew",
                (*WITH_BODY, *changes),
                {
                    "200": answer(f"the {kind} as it is now", named("Definition"), both),
                    "201": answer(f"the {kind}, which is new", named("Definition"), both),
                },
                parameters=conditions,
                requestBody=body({"type": "object"}),
            ),
            "delete": operation(
                f"delete{title}",
                f"Delete a {kind}; its versions stay known",
                changes,
                {"204": {"description": "it is none any more", "headers": TOKEN_HEADER}},
                parameters=conditions[:1],
            ),
        },
        f"/v1/{path}/{{name}}/history": {
            "parameters": [name],
            "get": operation(
                f"get{title}History",
                f"Read all versions of a {kind}, the newest first",
                ("not-found",),
                {"200": answer("its versions", named("History"))},
            ),
        },
    }


def _reading() -> dict[str, Any]:
    ready = {
        "type": "object",
        "required": ["ready", "troubles"],
        "properties": {
            "ready": {"type": "boolean"},
            "troubles": {"type": "array", "items": {"type": "string"}},
            "draining": {"type": "boolean"},
        },
    }
    sealed = {
        "type": "object",
        "required": ["signed", "signature"],
        "properties": {"signed": {"type": "string"}, "signature": {"type": "string"}},
    }
    routes = open_operation(
        "getRoutes",
        "Read the routing table of the world",
        {"200": answer("the table as text, and the signature of its publisher", sealed)},
        ("not-found", "unavailable"),
    )
    alive = {"type": "object", "required": ["alive"], "properties": {"alive": {"const": True}}}
    text = {"schema": {"type": "string"}}
    health = open_operation(
        "isReady",
        "Say whether the node takes events and questions",
        {"200": answer("it does", ready)},
    )
    health["responses"]["503"] = answer("it does not, and says why", ready)
    metrics = {
        "200": {"description": "in the text format of Prometheus", "content": {"text/plain": text}}
    }
    page_of = {"200": {"description": "a page", "content": {"text/html": text}}}
    itself = {"200": answer("this document", {"type": "object"})}
    return {
        "/v1/status": {
            "get": operation(
                "getStatus",
                "Say how the node is",
                (),
                {"200": answer("how it is", named("Status"))},
            )
        },
        STREAM_PATH: {"get": _stream()},
        "/v1/routes": {"get": routes},
        "/health/live": {
            "get": open_operation(
                "isAlive", "Say that the process answers", {"200": answer("it does", alive)}
            )
        },
        "/health/ready": {"get": health},
        "/metrics": {"get": operation("getMetrics", "Read the metrics", (), metrics)},
        "/openapi.json": {"get": open_operation("getDocument", "Read this document", itself)},
        "/docs": {"get": open_operation("getPage", "Read this document as a page", page_of)},
    }


def _stream() -> dict[str, Any]:
    cohort = {
        "name": "cohort",
        "in": "query",
        "description": "the only cohort that is wanted",
        "schema": {"type": "string", "minLength": 1},
    }
    about = "the last id that was heard: the stream goes on behind it"
    last = in_header("Last-Event-ID", about, pattern="^[0-9]{1,18}$")
    told = {
        "description": "changes of membership as they are found, and how fresh they are; it does not end",
        "content": {STREAM_TYPE: {"schema": {"type": "string"}}},
    }
    return operation(
        "followChanges",
        "Hear who enters and leaves cohorts (Server-Sent Events)",
        ("bad-request", "not-found"),
        {"200": told},
        parameters=[cohort, last],
    )


# --- schemas ---------------------------------------------------------------------------------------------------------


def _live_answer(vector: dict[str, Any]) -> dict[str, Any]:
    lag = {"type": ["number", "null"]}
    return object_of(
        ("answer", "vector", "age_ms", "complete", "epoch"),
        answer={"type": "object"},
        vector=vector,
        age_ms={"type": ["integer", "null"]},
        complete={"type": "boolean"},
        epoch={"type": "integer"},
        freshness={"type": "object", "additionalProperties": lag},
        freshness_in_words={"type": "string"},
        stale={"type": "boolean"},
    )


def _schemas() -> dict[str, Any]:
    _, events = msgspec.json.schema_components([SentEvent], ref_template=REF)
    text, whole, yes = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
    vector = {"type": "object", "additionalProperties": whole}
    refused = object_of(("position", "reason", "detail"), position=whole, reason=text, detail=text)
    left_out = object_of(("field", "events", "detail"), field=text, events=whole, detail=text)
    version_of = {
        "version": whole,
        "definition": {"type": ["object", "null"]},
        "author": text,
        "at": {"type": "string", "format": "date-time"},
        "epoch": whole,
    }
    return {
        **events,
        **membership_schemas(),
        **erasure_schemas(),
        **person_schemas(),
        **explanation_schemas(),
        **conflict_schemas(),
        "Taken": object_of(
            ("accepted", "refused", "token"),
            accepted=whole,
            refused={"type": "array", "items": refused},
            refused_more=whole,
            left_out={"type": "array", "items": left_out},
            token={"type": ["string", "null"]},
        ),
        "Question": object_of(("question",), question={"enum": [kind.name for kind in QUESTIONS]}),
        "LiveAnswer": _live_answer(vector),
        "Definition": object_of(("name", *version_of), name=text, in_words=text, **version_of),
        "History": object_of(
            ("name", "versions"),
            name=text,
            versions={"type": "array", "items": object_of(version_of, **version_of)},
        ),
        "Status": object_of(
            ("vector", "held", "ages_ms", "epoch", "ready", "troubles", "checked"),
            learners=whole,
            events=whole,
            history_from=text,
            lost=whole,
            vector=vector,
            held=vector,
            ages_ms=vector,
            epoch=whole,
            ready=yes,
            troubles={"type": "array", "items": text},
            checked=object_of(
                ("entries", "files", "damages", "finished"),
                entries=whole,
                files=whole,
                damages=whole,
                finished={"type": ["string", "null"]},
            ),
            **{name: {"type": "object"} for name in ("world", "admission", "cache")},
        ),
        "Problem": object_of(
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
        for method, one in operations.items():
            if method != "parameters":
                parts.append(_drawn(path, method, one, operations.get("parameters", [])))
    parts.append("<h2>Problems</h2><table>")
    for name, (status, title) in PROBLEMS.items():
        parts.append(
            f'<tr id="{name}"><td>{status}</td><td><code>{name}</code></td><td>{_text(title)}</td></tr>'
        )
    return "".join([*parts, "</table></html>"])


def _drawn(
    path: str, method: str, said: Mapping[str, Any], shared: Iterable[Mapping[str, Any]]
) -> str:
    rows = [
        (one["in"], one["name"], one.get("description", ""))
        for one in (*shared, *said.get("parameters", ()))
    ]
    rows += [("body", kind, "") for kind in said.get("requestBody", {}).get("content", ())]
    rows += [("answer", status, one["description"]) for status, one in said["responses"].items()]
    drawn = "".join(
        f"<tr><td>{place}</td><td><code>{_text(name)}</code></td><td>{_text(about)}</td></tr>"
        for place, name, about in rows
    )
    anchor = re.sub(r"\W+", "-", f"{method} {path}").strip("-")
    return (
        f'<h2 id="{anchor}"><code>{method.upper()} {_text(path)}</code></h2>'
        f"<p>{_text(said['summary'])}.</p><table>{drawn}</table>"
    )


def _text(text: str) -> str:
    return html.escape(text)
