"""Open edX tracking logs become events.

A tracking log is fifteen years of history in one format: server, browser and mobile events side by side, a payload
that is an object, or that object written as a string, or nothing, or a form's query text; and server requests that
nobody named, whose "event type" is the path of the page. The envelope is stable, so it is what is required here; the
payload is looked into for what is known and left alone otherwise, because one plugin's odd payload must not cost
the learner's day of activity.

Choices. The account is ``username``, which all ages of the format have, and only where that is empty the user id of
the context. One platform is one issuer, whatever host name a request came by, so the issuer is a constant of the
codec. Times without an offset are UTC: the format's documentation defines ``time`` as the UTC time of the event.
A path is no verb (there are as many as pages): such events have the verb ``page_request`` and the path as activity.
An event about a course run as a whole (a grade, a certificate) is logged while some block is open that it is not about:
it has no activity. Where its payload names another user than the one who acted (a teacher who enrols somebody), it says
nothing of the standing of who acted.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Raw, Struct

from homeroom.events.interactions import chosen_answer, number_answer
from homeroom.events.jsonlines import Items, JsonReader, why_not_json
from homeroom.events.jsontext import nests_too_deep
from homeroom.events.model import TRACKS, Decoded, Int64s, RawEvents, Reason, Reject
from homeroom.events.vocabulary import VerbTable
from homeroom.limits import TEXT_BYTES_MAX

__all__ = ["PAGE_REQUEST", "OpenedxCodec", "looks_like"]

PAGE_REQUEST: Final = "page_request"
"""The verb of a server request that the platform itself gave no name."""

_LOG_PREFIX: Final = re.compile(rb"^[^{\n]+(?=\{)", re.MULTILINE)
_ZONE: Final = re.compile(r"(?:[Zz]|[+-]\d\d(?::?\d\d)?)$")
_PERSON_IN_PATH: Final = re.compile(
    r"/(u|users?|profile|profiles|accounts|preferences|enrollment|image_url|username)/[^/]+",
    re.IGNORECASE,
)
_COURSE_IN_URL: Final = re.compile(
    r"/courses?/(course-v\d+:[^/?#]+|[^/?#+:]+/[^/?#]+/[^/?#]+)(?:[/?#]|$)"
)
_SECTION_IN_URL: Final = re.compile(
    r"/courseware/([^/?#]{1,1000})(?:[/?#]|$)"
    r"|/course/[^/?#]+/(block-v\d+:[^/?#]{1,500}\+type@(?:chapter|sequential)\+block@[^/?#]{1,500})(?:[/?#]|$)"
)
"""The chapter in a page of the courseware, or the subsection in a page of the learning application."""
_BLOCK_KIND: Final = re.compile(
    r"[+:]type@([\w-]+)[+@]"  # block-v1:Org+Course+Run+type@video+block@abc
    r"|^i4x:(?:;_;_|//)[^/;]+[/;_]+[^/;]+[/;_]+([\w-]+)[/;]"  # i4x://Org/Course/video/abc, as written or escaped
    r"|^i4x-.*-(problem|video|html|sequential)-"  # the same as an HTML id
)
_PATH_KINDS: Final = (
    ("/discussion/", "forum"),
    ("/wiki/", "wiki"),
    ("/pdfbook/", "textbook"),
    ("/book/", "textbook"),
    ("/courseware", "courseware"),
)
_ACTIVITY_KEYS: Final = (
    "problem_id", "problem", "module_id", "usage_key", "usage_id", "block_id", "submission_uuid", "id", "target_url"
)  # fmt: skip
_ANSWERS: Final[Mapping[str, Callable[[object], str | None]]] = {
    "choiceresponse": chosen_answer,
    "multiplechoiceresponse": chosen_answer,
    "optionresponse": chosen_answer,
    "truefalseresponse": chosen_answer,
    "numericalresponse": number_answer,
}
"""Kinds of question whose answers are kept; of others they may be free text."""
_KINDS_CACHED: Final = 16_384


class Module(Struct, gc=False, frozen=True):
    """The block that a server event is about."""

    usage_key: str | None = None


class Context(Struct, gc=False, frozen=True):
    """Who and where; numbers and texts both occur as user id, and an empty text for an anonymous user."""

    user_id: int | str | None = None
    course_id: str | None = None
    path: str | None = None
    module: Module | None = None


class LogLine(Struct, gc=False, frozen=True):
    """The envelope of an event, as far as it is used. Addresses, agents, sessions and referers are stepped over."""

    username: str | None = None
    event_type: str | None = None
    name: str | None = None
    time: str | None = None
    page: str | None = None
    context: Context | None = Context()
    event: Raw = Raw(b"")


def looks_like(sample: Mapping[str, object]) -> bool:
    """Say whether one decoded JSON object is a tracking log event."""
    named = isinstance(sample.get("event_type"), str) or isinstance(sample.get("name"), str)
    sourced = sample.get("event_source") in ("server", "browser", "mobile", "task")
    return named and "time" in sample and (sourced or {"event", "context"} <= sample.keys())


class OpenedxCodec:
    """Decodes Open edX tracking logs, one event a line.

    Parameters
    ----------
    verbs : the table that says which event counts for which track; None is the standard one
    issuer : who names the accounts. Give each platform its own when logs of several are read together
    """

    name: Final = "openedx"

    def __init__(self, verbs: VerbTable | None = None, issuer: str = "openedx") -> None:
        table = VerbTable.standard() if verbs is None else verbs
        self._by_type = lru_cache(_KINDS_CACHED)(table.by_type)
        self._is_of_course_run = lru_cache(_KINDS_CACHED)(
            lambda verb: bool(table.standing_codes([verb])[0])
        )
        self._issuer = issuer
        self._reader = JsonReader(LogLine)

    def decode(self, chunk: bytes, first_line: int) -> Decoded:
        """Decode whole lines; what a log writer put before the first ``{`` of a line is passed over."""
        return self._decoded(self._reader.lines(_LOG_PREFIX.sub(b"", chunk), first_line))

    def decode_document(self, data: bytes) -> Decoded:
        """Decode an array of events, or one event. The place in the array stands for the line."""
        return self._decoded(self._reader.document(data))

    def _decoded(self, items: Items[LogLine]) -> Decoded:
        rejects = list(items.rejects)
        rows: list[_Row] = []
        lines: list[int] = []
        for event, line in zip(items.values, items.line.tolist(), strict=True):
            try:
                rows.append(self._row(event))
                lines.append(line)
            except _RefusedError as error:
                rejects.append(Reject("", line, error.reason, error.detail))
        rejects.sort(key=lambda reject: reject.line)
        return Decoded(self._events(rows, np.array(lines, np.int64)), rejects)

    def _events(self, rows: Sequence["_Row"], line: Int64s) -> RawEvents:
        account = pa.array([row.account for row in rows], pa.string())
        tracks = [
            self._by_type(row.verb, row.kind) if len(row.verb) <= TEXT_BYTES_MAX else -1
            for row in rows
        ]
        return RawEvents(
            line=line,
            account=account,
            issuer=self._issuer,
            time=pa.array([row.time for row in rows], pa.string()),
            verb=pa.array([row.verb for row in rows], pa.string()),
            activity=pa.array([row.activity for row in rows], pa.string()),
            course=pa.array([row.course for row in rows], pa.string()),
            track=pa.array(
                [TRACKS[track] if track >= 0 else None for track in tracks], pa.string()
            ),
            section=_texts([row.section for row in rows]),
            answer=_texts([row.answer for row in rows]),
            standing=_texts([row.standing for row in rows]),
            position_s=np.array([row.position_s for row in rows], np.float64),
            position_from_s=np.array([row.position_from_s for row in rows], np.float64),
            length_s=np.array([row.length_s for row in rows], np.float64),
            score=np.array([row.score for row in rows], np.float64),
            progress=np.array([row.progress for row in rows], np.float64),
            success=np.array([row.success for row in rows], np.int8),
            completion=np.array([row.completion for row in rows], np.int8),
        )

    def _row(self, event: LogLine) -> "_Row":
        context = event.context or Context()
        account = event.username or ("" if context.user_id is None else str(context.user_id))
        named = event.event_type or event.name
        if not account:
            raise _RefusedError(
                Reason.MISSING_FIELD, "username and context.user_id are empty: an anonymous event"
            )
        if not named:
            raise _RefusedError(Reason.MISSING_FIELD, "event_type and name are missing")
        if not event.time:
            raise _RefusedError(Reason.MISSING_FIELD, "time is missing")
        payload = _payload(bytes(event.event))
        path = named if named.startswith("/") else ""
        verb = PAGE_REQUEST if path else named
        if len(verb) <= TEXT_BYTES_MAX and self._is_of_course_run(verb):
            activity = ""
        else:
            activity = _path_without_person(path) if path else _activity(payload, context)
        return _Row(
            account=account,
            time=event.time if _ZONE.search(event.time) else f"{event.time}Z",
            verb=verb,
            activity=activity,
            kind=_kind(activity) if len(activity) <= TEXT_BYTES_MAX else "",
            course=_course(event, context, payload),
            section=_section(event, context),
            answer=_answer(payload) if verb == "problem_check" else None,
            standing="none" if _is_of_another(payload, context) else None,
            position_s=_seconds(payload, verb, "new_time", "currentTime", "current_time"),
            position_from_s=_seconds(payload, verb, "old_time"),
            length_s=_seconds(payload, verb, "duration"),
            score=_score(payload),
            progress=_progress(payload, verb),
            success=_success(payload.get("success")),
            completion=_completion(payload),
        )


class _Row(Struct, gc=False, frozen=True):
    account: str
    time: str
    verb: str
    activity: str
    kind: str
    course: str | None
    section: str | None
    answer: str | None
    standing: str | None
    position_s: float
    position_from_s: float
    length_s: float
    score: float
    progress: float
    success: int
    completion: int


class _RefusedError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def _payload(raw: bytes) -> Mapping[str, Any]:
    """Return the payload as an object; one that is no object holds nothing that is used."""
    if raw.startswith(b'"'):
        raw = msgspec.json.decode(raw, type=str).encode()
    if not raw.lstrip().startswith(b"{"):
        return {}
    if nests_too_deep(raw):
        raise _RefusedError(Reason.NOT_JSON, "event is nested too deep")
    try:
        payload = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        reason, detail = why_not_json(raw)
        if reason is Reason.SCORE_NOT_FINITE:
            raise _RefusedError(reason, f"event: {detail}") from None
        return {}
    return payload if isinstance(payload, dict) else {}


def _activity(payload: Mapping[str, Any], context: Context) -> str:
    """Return what the event is about: the block, the video, the thread, the link."""
    if context.module is not None and context.module.usage_key:
        return context.module.usage_key
    for key in _ACTIVITY_KEYS:
        value = payload.get(key)
        if isinstance(value, str) and value:
            return _path_without_person(value) if key == "target_url" else value
    discussion = payload.get("discussion")
    found = discussion.get("id") if isinstance(discussion, dict) else None
    return found if isinstance(found, str) else ""


def _path_without_person(path: str) -> str:
    path = re.split(r"[?#;]", path, maxsplit=1)[0]
    return _PERSON_IN_PATH.sub(r"/\1/*", path)


@lru_cache(_KINDS_CACHED)
def _kind(activity: str) -> str:
    """Return the kind of block that a key or a path speaks of, empty if of none."""
    block = _BLOCK_KIND.search(unquote(activity))
    if block:
        return block[1] or block[2] or block[3]
    return next((kind for part, kind in _PATH_KINDS if part in activity), "")


def _course(event: LogLine, context: Context, payload: Mapping[str, Any]) -> str | None:
    written = context.course_id or payload.get("course_id")
    if isinstance(written, str) and written:
        return written
    for url in (event.event_type, context.path, event.page):
        found = _COURSE_IN_URL.search(unquote(url)) if url else None
        if found:
            return found[1]
    return None


def _score(payload: Mapping[str, Any]) -> float:
    """Return the share of the best possible grade; NaN if the event has none."""
    for earned, possible in (("grade", "max_grade"), ("weighted_earned", "weighted_possible")):
        got, best = _number(payload.get(earned)), _number(payload.get(possible))
        if got is not None and best is not None and best > 0:
            return got / best
    percent = _number(payload.get("percent_grade"))
    return float("nan") if percent is None else percent


def _progress(payload: Mapping[str, Any], named: str) -> float:
    """Return the share that is done, as the completion aggregator says; NaN if the event does not."""
    percent = _number(payload.get("percent")) if "completion_aggregator" in named else None
    return float("nan") if percent is None or not 0 <= percent <= 1 else percent


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _success(value: object) -> int:
    if value in (True, "correct", "true"):
        return 1
    return 0 if value in (False, "incorrect", "false") else -1


def _completion(payload: Mapping[str, Any]) -> int:
    """Return whether the block is complete, as ``edx.completion.block_completion.changed`` says."""
    value = _number(payload.get("completion"))
    return -1 if value is None else int(value == 1)


def _section(event: LogLine, context: Context) -> str | None:
    """Return the part of the course that the page shows: its chapter, or where only that is known, its subsection."""
    for url in (event.event_type, event.page, context.path):
        found = _SECTION_IN_URL.search(unquote(url)) if url and "/course" in url else None
        if found:
            return found[1] or found[2]
    return None


def _answer(payload: Mapping[str, Any]) -> str | None:
    """Return the answer to a problem of one question; of several questions there is no one answer."""
    submission = payload.get("submission")
    if not isinstance(submission, dict) or len(submission) != 1:
        return None
    (question,) = submission.values()
    kind = question.get("response_type") if isinstance(question, dict) else None
    if not isinstance(kind, str) or kind not in _ANSWERS:
        return None
    return _ANSWERS[kind](question.get("answer"))


def _is_of_another(payload: Mapping[str, Any], context: Context) -> bool:
    """Say whether an event is about another user than the one who acted."""
    about = payload.get("user_id")
    if not isinstance(about, int | str) or about == "" or context.user_id in (None, ""):
        return False
    return str(about) != str(context.user_id)


def _seconds(payload: Mapping[str, Any], named: str, *keys: str) -> float:
    """Return the first of some places in a video, or its length; NaN if the event is of no video or has none."""
    if "video" in named or "transcript" in named:
        for key in keys:
            value = _number(payload.get(key))
            if value is not None and 0 <= value < float("inf"):
                return value
    return float("nan")


def _texts(values: Sequence[str | None]) -> pa.Array | None:
    """Return a column of texts, None where no event has one."""
    return None if all(value is None for value in values) else pa.array(values, pa.string())
