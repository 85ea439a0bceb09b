"""Course reports of random events are those of the plain twin, however the events came."""

import dataclasses
import datetime as dt
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from homeroom.cohorts.answers.course_parts import Absent
from homeroom.cohorts.answers.course_report import PARTS
from homeroom.cohorts.course_report import timeline
from homeroom.cohorts.questions import CourseReport, parse_condition, parse_definitions
from homeroom.errors import QuestionError
from tests.examples import examples
from tests.oracle import instant_ms
from tests.oracle.compare import differences
from tests.oracle.course_events import CourseEvent, answered
from tests.oracle.course_report import ACTS, report
from tests.oracle.draw import PLACES

SECOND_MS = 1_000
DAY_MS = 86_400_000
VIDEO_VERBS = tuple(verb for verb, act in ACTS.items() if act in
                    ("played", "paused", "seeked", "completed", "terminated"))  # fmt: skip
STANDINGS = ("none", "enrolled", "left", "progressed", "graded", "completed", "passed", "failed")
POSITIONS = (None, -1.0, 0.0, 0.4, 0.5, 1.0, 2.5, 4.0, 7.4, 7.6, 10.0, 12.0, 12.3, 14.0, 9_999.0)
SECTIONS = ("week 1", "week 2", "week 3", None)


def times(around_ms: int) -> st.SearchStrategy[int]:
    """Draw times close together, so that plays and pauses meet, many at one instant, on few days some weeks apart."""
    return st.builds(
        lambda day, minute, second: around_ms + day * DAY_MS + minute * 60_000 + second * SECOND_MS,
        st.sampled_from((-9, -2, 0, 0, 0, 0, 1, 6, 20)),
        st.sampled_from((0, 0, 0, 0, 30, 700)),
        st.one_of(st.sampled_from((0, 0, 1, 10)), st.integers(0, 30)),
    )


def video_events(around_ms: int) -> st.SearchStrategy[CourseEvent]:
    return st.builds(
        CourseEvent,
        account=st.sampled_from("abc"),
        time_ms=times(around_ms),
        verb=st.sampled_from((*VIDEO_VERBS, VIDEO_VERBS[0], VIDEO_VERBS[1])),
        activity=st.sampled_from(("film", "film", "clip")),
        track=st.sampled_from(("video", "video", "other")),
        section=st.sampled_from(SECTIONS),
        position_s=st.sampled_from(POSITIONS),
        position_from_s=st.sampled_from(POSITIONS),
        length_s=st.sampled_from((None, None, None, 12.4, 0.0, -3.0)),
        completion=st.sampled_from((None, None, None, True, False)),
    )


def problem_events(around_ms: int) -> st.SearchStrategy[CourseEvent]:
    return st.builds(
        CourseEvent,
        account=st.sampled_from("abcd"),
        time_ms=times(around_ms),
        verb=st.sampled_from(("answered", "problem_check", "viewed")),
        activity=st.sampled_from(("sum", "sum", "proof", None)),
        track=st.sampled_from(("problem", "problem", "other")),
        section=st.sampled_from(SECTIONS),
        answer=st.sampled_from((None, "a", "b", "c")),
        success=st.sampled_from((None, True, False)),
        score=st.sampled_from((None, 0.0, 0.5, 1.0)),
        duration_ms=st.sampled_from((None, 0, 1_000, 90_000, 3_000_000_000)),
    )


def other_events(around_ms: int) -> st.SearchStrategy[CourseEvent]:
    return st.builds(
        CourseEvent,
        account=st.sampled_from("abcde"),
        time_ms=times(around_ms),
        verb=st.sampled_from(tuple(ACTS)),
        activity=st.sampled_from(("page", "forum", None)),
        course=st.sampled_from(("run", "run", "other run", None)),
        track=st.sampled_from(("forum", "reading", "other")),
        section=st.sampled_from(SECTIONS),
    )


