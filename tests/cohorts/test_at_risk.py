"""Who is at risk is what the plain twin says, on any date, in any zone, from columns or from history."""

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.cohorts.answers import SUPPRESSED, AtRiskAnswer, Source
from homeroom.cohorts.ask import ask
from homeroom.cohorts.questions import AtRisk, Condition, parse_question
from homeroom.cohorts.questions.definitions import parse_definitions
from homeroom.errors import QuestionError
from homeroom.events import model
from homeroom.state.state import segment_events
from tests.adapters.loads import load
from tests.cohorts.engine import hr, needs_reading, read
from tests.cohorts.test_cohorts import accounts
from tests.examples import examples
from tests.oracle import Event, instant_ms
from tests.oracle.at_risk import at_risk
from tests.oracle.draw import PLACES, Case
from tests.state.plain import batch_of, draw_facts, fresh_state

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
    least = draw(st.sampled_from((0, 6, 12, 30)))
    return Case(zone, date, tuple(draw(st.lists(event, min_size=least, max_size=least + 12))))


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
@examples(240)
def test_at_risk_is_what_the_twin_says_of_each_enrolment(data, case):
    dataset = read(case.events, case.zone)
    for _ in range(3):
        check(dataset, case, data.draw(risk_questions(case)))


@given(st.data(), standing_cases())
@examples(20)
def test_a_directory_loaded_in_steps_answers_the_same(data, case):
    with tempfile.TemporaryDirectory() as folder:
        place, step = Path(folder) / "data", max(len(case.events) // 3, 1)
        for start in range(0, max(len(case.events), 1), step):
            load(place, list(case.events[start : start + step]), timezone=case.zone)
        opened = hr.open(place)
        for _ in range(3):
            check(opened, case, data.draw(risk_questions(case)))


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles"])
def test_what_is_kept_between_two_answers_is_brought_up_to_date(rng, zone):
    """A state that is asked after every few facts answers as one that was given all of them at once."""
    facts = draw_facts(rng, 900, learners=150)
    walked, questions = fresh_state(zone), [AtRisk(weeks=0), AtRisk(weeks=3), AtRisk(weeks=0)]
    for end in range(60, len(facts) + 1, 60):
        walked.fold(batch_of(facts[end - 60 : end], walked.dictionaries))
        if end % 300 == 0:
            walked.settle()
        at_once = fresh_state(zone)
        at_once.fold(batch_of(facts[:end], at_once.dictionaries))
        newest = at_once.time_range_ms
        assert newest is not None
        past = dt.datetime.fromtimestamp(newest[1] // 1_000 - 20 * 86_400, dt.UTC)
        questions[2] = AtRisk(weeks=0, as_of=past)
        for question in questions:
            for state in (walked, at_once):
                state.seal()
            found, expected = (ask(one, question, Source()) for one in (walked, at_once))
            assert found.to_json() == expected.to_json()


# --- worked out by hand ------------------------------------------------------------------------------------------


def at(date: str, account: str = "a", **fields: Any) -> Event:
    """Return an event at noon of a date in 2024, of the track video in the course run algebra."""
    given = {"course": "algebra", "track": "video", **fields}
    return Event(account=account, time_ms=instant_ms(f"2024-{date}T12:00Z"), **given)


def asked(events: list[Event], **fields: Any) -> AtRiskAnswer:
    """Ask, and check the twin's answer too."""
    question = AtRisk(**fields)
    data = read(events)
    check(data, Case("UTC", dt.date(2024, 3, 1), tuple(events)), question)
    return data.ask(question)


def trend(answer: AtRiskAnswer) -> list[tuple[int, int]]:
    """Return current enrolments and those at risk, week by week."""
    assert answer.trend is not None
    return list(
        zip(answer.trend.current[0].tolist(), answer.trend.at_risk[0].tolist(), strict=True)
    )


TODAY = at("03-31", "z", course=None)
"""Sunday, the last day of a week; somebody is active in no course run."""


def test_seven_quiet_days_are_the_date_itself_and_the_six_before():
    for last, quiet in (("03-24", True), ("03-25", False)):
        answer = asked([at("03-01"), at(last), TODAY])
        assert (answer.current, answer.at_risk) == (1, int(quiet))
    assert asked([at("03-25"), TODAY], quiet_days=6).at_risk == 1
    assert asked([at("03-31"), TODAY], quiet_days=1).at_risk == 0
    assert asked([at("03-30"), TODAY], quiet_days=1).at_risk == 1


def test_whoever_only_looked_at_the_front_page_is_not_at_risk_and_only_counts_if_enrolled():
    front = [
        at("03-01", track="navigation"),
        at("03-01", track="navigation", account="b", standing="enrolled"),
        at("03-01", account="c"),
    ]
    answer = asked([*front, TODAY])
    assert (answer.current, answer.at_risk) == (2, 1)
    assert asked([*front, TODAY], beyond=()).at_risk == 3
    assert asked([*front, TODAY], beyond=("navigation",)).at_risk == 2


def test_whoever_left_is_not_current_and_whoever_came_back_is():
    left = [at("03-01", standing="enrolled"), at("03-05", standing="left")]
    assert asked([*left, TODAY]).current == 0
    back = [*left, at("03-12", standing="enrolled")]
    answer = asked([*back, TODAY], weeks=5)
    # Weeks end on 3, 10, 17, 24 and 31 March: enrolled, left, back, back and quiet for twelve days, and so on.
    assert trend(answer) == [(1, 0), (0, 0), (1, 0), (1, 1), (1, 1)]
    assert answer.answered_from == "history"
    assert answer.shown.columns()["enrolled_on"].to_pylist() == [dt.date(2024, 3, 12)]


def test_of_what_is_said_at_one_instant_left_failed_and_revoked_hold_also_in_the_past():
    once = [at("03-01", standing="left"), at("03-01", standing="enrolled")]
    later = at("03-29", standing="enrolled")
    assert asked([*once, TODAY]).current == 0
    assert trend(asked([*once, later, TODAY], weeks=2)) == [(0, 0), (1, 0)]
    for kept, beats in (
        (("passed", None), ("failed", None)),
        (("completed", None), ("completed", False)),
    ):
        said = [at("03-01", standing=one, completion=reached) for one, reached in (kept, beats)]
        again = at("03-30", standing=kept[0], track="navigation")
        assert asked([*said, TODAY]).at_risk == 1
        assert asked([said[0], TODAY]).at_risk == 0
        assert trend(asked([*said, again, TODAY], weeks=2)) == [(1, 1), (1, 0)]


def test_what_spares_is_what_the_question_says():
    events = [
        at("03-01", "a", standing="passed"),
        at("03-01", "b", standing="failed"),
        at("03-01", "c", standing="completed"),
        at("03-01", "e", standing="graded", score=0.4),
        TODAY,
    ]
    spared = {("passed", "completed"): 2, ("passed",): 3, ("failed",): 3, ("completed",): 3, (): 4}
    for unless, count in spared.items():
        assert asked(events, unless=unless).at_risk == count


def test_a_date_in_the_past_knows_nothing_of_what_came_later():
    events = [
        at("03-01", standing="enrolled"),
        at("03-20", standing="passed", score=0.9),
        at("03-22"),
        at("03-01", "b"),
        at("03-28", "b", standing="left"),
        TODAY,
    ]
    answer = asked(events, as_of=dt.datetime(2024, 3, 15, 12, tzinfo=dt.UTC))
    assert answer.date == "2024-03-15"
    assert (answer.current, answer.at_risk, answer.answered_from) == (2, 2, "history")
    assert answer.shown.columns()["grade"].to_pylist() == [None, None]
    assert trend(answer) == [(2, 0), (2, 1 + 1), (2, 2)]


def test_a_course_run_that_has_ended_has_no_current_enrolments():
    events = [at("03-01"), at("03-01", course="biology"), TODAY]
    for end, current in (("2024-03-31", 1), ("2024-04-01", 2)):
        ends = parse_definitions({"calendar": {"algebra": {"end": end}}})
        answer = asked(events, definitions=ends)
        assert answer.current == current
        assert any("ended by then" in note for note in answer.notes) == (current == 1)
    # It ended on 31 March, so at the end of the week before it was current.
    assert trend(
        asked(
            events,
            weeks=2,
            definitions=parse_definitions({"calendar": {"algebra": {"end": "2024-03-31"}}}),
        )
    ) == [(2, 2), (1, 1)]


def test_reasons_say_what_was_done_and_what_is_known():
    known = [at("03-01", "z", standing="failed"), at("03-01", "z", standing="completed")]
    others = [at("03-20", "b", track="problem"), *known, TODAY]
    events = [
        at("03-01", track="enrolment", standing="enrolled"),
        at("03-02"),
        at("03-03", track="reading"),
        *others,
    ]
    answer = asked(events, unless=("passed",), quiet_days=10)
    reasons = dict(zip(listed_accounts(answer), answer.shown.reasons(), strict=True))
    assert reasons == {
        "a": "enrolled on 2024-03-01, last active 28 days ago after 3 active days, watched videos and read but "
        "no problem tried, not passed or completed",
        "b": "first active on 2024-03-20, last active 11 days ago after 1 active day, tried problems but no video "
        "watched, not passed or completed",
        "z": "first active on 2024-03-01, last active 30 days ago after 1 active day, watched videos but no problem "
        "tried, failed",
    }
    bare = asked([at("03-01"), TODAY])
    assert bare.shown.reasons() == [
        "first active on 2024-03-01, last active 30 days ago after 1 active day, watched videos"
    ]


def listed_accounts(answer: AtRiskAnswer) -> list[str]:
    return [row["account"] for row in listed(answer)]


def test_what_the_data_lack_is_said():
    bare = asked([at("03-10", track="navigation"), TODAY])
    assert (bare.current, bare.at_risk) == (1, 1)
    assert [note.split(":")[0] for note in bare.notes] == [
        "no event says who enrolled or left",
        "no event is of the tracks video, problem, reading, forum, live",
        "no event says who passed or failed",
        "no event says who completed",
    ]
    said = [at("03-10", "b", standing=s) for s in ("enrolled", "passed", "completed")]
    whole = asked([at("03-10"), *said, TODAY])
    assert whole.notes == (
        "of 1 of the 2 current enrolments no event says that they were made; they count from their first activity "
        "beyond the front page",
    )


def test_a_course_run_that_has_perhaps_ended_is_named():
    for last, is_still in (("03-03", True), ("03-04", False)):
        notes = asked([at(last), at("03-20", course="biology"), TODAY]).notes
        named = [note for note in notes if note.startswith("nobody has been active for 28 days")]
        assert ["or more in algebra: if" in note for note in named] == [True] * is_still


def test_cohorts_attributes_and_parts():
    events = [
        at("03-01", "a", attributes={"country": "DE"}),
        at("03-01", "b", attributes={"country": "FR"}),
        at("03-30", "c", attributes={"country": "FR"}),
        at("03-01", "c", course="biology"),
        TODAY,
    ]
    definitions = parse_definitions(
        {"cohort": {"french": {"attribute": "country=FR"}, "german": {"attribute": "country=DE"}}}
    )
    data = read(events)
    french = data.ask(AtRisk(cohort="french", definitions=definitions))
    assert (french.current, french.at_risk) == (3, 2)
    for fields in (
        {"compare": ("german", "french"), "definitions": definitions},
        {"breakdown": "country"},
    ):
        parted = data.ask(AtRisk(**fields))
        assert sorted([(p.current, p.at_risk) for _, p in parted.parts if p.current]) == [
            (1, 1),
            (3, 2),
        ]
        assert len(parted.to_arrow()) == 3
    by_course = data.ask(AtRisk(breakdown="course"))
    assert {value: part.at_risk for value, part in by_course.parts} == {"algebra": 2, "biology": 1}
    elsewhere = data.ask(AtRisk(cohort="french", definitions=definitions, timezone="Asia/Kolkata"))
    assert (elsewhere.current, elsewhere.at_risk, elsewhere.answered_from) == (3, 2, "history")


def test_small_numbers_are_not_told_nor_left_to_be_worked_out():
    crowd = [at("03-01", account, course="biology") for account in "abcdef"]
    few = [at("03-01", account, course="chemistry") for account in "abcdef"]
    events = [*crowd, *few, *(at("03-30", a, course="chemistry") for a in "abcd"), TODAY]
    data = read([*events, *(at("03-01", account, course="zoology") for account in "abcde")])
    plain = data.ask(AtRisk())
    assert {c.course: c.at_risk for c in plain.courses} == {
        "biology": 6,
        "zoology": 5,
        "chemistry": 2,
    }
    told = data.ask(AtRisk(suppress_below=3))
    # 13 in all, and 6: were 5 told too, what is left would be 2.
    assert told.at_risk == 13
    assert {c.course: c.at_risk for c in told.courses} == {
        "biology": 6,
        "zoology": SUPPRESSED,
        "chemistry": SUPPRESSED,
    }
    assert told.trend.at_risk[:, -1].tolist() == [13, 6, SUPPRESSED, SUPPRESSED]
    assert set(told.to_arrow()["course"].to_pylist()) == {"biology"}
    only = data.ask(AtRisk(suppress_below=3, filters=(Condition("course", ("chemistry",)),)))
    assert (only.at_risk, only.courses[0].at_risk, only.to_arrow().num_rows) == (
        SUPPRESSED,
        SUPPRESSED,
        0,
    )
    parts = dict(data.ask(AtRisk(suppress_below=3, breakdown="course")).parts)
    assert {value: part.at_risk for value, part in parts.items()} == {
        "biology": 6,
        "zoology": SUPPRESSED,
        "chemistry": SUPPRESSED,
    }
    assert parts["zoology"].to_arrow().num_rows == 0


def test_a_list_of_data_that_have_changed_is_refused():
    data = read([at("03-01"), TODAY])
    answer = data.ask(AtRisk())
    state = data._node.state
    state.fold_tables(segment_events(state.segments[0]))
    with pytest.raises(QuestionError, match="ask again"):
        answer.to_arrow()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"quiet_days": 0}, "quiet_days is 0, must be from 1"),
        ({"weeks": 401}, "weeks is 401, must be from 0 to 400"),
        ({"limit": -1}, "limit is -1"),
        ({"unless": ["left"]}, "unless holds 'left'; it may hold passed, completed, failed"),
        ({"sort": "name"}, "sort is 'name'; it must be one of recently-lost"),
        ({"from": "2024-03-01"}, "about one date: give it with as_of"),
        ({"filters": ["verb=played"]}, "verb is of single events"),
        ({"breakdown": "track"}, "breakdown: track is of single events"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, said):
    with pytest.raises(QuestionError, match=said):
        parse_question({"question": "at-risk", **fields})


def test_an_unknown_track_is_refused_with_those_that_there_are():
    with pytest.raises(QuestionError, match="beyond holds 'films', which is none of other, video"):
        read([at("03-01")]).ask(AtRisk(beyond=("films",)))


def test_short_forms_are_read():
    question = parse_question({"question": "at-risk", "beyond": "video, problem", "unless": "none"})
    assert question == AtRisk(beyond=("video", "problem"), unless=())
    assert parse_question({"question": "at-risk", "beyond": "any"}) == AtRisk(beyond=())
    assert parse_question(question.to_dict()) == question
