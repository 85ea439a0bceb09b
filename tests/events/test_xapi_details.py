"""xAPI statements, what came later: standing, section, answer, places in a video, and statements that void others."""

import copy
import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.events.model import Decoded
from homeroom.events.vocabulary import VerbTable
from homeroom.events.xapi import XapiCodec
from homeroom.limits import ANSWER_BYTES_MAX
from tests.events.samples_codecs import STATEMENT, changed, column, lines, only, reasons

CODEC = XapiCodec(VerbTable.standard())
REAL = Path(__file__).parents[3] / "shared" / "data" / "ralph" / "statements.json.gz"
ADL = "http://adlnet.gov/expapi/verbs/"
COURSE = "http://adlnet.gov/expapi/activities/course"
MOODLE_COURSE = "http://id.tincanapi.com/activitytype/lms/course"
MODULE = "http://adlnet.gov/expapi/activities/module"
SECTION = "http://id.tincanapi.com/activitytype/section"
VIDEO = "https://w3id.org/xapi/video/extensions/"
OTHER_ID = "6690e6c9-3ef0-4ed3-8b37-7f3964730b01"


def decode(*statements: dict[str, Any]) -> Decoded:
    return CODEC.decode(lines(*statements), 1)


def with_all(values: dict[str, object]) -> dict[str, Any]:
    statement = copy.deepcopy(STATEMENT)
    for path, value in values.items():
        statement = changed(statement, path, value)
    return statement


# --- standing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "kind", "expected"),
    [
        (f"{ADL}registered", COURSE, "enrolled"),
        ("http://id.tincanapi.com/verb/unregistered", COURSE, "left"),
        ("http://activitystrea.ms/leave", MOODLE_COURSE, "left"),
        (f"{ADL}progressed", COURSE, "progressed"),
        ("http://id.tincanapi.com/verb/earned", COURSE, "graded"),
        (f"{ADL}scored", COURSE, "graded"),
        (f"{ADL}completed", COURSE, "completed"),
        (f"{ADL}completed", MOODLE_COURSE, "completed"),
        ("https://w3id.org/xapi/adl/verbs/satisfied", "https://w3id.org/xapi/cmi5/activitytype/course", "completed"),
        (f"{ADL}passed", COURSE, "passed"),
        (f"{ADL}failed", COURSE, "failed"),
        # about less than a course run, or of no standing
        (f"{ADL}completed", MODULE, None),
        (f"{ADL}passed", "http://adlnet.gov/expapi/activities/cmi.interaction", None),
        (f"{ADL}registered", "http://id.tincanapi.com/activitytype/lms", None),
        (f"{ADL}experienced", COURSE, None),
    ],
)  # fmt: skip
def test_a_verb_about_a_course_speaks_of_a_standing(
    verb: str, kind: str, expected: str | None
) -> None:
    statement = with_all({"verb.id": verb, "object.definition.type": kind})
    assert only(decode(statement), "standing") == expected


def test_statements_of_no_standing_have_no_column() -> None:
    assert decode(STATEMENT, STATEMENT).events.standing is None


def test_a_user_s_verbs_speak_of_standings_too() -> None:
    own = '[standing.completed]\nof_course = ["https://example.org/verbs/graduated"]'
    codec = XapiCodec(VerbTable.standard().extended(own, "own.toml"))
    statement = with_all(
        {"verb.id": "https://example.org/verbs/graduated", "object.definition.type": COURSE}
    )
    assert only(codec.decode(lines(statement), 1), "standing") == "completed"
    assert only(decode(statement), "standing") is None


def test_many_pairs_of_verb_and_type_are_told_apart() -> None:
    def about(n: int) -> dict[str, Any]:
        verb = f"{ADL}completed" if n % 2 else f"https://example.org/verbs/{n}"
        kind = COURSE if n % 3 else f"https://example.org/types/{n}"
        return with_all({"verb.id": verb, "object.definition.type": kind})

    found = column(decode(*(about(n) for n in range(60))).events, "standing")
    assert found == ["completed" if n % 2 and n % 3 else None for n in range(60)]


# --- section -----------------------------------------------------------------------------------------------------


def ref(name: str, kind: str = "") -> dict[str, Any]:
    return {"id": name, "definition": {"type": kind}} if kind else {"id": name}