def standing_events(around_ms: int) -> st.SearchStrategy[CourseEvent]:
    return st.builds(
        CourseEvent,
        account=st.sampled_from("abcd"),
        time_ms=times(around_ms),
        verb=st.sampled_from(("registered", "unregistered", "viewed")),
        track=st.just("enrolment"),
        standing=st.sampled_from(STANDINGS),
        score=st.sampled_from((None, -0.5, 0.0, 0.55, 1.0, 80.0)),
        progress=st.sampled_from((None, 0.0, 0.3, 1.0)),
    )


AFTER_MS = st.sampled_from((0, 0, 0, 0, 1, 4_000, 30 * 60_000, 14 * DAY_MS))


def twin(one: CourseEvent, other: CourseEvent, after_ms: int) -> CourseEvent:
    """Return what another event says, said by the learner and of the activity of the first, then or a while later.

    That is where answers go wrong: at one instant, and just where something ends.
    """
    return dataclasses.replace(
        other,
        account=one.account,
        time_ms=one.time_ms + after_ms,
        activity=one.activity,
        course=one.course,
    )


@st.composite
def drawn(draw: st.DrawFn) -> tuple[str, dt.date, list[list[CourseEvent]]]:
    """Draw a zone, a date in it, and events of all kinds dealt to segments, some of them twice."""
    zone, instant = draw(st.sampled_from(PLACES))
    around_ms = instant_ms(instant)
    kinds = (video_events, problem_events, other_events, standing_events)
    chosen = draw(st.sets(st.sampled_from(range(4)), min_size=1))
    events = draw(
        st.lists(st.one_of([kinds[i](around_ms) for i in sorted(chosen)]), min_size=1, max_size=60)
    )
    events += draw(
        st.lists(st.builds(twin, *(st.sampled_from(events),) * 2, AFTER_MS), max_size=30)
    )
    portions: list[list[CourseEvent]] = [[], [], []]
    count = draw(st.sampled_from((1, 2, 3)))
    for event in events:
        portions[draw(st.integers(0, count - 1))].append(event)
    portions[0] += draw(st.lists(st.sampled_from(events), max_size=3))
    date = dt.datetime.fromtimestamp(around_ms // 1000, dt.UTC).date()
    return zone, date, portions


def without_reasons(figures: Any) -> Any:
    """Put ... in the place of a reason, and of a part that is left out."""
    if isinstance(figures, dict):
        return {k: ... if k == "absent" else without_reasons(v) for k, v in figures.items()}
    return [without_reasons(v) for v in figures] if isinstance(figures, list) else figures


def misses(portions: list[list[CourseEvent]], question: CourseReport, zone: str) -> list[str]:
    found = answered(portions, question, zone).to_json()["courses"]
    expected = report([event for part in portions for event in part], question, zone)
    assert len(expected) == len(found)
    return [
        line
        for run, own in zip(expected, found, strict=True)
        if run is not None
        for line in differences(run, without_reasons(own))
    ]


@given(st.data(), drawn())
@examples(300)
def test_a_report_is_what_the_plain_twin_says(data, drawn_case):
    zone, date, portions = drawn_case
    block_events = data.draw(st.sampled_from((1, 7, 1_000)))
    courses = {event.course for part in portions for event in part} - {None}
    fields: dict[str, Any] = {
        "course": tuple(sorted(courses)),
        "timezone": data.draw(st.sampled_from((None, "Asia/Kolkata"))),
        "week_start": data.draw(st.sampled_from(("monday", "sunday"))),
    }
    near = st.integers(-20, 20).map(lambda n: date + dt.timedelta(days=n))
    if data.draw(st.integers(0, 2)) == 0:
        fields["from_"] = data.draw(near)
    if data.draw(st.integers(0, 2)) == 0:
        fields["to"] = max(data.draw(near), fields.get("from_", dt.date.min))
    if data.draw(st.integers(0, 2)) == 0:
        noon = dt.datetime(date.year, date.month, date.day, 12, tzinfo=dt.UTC)
        fields["as_of"] = noon + dt.timedelta(days=data.draw(st.integers(-15, 30)))
    assume(courses)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "REPORT_BLOCK_EVENTS", block_events)
        assert misses(portions, CourseReport(**fields), zone) == []


