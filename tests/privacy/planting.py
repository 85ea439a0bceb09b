"""Plants a mark through every entrance of a node that runs, and keeps every answer.

Each request is named. What may come back in its answer is said where it is sent, by the entrance: a definition is given
back to who may read definitions, a statement to who may read statements. Everything else may not.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pyarrow as pa

from homeroom.cohorts.questions import QUESTIONS
from homeroom.events.sent_json import SentEvent
from tests.privacy.marks import Marks
from tests.privacy.statements import UUID, full_statement, plain_statement

__all__ = ["Answer", "Planter"]

NDJSON = {"Content-Type": "application/x-ndjson"}
ARROW = {"Content-Type": "application/vnd.apache.arrow.stream"}
VERSION = {"X-Experience-API-Version": "1.0.3"}
EVENT = {"account": "ada", "verb": "read", "time": "2026-11-23T10:00:00Z", "course": "physics"}


@dataclass(frozen=True)
class Answer:
    """What was asked and answered, and the entrances whose marks may be in it."""

    asked: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    allowed: frozenset[str]


class Planter:
    """Sends marks to a node.

    Parameters
    ----------
    address : of the node
    keys : by scope a key that has it alone
    marks : to draw from
    """

    def __init__(self, address: str, keys: Mapping[str, str], marks: Marks) -> None:
        self._http = httpx.Client(base_url=address, timeout=60)
        self._keys, self.marks = keys, marks
        self.answers: list[Answer] = []

    def close(self) -> None:
        """End the connection."""
        self._http.close()

    def ask(
        self, asked: str, method: str, path: str, scope: str | None, **fields: Any
    ) -> httpx.Response:
        """Send a request under a key of a scope, and keep the answer; ``allowed`` names entrances."""
        allowed = frozenset(fields.pop("allowed", ()))
        headers = dict(fields.pop("headers", {}))
        if scope is not None:
            headers.setdefault("Authorization", f"Bearer {self._keys[scope]}")
        found = self._http.request(method, path, headers=headers, **fields)
        self.answers.append(
            Answer(
                f"{asked}: {method} {path[:9]}",
                found.status_code,
                dict(found.headers),
                found.content,
                allowed,
            )
        )
        return found

    @contextmanager
    def stream(self, path: str, scope: str, params: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Open what does not end; whoever reads it keeps the answer."""
        headers = {"Authorization": f"Bearer {self._keys[scope]}"}
        with self._http.stream("GET", path, headers=headers, params=params) as answer:
            yield answer

    def events(self) -> None:
        """Through the fields of events, in all forms, sound and damaged."""
        m = self.marks
        for name in msgspec.structs.fields(SentEvent):
            field = name.name
            for draw, kind in ((m, "events"), (m.accented, "events, accented")):
                text = draw(f"{kind}.{field}")
                if field == "attributes":
                    content: Any = {"organisation": text}
                else:
                    content = f"https://x.example/{text}" if field in ("verb", "activity") else text
                self._send(f"{kind}.{field}", [{**EVENT, "id": f"{kind}{field}", field: content}])
        self._send(
            "several at once",
            [{**EVENT, "id": f"{n}", "account": m("events.many accounts")} for n in range(3)],
        )
        damaged = {
            "a name of a field": {**EVENT, m("events.a name of a field"): 1},
            "a name of an attribute": {**EVENT, "attributes": {m("events.a name of an attribute"): "x"}},
            "a number that is text": {**EVENT, "score": m("events.a number that is text")},
            "a time": {**EVENT, "time": f"2026-11-23T10:00:00 {m('events.a time')}"},
            "a list": {**EVENT, "account": [m("events.a list")]},
            "a long text": {**EVENT, "account": m("events.a long text") * 999},
            "a NUL": {**EVENT, "account": m("events.a NUL") + "\0"},
        }  # fmt: skip
        for what, one in damaged.items():
            self._send(f"events.{what}", [one, EVENT])
        self._bodies()

    def _send(self, asked: str, events: list[dict[str, Any]]) -> None:
        lines = "\n".join(map(json.dumps, events))
        self.ask(f"{asked} as lines", "POST", "/v1/events", "write", content=lines, headers=NDJSON)
        self.ask(f"{asked} as an array", "POST", "/v1/events", "write", json=events)
        names = {name: None for one in events for name in one}
        columns = {name: [_text(one.get(name)) for one in events] for name in names}
        table = pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        body = sink.getvalue().to_pybytes()
        self.ask(f"{asked} in Arrow", "POST", "/v1/events", "write", content=body, headers=ARROW)

    def _bodies(self) -> None:
        m = self.marks
        text = m("body.damaged").encode()
        bodies: Iterable[tuple[str, bytes, dict[str, str]]] = [
            ("JSON cut off", b'[{"account": "' + text, {"Content-Type": "application/json"}),
            ("no JSON", text, {"Content-Type": "application/json"}),
            ("a text in JSON", b'"' + text + b'"', {"Content-Type": "application/json"}),
            ("no UTF-8", b'[{"account": "\xff' + text + b'"}]', {"Content-Type": "application/json"}),
            ("a lone surrogate", b'[{"account": "\\ud800' + text + b'"}]', {"Content-Type": "application/json"}),
            ("deep JSON", b"[" * 99 + b'"' + text + b'"' + b"]" * 99, {"Content-Type": "application/json"}),
            ("no lines", text * 9, NDJSON),
            ("no Arrow", text * 99, ARROW),
            ("Arrow cut off", b"\xff\xff\xff\xff\x10\0\0\0" + text * 9, ARROW),
            ("no gzip", text, {**NDJSON, "Content-Encoding": "gzip"}),
            ("no zstd", b"\x28\xb5\x2f\xfd" + text, {**NDJSON, "Content-Encoding": "zstd"}),
            ("a type", b"", {"Content-Type": m("header.Content-Type")}),
            ("an encoding", b"", {**NDJSON, "Content-Encoding": m("header.Content-Encoding")}),
        ]  # fmt: skip
        for what, body, headers in bodies:
            self.ask(what, "POST", "/v1/events", "write", content=body, headers=headers)

    def requests(self) -> None:
        """Through headers, batch ids, addresses and what stands for a secret."""
        self._headers()
        self._addresses()
        self._secrets()

    def _headers(self) -> None:
        m = self.marks
        batch = m("header.Idempotency-Key")
        for events in ([EVENT], [EVENT, EVENT]):
            self.ask(
                "a batch id",
                "POST",
                "/v1/events",
                "write",
                json=events,
                headers={"Idempotency-Key": batch},
            )
        self.ask(
            "a batch id of a refused batch",
            "POST",
            "/v1/events",
            "write",
            json=[{}],
            headers={"Idempotency-Key": batch + "2"},
        )
        for name in (
            "User-Agent",
            "Cookie",
            "Referer",
            "X-Forwarded-For",
            "X-Request-Id",
            "If-Match",
            "If-None-Match",
            "Homeroom-After",
            "Accept",
            "Origin",
            "traceparent",
            m("header.a name"),
        ):
            for path in (
                "/v1/status",
                "/v1/cohorts/none",
                "/health/ready",
                "/none",
                "/xapi/statements",
            ):
                self.ask(
                    f"header {name}",
                    "PUT" if "none" in path else "GET",
                    path,
                    "admin",
                    headers={name: m(f"header.{name}")},
                    json={},
                )

    def _addresses(self) -> None:
        for place, path in {
            "a segment": "/v1/{}", "a segment of learners": "/v1/learners/{}/cohorts", "a query": "/v1/status?{}=1",
            "after": "/v1/status?after={}", "a segment of xapi": "/xapi/{}",
            "a parameter of xapi": "/xapi/statements?{}=1",
            "a cohort": "/v1/cohorts/{}", "a history": "/v1/cohorts/{}/history", "a file": "/docs/{}",
        }.items():  # fmt: skip
            text = quote(self.marks.accented(f"path.{place}"))
            for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"):
                self.ask(place, method, path.format(text), "persons", headers=VERSION)
                self.ask(place, method, path.format(text), None, headers=VERSION)

    def _secrets(self) -> None:
        m = self.marks
        secret = m("secret.of a request")
        basic = base64.b64encode(f"{m('secret.a user')}:{secret}".encode()).decode()
        claims = base64.urlsafe_b64encode(
            json.dumps({"sub": m("secret.a subject")}).encode()
        ).decode()
        unsigned = f"Bearer eyJhbGciOiJub25lIn0.{claims}."
        given_ones = (f"Bearer {secret}", f"Bearer hr_{secret}", f"Basic {basic}", unsigned, secret)
        for given in given_ones:
            for path in ("/v1/status", "/xapi/statements", "/v1/events", "/metrics"):
                self.ask(
                    "a secret", "POST", path, None, headers={"Authorization": given, **VERSION}
                )
        form = {"Authorization": f"Basic {basic}", "statementId": m("xapi.a field of a form")}
        self.ask(
            "alternate syntax",
            "POST",
            "/xapi/statements?method=GET",
            None,
            data=form,
            headers=VERSION,
        )

    def questions(self) -> None:
        """Through every field of every question, as a text, in a list and in an object."""
        m = self.marks
        shapes: tuple[Callable[[str], Any], ...] = (
            str,
            lambda t: [t],
            lambda t: {"name": t},
            lambda t: {t: "x"},
            lambda t: [f"course={t}"],
            lambda t: f"{t}=x",
        )
        for kind in QUESTIONS:
            for field in msgspec.structs.fields(kind):
                for number, shape in enumerate(shapes):
                    text = (m, m.accented)[number % 2](f"question.{field.encode_name}")
                    written = {"question": kind.name, field.encode_name: shape(text)}
                    self.ask(
                        f"{kind.name}.{field.encode_name} {number}",
                        "POST",
                        "/v1/query",
                        "persons",
                        json=written,
                    )
        for written in (
            {"question": m("question.kind")},
            {m("question.a name"): 1},
            [m("question.a list")],
            {"question": "active", m("question.another name"): 1},
            {
                "question": "members",
                "cohort": m("question.cohort"),
                "definitions": {"cohorts": {m("question.a cohort of its own"): {"did": "any"}}},
            },
        ):
            self.ask("a question", "POST", "/v1/query", "persons", json=written)

    def definitions(self) -> None:
        """Through names and contents of definitions, sound ones and others."""
        m = self.marks
        name, content = m.accented("definition.name"), m("definition.content")
        given_back = ("definition.name", "definition.content")
        rule = {"did": f"course={content}", "about": f"for {content}"}
        for method, path, body in (
            ("PUT", "", rule),
            ("GET", "", None),
            ("GET", "/history", None),
            ("DELETE", "", None),
        ):
            self.ask(
                "a cohort",
                method,
                f"/v1/cohorts/{quote(name)}{path}",
                "admin",
                json=body,
                allowed=given_back,
            )
        self.ask(
            "cohorts", "PUT", f"/v1/cohorts/{quote(name)}", "admin", json=rule, allowed=given_back
        )
        self.ask("cohorts", "GET", "/v1/cohorts", "read", allowed=given_back)
        refused = m("definition.refused")
        for place in ("cohorts", "lists", "calendars"):
            for body in ({"did": refused, "x": 1}, {refused: 1}, {"all": [{refused: refused}]}, {"members": refused},
                         {"members": [refused]}, {"start": refused}, {"any": refused}, {"in_cohort": refused},
                         {"did": "any", "within": {"last": refused}},
                         {"sequence": [refused], "at_least": refused}, {"version": refused}):  # fmt: skip
                self.ask(f"refused {place}", "PUT", f"/v1/{place}/refused", "admin", json=body)  # fmt: skip
            for odd in ("%00", "\u202e", "x" * 300):
                self.ask(
                    "an odd name",
                    "PUT",
                    f"/v1/{place}/{quote(m('definition.odd name') + odd, safe='%')}",
                    "admin",
                    json={"did": "any"},
                )

    def statements(self) -> None:
        """Through every property of a statement, and documents."""
        m = self.marks
        data = m("xapi.attachment data").encode()
        sent = full_statement(self.marks, data)
        headers = {**VERSION}
        everything = [name for name in m.all if name.startswith("xapi.")]
        for shape in (sent, [sent]):
            self.ask("a statement", "POST", "/xapi/statements", "xapi", json=shape, headers=headers)
        for params in (
            {},
            {"agent": json.dumps(sent["actor"])},
            {"format": "ids"},
            {"verb": sent["verb"]["id"]},
            {"activity": sent["object"]["id"], "related_activities": "true"},
            {"attachments": "true"},
        ):
            self.ask(
                "statements",
                "GET",
                "/xapi/statements",
                "xapi",
                params=params,
                headers=headers,
                allowed=everything,
            )
        for path, change in (
            ("actor", {"mbox": "mailto:" + m("xapi.refused mbox")}),
            ("actor", {"name": m("xapi.refused name")}),
            ("verb", {"id": m("xapi.refused verb")}),
            ("object", {"id": m("xapi.refused object")}),
            (m("xapi.refused property"), 1),
            ("timestamp", m("xapi.refused time")),
            ("id", m("xapi.refused id")),
            ("stored", m("xapi.refused stored")),
            ("context", {m("xapi.refused context"): 1}),
        ):
            self.ask(
                "a refused statement",
                "POST",
                "/xapi/statements",
                "xapi",
                json={**plain_statement(), path: change},
                headers=headers,
            )
        for params in (
            {"statementId": m("xapi.param id")},
            {"agent": m("xapi.param agent")},
            {"since": m("xapi.param since")},
            {"verb": m("xapi.param verb")},
            {m("xapi.param name"): "1"},
            {"limit": m("xapi.param limit")},
        ):
            self.ask(
                "a parameter", "GET", "/xapi/statements", "xapi", params=params, headers=headers
            )
        self.ask(
            "a version",
            "GET",
            "/xapi/statements",
            "xapi",
            headers={"X-Experience-API-Version": m("xapi.version")},
        )
        self._multipart(headers, data)
        self._documents(headers)

    def _multipart(self, headers: dict[str, str], data: bytes) -> None:
        sent = {**full_statement(self.marks, data), "id": UUID.format(3)}
        digest = sent["attachments"][0]["sha2"]
        boundary = self.marks("xapi.boundary")
        for hashed in (digest, "0" * 64):
            body = b"".join((
                f"--{boundary}\r\nContent-Type: application/json\r\n\r\n{json.dumps(sent)}\r\n".encode(),
                f"--{boundary}\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n".encode(),
                f"X-Experience-API-Hash: {hashed}\r\nX-A: {self.marks('xapi.part header')}\r\n\r\n".encode(),
                data, f"\r\n--{boundary}--".encode(),
            ))  # fmt: skip
            given = {**headers, "Content-Type": f"multipart/mixed; boundary={boundary}"}
            self.ask("attachments", "POST", "/xapi/statements", "xapi", content=body, headers=given)

    def _documents(self, headers: dict[str, str]) -> None:
        m = self.marks
        person = json.dumps({"mbox": f"mailto:{m('xapi.document.mbox')}@x.example"})
        activity = f"http://x.example/{m('xapi.document.activity')}"
        content = m("xapi.document.content").encode()
        for path, params in {
            "activities/state": {"agent": person, "activityId": activity, "stateId": m("xapi.document.state id")},
            "activities/profile": {"activityId": activity, "profileId": m("xapi.document.profile id")},
            "agents/profile": {"agent": person, "profileId": m("xapi.document.agent profile id")},
        }.items():  # fmt: skip
            back = [name for name in m.all if name.startswith("xapi.document")]
            given = {
                **headers,
                "If-None-Match": "*",
                "Content-Type": f"text/plain; a={m('xapi.document.type')}",
            }
            for method, more in (
                ("PUT", {"content": content}),
                ("PUT", {"content": content + b"2"}),
                ("GET", {}),
            ):
                self.ask(
                    path,
                    method,
                    f"/xapi/{path}",
                    "xapi",
                    params=params,
                    headers=given,
                    allowed=[*back, "xapi.document.type"] if method == "GET" else (),
                    **more,
                )
        self.ask(
            "a person",
            "GET",
            "/xapi/agents",
            "xapi",
            params={"agent": person},
            headers=headers,
            allowed=["xapi.document.mbox"],
        )
        self.ask(
            "an activity",
            "GET",
            "/xapi/activities",
            "xapi",
            params={"activityId": activity},
            headers=headers,
            allowed=["xapi.document.activity"],
        )

    def pages(self) -> None:
        """Ask for what anybody may see, last: so it has all that came before."""
        for path in (
            "/metrics",
            "/docs",
            "/openapi.json",
            "/health/live",
            "/health/ready",
            "/xapi/about",
        ):
            self.ask(path, "GET", path, None)
        self.ask("/v1/status", "GET", "/v1/status", "read")


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
