"""Every reader of tables and of history passes over what was voided, and meets merged accounts as one learner.

Each question here goes through one reader; the answer must be that of a data set that holds just what is left, both
while rows lie where the changes left them and after they have been clustered.
"""

import datetime as dt

import numpy as np
import pytest

from homeroom.cohorts import matching
from homeroom.cohorts.activity import Roster
from homeroom.cohorts.questions import parse_question
from homeroom.errors import QuestionError
from homeroom.events.pseudonyms import pseudonyms
from homeroom.state import table as tables
from homeroom.state.table import NO_DAY
from tests.cohorts.engine import needs_reading, read
from tests.oracle import Event
from tests.oracle.compare import differences

pytestmark = needs_reading

DAY_MS = 86_400_000
FIRST_MS = 1_704_067_200_000  # Monday 2024-01-01


def made() -> list[Event]:
    """Make events of nine learners over seven weeks."""
    return [
        Event(
            account=f"a{i % 9}",
            time_ms=FIRST_MS + (i * 37 % 49) * DAY_MS + i % 24 * 3_600_000,
            verb=("played", "posted", "enrolled", "answered")[i % 4],
            activity=("film", "quiz", None)[i % 3],
            course=("algebra", "biology", None)[i % 5 % 3],
            track=("video", "forum", "enrolment", "problem")[i % 4],
            id=f"e{i}",
            score=(None, 0.25, 1.0)[i % 3],
            success=(None, True, False)[i % 3],
            standing=(None, "enrolled", "left", "graded")[i % 7 % 4] if i % 5 % 3 < 2 else None,
            attributes={"country": ("DE", "FR", "AT")[i % 3]} if i % 2 else {},
        )
        for i in range(120)
    ]


def pseudonym(account: str) -> str:
    hi, lo = pseudonyms(bytes(range(32)), "", [account])
    return f"{int(hi[0]):016x}{int(lo[0]):016x}"


EVENTS = made()
GONE = [e.id for i, e in enumerate(EVENTS) if e.account == "a4" or i % 11 == 0]
"""All of one learner's events, and some of all."""
SAME = ("a1", "a2", "a7")
LEAST = min(SAME, key=pseudonym)
LEFT = [
    Event(**{name: getattr(e, name) for name in Event.__slots__} | {"account": LEAST})
    if e.account in SAME
    else e
    for e in EVENTS
    if e.id not in GONE
]


def corrected():
    data = read(EVENTS)
    data.void(GONE)
    data.merge([(("", SAME[0]), ("", SAME[1])), (("", SAME[2]), ("", SAME[1]))])
    return data


@pytest.fixture(params=["in place", "out of place"])
def data(request, monkeypatch):
    if request.param == "out of place":
        monkeypatch.setattr(tables, "OUT_OF_PLACE_ROWS_MAX", 100)
        monkeypatch.setattr(tables, "_PLACED_ROWS", 1)
    found = corrected()
    empty = sum(part.empty_rows for part in found._node.state.learners.partitions)
    assert empty == (3 if request.param == "out of place" else 0)
    return found


