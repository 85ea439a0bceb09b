"""Who is at risk is what the plain twin says, on any date, in any zone, from columns or from history."""

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.cohorts.answers import AtRiskAnswer
from homeroom.cohorts.questions import AtRisk, Condition
from homeroom.cohorts.questions.definitions import parse_definitions
from homeroom.events import model
from tests.adapters.loads import load
from tests.cohorts.engine import hr, needs_reading, read
from tests.cohorts.test_cohorts import accounts
from tests.oracle import Event, instant_ms
from tests.oracle.at_risk import at_risk
from tests.oracle.draw import PLACES, Case

pytestmark = needs_reading

STANDINGS = (None, None, None, *model.STANDINGS[1:])
TRACKS = ("video", "problem", "navigation", "enrolment", "other")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@st.composite
def standing_cases(draw: st.DrawFn) -> Case:
    """Draw a case whose few enrolments change how they stand, often at one instant, and are often quiet for a week."""
    zone, instant = draw(st.sampled_from(PLACES))
    around_ms = instant_ms(instant)
    date = dt.datetime.fromtimestamp(around_ms // 1000, dt.UTC).date()
    days = st.one_of(st.integers(-5, 5).map(lambda n: 7 * n), st.integers(-40, 40))
    hours = st.sampled_from((-1, 0, 0, 1, 12))
    event = st.builds(
        Event,
        account=st.sampled_from("abc"),
        time_ms=st.builds(lambda d, h: around_ms + d * DAY_MS + h * HOUR_MS, days, hours),
        verb=st.sampled_from(("played", "answered")),
        course=st.sampled_from(("algebra", "algebra", "biology", None)),
        track=st.sampled_from(TRACKS),
        standing=st.sampled_from(STANDINGS),
        completion=st.sampled_from((None, True, False)),
        score=st.sampled_from((None, 0.0, 0.5, 1.0)),
        progress=st.sampled_from((None, 0.25, 1.0)),
        attributes=st.sampled_from(({}, {"country": "DE"}, {"country": "FR"})),
    )
    return Case(
        zone, date, tuple(draw(st.lists(event, max_size=draw(st.sampled_from((3, 15, 50))))))
    )


@st.composite
def risk_questions(draw: st.DrawFn, case: Case) -> AtRisk:
    """Draw a question that suits a case; `limit` is such that the list shows some, or all."""
    fields: dict[str, Any] = {
        "quiet_days": draw(st.sampled_from((1, 3, 7, 7, 30, 100))),
        "beyond": draw(st.sampled_from((("video", "problem"), ("problem",), ("reading",), ()))),
        "unless": draw(
            st.sampled_from((("passed", "completed"), ("passed",), ("failed",), ("completed",), ()))
        ),
        "weeks": draw(st.sampled_from((0, 1, 4, 20))),
        "limit": draw(st.sampled_from((0, 2, 100))),
        "sort": draw(st.sampled_from(("recently-lost", "longest-quiet", "most-active", "course"))),
        "week_start": draw(st.sampled_from(("monday", "sunday"))),
        "timezone": draw(st.sampled_from((None, None, case.zone, "Asia/Kolkata"))),
    }
    if not case.events or draw(st.booleans()):
        noon = dt.datetime.combine(case.date, dt.time(12), dt.UTC)
        fields["as_of"] = noon + dt.timedelta(days=draw(st.integers(-40, 70)))
    wanted = [()]
    if any(event.course for event in case.events):
        wanted += [
            (Condition("course", ("algebra",)),),
            (Condition("course", ("biology", "algebra")),),
        ]
        wanted += [(Condition("course", ("algebra",), "!="),)]
    if any(event.attributes for event in case.events):
        wanted += [(Condition("country", ("DE",)),), (Condition("country", ("DE",), "!="),)]
    fields["filters"] = draw(st.sampled_from(wanted))
    if draw(st.integers(0, 3)) == 0:
        ends = case.date + dt.timedelta(days=draw(st.integers(-20, 20)))
        fields["definitions"] = parse_definitions({"calendar": {"algebra": {"end": ends}}})
    return AtRisk(**fields)


def listed(answer: AtRiskAnswer) -> list[dict[str, Any]]:
    """Return the whole list in the form of the twin."""
    names = {f"{hi:016x}{lo:016x}": account for (hi, lo), account in accounts().items()}
    rows = answer.to_arrow().to_pylist()
    for row in rows:
        row["account"] = names[row.pop("learner")]
        row["tracks"] = set(row["tracks"].split())
        del row["reason"]
    return rows


def in_order(rows: list[dict[str, Any]], sort: str) -> bool:
    """Say whether rows stand in an order, but for those that are equal in it."""
    keys = {
        "recently-lost": lambda row: (row["quiet_days"], -row["active_days"]),
        "longest-quiet": lambda row: (-row["quiet_days"], -row["active_days"]),
        "most-active": lambda row: (-row["active_days"], row["quiet_days"]),
        "course": lambda row: (row["course"], row["quiet_days"], -row["active_days"]),
    }
    return rows == sorted(rows, key=keys[sort])


def check(data: Any, case: Case, question: AtRisk) -> None:
    """Compare an answer with the twin's."""
    answer, expected = data.ask(question), at_risk(case.events, question, case.zone)
    assert answer.date == expected["date"].isoformat()
    assert {c.course: (c.current, c.at_risk) for c in answer.courses} == expected["courses"]
    assert answer.current == sum(current for current, _ in expected["courses"].values())
    assert answer.at_risk == sum(lost for _, lost in expected["courses"].values())
    rows, plain = listed(answer), expected["list"]
    by_name = {(row["account"], row["course"]): row for row in rows}
    assert len(by_name) == len(rows) == answer.at_risk
    assert by_name == {(row["account"], row["course"]): row for row in plain}
    assert in_order(rows, question.sort)
    shown = answer.to_json()["enrolments"]
    whole = [(row["quiet_days"], row["course"]) for row in rows[: question.limit]]
    assert [(row["quiet_days"], row["course"]) for row in shown] == whole
    if question.weeks:
        check_trend(answer, expected["trend"])
    else:
        assert answer.trend is None


def check_trend(answer: AtRiskAnswer, expected: dict[str, dict[str, tuple[int, int]]]) -> None:
    trend = answer.trend
    assert trend is not None
    assert answer.periods == tuple(expected)
    for week, counts in enumerate(expected.values()):
        found = {
            course: (int(trend.current[row, week]), int(trend.at_risk[row, week]))
            for row, course in enumerate(trend.courses, 1)
        }
        shown = {course: counts.get(course, (0, 0)) for course in found}
        assert found == shown
        assert int(trend.current[0, week]) == sum(current for current, _ in counts.values())
        assert int(trend.at_risk[0, week]) == sum(lost for _, lost in counts.values())


@given(st.data(), standing_cases())
@settings(max_examples=120)
def test_at_risk_is_what_the_twin_says_of_each_enrolment(data, case):
    dataset = read(case.events, case.zone)
    for _ in range(3):
        check(dataset, case, data.draw(risk_questions(case)))


@given(st.data(), standing_cases())
@settings(max_examples=10)
def test_a_directory_loaded_in_steps_answers_the_same(data, case):
    with tempfile.TemporaryDirectory() as folder:
        place, step = Path(folder) / "data", max(len(case.events) // 3, 1)
        for start in range(0, max(len(case.events), 1), step):
            load(place, list(case.events[start : start + step]), timezone=case.zone)
        opened = hr.open(place)
        for _ in range(3):
            check(opened, case, data.draw(risk_questions(case)))
