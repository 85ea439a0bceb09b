"""What an answer depends on, by its question: what is known to be narrow, and everything where it is not."""

import pytest

from homeroom.cohorts.depending import Depends, Span, depends_of, span_of, under
from homeroom.cohorts.questions import QUESTIONS, parse_question

PHYSICS = ["course=physics"]
RULES = {
    "there": {"did": "course=physics"},
    "norse": {"attribute": "country=NO"},
    "deep": {"all": [{"not": {"cohort": "there"}}, {"cohort": "norse"}]},
    "art": {"did": "course=art", "then_not": "course=physics"},
    "all over": {"any": [{"cohort": "there"}, {"stopped": "any", "quiet": "3d"}]},
    "mixed": {"sequence": ["course=art", "verb=read"], "in": "7d"},
}
HALF = "0123456789abcdef"


def depends(kind, **fields):
    return depends_of(parse_question({"question": kind, **fields}))


def of(*courses, attributes=()):
    zones = (None,)
    return Depends(courses=frozenset(courses), attributes=frozenset(attributes), zones=zones)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("active", {}),
        ("active", {"filters": ["verb=read"]}),
        ("active", {"filters": ["course!=physics"]}),
        ("active", {"filters": ["course=physics,(none)"]}),
        ("report", {}),
        ("report", {"filters": PHYSICS}),
        ("at-risk", {}),
        ("members", {"cohort": {"did": "course=physics"}}),
        ("cohort", {"cohort": {"did": "course=physics"}}),
    ],
)
def test_what_names_no_course_run_or_counts_all_learners_depends_on_everything(kind, fields):
    assert depends(kind, **fields) is None


@pytest.mark.parametrize("kind", ["active", "lifecycle", "paths", "at-risk", "stickiness"])
def test_what_is_filtered_by_course_runs_depends_on_these(kind):
    assert depends(kind, filters=PHYSICS) == of("physics")
    assert depends(kind, filters=["course=physics,art"]) == of("physics", "art")


def test_a_report_depends_on_its_course_runs():
    assert depends("report", course=["physics", "art"]) == of("physics", "art")


def test_attributes_in_conditions_and_breakdowns_are_depended_on():
    filters = [*PHYSICS, "country=NO", "verb=read", "score>=0.5"]
    assert depends("active", filters=filters) == of("physics", attributes=["country"])
    parted = depends("active", filters=PHYSICS, breakdown="platform")
    assert parted == of("physics", attributes=["platform"])
    assert depends("active", filters=PHYSICS, breakdown="verb") == of("physics")


@pytest.mark.parametrize(
    ("cohort", "found"),
    [
        ("there", of("physics")),
        ("deep", of("physics", attributes=["country"])),
        ("art", of("physics", "art")),
        ("all over", None),
        ("mixed", None),
    ],
)
def test_cohorts_are_followed_through_all_that_they_name(cohort, found):
    asked = {"filters": PHYSICS, "definitions": {"cohort": RULES}}
    assert depends("active", **asked, cohort=cohort) == found
    assert depends("active", **asked, compare=["there", cohort][cohort == "there" :]) == found


def test_cohorts_of_an_earlier_day_depend_on_everything():
    """Who had come by then at all is a matter of other course runs."""
    asked = {"filters": PHYSICS, "definitions": {"cohort": RULES}, "cohort": "there"}
    assert depends("active", **asked, as_of="2026-11-21T12:00:00Z") is None


def test_the_cohorts_of_a_learner_depend_on_that_learner_alone():
    asked = {"learner": f"{HALF}{HALF}".upper(), "definitions": {"cohort": RULES}}
    assert depends("learner", **asked) == Depends(learner=f"{HALF}{HALF}", zones=(None,))
    assert depends("learner", **asked, as_of="2026-11-21T12:00:00Z") is None


def test_a_new_kind_of_question_depends_on_everything_until_it_is_listed():
    narrow = {"retention", "lifecycle", "stickiness", "active", "funnel", "paths", "report"}
    known = narrow | {"at-risk", "learner", "cohort", "members", "overlap"}
    assert {kind.name for kind in QUESTIONS} <= known, "say what it depends on, and list it here"


def test_days_are_those_of_all_zones_that_cut_any():
    question = parse_question({"question": "active", "timezone": "Asia/Tokyo", "filters": PHYSICS})
    found = depends_of(question)
    before, after = (
        under(Span(0, at_ms, at_ms), found, "UTC", ()) for at_ms in (53_999_999, 54_000_000)
    )
    assert before.days != after.days, "a day begins in Tokyo"
    later = under(Span(0, 54_000_001, 54_000_001), found, "UTC", ())
    assert later.days == after.days
    assert later.instant != after.instant
    assert under(Span(0, 54_000_000, 54_000_000), found, "UTC", ("status",)) != after


def test_an_instant_that_is_asked_for_is_the_one_that_counts():
    question = parse_question({"question": "active", "as_of": "2000-01-01T00:00:01Z"})
    assert span_of(question, (5, 9)) == Span(5, 9, 946_684_801_000)
    assert span_of(parse_question({"question": "active"}), (5, 9)) == Span(5, 9, 9)
    assert span_of(question, None) is None