COHORTS = {
    "cohort": {
        "everybody": {"did": "any"},
        "quiet": {"not": {"did": "any", "within": "14d"}},
        "few": {"did": "any", "at_most": 12},
        "foreign": {"attribute": "country!=DE"},
        "of algebra": {"did": "course=algebra", "at_least": 2, "unit": "days"},
        "then": {"did": "verb=played", "then_not": "verb=posted", "during": "5d"},
        "steps": {"sequence": ["verb=played", "verb=posted"], "in": "20d"},
        "scored": {"result": "score>=0.5", "of": "latest"},
        "named": {"list": "mine"},
    },
    "list": {"mine": {"members": [pseudonym(account) for account in (*SAME, "a0", "a4", "x")]}},
}
QUESTIONS = {
    "clustered triangle": {"question": "retention", "interval": "day"},
    "triangle of enrolments": {"question": "retention", "filters": ["course=algebra"]},
    "period bits of columns": {"question": "retention", "mode": "recurring", "filters": ["track=video"]},
    "period bits of history": {"question": "lifecycle", "filters": ["verb=played"]},
    "hours": {"question": "stickiness", "interval": "hour", "from": "2024-01-08", "to": "2024-01-14"},
    "another zone": {"question": "active", "timezone": "Asia/Kolkata"},
    "conditions on learners": {"question": "active", "filters": ["country!=DE"]},
    "both kinds of conditions": {"question": "active", "filters": ["country!=DE", "verb=posted"]},
    "breakdown by attribute": {"question": "active", "breakdown": "country"},
    "breakdown by attribute from history": {
        "question": "active", "breakdown": "country", "filters": ["verb=posted"]
    },
    "breakdown by track": {"question": "active", "breakdown": "track"},
    "breakdown by course": {"question": "active", "breakdown": "course"},
    "breakdown by course of some learners": {
        "question": "active", "breakdown": "course", "filters": ["country=DE"]
    },
    "breakdown by verb": {"question": "active", "breakdown": "verb"},
    "since the enrolment": {"question": "retention", "align": "enrolment"},
    "since the run began": {"question": "retention", "align": "course-start", "interval": "month"},
    "since the enrolment, refolded": {
        "question": "retention", "align": "enrolment", "returning": ["verb=posted"]
    },
    "since the enrolment, of a track": {
        "question": "retention", "align": "enrolment", "filters": ["track=forum,video"]
    },
    **{
        f"members: {name}": {"question": "members", "cohort": name, "definitions": COHORTS}
        for name in COHORTS["cohort"]
        if name != "named"  # it says how many of its accounts are not there: see below
    },
    "members elsewhere": {
        "question": "members", "cohort": "quiet", "definitions": {**COHORTS, "timezone": "Asia/Kolkata"}
    },
    "a cohort over time": {"question": "cohort", "cohort": "quiet", "definitions": COHORTS},
    "overlap": {"question": "overlap", "cohorts": ["quiet", "foreign"], "definitions": COHORTS},
    "of a cohort": {"question": "retention", "cohort": "foreign", "definitions": COHORTS},
    "course report": {"question": "report", "course": "algebra"},
    "at risk": {"question": "at-risk", "quiet_days": 9},
    "at risk, as it was": {"question": "at-risk", "as_of": "2024-02-01T00:00:00Z", "breakdown": "course"},
    "at risk, of some learners": {"question": "at-risk", "filters": ["country!=DE"]},
    "funnel": {"question": "funnel", "steps": ["verb=played", "verb=posted"], "within": "20 days"},
    "funnel of some learners": {
        "question": "funnel", "steps": ["any", "verb=answered"], "within": "9 days", "filters": ["country=FR"]
    },
    "paths": {"question": "paths", "by": "verb"},
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_reader_meets_what_is_left(data, name):
    question, clean = parse_question(QUESTIONS[name]), read(LEFT)
    expected, found = clean.ask(question).to_json(), data.ask(question).to_json()
    for answer in (expected, found):
        answer.pop("source")
        answer.pop("question")
    assert differences(expected, found) == []
    assert expected["notes"] == found["notes"]


@pytest.mark.parametrize("placed", [64, 1])
def test_where_nothing_is_left_every_question_has_an_answer(monkeypatch, placed):
    """Names stay known, so it is not that of an empty data set: figures are 0, and no list has anybody."""
    monkeypatch.setattr(tables, "_PLACED_ROWS", placed)
    data = read(EVENTS)
    data.void([event.id for event in EVENTS])
    assert data._node.state.segments == []
    assert (data.source.learners, data.source.first_event) == (0, None)
    for name, written in QUESTIONS.items():
        answer = data.ask(parse_question(written))
        figures = answer.to_arrow().to_pylist() if name != "course report" else []
        for row in figures:
            counts = {column: value for column, value in row.items() if isinstance(value, int)}
            held = {"size", "count", "learners", "active", "new", "returning"} & counts.keys()
            assert not any(counts[column] for column in held), name


def test_a_learner_is_found_by_any_of_its_accounts(data):
    clean = read(LEFT)
    expected = clean.learner(learner=pseudonym(LEAST), definitions=COHORTS).cohorts
    for account in SAME:
        found = data.learner(learner=pseudonym(account).upper(), definitions=COHORTS)
        assert found.cohorts == expected
    for nobody in ("a4", "x"):  # one was voided, and one was never there
        with pytest.raises(QuestionError, match="is not in the data"):
            data.learner(learner=pseudonym(nobody), definitions=COHORTS)


def test_a_list_says_how_many_of_it_are_not_in_the_data(data):
    found = data.members(cohort="named", definitions=COHORTS)
    assert found.size == 2
    assert "2 of 6 on the list mine are not in the data" in found.notes


def test_the_roster_is_of_those_of_whom_something_is_seen(data):
    state = data._node.state
    roster = Roster.of(state)
    names = [f"{hi:016x}{lo:016x}" for hi, lo in zip(roster.key_hi, roster.key_lo, strict=True)]
    assert names == sorted({pseudonym(event.account) for event in LEFT})
    for segment, rows in zip(state.segments, roster.rows, strict=True):
        assert (np.diff(rows) >= 0).all()
        assert len(rows) == len(segment.key_hi)
    for partition, _, found in roster.located(state):
        assert (partition.start_day[found] != NO_DAY).all()


def test_a_mask_is_there_wherever_something_is_hidden(data):
    (segment, *_) = data._node.state.segments
    hidden = set(segment.hidden.tolist())
    assert hidden
    for first in range(len(segment)):
        for end in (first + 1, first + 7, len(segment)):
            places = range(first, min(end, len(segment)))
            mask = matching.event_mask(segment, places.start, places.stop, ())
            if hidden.isdisjoint(places):
                assert mask is None
            else:
                assert mask.tolist() == [int(place not in hidden) for place in places]
    scored = matching.Test("score", op=">=", numbers=(0.5,))
    mask = matching.event_mask(segment, 0, len(segment), (scored,))
    seen = [i for i, one in enumerate(segment.columns["score"]) if one >= 0.5 and i not in hidden]
    assert np.flatnonzero(mask).tolist() == seen


def test_range_and_as_of_are_those_of_what_is_left():
    ends = [min(EVENTS, key=lambda e: e.time_ms), max(EVENTS, key=lambda e: e.time_ms)]
    data = read(EVENTS)
    data.void([end.id for end in ends])
    left = [event.time_ms for event in EVENTS if event not in ends]
    dates = [dt.datetime.fromtimestamp(ms / 1000, dt.UTC) for ms in (min(left), max(left))]
    days = data.active().day.periods
    assert (days[0], days[-1]) == tuple(date.date().isoformat() for date in dates)
    assert data.active().as_of.startswith(dates[1].strftime("%Y-%m-%dT%H:%M"))
