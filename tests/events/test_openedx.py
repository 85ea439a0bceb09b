"""Open edX tracking logs: the envelope is required, the payload is looked into, anonymous events are refused."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.events.model import Decoded
from homeroom.events.openedx import PAGE_REQUEST, OpenedxCodec, looks_like
from tests.events.samples_codecs import LOG_LINE, changed, column, lines, only, reasons

CODEC = OpenedxCodec()
GOOD = lines(LOG_LINE)


def decode_one(path: str, value: object) -> Decoded:
    return CODEC.decode(lines(changed(LOG_LINE, path, value)), 1)


def decode_event(**fields: object) -> Decoded:
    return CODEC.decode(lines({**LOG_LINE, **fields}), 1)


def test_a_server_event_becomes_an_event() -> None:
    decoded = CODEC.decode(GOOD, 3)
    assert decoded.events.line.tolist() == [3]
    assert only(decoded, "account") == "jane"
    assert only(decoded, "issuer") == "openedx"
    assert only(decoded, "time") == "2024-03-12T14:05:33.123456+00:00"
    assert only(decoded, "verb") == "problem_check"
    assert only(decoded, "activity") == "block-v1:Org+C1+R1+type@problem+block@abc"
    assert only(decoded, "course") == "course-v1:Org+C1+R1"
    assert only(decoded, "event_id") is None
    assert only(decoded, "score") == 0.5
    assert only(decoded, "success") == 0


def test_a_browser_event_has_its_payload_in_a_string() -> None:
    payload = {"id": "0b9e39477cf34507a7a48f74be381fdd", "code": "yt", "currentTime": 3.5}
    decoded = decode_event(
        event_source="browser",
        event_type="play_video",
        event=json.dumps(payload),
        context={"user_id": 17, "course_id": "course-v1:Org+C1+R1"},
    )
    assert only(decoded, "activity") == "0b9e39477cf34507a7a48f74be381fdd"
    assert only(decoded, "verb") == "play_video"
    assert math.isnan(float(str(only(decoded, "score"))))


def test_a_mobile_event_is_named_by_its_type() -> None:
    decoded = decode_event(event_source="mobile", event_type="play_video", name="edx.video.played")
    assert only(decoded, "verb") == "play_video"
    assert (
        only(decode_event(event_type=None, name="edx.video.played"), "verb") == "edx.video.played"
    )


@pytest.mark.parametrize(
    "payload",
    ["", "input_abc=1&input_def=2", "{", "[1]", None, 3, [], "{}", '"x"', {"id": 5, "success": []}],
)
def test_a_payload_that_says_nothing_costs_nothing(payload: object) -> None:
    decoded = decode_event(event=payload, context={"course_id": "course-v1:Org+C1+R1"})
    assert only(decoded, "activity") == ""
    assert only(decoded, "success") == -1


def test_numbers_beyond_all_bounds_are_no_score() -> None:
    text = json.dumps(LOG_LINE).replace('"grade": 1', '"grade": 1' + "0" * 400)
    assert (
        len(CODEC.decode(text.encode(), 1).events) + len(CODEC.decode(text.encode(), 1).rejects)
        == 1
    )


@pytest.mark.parametrize(
    "payload", ['{"grade": NaN, "max_grade": 1}', {"grade": float("nan"), "max_grade": 1}]
)
def test_a_grade_that_is_no_number_is_rejected(payload: object) -> None:
    assert reasons(decode_event(event=payload)) == [(1, "score_not_finite")]


def test_a_payload_that_nests_too_deep_is_rejected() -> None:
    assert reasons(decode_event(event='{"a":' + "[" * 5_000)) == [(1, "not_json")]


def test_an_anonymous_event_is_refused_and_a_user_id_stands_in_for_a_name() -> None:
    assert reasons(decode_event(username="", context={"user_id": ""})) == [(1, "missing_field")]
    assert reasons(decode_event(username=None, context=None)) == [(1, "missing_field")]
    assert only(decode_event(username="", context={"user_id": 17}), "account") == "17"


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("time", KeyError, "missing_field"),
        ("time", 5, "wrong_type"),
        ("context", [], "wrong_type"),
        ("context.course_id", 5, "wrong_type"),
        ("username", {}, "wrong_type"),
    ],
)
def test_an_envelope_that_is_wrong_is_rejected_alone(path: str, value: object, reason: str) -> None:
    decoded = CODEC.decode(GOOD + lines(changed(LOG_LINE, path, value)) + GOOD, 1)
    assert reasons(decoded) == [(2, reason)]
    assert decoded.events.line.tolist() == [1, 3]


def test_an_event_without_a_name_is_rejected() -> None:
    assert reasons(decode_event(event_type="", name=None)) == [(1, "missing_field")]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2013-05-01T10:00:00.123456", "2013-05-01T10:00:00.123456Z"),
        ("2013-05-01T10:00:00Z", "2013-05-01T10:00:00Z"),
        ("2013-05-01T10:00:00+0200", "2013-05-01T10:00:00+0200"),
    ],
)
def test_an_old_time_without_offset_is_utc(time: str, expected: str) -> None:
    assert only(decode_event(time=time), "time") == expected


@pytest.mark.parametrize(
    ("path", "activity", "track", "course"),
    [
        ("/u/jane", "/u/*", None, None),
        ("/api/badges/v1/assertions/user/jane/", "/api/badges/v1/assertions/user/*/", None, None),
        (
            "/courses/course-v1:Org+C1+R1/courseware/ch1/s1/?child=first",
            "/courses/course-v1:Org+C1+R1/courseware/ch1/s1/",
            "navigation",
            "course-v1:Org+C1+R1",
        ),
        (
            "/courses/Org/C1/R1/discussion/forum",
            "/courses/Org/C1/R1/discussion/forum",
            "forum",
            "Org/C1/R1",
        ),
        (
            "/courses/course-v1:Org+C1+R1/xblock/block-v1:Org+C1+R1+type@video+block@a/handler/x",
            "/courses/course-v1:Org+C1+R1/xblock/block-v1:Org+C1+R1+type@video+block@a/handler/x",
            "video",
            "course-v1:Org+C1+R1",
        ),
    ],
)
def test_a_request_is_a_page_and_names_nobody(
    path: str, activity: str, track: str | None, course: str | None
) -> None:
    decoded = decode_event(
        event_type=path, name=path, context={"path": path, "course_id": ""}, event="{}"
    )
    assert only(decoded, "verb") == PAGE_REQUEST
    assert only(decoded, "activity") == activity
    assert only(decoded, "track") == track
    assert only(decoded, "course") == course


def test_the_course_of_a_browser_event_may_stand_in_its_page() -> None:
    page = "https://courses.example/courses/course-v1%3AOrg%2BC1%2BR1/courseware/"
    assert only(decode_event(page=page, context={}), "course") == "course-v1:Org+C1+R1"


def test_what_a_log_writer_put_before_the_event_is_passed_over() -> None:
    prefix = b"2024-03-12 14:05:33,888 INFO 11478 [tracking] logger.py:50 - "
    decoded = CODEC.decode(prefix + GOOD + b"\n" + GOOD + b"Mar 12 host app[1]: no event\n", 1)
    assert decoded.events.line.tolist() == [1, 3]
    assert reasons(decoded) == [(4, "not_json")]


def test_completion_is_what_the_completion_event_says() -> None:
    events = CODEC.decode(
        lines(
            *(
                {**LOG_LINE, "event": {"completion": value, "block_id": "b"}}
                for value in (1.0, 0.5, None)
            )
        ),
        1,
    ).events
    assert column(events, "completion") == [1, 0, -1]


def test_an_array_of_events_is_read() -> None:
    assert len(CODEC.decode_document(b"[" + GOOD + b"," + GOOD + b"]").events) == 2


def test_log_lines_are_told_from_other_objects() -> None:
    assert looks_like(LOG_LINE)
    assert looks_like({"username": "", "event_type": "x", "time": "", "event_source": "browser"})
    assert not looks_like({"name": "x", "time": "y"})
    assert not looks_like({"actor": {}, "verb": {}, "object": {}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
PATHS = st.sampled_from([
    "username", "event_type", "name", "time", "context", "context.user_id", "context.path", "context.module", "event",
    "event.grade", "event.max_grade", "event.success", "event.id", "event.discussion", "event.completion", "page",
])  # fmt: skip
ODD = st.builds(lambda path, value: lines(changed(LOG_LINE, path, value))[:-1], PATHS, JSON)
NESTED = st.builds(
    lambda text: lines({**LOG_LINE, "event": text})[:-1],
    st.text(max_size=20) | JSON.map(json.dumps),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        ODD | NESTED | st.binary(max_size=30).map(lambda text: text.replace(b"\n", b"")), max_size=5
    )
)
def test_every_line_is_an_event_or_a_reject(texts: list[bytes]) -> None:
    decoded = CODEC.decode(b"\n".join([GOOD[:-1], *texts]), 1)
    read = [*decoded.events.line.tolist(), *(reject.line for reject in decoded.rejects)]
    assert sorted(read) == [n for n, text in enumerate([GOOD, *texts], 1) if text.strip(b" \t\r\n")]
