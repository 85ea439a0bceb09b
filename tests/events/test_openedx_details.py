"""Open edX tracking logs, what came later: standing, section, answer and places in a video."""

import json
import math
from typing import Any

import pytest

from homeroom.events.door import Door
from homeroom.events.model import STANDINGS, Decoded
from homeroom.events.openedx import OpenedxCodec
from homeroom.events.vocabulary import VerbTable
from tests.events.samples_codecs import LOG_LINE, column, lines, only

CODEC = OpenedxCodec()
RUN = "course-v1:Org+C1+R1"


def decode(**fields: object) -> Decoded:
    decoded = CODEC.decode(lines({**LOG_LINE, **fields}), 1)
    assert not decoded.rejects
    return decoded


def number(decoded: Decoded, name: str) -> float | None:
    value = float(str(only(decoded, name)))
    return None if math.isnan(value) else value


# --- places in a video -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "payload", "expected"),
    [
        ("play_video", {"id": "v", "code": "yt", "currentTime": 3.5, "duration": 195}, (3.5, None, 195)),
        ("pause_video", {"id": "v", "currentTime": 0}, (0, None, None)),
        ("stop_video", {"id": "v", "currentTime": 195.2}, (195.2, None, None)),
        ("seek_video", {"id": "v", "old_time": 194.4, "new_time": 10, "type": "onSlideSeek"}, (10, 194.4, None)),
        ("edx.video.position.changed", {"old_time": 1, "new_time": 2, "currentTime": 9}, (2, 1, None)),
        ("edx.video.played", {"current_time": 7.25}, (7.25, None, None)),
        ("load_video", {"id": "v", "duration": 90}, (None, None, 90)),
        ("show_transcript", {"id": "v", "current_time": 4}, (4, None, None)),
        # what says nothing costs nothing
        ("play_video", {"currentTime": None}, (None, None, None)),
        ("play_video", {"currentTime": "soon"}, (None, None, None)),
        ("play_video", {"currentTime": -1}, (None, None, None)),
        ("play_video", {"currentTime": True}, (None, None, None)),
        ("play_video", {}, (None, None, None)),
        # a duration of something else
        ("edx.special_exam.timed.attempt.started", {"duration": 90, "currentTime": 5}, (None, None, None)),
    ],
)  # fmt: skip
def test_where_in_the_video_it_happened(
    verb: str, payload: dict[str, Any], expected: tuple[float | None, ...]
) -> None:
    for written in (payload, json.dumps(payload)):
        decoded = decode(event_type=verb, name=verb, event=written)
        names = ("position_s", "position_from_s", "length_s")
        assert tuple(number(decoded, name) for name in names) == expected


# --- answers -----------------------------------------------------------------------------------------------------


def question(kind: object, answer: object) -> dict[str, Any]:
    return {"question": "", "answer": answer, "response_type": kind, "correct": False}


@pytest.mark.parametrize(
    ("submission", "expected"),
    [
        ({"a_2_1": question("multiplechoiceresponse", "a chair")}, "a chair"),
        ({"a_2_1": question("optionresponse", "blue")}, "blue"),
        ({"a_2_1": question("choiceresponse", ["a piano", "a tree"])}, "a piano[,]a tree"),
        ({"a_2_1": question("truefalseresponse", "True")}, "True"),
        ({"a_2_1": question("numericalresponse", "3.14")}, "3.14"),
        ({"a_2_1": question("numericalresponse", "jane")}, None),
        ({"a_2_1": question("stringresponse", "my name is Jane")}, None),
        ({"a_2_1": question("customresponse", "blue")}, None),
        ({"a_2_1": question("", "blue")}, None),
        ({"a_2_1": question(["choiceresponse"], "blue")}, None),
        ({"a_2_1": question("choiceresponse", None)}, None),
        ({"a_2_1": "blue"}, None),
        ({"a_2_1": question("optionresponse", "a"), "a_3_1": question("optionresponse", "b")}, None),
        ({}, None),
        ("blue", None),
    ],
)  # fmt: skip
def test_the_answer_to_one_question_is_kept_where_it_cannot_be_free_text(
    submission: object, expected: str | None
) -> None:
    payload = {"grade": 1, "max_grade": 2, "success": "incorrect", "submission": submission}
    decoded = decode(event=payload)
    assert only(decoded, "answer") == expected
    assert (only(decoded, "score"), only(decoded, "success")) == (0.5, 0)


def test_only_a_check_of_a_problem_has_an_answer() -> None:
    payload = {"submission": {"a": question("optionresponse", "blue")}}
    assert only(decode(event_type="problem_show", event=payload), "answer") is None


