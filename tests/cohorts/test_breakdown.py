"""The parts of a breakdown: which there are, in which order, and that they are the same from columns and history."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.cohorts.breakdown import parts
from homeroom.cohorts.questions import TEXT_FIELDS, Active, Condition, Stickiness, parse_condition
from homeroom.errors import QuestionError
from homeroom.events.model import STANDINGS, TRACKS
from homeroom.limits import BREAKDOWN_VALUES_MAX
from homeroom.state.state import State
from tests.cohorts.engine import misses, read
from tests.examples import examples
from tests.oracle import Event
from tests.oracle.conditions import Learners
from tests.oracle.draw import cases
from tests.state.plain import Fact, batch_of, draw_facts, fresh_state

AT = 1_710_000_000_000
FILTERS = (
    *((), ("track=video",), ("course=c1",), ("country=DE",), ("course=c1", "track=video,other")),
    *(
        ("course=c1", "country=DE"),
        ("verb=played",),
        ("score>=0.5", "country!=DE"),
        ("track=live",),
    ),
)

FIELDS = (*TEXT_FIELDS, "country", "platform")


def settled(facts: list[Fact], portions: int = 1) -> State:
    state = fresh_state()
    for part in range(portions):
        state.fold(batch_of(facts[part::portions], state.dictionaries))
        state.settle()
    return state


def named(state: State, field: str, filters: tuple[str, ...] = ()) -> list[str]:
    conditions = tuple(parse_condition(text) for text in filters)
    return [name for name, _ in parts(state, Active(breakdown=field, filters=conditions)).parts]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("filters", FILTERS, ids=" ".join)
def test_values_are_ordered_by_their_learners(field, filters, rng):
    facts = draw_facts(rng, 160, learners=30)
    state = settled(facts, portions=3)
    latest: dict[tuple[int, str], tuple[int, str]] = {}
    for fact in facts:
        for name, value in fact.attributes:
            held = latest.get((fact.learner, name), (fact.time_ms, value))
            latest[fact.learner, name] = max(held, (fact.time_ms, value))
    events = [
        Event(
            account=str(f.learner),
            time_ms=f.time_ms,
            verb=f.verb,
            activity=f.activity,
            course=f.course,
            track=TRACKS[f.track],
            score=f.score,
            standing=STANDINGS[f.standing or 0],
            section=f.section,
            answer=f.answer,
            attributes=dict(f.attributes),
        )
        for f in dict.fromkeys(facts)
    ]
    learners = Learners(events)
    conditions = tuple(parse_condition(text) for text in filters)
    who: dict[str | None, set[str]] = {}
    for event in events:
        if learners.meets(event, conditions):
            of_event = field in TEXT_FIELDS
            value = getattr(event, field) if of_event else learners.attribute(event.account, field)
            who.setdefault(value, set()).add(event.account)
    ranked = sorted((v for v in who if v is not None), key=lambda v: (-len(who[v]), v))
    if None in who and field in ("country", "platform"):
        ranked.append("(none)")
    assert named(state, field, filters) == ranked


def test_beyond_the_bound_the_rest_is_joined_and_said():
    many = BREAKDOWN_VALUES_MAX + 7
    facts = [
        Fact(
            learner=100 * v + n,
            time_ms=AT,
            verb=f"verb {v:02}",
            attributes=(("country", f"c{v:02}"),),
        )
        for v in range(many)
        for n in range(1 + (v == 30))
    ]
    state = settled([*facts, Fact(learner=9_999, time_ms=AT, verb="verb 31")])
    for field, first in (
        ("verb", ["verb 30", "verb 31", "verb 00"]),
        ("country", ["c30", "c00", "c01"]),
    ):
        found = parts(state, Active(breakdown=field))
        names = [name for name, _ in found.parts]
        assert names[:3] == first
        assert names[BREAKDOWN_VALUES_MAX] == "(other)"
        assert names[BREAKDOWN_VALUES_MAX + 1 :] == (["(none)"] if field == "country" else [])
        assert found.notes == (
            f"{field} has {many} values; the 25 of most learners are shown, 7 are joined in (other)",
        )
        (rest,) = dict(found.parts)["(other)"]
        assert len(rest.values) == 7


def test_a_field_that_is_not_in_the_data_is_refused():
    with pytest.raises(QuestionError, match="'shoe_size' is not in the data"):
        parts(settled([Fact(learner=1, time_ms=AT)]), Active(breakdown="shoe_size"))


def test_no_events_have_no_parts():
    assert named(fresh_state(), "course") == []
    facts = [Fact(learner=1, time_ms=AT, course="c1", attributes=(("country", "DE"),))]
    state = settled(facts)
    for field in ("course", "track", "verb", "country"):
        assert named(state, field, ("track=forum",)) == []


def test_a_value_that_is_called_other_is_still_itself():
    facts = [
        Fact(learner=n, time_ms=AT + n, attributes=(("country", name),) if name else ())
        for n, name in enumerate(["DE", "DE", "(other)", None, None])
    ]
    assert named(settled(facts), "country") == ["DE", "(other)", "(none)"]


@given(cases(), st.sampled_from((*TEXT_FIELDS, "country")))
@examples(60)
def test_parts_are_answered_as_the_oracle_answers_them(case, field):
    if field == "country" and not any(e.attributes for e in case.events):
        return
    question = Stickiness(
        breakdown=field,
        filters=(Condition("track", ("video", "other"), "!="),) if len(case.events) % 2 else (),
        from_=case.date - dt.timedelta(days=40),
        to=case.date + dt.timedelta(days=40),
    )
    assert misses(read(case.events, case.zone), case.events, question, case.zone) == []