# --- which events, which course runs ---------------------------------------------------------------------------

AT = instant_ms("2024-03-04T10:00Z")
MINUTE_MS = 60_000


def event(account: str, minutes: float = 0, **fields: Any) -> CourseEvent:
    return CourseEvent(account=account, time_ms=AT + round(minutes * MINUTE_MS), **fields)


EVENTS = [
    event("a", 0, verb="registered", standing="enrolled", attributes=(("country", "DE"),)),
    event("a", 1, activity="page 1", track="reading", section="one"),
    event(
        "b", 2, activity="page 1", track="reading", section="one", attributes=(("country", "FR"),)
    ),
    event("b", 3, activity="sum", track="problem", verb="answered", success=True, section="two"),
    event("c", 4, activity="page 1", course="other run"),
]


def test_conditions_pick_the_events_and_learners_that_are_seen():
    both = answered([EVENTS], CourseReport(course=("run",)))
    videos = answered(
        [EVENTS], CourseReport(course=("run",), filters=(parse_condition("track=reading"),))
    )
    german = answered(
        [EVENTS], CourseReport(course=("run",), filters=(parse_condition("country=DE"),))
    )
    assert [one.runs[0].engagement.learners for one in (both, videos, german)] == [2, 2, 1]
    assert isinstance(videos.runs[0].problems, Absent)
    assert [page.name for page in german.runs[0].engagement.pages] == ["page 1"]


def test_a_cohort_is_seen_alone_and_cohorts_are_compared():
    definitions = parse_definitions(
        {"cohort": {"tried": {"did": "verb=answered"}, "all": {"did": "any"}}}
    )
    alone = answered(
        [EVENTS], CourseReport(course=("run",), cohort="tried", definitions=definitions)
    )
    assert alone.runs[0].engagement.learners == 1
    compared = answered(
        [EVENTS], CourseReport(course=("run",), compare=("tried", "all"), definitions=definitions)
    )
    assert [(name, part.runs[0].engagement.learners) for name, part in compared.parts] == [
        ("tried", 1),
        ("all", 2),
    ]


def test_a_breakdown_is_one_report_a_value():
    answer = answered([EVENTS], CourseReport(course=("run",), breakdown="country"))
    assert [value for value, _ in answer.parts] == ["DE", "FR", "(none)"]
    german, french, nobody = (part.runs[0] for _, part in answer.parts)
    assert (german.engagement.learners, french.engagement.learners) == (1, 1)
    assert nobody.start is None
    assert all(isinstance(getattr(nobody, part), Absent) for part in PARTS)


def test_the_only_course_run_need_not_be_named():
    assert answered([EVENTS[:4]], CourseReport()).runs[0].course == "run"
    with pytest.raises(QuestionError, match="2 course runs: other run, run; name one"):
        answered([EVENTS], CourseReport())
    with pytest.raises(QuestionError, match="no event names a course run"):
        answered([[event("a", course=None)]], CourseReport())


def test_a_course_run_that_is_not_there_is_refused_with_near_names():
    with pytest.raises(QuestionError, match=r"course 'other' is in no event; near: other run"):
        answered([EVENTS], CourseReport(course=("other",)))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"course": tuple(map(str, range(13)))}, "names 13 course runs, must be at most 12"),
        ({"course": ("run", "run")}, "named once"),
        ({"course": ("",)}, "must have a name"),
        ({"course": ("run",), "breakdown": "course"}, "name the course runs instead"),
        ({"course": ("run",), "breakdown": "verb"}, "an attribute of the learner"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, why):
    with pytest.raises(QuestionError, match=why):
        answered([EVENTS], CourseReport(**fields))


