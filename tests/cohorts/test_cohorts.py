"""Cohorts of random events and random rules are those of the plain twin, on any date, from columns or history."""

import datetime as dt
import functools

from hypothesis import assume, given
from hypothesis import strategies as st

from homeroom.cohorts.evaluating import Evaluator
from homeroom.cohorts.questions.definitions import Definitions, parse_definitions
from homeroom.errors import QuestionError
from homeroom.state.zones import day_of_date
from tests.cohorts.engine import needs_reading, read
from tests.examples import examples
from tests.oracle import Event, instant_ms
from tests.oracle.cohorts import members
from tests.oracle.draw import Case, cases

pytestmark = needs_reading

WHERE = (
    "any",
    "track=video",
    "track!=video",
    "track=video,problem",
    "verb=played",
    "verb!=paused",
    "course=algebra",
    ["course=biology", "track=video"],
    ["verb=played", "score>=0.5"],
    ["success=true"],
)


def where() -> st.SearchStrategy:
    return st.sampled_from(WHERE)


def windows(case: Case) -> st.SearchStrategy:
    dates = st.integers(-60, 60).map(lambda n: case.date + dt.timedelta(days=n))
    fixed = st.lists(dates, min_size=2, max_size=2).map(sorted)
    return st.one_of(
        st.none(),
        st.builds(
            lambda last, ago: {"last": f"{last}d", "ago": f"{ago}d"},
            st.integers(1, 70),
            st.integers(0, 20),
        ),
        fixed.map(lambda pair: {"from": pair[0].isoformat(), "to": pair[1].isoformat()}),
        fixed.map(lambda pair: {"from": pair[0].isoformat()}),
        st.sampled_from(
            (
                {"after": "start"},
                {"before": "deadline 1"},
                {"after": "start", "before": "deadline 2"},
            )
        ),
    )


RESULTS = ("score>=0.5", "progress<1", "success=true", "duration_ms>1000", "score!=1")
COUNTS = (
    {},
    {"at_least": 2},
    {"at_most": 1},
    {"exactly": 0},
    {"exactly": 1},
    {"at_least": 1, "at_most": 2},
)


def leaf_rules(case: Case) -> st.SearchStrategy[dict]:
    within = windows(case).map(lambda window: {} if window is None else {"within": window})
    attributes = st.sampled_from(("country=DE", "country!=DE", "country=DE,FR"))
    during = st.sampled_from(({}, {"during": "3d"}, {"during": "20d"}))
    return st.one_of(
        st.builds(lambda what: {"attribute": what}, attributes),
        st.builds(lambda what, days: {"stopped": what, "quiet": days}, where(), st.integers(1, 40)),
        st.builds(lambda what, when: {"first": what, **when}, where(), within),
        st.builds(
            lambda what, then, span, when: {"did": what, "then_not": then, **span, **when},
            where(),
            where(),
            during,
            within,
        ),
        st.builds(
            lambda steps, span, when: {"sequence": steps, "in": span, **when},
            st.lists(where(), min_size=2, max_size=4),
            st.sampled_from(("30m", "2d", "60d")),
            within,
        ),
        st.builds(
            lambda what, of, when: {"result": what, "of": of, **when},
            st.sampled_from(RESULTS),
            st.sampled_from(("latest", "best", "any")),
            within,
        ),
        st.builds(
            lambda what, counts, unit, when: {"did": what, **counts, "unit": unit, **when},
            where(),
            st.sampled_from(COUNTS),
            st.sampled_from(("events", "days")),
            within,
        ),
    )


def rules(case: Case) -> st.SearchStrategy[dict]:
    return st.recursive(
        leaf_rules(case),
        lambda inner: st.one_of(
            inner.map(lambda rule: {"not": rule}),
            st.lists(inner, min_size=1, max_size=3).map(lambda several: {"all": several}),
            st.lists(inner, min_size=1, max_size=3).map(lambda several: {"any": several}),
        ),
        max_leaves=4,
    )


SAID = (
    ("played", "algebra", "video", "DE"),
    ("https://w3id.org/xapi/video/verbs/paused", "biology", "problem", "FR"),
    ("answered", None, "other", "FR"),
)


def complete(case: Case, at: int = instant_ms("2003-01-01T00:00Z")) -> Case:
    """Add one learner who has done everything that rules name, so that no value is unknown."""
    named = [
        Event(
            account="z",
            time_ms=at + i,
            verb=verb,
            course=course,
            track=track,
            score=0.5,
            attributes={"country": country},
        )
        for i, (verb, course, track, country) in enumerate(SAID)
    ]
    return Case(case.zone, case.date, (*case.events, *named))