# --- section -----------------------------------------------------------------------------------------------------

SEQUENTIAL = f"block-v1:Org+C1+R1+type@sequential+block@{'5' * 32}"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (f"https://lms.example/courses/{RUN}/courseware/d8a6192ade/edx_introduction/?child=first", "d8a6192ade"),
        ("http://lms.example/courses/Org/C1/R1/courseware/Week_1/", "Week_1"),
        (f"https://lms.example/courses/{RUN}/courseware/Week%201/a/", "Week 1"),
        (f"https://apps.example/learning/course/{RUN}/{SEQUENTIAL}/block-v1:Org+C1+R1+type@vertical", SEQUENTIAL),
        (f"https://apps.example/learning/course/{RUN}/home", None),
        (f"https://lms.example/courses/{RUN}/progress", None),
        (f"https://lms.example/courses/{RUN}/courseware/", None),
        (f"https://lms.example/courses/{RUN}/courseware/{'x' * 2_000}/", None),
        ("x_module", None),
        (None, None),
    ],
)  # fmt: skip
def test_the_section_is_what_the_page_shows(page: object, expected: str | None) -> None:
    assert only(decode(page=page), "section") == expected


def test_the_section_of_a_request_is_in_its_path() -> None:
    decoded = decode(event_type=f"/courses/{RUN}/courseware/d8a6192ade/", page=None, event="{}")
    assert only(decoded, "section") == "d8a6192ade"


# --- standing ----------------------------------------------------------------------------------------------------


def standing_of(verb: str, payload: dict[str, Any], **fields: object) -> str:
    """Return what the door makes of a log line."""
    decoded = decode(event_type=verb, name=verb, event=payload, **fields)
    batch = Door(bytes(32), VerbTable.standard()).admit(decoded, "tracking.log").batch
    return STANDINGS[0 if batch.standing is None else int(batch.standing[0])]


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("edx.course.enrollment.activated", "enrolled"),
        ("edx.course.enrollment.deactivated", "left"),
        ("edx.course.enrollment.mode_changed", "none"),
        ("edx.grades.course.grade_calculated", "graded"),
        ("edx.grades.subsection.grade_calculated", "none"),
        ("edx.course.grade.passed.first_time", "passed"),
        ("edx.course.grade.now_passed", "passed"),
        ("edx.course.grade.now_failed", "failed"),
        ("edx.certificate.created", "passed"),
        ("openedx.completion_aggregator.progress.course", "progressed"),
        ("openedx.completion_aggregator.completion.course", "completed"),
        ("openedx.completion_aggregator.completion.chapter", "none"),
        ("problem_check", "none"),
    ],
)
def test_an_event_about_a_course_run_speaks_of_a_standing(verb: str, expected: str) -> None:
    payload = {"user_id": 17, "course_id": RUN}
    assert standing_of(verb, payload) == expected
    assert standing_of(verb, {**payload, "user_id": "17"}) == expected


def test_what_is_done_for_another_says_nothing_of_who_did_it() -> None:
    payload = {"user_id": 23, "course_id": RUN, "mode": "audit"}
    assert standing_of("edx.course.enrollment.activated", payload) == "none"
    unknown = {"course_id": RUN}
    assert standing_of("edx.course.enrollment.activated", payload, context=unknown) == "enrolled"


def test_an_event_about_a_course_run_is_of_no_block() -> None:
    fields = {"user_id": 17, "course_id": RUN, "percent_grade": 0.02, "letter_grade": ""}
    decoded = decode(event_type="edx.grades.course.grade_calculated", event=fields)
    assert (only(decoded, "activity"), only(decoded, "course")) == ("", RUN)
    assert only(decoded, "score") == 0.02


@pytest.mark.parametrize(("percent", "expected"), [(0.8, 0.8), (1.0, 1.0), (80, None), ("x", None)])
def test_the_aggregator_says_how_much_is_done(percent: object, expected: float | None) -> None:
    payload = {"user_id": 17, "course_id": RUN, "percent": percent, "earned": 8, "possible": 10}
    verb = "edx.completion_aggregator.progress.course"
    assert number(decode(event_type=verb, event=payload), "progress") == expected
    assert number(decode(event_type="problem_show", event=payload), "progress") is None


def test_lines_that_have_none_of_it_have_no_columns_of_text() -> None:
    events = decode().events
    assert (events.section, events.answer, events.standing) == (None, None, None)
    assert column(events, "answer") == [None]
