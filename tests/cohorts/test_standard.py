"""A report asks what its data can answer, about the course runs with most learners."""

from tests.cohorts.engine import needs_reading, read
from tests.oracle import Event, instant_ms

pytestmark = needs_reading

AT = instant_ms("2024-01-01T10:00Z")


def event(number: int, **fields: object) -> Event:
    return Event(account=f"l{number}", time_ms=AT + number, **fields)


def kinds(data, **fields: object) -> list[str]:
    asked = data.standard_questions(fields, data.definitions("standard"))
    return [question.name for question in asked]


def test_a_whole_log_gets_every_question():
    data = read(
        [event(n, course=f"c{n % 5}", track=track) for n in range(20) for track in ("video", "problem")]
    )  # fmt: skip
    assert kinds(data) == ["at-risk", "funnel", "paths", "overlap", "report", "report", "report"]


def test_what_the_data_lack_is_not_asked():
    one_track = read([event(n, track="video") for n in range(3)])

    assert kinds(one_track) == ["paths", "overlap"]


def test_the_course_runs_with_most_learners_come_first():
    courses = ["b", "b", "b", "a", "a", "a", "c", "d", "d"]
    data = read([event(n, course=course) for n, course in enumerate(courses)])
    asked = data.standard_questions({}, data.definitions("standard"))

    assert [one.course[0] for one in asked if one.name == "report"] == ["a", "b", "d"]


def test_what_is_about_a_date_is_left_out_where_only_some_events_are_seen():
    data = read([event(n, course="c", track="video") for n in range(3)])

    assert kinds(data, filters=["verb=played"]) == ["paths", "report"]
    assert kinds(data, to="2024-01-05") == ["paths", "report"]
    assert kinds(data, as_of="2024-01-05T00:00:00Z", interval="week") == [
        *("at-risk", "paths", "overlap", "report"),
    ]


def test_no_events_are_no_questions_but_paths_and_overlaps():
    assert kinds(read([])) == ["paths", "overlap"]


def test_every_question_of_a_report_can_be_answered():
    data = read([event(n, course="c", track=("enrolment", "video")[n % 2]) for n in range(30)])
    for question in data.standard_questions({}, data.definitions("standard")):
        assert data.ask(question).question == question
