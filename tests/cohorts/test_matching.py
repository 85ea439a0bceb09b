"""Conditions, resolved against texts: which codes pass, what only history can test, what the data do not have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.cohorts.matching import Selection, common, event_mask, resolve, values_of
from homeroom.cohorts.questions import Condition, parse_condition
from homeroom.errors import QuestionError
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import STANDINGS, TRACKS
from homeroom.state.history import Segment
from homeroom.state.running import Sequential
from homeroom.state.sealing import build_segment
from tests.examples import examples
from tests.oracle import Event
from tests.oracle.conditions import Learners
from tests.state.plain import Fact, batch_of, draw_facts, fresh_state

PLAYED = "https://w3id.org/xapi/video/verbs/played"


def history(facts: list[Fact]) -> tuple[Segment, Dictionaries, list[Fact]]:
    """Return a segment, its dictionaries, and the fact behind each of its events."""
    dictionaries = fresh_state().dictionaries
    distinct = list(dict.fromkeys(facts))
    batch = batch_of(distinct, dictionaries)
    segment = build_segment([batch], [], Sequential()).segment
    assert segment is not None
    by_identity = dict(zip(batch.identity_lo.tolist(), distinct, strict=True))
    return segment, dictionaries, [by_identity[i] for i in segment.columns["identity_lo"].tolist()]


def as_event(fact: Fact) -> Event:
    flag = {None: None, 0: False, 1: True}
    return Event(
        account=str(fact.learner),
        time_ms=fact.time_ms,
        verb=fact.verb,
        activity=fact.activity,
        course=fact.course,
        track=TRACKS[fact.track],
        score=fact.score,
        progress=fact.progress,
        success=flag[fact.success],
        completion=flag[fact.completion],
        duration_ms=fact.duration_ms,
        standing=None if fact.standing is None else STANDINGS[fact.standing],
        section=fact.section,
        answer=fact.answer,
        position_s=fact.position_s,
        length_s=fact.length_s,
    )


CONDITIONS = [
    *("verb=played", "verb=posted,enrolled", "verb!=played", "verb=unheard-of", "verb!=unheard-of"),
    *("activity=a", "activity=(none)", "activity!=(none)", "activity=a,(none)", "activity!=a,quiz"),
    *("course=c1", "course=c1,c2", "course!=c1", "course=(none)", "course!=(none)", "course=c9"),
    *("track=video", "track=video,other", "track!=problem,forum"),
    *("score>0", "score>=0.5", "score<0.5", "score<=0", "score=0.5", "score!=0.5", "score=0,1"),
    *("duration_ms=0", "duration_ms<1", "duration_ms!=0", "duration_ms>=90000", "duration_ms=-1"),
    *("standing=passed", "standing=enrolled,none", "standing!=none", "standing!=failed,passed"),
    *("section=2", "section=week 1,(none)", "section!=week 1", "section=(none)", "section=week 9"),
    *("answer=blue", "answer!=4.2", "answer=(none)", "answer!=(none)", "answer=green"),
    *("position_s=0", "position_s>=12.5", "position_s<1", "position_s!=0", "length_s>59"),
    *("progress>0", "progress!=0", "success=true", "success!=true", "completion=false,true"),
]


@given(
    st.integers(0, 1 << 20),
    st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=3),
    st.booleans(),
)
@examples(300)
def test_events_pass_as_the_oracle_says(seed, texts, flags):
    facts = draw_facts(np.random.default_rng(seed), 40)
    if flags:
        facts += [Fact(learner=1, time_ms=1 + n, success=n % 2, completion=1) for n in range(4)]
    segment, dictionaries, of_event = history(facts)
    conditions = tuple(parse_condition(text) for text in texts)
    tests = resolve(conditions, dictionaries).history_tests()
    learners = Learners([])
    expected = [learners.meets(as_event(fact), conditions) for fact in of_event]
    for first, end in ((0, len(segment)), (7, len(segment) - 3), (5, 5)):
        keep = event_mask(segment, first, end, tests)
        assert keep is not None
        assert keep.astype(bool).tolist() == expected[first:end]


def test_no_conditions_let_everything_pass_without_a_look():
    segment, dictionaries, _ = history([Fact(learner=1, time_ms=1)])
    selection = resolve((), dictionaries)
    assert not selection.needs_history
    assert event_mask(segment, 0, 1, selection.history_tests()) is None


def dictionaries_of(**texts: list[str]) -> Dictionaries:
    dictionaries = Dictionaries.under(bytes(32))
    for name, values in texts.items():
        kinds = ("verb", "activity", "course")
        one = getattr(dictionaries, name) if name in kinds else dictionaries.attribute(name)
        one.codes(values, len(values))
    return dictionaries


@pytest.mark.parametrize(
    ("text", "from_columns"),
    [
        ("track=video", True),
        ("track!=video", True),
        ("country=DE", True),
        ("course=c1", True),
        ("course=c1,c2", False),
        ("course!=c1", False),
        ("verb=played", False),
        ("score>0", False),
        ("success=true", False),
        ("standing=passed", False),
        ("section=week 1", False),
        ("position_s>1", False),
    ],
)
def test_what_the_columns_hold_needs_no_history(text, from_columns):
    known = dictionaries_of(verb=["played"], course=["c1", "c2"], country=["DE"])
    assert resolve([parse_condition(text)], known).needs_history is not from_columns


def test_a_course_and_an_attribute_together_need_history():
    known = dictionaries_of(course=["c1", "c2"], country=["DE"])
    both = resolve([parse_condition("course=c1"), parse_condition("country=DE")], known)
    assert both.needs_history
    two = resolve([parse_condition("course=c1"), parse_condition("course=c2")], known)
    assert two.needs_history, "no event is of two courses, which one course column cannot say"


def test_a_verb_may_be_given_by_its_last_part_and_only_by_a_whole_one():
    known = dictionaries_of(
        verb=[PLAYED, "played", "replayed", "http://x/#played", "a\\played", "played/x"]
    )
    (test,) = resolve([Condition("verb", ("played",))], known).tests
    assert np.flatnonzero(test.allowed).tolist() == [1, 2, 4, 5]
    (test,) = resolve([Condition("verb", (PLAYED,))], known).tests
    assert np.flatnonzero(test.allowed).tolist() == [1]
    (test,) = resolve([Condition("verb", ("",))], known).tests
    assert not test.allowed.any()


def test_a_course_or_an_attribute_is_given_whole():
    known = dictionaries_of(course=["org/c1"], country=["EU/DE"])
    assert resolve([Condition("course", ("c1",))], known).notes
    assert not resolve([Condition("country", ("DE",))], known).learners[0][1].any()


def test_a_value_that_nothing_has_is_said_with_near_ones():
    known = dictionaries_of(verb=[PLAYED, "paused"], course=["algebra"])
    notes = resolve(
        [Condition("verb", ("plaid",)), Condition("course", ("geometry",))], known
    ).notes
    assert notes == (
        "no event has verb 'plaid'; near: played, paused",
        "no event has course 'geometry'",
    )


def test_a_field_or_a_track_that_there_is_not_is_refused():
    known = dictionaries_of(country=["DE"])
    with pytest.raises(QuestionError, match=r"'county' is not in the data; did you mean country\?"):
        resolve([Condition("county", ("DE",))], known)
    with pytest.raises(QuestionError, match="'vidio', which is none of other, video"):
        resolve([Condition("track", ("vidio",))], known)
    with pytest.raises(QuestionError, match="not in the data"):
        values_of("county", known)
    assert list(values_of("country", known)) == ["DE"]
    assert tuple(values_of("track", known)) == TRACKS


def test_conditions_on_tracks_narrow_each_other():
    known = dictionaries_of()
    both = resolve([parse_condition("track=video,problem"), parse_condition("track!=video")], known)
    assert both.tracks == {TRACKS.index("problem")}
    none = resolve([parse_condition("track=video"), parse_condition("track=forum")], known)
    assert none.tracks == frozenset()
    (test,) = none.history_tests()
    assert not test.allowed.any()


def test_tracks_in_common():
    a, b = frozenset({1, 2}), frozenset({2, 3})
    assert common(a, b) == {2}
    assert common(None, a) == common(a, None) == a
    assert common(None, None) is None


def test_an_absent_value_may_be_asked_for():
    known = dictionaries_of(country=["DE", "FR"])
    ((_, allowed),) = resolve([Condition("country", ("(none)",))], known).learners
    assert allowed.tolist() == [1, 0, 0]
    ((_, allowed),) = resolve([Condition("country", ("(none)", "DE"), "!=")], known).learners
    assert allowed.tolist() == [0, 0, 1]
    assert not allowed.flags.writeable


def test_selections_are_compared_by_what_they_are_not_by_what_they_hold():
    assert Selection() != Selection()  # activities keep masks by the very object
