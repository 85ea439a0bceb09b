"""Questions are plain data: written and read back unchanged, and refused where they make no sense."""

import contextlib
import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.cohorts.questions import (
    Active,
    Condition,
    Lifecycle,
    Retention,
    Stickiness,
    parse_condition,
    parse_question,
    zone,
)
from homeroom.errors import QuestionError
from tests.adapters.loads import events
from tests.cohorts.engine import read
from tests.oracle.draw import cases, questions


@given(st.data(), cases())
@settings(max_examples=60)
def test_a_question_is_read_back_as_it_was_written(data, case):
    question = data.draw(questions(case))
    assert parse_question(question.to_dict()) == question


@pytest.mark.parametrize("kind", [Retention, Lifecycle, Stickiness, Active])
def test_what_is_not_said_is_not_written(kind):
    assert kind().to_dict() == {"question": kind.name}
    assert parse_question({"question": kind.name}) == kind()


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("verb=played", Condition("verb", ("played",))),
        ("verb = played , paused,", Condition("verb", ("played", "paused"))),
        ("country!=DE", Condition("country", ("DE",), "!=")),
        ("score>=0.5", Condition("score", ("0.5",), ">=")),
        ("score<.5", Condition("score", (".5",), "<")),
        (
            "activity=https://x.example/?a=b&c<d",
            Condition("activity", ("https://x.example/?a=b&c<d",)),
        ),
        ("activity=line\nbreak", Condition("activity", ("line\nbreak",))),
    ],
)
def test_conditions_are_written_as_on_the_command_line(text, condition):
    assert parse_condition(text) == condition
    assert parse_condition(str(condition)) == condition


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("verb", "has no operator"),
        ("", "has no operator"),
        ("=played", "has no operator"),
        ("verb=", "at least one value"),
        ("verb= , ", "at least one value"),
        (
            "verb>played",
            "cannot be compared with >; only score, progress, duration_ms, position_s, length_s can",
        ),
        ("score>a", "compared with a finite number such as 0.5, not 'a'"),
        ("score>nan", "not 'nan'"),
        ("score<1e999", "not '1e999'"),
        ("score>1,2", "takes one number, not 2"),
        ("success=maybe", "true or false, not maybe"),
    ],
)
def test_conditions_that_make_no_sense_say_why(text, said):
    with pytest.raises(QuestionError, match=said):
        parse_condition(text)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({}, "question is None; it must be one of retention, lifecycle, stickiness, active"),
        ({"question": "retentoin"}, "'retentoin'; it must be one of"),
        ({"question": "lifecycle", "mode": "recurring"}, "lifecycle has no field 'mode'"),
        ({"question": "active", "intervall": "day"}, "active has no field 'intervall'"),
        ({"question": "retention", "intervall": "day"}, "did you mean interval"),
        ({"question": "retention", "interval": "year"}, "interval"),
        (
            {"question": "retention", "filters": "verb=played"},
            "filters is 'verb=played'; it must be a list",
        ),
        ({"question": "retention", "filters": [3]}, "filters holds 3"),
        ({"question": "retention", "filters": [{"field": "verb"}]}, "values"),
        (
            {"question": "retention", "brackets": ["1-"]},
            "brackets holds '1-'; write 1, 2-7 or 8-30",
        ),
        (
            {"question": "retention", "brackets": ["0"]},
            "each must begin after the one before it ends",
        ),
        ({"question": "retention", "brackets": ["1-3", "3-5"]}, "brackets holds 3-5 after 3"),
        ({"question": "retention", "brackets": ["5-2"]}, "brackets holds 5-2"),
        ({"question": "retention", "brackets": [[1, 2.5]]}, "brackets holds"),
        (
            {"question": "retention", "align": "enrolment", "mode": "recurring"},
            "mode must be first-time",
        ),
        ({"question": "retention", "align": "enrolment", "entry": ["verb=x"]}, "entry empty"),
        (
            {"question": "retention", "align": "course-start", "interval": "hour"},
            "days, weeks or months",
        ),
        ({"question": "active", "from": "2024-03-02", "to": "2024-03-01"}, "exchange them"),
        ({"question": "active", "from": "2024-02-30"}, "from"),
        ({"question": "active", "as_of": "2024-01-01T00:00:00"}, "without a zone; add Z"),
        ({"question": "active", "timezone": "Europe/Berlim"}, "did you mean Europe/Berlin"),
        ({"question": "active", "timezone": "../etc/passwd"}, "no IANA time zone"),
        ({"question": "active", "timezone": ""}, "no IANA time zone"),
        ({"question": "active", "breakdown": "score"}, "break down by course, track, verb"),
        ({"question": "active", "week_start": "tuesday"}, "week_start"),
    ],
)
def test_questions_that_make_no_sense_say_why(written, said):
    with pytest.raises(QuestionError, match=said):
        parse_question(written)


def test_brackets_may_be_text_or_pairs():
    for brackets in (["1", "2-7", "8–30"], [[1, 1], (2, 7), [8, 30]], ("1-1", " 2 - 7 ", "8-30")):
        asked = parse_question({"question": "retention", "brackets": brackets})
        assert asked == Retention(brackets=((1, 1), (2, 7), (8, 30)))


def test_conditions_may_be_text_mappings_or_conditions():
    forms = ["verb=played", {"field": "verb", "values": ["played"]}, Condition("verb", ("played",))]
    asked = {repr(parse_question({"question": "active", "filters": [form]})) for form in forms}
    assert len(asked) == 1


def test_a_zone_is_looked_up_by_its_name():
    assert zone("Asia/Kathmandu").key == "Asia/Kathmandu"


EXTREMES = [
    {"from_": dt.date(1, 1, 1), "to": dt.date(1, 1, 2)},
    {"from_": dt.date(9999, 12, 30), "to": dt.date(9999, 12, 31)},
    {"from_": dt.date(9999, 12, 31)},
    {"as_of": dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=14)))},
    {"brackets": ((1, 10**20),)},
    {"brackets": ((1, 2**63 - 1),)},
]


@pytest.mark.parametrize("fields", EXTREMES, ids=str)
def test_the_ends_of_the_calendar_are_refused_or_answered_and_never_break(fields):
    data = read(events(30))
    for interval in ("hour", "day", "week", "month"):
        for align in ("calendar", *(("enrolment",) if interval != "hour" else ())):
            with contextlib.suppress(QuestionError):
                data.ask(Retention(interval=interval, align=align, **fields))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"from_": dt.date(1989, 12, 31)},
            "from is 1989-12-31, must be from 1990-01-01 to 2099-12-31",
        ),
        ({"to": dt.date(2100, 1, 1)}, "to is 2100-01-01, must be from 1990-01-01 to 2099-12-31"),
        (
            {"as_of": dt.datetime(1, 1, 1, tzinfo=dt.UTC)},
            "as_of is 0001-01-01T00:00:00.00:00, must be from 1990",
        ),
        ({"brackets": ((1, 2_501),)}, "brackets holds 2501, must be at most 2500 periods"),
    ],
)
def test_what_no_event_can_meet_is_refused_by_its_bound(fields, message):
    with pytest.raises(QuestionError, match=message):
        Retention(**fields).check()