@pytest.mark.parametrize(
    ("activities", "section", "course"),
    [
        # Moodle's plugin
        ({"parent": [ref("s:1", SECTION), ref("c:1", MOODLE_COURSE)]}, "s:1", "c:1"),
        ({"parent": [ref("c:1", COURSE)], "grouping": [ref("m:1", MODULE)]}, "m:1", "c:1"),
        ({"parent": [ref("c:1", COURSE), ref("m:1", MODULE)]}, "m:1", "c:1"),
        ({"parent": ref("m:1", MODULE), "grouping": ref("c:1", COURSE)}, "m:1", "c:1"),
        ({"parent": [ref("m:1", MODULE)], "grouping": [ref("m:2", MODULE), ref("c:1", COURSE)]}, "m:1", "c:1"),
        ({"parent": [ref("q:1")], "grouping": [ref("c:1", COURSE)]}, None, "c:1"),
        ({"parent": [ref("c:1", COURSE)]}, None, "c:1"),
        # the activity itself is no part that it lies in
        ({"parent": [ref("c:1", COURSE)], "grouping": [ref("https://lms.example/video/1", MODULE)]}, None, "c:1"),
        ({}, None, None),
    ],
)  # fmt: skip
def test_where_the_section_is_found(
    activities: object, section: str | None, course: str | None
) -> None:
    statement = changed(STATEMENT, "context", {"contextActivities": activities})
    for beside in ((), (STATEMENT,), (STATEMENT, with_all({"context": {}}))):
        events = decode(statement, *beside).events
        assert column(events, "section")[0] == section
        assert column(events, "course")[0] == course


# --- answer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interaction", "response", "expected"),
    [
        ("choice", "blue", "blue"),
        ("choice", '["a piano", "a guitar"]', '["a piano", "a guitar"]'),
        ("choice", ["a piano", "a guitar"], "a piano[,]a guitar"),
        ("true-false", "true", "true"),
        ("likert", "likert_3", "likert_3"),
        ("numeric", "4.2", "4.2"),
        ("numeric", "my name is Jane", None),
        ("fill-in", "blue", None),
        ("long-fill-in", "Dear all", None),
        ("matching", "a[.]b", None),
        ("sequencing", "a[,]b", None),
        ("performance", "a[.]b", None),
        ("other", "blue", None),
        (None, "blue", None),
        (["choice"], "blue", None),
        ("choice", {"a": 1}, None),
        ("choice", "x" * (ANSWER_BYTES_MAX + 1), None),
    ],
)
def test_an_answer_is_kept_where_it_cannot_be_free_text(
    interaction: object, response: object, expected: str | None
) -> None:
    statement = with_all(
        {"object.definition.interactionType": interaction, "result.response": response}
    )
    decoded = decode(statement)
    assert not decoded.rejects
    assert only(decoded, "answer") == expected


def test_answers_stand_beside_statements_without_one() -> None:
    answered = with_all({"object.definition.interactionType": "choice", "result.response": "red"})
    assert column(decode(STATEMENT, answered, STATEMENT).events, "answer") == [None, "red", None]
    assert decode(STATEMENT).events.answer is None


# --- places in a video -------------------------------------------------------------------------------------------


def played(result: dict[str, object], context: object = None) -> dict[str, Any]:
    extensions = {f"{VIDEO}{name}": value for name, value in result.items()}
    statement = changed(STATEMENT, "result", {"extensions": extensions})
    return statement if context is None else changed(statement, "context.extensions", context)


def seconds(decoded: Decoded) -> list[list[float | None]]:
    found = [column(decoded.events, name) for name in ("position_s", "position_from_s", "length_s")]
    rows = zip(*found, strict=True)
    return [[None if v is None or math.isnan(v) else v for v in row] for row in rows]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (played({"time": 24.344}), [24.344, None, None]),
        (played({"time": 0, "progress": 0}, {f"{VIDEO}length": 254}), [0, None, 254]),
        (played({"time-from": 124.692, "time-to": 176.4, "length": 263.24}), [176.4, 124.692, 263.24]),
        (played({"time-to": 9, "length": 10}, {f"{VIDEO}length": 11}), [9, None, 10]),
        (played({"time-from": 9}, {f"{VIDEO}length": 11}), [None, 9, 11]),
        # who says a time does not seek
        (played({"time": 5, "time-from": 5, "time-to": 9, "length": 10}), [5, None, None]),
        (played({}, {f"{VIDEO}length": 525}), [None, None, 525]),
        # as older versions of event-routing-backends write it
        (played({"time": "PT2M4.5S"}, {f"{VIDEO}length": "PT3M15S"}), [124.5, None, 195]),
        # what says nothing costs nothing
        (played({"time": None}), [None, None, None]),
        (played({"time": ""}), [None, None, None]),
        (played({"time": {"at": 5}, "time-from": [], "length": True}), [None, None, 1]),
        (played({"time": "soon", "time-to": 5}), [5, None, None]),
        (played({"time": -3}), [None, None, None]),
        (played({"time": 7}, []), [7, None, None]),
        (played({"time": 7}, "none"), [7, None, None]),
        (STATEMENT, [None, None, None]),
    ],
)  # fmt: skip
def test_where_in_the_video_it_happened(
    statement: dict[str, Any], expected: list[float | None]
) -> None:
    for beside in ((), (played({"time": 1.5, "time-from": 1, "time-to": 2, "length": 3}),)):
        decoded = decode(statement, *beside)
        assert not decoded.rejects
        assert seconds(decoded)[0] == expected