@given(st.data(), cases())
@examples(120)
def test_a_cohort_is_what_its_rules_say_of_each_learner(data, case):
    case = complete(case)
    deadlines = [case.date + dt.timedelta(days=n) for n in (3, 9)]
    zone = data.draw(st.sampled_from(({}, {}, {"timezone": "Asia/Kolkata"})))
    written = {
        "cohort": {
            "drawn": data.draw(rules(case)),
            "outer": {"any": [{"cohort": "drawn"}, {"attribute": "country=FR"}]},
        },
        "calendar": {
            "algebra": {"start": case.date, "deadlines": deadlines},
            "biology": {"start": case.date - dt.timedelta(days=20)},
        },
        **zone,
    }
    try:
        definitions = parse_definitions(written)
    except QuestionError as error:
        assume("contradiction" not in str(error))
        raise
    dataset = read(case.events, case.zone)
    dates = [case.date + dt.timedelta(days=data.draw(st.integers(-30, 60))) for _ in range(2)]
    for name in ("drawn", "outer"):
        assert found(dataset, definitions, name, dates) == [
            members(case.events, definitions, name, date, case.zone) for date in dates
        ]


def test_an_event_without_a_value_is_of_no_result():
    at = instant_ms("2024-03-31T01:00Z")
    given = ({}, {"score": 1.0}, {"score": 0.0}, {"success": False}, {"duration_ms": 7})
    events = tuple(Event(account="abcde"[n], time_ms=at, **some) for n, some in enumerate(given))
    dataset, date = read(events), dt.date(2024, 3, 31)
    for what, met in (("score!=1", "c"), ("success!=true", "d"), ("duration_ms!=1", "e")):
        for of in ("any", "latest", "best"):
            definitions = parse_definitions({"cohort": {"some": {"result": what, "of": of}}})
            assert found(dataset, definitions, "some", [date]) == [set(met)]
            assert members(events, definitions, "some", date, "UTC") == set(met)


def found(dataset, definitions: Definitions, name: str, dates: list[dt.date]) -> list[set[str]]:
    state = dataset._node.state
    evaluator = Evaluator(state, definitions)
    names = accounts()
    return [
        {
            names[int(hi), int(lo)]
            for number, part in enumerate(state.learners.partitions)
            for row in one.members[name].places(number)
            for hi, lo in ((part.key_hi[row], part.key_lo[row]),)
        }
        for one in evaluator.on_days([name], [day_of_date(date) for date in dates])
    ]


@functools.cache
def accounts() -> dict[tuple[int, int], str]:
    """Return the account behind each key."""
    known = {}
    for account in "abcdefz":
        state = read([Event(account=account, time_ms=instant_ms("2024-01-01T00:00Z"))])._node.state
        for part in state.learners.partitions:
            for row in range(part.rows):
                known[int(part.key_hi[row]), int(part.key_lo[row])] = account
    return known


def test_days_in_a_course_run_are_answered_from_the_columns():
    at, day_ms = instant_ms("2024-03-04T12:00Z"), 86_400_000
    events = [
        Event(account="a", time_ms=at, course="algebra", track="video"),
        Event(account="a", time_ms=at + 2 * day_ms, course="algebra", track="problem"),
        Event(account="b", time_ms=at, course="algebra", track="video"),
        Event(account="b", time_ms=at + 9 * day_ms, course="biology", track="video"),
        Event(account="c", time_ms=at, track="video"),
    ]
    rules = {
        "did": {"did": "course=algebra"},
        "two days": {"did": "course=algebra", "at_least": 2, "unit": "days"},
        "none": {"did": "course=algebra", "exactly": 0},
        "few": {"did": "course=algebra", "at_most": 1, "unit": "days"},
        "video": {"did": ["course=algebra", "track=video"], "within": {"last": "20d"}},
        "problem": {"did": ["course=algebra", "track=problem"]},
        "stopped": {"stopped": "course=algebra", "quiet": 8},
        "first": {"first": "course=biology", "within": {"from": "2024-03-10"}},
    }
    wanted = {
        "did": {"a", "b"},
        "two days": {"a"},
        "none": {"c"},
        "few": {"b", "c"},
        "video": {"a", "b"},
        "problem": {"a"},
        "stopped": {"b"},
        "first": {"b"},
    }
    dataset, definitions = read(events), parse_definitions({"cohort": rules})
    date = dt.date(2024, 3, 13)
    for name, accounts_ in wanted.items():
        assert found(dataset, definitions, name, [date]) == [accounts_], name
        one = Evaluator(dataset._node.state, definitions).evaluate([name], day_of_date(date))
        assert one.answered_from == "columns", name