def test_a_calendar_says_when_a_run_begins():
    definitions = parse_definitions({"calendar": {"run": {"start": dt.date(2024, 2, 29)}}})
    named = answered([EVENTS], CourseReport(course=("run",), definitions=definitions)).runs[0]
    assert (named.start, named.active_since.tolist()) == ("2024-02-29", [-1, 0])
    found = answered([EVENTS], CourseReport(course=("run",))).runs[0]
    assert (found.start, found.active_since.tolist()) == ("2024-03-04", [2])


def test_weeks_before_the_first_date_shown_are_not_known():
    later = [*EVENTS, event("b", 20 * 1440, activity="page 1")]
    run = answered([later], CourseReport(course=("run",), from_=dt.date(2024, 3, 20))).runs[0]
    assert run.to_json()["since_start"]["active"] == [None, None, 1]


# --- at one instant, and just where something ends -------------------------------------------------------------


def orders(*events: CourseEvent) -> list[list[list[CourseEvent]]]:
    """Return the ways in which events of one instant can come: in one segment, and dealt out in either order."""
    return [[list(events)], [[e] for e in events], [[e] for e in reversed(events)]]


def test_of_grades_of_one_instant_the_highest_counts_and_of_verdicts_failed():
    later = {"minutes": 5, "track": "other"}
    low, high = (event("a", standing="passed", score=s, **later) for s in (0.2, 0.9))
    failed = event("a", standing="failed", **later)
    first = event("a", 1, standing="graded", score=1.0)
    for portions in orders(low, high, failed, first):
        grades = answered(portions, CourseReport()).runs[0].grades
        assert (grades.median, grades.passed, grades.failed) == (0.9, 0, 1)


def test_answers_of_one_instant_are_one_attempt_and_its_score_the_highest():
    own = {"verb": "answered", "activity": "sum", "track": "problem"}
    wrong, right = (
        event("a", 1, success=s, score=float(s) / 2, answer=str(s), **own) for s in (False, True)
    )
    unknown = event("a", 1, **own)
    again = event("a", 2, success=True, **own)
    for portions in orders(wrong, right, unknown, again):
        (problem,) = answered(portions, CourseReport()).runs[0].problems.problems
        assert (problem.attempts, problem.first_right, problem.mean_to_right, problem.score) == (
            2,
            0,
            2,
            0.5,
        )
        assert {one.answer: one.count for one in problem.answers} == {"True": 1, "False": 1}
    for portions in orders(right, unknown):
        (problem,) = answered(portions, CourseReport()).runs[0].problems.problems
        assert (problem.attempts, problem.first_right) == (1, 1)


def test_who_leaves_and_joins_at_one_instant_is_in():
    joined, left = (event("a", 1, standing=standing) for standing in ("enrolled", "left"))
    for portions in orders(left, joined, event("a", 0, standing="enrolled")):
        part = answered(portions, CourseReport()).runs[0].enrolments
        assert (part.enrolled.sum(), part.left.sum(), part.current, part.again) == (2, 1, 1, 1)


def test_fourteen_days_without_an_event_are_quiet():
    days = 14 * 1440
    last = event("z", days)  # the data end here
    for minutes, stopped in ((0, 1), (1 / 60_000, 0)):
        only = event("a", minutes, section="one")
        (section,) = answered([[only, last]], CourseReport()).runs[0].engagement.sections
        assert (section.reached, section.stopped) == (1, stopped)
    as_of = dt.datetime.fromtimestamp(AT / 1000, dt.UTC) + dt.timedelta(days=13)
    (section,) = (
        answered([[event("a", 0, section="one"), last]], CourseReport(as_of=as_of))
        .runs[0]
        .engagement.sections
    )
    assert section.stopped == 0


def test_a_visit_ends_after_thirty_minutes():
    pages = [event("a", minutes, activity="page") for minutes in (0, 30, 60 + 1 / 60_000)]
    (page,) = answered([pages], CourseReport()).runs[0].engagement.pages
    assert page.visits == 2