def test_a_place_beyond_all_numbers_is_rejected_alone() -> None:
    odd = lines(played({"time": 1})).replace(b'time": 1', b'time": 1e999')
    decoded = CODEC.decode(lines(STATEMENT) + odd + lines(STATEMENT), 1)
    assert reasons(decoded) == [(2, "number_format")]


# --- statements that void others ---------------------------------------------------------------------------------


def voiding(statement_id: object, **fields: object) -> dict[str, Any]:
    target = {"objectType": "StatementRef", "id": statement_id}
    return with_all({"verb.id": f"{ADL}voided", "object": target, **fields})


def test_a_voiding_statement_is_no_event_and_names_what_it_takes_back() -> None:
    decoded = decode(voiding(OTHER_ID), STATEMENT, voiding(STATEMENT["id"], id=OTHER_ID))
    assert decoded.voided == [OTHER_ID, STATEMENT["id"]]
    assert decoded.events.line.tolist() == [2]
    assert not decoded.rejects
    assert decode(STATEMENT).voided == ()


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("object", {"id": "https://lms.example/video/1"}, "wrong_type"),
        ("object", {"objectType": "StatementRef"}, "wrong_type"),
        ("object.id", "17", "wrong_type"),
        ("actor", {"objectType": "Group"}, "missing_field"),
        ("timestamp", KeyError, "missing_field"),
    ],
)
def test_a_voiding_statement_that_the_standard_refuses_voids_nothing(
    path: str, value: object, reason: str
) -> None:
    decoded = decode(STATEMENT, changed(voiding(OTHER_ID), path, value))
    assert reasons(decoded) == [(2, reason)]
    assert decoded.voided == []


def test_a_document_may_hold_nothing_but_voiding_statements() -> None:
    decoded = CODEC.decode_document(json.dumps([voiding(OTHER_ID)] * 2).encode())
    assert (len(decoded.events), decoded.voided) == (0, [OTHER_ID] * 2)


# --- as Open edX writes a problem of several questions -----------------------------------------------------------


def test_a_group_of_questions_is_an_activity() -> None:
    statement = changed(STATEMENT, "object.objectType", "GroupActivity")
    assert only(decode(statement), "activity") == "https://lms.example/video/1"
    nameless = changed(statement, "object.id", KeyError)
    assert reasons(decode(nameless)) == [(1, "missing_field")]


# --- all of it ---------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=4,
)
PATHS = st.sampled_from([
    "result.response", "object.definition.interactionType", "context.extensions", "verb.id", "object.objectType",
    "context.contextActivities.grouping", "object.definition.type",
])  # fmt: skip
GIVEN = st.sampled_from(
    [
        with_all({"verb.id": f"{ADL}passed", "object.definition.type": COURSE}),
        with_all({"object.definition.interactionType": "choice", "result.response": "red"}),
        played({"time": 3, "time-from": 1, "length": 9}, {f"{VIDEO}length": "PT10S"}),
        voiding(OTHER_ID),
        changed(
            STATEMENT, "context.contextActivities.parent", [ref("m:1", MODULE), ref("c:1", COURSE)]
        ),
        STATEMENT,
    ]
)
NAMES = (
    *("course", "section", "answer", "standing", "activity"),
    *("position_s", "position_from_s", "length_s", "progress"),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.builds(changed, GIVEN, PATHS, JSON) | GIVEN, max_size=5))
def test_no_statement_depends_on_those_beside_it(statements: list[dict[str, Any]]) -> None:
    together = decode(*statements)
    alone = [decode(statement) for statement in statements]
    for name in NAMES:
        expected = [value for one in alone for value in column(one.events, name)]
        assert plain(column(together.events, name)) == plain(expected), name
    assert list(together.voided) == [one for decoded in alone for one in decoded.voided]


def plain(values: list[Any]) -> list[Any]:
    return [None if v is None or v in ("", -1) or v != v else v for v in values]  # noqa: PLR0124 - NaN


def test_real_statements_say_where_in_the_video_they_happened() -> None:
    if not REAL.exists():
        pytest.skip(f"{REAL.name} is not there: ../shared/data/ralph/statements.json.gz")
    texts = gzip.decompress(REAL.read_bytes()).splitlines()
    events = CODEC.decode(b"\n".join(texts), 1).events
    read = [json.loads(text) for text in texts]
    found = {
        name: sum(not math.isnan(value) for value in column(events, name))
        for name in ("position_s", "position_from_s", "length_s")
    }
    extensions = [one.get("result", {}).get("extensions", {}) for one in read]
    surroundings = [one["context"].get("extensions", {}) for one in read]
    assert found == {
        "position_s": sum(f"{VIDEO}time" in e or f"{VIDEO}time-to" in e for e in extensions),
        "position_from_s": sum(f"{VIDEO}time-from" in e for e in extensions),
        "length_s": sum(
            f"{VIDEO}length" in e or f"{VIDEO}length" in c
            for e, c in zip(extensions, surroundings, strict=True)
        ),
    }
    assert found["position_s"] > 20_000
    # They are all of videos, directly below their course.
    assert (events.standing, events.section, events.answer) == (None, None, None)
