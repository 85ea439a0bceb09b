"""Members, sizes, changes, overlaps and the cohorts of one learner, against the plain twin; cohorts as filters."""

import datetime as dt
import itertools
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.cohorts.questions import parse_definitions, parse_question
from homeroom.errors import QuestionError
from tests.cohorts.engine import misses, needs_reading, read
from tests.cohorts.test_cohorts import accounts, complete
from tests.examples import examples
from tests.oracle import Event, answer, instant_ms
from tests.oracle.cohorts import members
from tests.oracle.compare import differences
from tests.oracle.draw import cases, plain_questions

pytestmark = needs_reading

WRITTEN = {
    "cohort": {
        "recent": {"did": "any", "within": "10d"},
        "watched": {"did": "verb=played", "at_least": 2},
        "german": {"attribute": "country=DE"},
        "gone": {"all": [{"cohort": "watched"}, {"not": {"cohort": "recent"}}]},
    }
}
NAMES = tuple(WRITTEN["cohort"])


def ask(data, kind, **fields):
    return data.ask(parse_question({"question": kind, "definitions": WRITTEN, **fields}))


def named(pseudonyms) -> set[str]:
    known = {f"{hi:016x}{lo:016x}": account for (hi, lo), account in accounts().items()}
    return {known[one] for one in pseudonyms}


def twin(case, name: str, date: dt.date) -> set[str]:
    return members(case.events, parse_definitions(WRITTEN), name, date, case.zone)


def noon(case, days: int = 0) -> tuple[dt.date, dt.datetime]:
    """Return a local date some days after the case's, and an instant on it; a date that a zone left out is the next."""
    zone = zoneinfo.ZoneInfo(case.zone)
    instant = dt.datetime.combine(case.date + dt.timedelta(days=days), dt.time(12), zone)
    instant = instant.astimezone(dt.UTC)
    return instant.astimezone(zone).date(), instant


@given(st.data(), cases())
@examples(80)
def test_members_sizes_and_changes_are_those_of_the_twin(data, case):
    case = complete(case)
    dataset = read(case.events, case.zone)
    first, (last, as_of) = case.date - dt.timedelta(days=15), noon(case, 15)
    for name in NAMES:
        before, after = twin(case, name, first), twin(case, name, last)
        listed = ask(dataset, "members", cohort=name, as_of=as_of)
        assert named(listed.members) == after
        assert listed.size == len(after)
        grown = ask(
            dataset, "cohort", cohort=name, interval="day", as_of=as_of,
            **{"from": first, "to": last, "changed": [first, last]},
        )  # fmt: skip
        days = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
        assert grown.sizes.tolist() == [len(twin(case, name, day)) for day in days]
        assert named(grown.change.entered) == after - before
        assert named(grown.change.left) == before - after
        assert grown.change.stayed == len(before & after)
        for _, entered, left in grown.change.reasons:
            assert entered <= len(after - before)
            assert left <= len(before - after)


@given(cases())
@examples(60)
def test_overlaps_are_those_of_the_twins_sets(case):
    case = complete(case)
    dataset = read(case.events, case.zone)
    date, as_of = noon(case)
    found = ask(dataset, "overlap", as_of=as_of)
    sets = {name: twin(case, name, date) for name in NAMES}

    for (i, one), (j, other) in itertools.product(enumerate(NAMES), repeat=2):
        assert found.shared[i, j] == len(sets[one] & sets[other])
    everybody = set().union(*sets.values())
    exact: dict[frozenset[str], int] = {}
    for account in everybody:
        inside = frozenset(name for name in NAMES if account in sets[name])
        exact[inside] = exact.get(inside, 0) + 1
    assert {frozenset(names): count for names, count in found.exact} == exact


@given(cases())
@examples(40)
def test_the_cohorts_of_each_learner_are_those_of_the_twin(case):
    case = complete(case)
    dataset = read(case.events, case.zone)
    keys = {account: f"{hi:016x}{lo:016x}" for (hi, lo), account in accounts().items()}
    date, as_of = noon(case)
    for account in {event.account for event in case.events}:
        found = ask(dataset, "learner", learner=keys[account], as_of=as_of)
        holds = {one.cohort: dict(one.reasons) for one in found.cohorts}
        for one in found.cohorts:
            assert one.is_member == (account in twin(case, one.cohort, date))
        assert list(holds["recent"].values()) == [account in twin(case, "recent", date)]
        assert list(holds["gone"].values()) == [
            account in twin(case, name, date) for name in ("watched", "recent")
        ]


@given(st.data(), cases())
@examples(80)
def test_a_question_about_a_cohort_is_the_question_of_its_members_events(data, case):
    case = complete(case)
    dataset = read(case.events, case.zone)
    question = data.draw(plain_questions(case))
    date, as_of = noon(case, 20)
    plain = {**question.to_dict(), "as_of": as_of, "to": case.date}
    plain["from"] = case.date - dt.timedelta(days=20)
    name, *others = data.draw(st.permutations(NAMES))[:3]
    inside = [event for event in case.events if event.account in twin(case, name, date)]

    asked = parse_question({**plain, "cohort": name, "definitions": WRITTEN})
    found = dataset.ask(asked).to_json()
    assert differences(answer(inside, parse_question(plain), case.zone), found) == []

    compared = dataset.ask(
        parse_question({**plain, "compare": others, "cohort": name, "definitions": WRITTEN})
    )
    for other, part in zip(others, (part for _, part in compared.parts), strict=True):
        both = [event for event in inside if event.account in twin(case, other, date)]
        expected = answer(both, parse_question(plain), case.zone)
        assert differences(expected, {**part.to_json(), "question": found["question"]}) == []


def learners(count: int) -> list[Event]:
    at = instant_ms("2024-01-01T10:00Z")
    return [
        Event(account=f"l{i}", time_ms=at + i, verb="played" if i < 4 else "read")
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "below", "size"), [(20, 4, 4), (20, 5, -1), (6, 3, -1), (6, 2, 4), (4, 3, 4)]
)
def test_a_small_count_is_not_told_nor_one_whose_rest_is_small(count, below, size):
    found = read(learners(count)).members(cohort={"did": "verb=played"}, suppress_below=below)

    assert found.size == size
    assert len(found.members) == max(size, 0)
    assert found.to_json()["size"] == (None if size < 0 else size)


def test_what_is_not_told_of_an_overlap_and_of_a_change():
    data = read(learners(20))
    written = {"cohort": {"played": {"did": "verb=played"}, "all": {"did": "any"}}}
    shared = data.overlap(definitions=written, suppress_below=5)
    change = data.cohort(
        definitions=written, cohort="played", changed="2023-12-31,2024-01-01", suppress_below=5
    ).change

    assert shared.shared.tolist() == [[-1, -1], [-1, 20]]
    assert dict(shared.exact) == {("all",): -1, ("played", "all"): -1}
    assert change.entered is None
    assert change.reasons == (("did verb=played", -1, 0), ("were active for the first time", -1, 0))


NONSENSE = {
    "a filter": ({"question": "members", "cohort": "recent", "filters": ["track=video"]}, "no place"),
    "no cohort": ({"question": "cohort"}, "cohort needs a cohort; name it"),
    "by the hour": ({"question": "cohort", "cohort": "recent", "interval": "hour"}, "take days"),
    "no stretch": (
        {"question": "cohort", "cohort": "recent", "changed": "2024-01-01,2024-01-01"},
        "the first date must be earlier",
    ),
    "one of one": ({"question": "overlap", "cohorts": ["recent"]}, "must be from 2 to 64"),
    "twice": ({"question": "overlap", "cohorts": ["recent", "recent"]}, "different ones"),
    "unknown": ({"question": "members", "cohort": "recnt"}, "did you mean 'recent'"),
    "no pseudonym": ({"question": "learner", "learner": "ana"}, "32 hexadecimal digits"),
    "stranger": ({"question": "learner", "learner": "0" * 32}, "is not in the data"),
    "both": (
        {"question": "retention", "compare": "recent,gone", "breakdown": "course"},
        "both ask for parts",
    ),
    "below": ({"question": "members", "cohort": "recent", "suppress_below": -1}, "must be from 0"),
    "a verb": ({"question": "members", "cohort": {"did": "verb=playd"}}, "near: played"),
    "an attribute": (
        {"question": "members", "cohort": {"did": "country=DE"}},
        "country is an attribute of learners",
    ),
    "no attribute": (
        {"question": "members", "cohort": {"attribute": "verb=played"}},
        "is about events, not about learners",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("written", "says"), NONSENSE.values(), ids=NONSENSE)
def test_a_question_that_makes_no_sense_is_refused(written, says):
    known = Event(
        account="a",
        time_ms=instant_ms("2024-01-01T10:00Z"),
        track="video",
        attributes={"country": "DE"},
    )
    with pytest.raises(QuestionError, match=says):
        read([known]).ask(parse_question({"definitions": WRITTEN, **written}))


def test_a_cohort_of_another_question_is_named_where_the_data_lack_something():
    written = {"cohort": {"outer": {"not": {"cohort": "inner"}}, "inner": {"did": "verb=plaid"}}}
    with pytest.raises(QuestionError, match=r"^cohort\.inner: verb=plaid: no event has verb"):
        read(learners(3)).retention(cohort="outer", definitions=written)


def test_no_events_are_no_members():
    data = read([])
    written = {"cohort": {"a": {"did": "any"}, "b": {"stopped": "any", "quiet": "7d"}}}

    assert data.members(definitions=written, cohort="a").members == ()
    assert data.cohort(definitions=written, cohort="b").sizes.tolist() == []
    assert data.overlap(definitions=written).shared.tolist() == [[0, 0], [0, 0]]


def test_every_miss_would_be_seen():
    """The comparison with the oracle is not blind: another cohort's answer differs."""
    case_events = [
        Event(account="a", time_ms=instant_ms("2024-01-01T10:00Z")),
        Event(account="b", time_ms=instant_ms("2024-01-20T10:00Z")),
    ]
    data = read(case_events)
    question = parse_question({"question": "stickiness"})
    assert misses(data, case_events, question, "UTC") == []
    assert misses(data, case_events[:1], question, "UTC") != []
