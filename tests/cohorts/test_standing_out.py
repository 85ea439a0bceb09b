"""What stands out is what the rules say: outside of the weeks before, by a tenth, with learners enough behind it."""

from dataclasses import replace

import numpy as np
import pytest

from homeroom.cohorts.answers import Series
from homeroom.cohorts.standing_out import standing_out
from tests import answers_builder as build

QUIET = replace(build.SOURCE, events_rejected=0)


def of_weeks(values: list[int], *, newest_complete: bool = False):
    """Return active learners by week; the newest week is not whole unless said."""
    answer = build.active()
    complete = np.ones(len(values), np.bool_)
    complete[-1] = newest_complete
    week = Series(build.periods(len(values)), np.array(values, np.int64), complete)
    return replace(answer, week=week, parts=())


def texts(*answers, source=QUIET) -> list[str]:
    return [finding.text for finding in standing_out(answers, source)]


def test_a_week_outside_of_those_before_stands_out_with_its_rule():
    [found] = standing_out([of_weeks([100, 104, 96, 100, 140, 3])], QUIET)

    assert found.text == (
        "140 active learners in the week of 2024-01-29: 40% more than the 100 of the 4 weeks before."
    )
    assert found.rule == (
        "The newest whole week lies outside of the 4 before it, and differs from their mean by 10% or more; "
        "at least 20 learners a week."
    )
    assert found.about == "active"


def test_one_learner_is_one():
    assert texts(of_weeks([100, 100, 100, 100, 1, 0])) == [
        "1 active learner in the week of 2024-01-29: 99% fewer than the 100 of the 4 weeks before."
    ]


@pytest.mark.parametrize(
    "weeks",
    [
        [100, 150, 96, 100, 140, 0],  # as high as a week before
        [100, 100, 100, 100, 109, 0],  # less than a tenth
        [9, 9, 9, 9, 19, 0],  # too few learners
        [100, 100, 100, 140, 0],  # too few weeks: the newest is not whole
        [100, 100, 100, 100, 100, 0],  # only the open week differs
        [],
    ],
)
def test_what_is_usual_does_not_stand_out(weeks):
    assert texts(of_weeks(weeks) if weeks else build.active(days=1)) == []


def test_a_part_of_a_breakdown_is_named():
    whole, part = of_weeks([500] * 6), of_weeks([100, 100, 100, 100, 50, 0])
    question = type(whole.question)(breakdown="course")
    found = texts(replace(whole, question=question, parts=(("math", part),)))

    assert found == [
        "50 active learners of course math in the week of 2024-01-29: 50% fewer than the 100 of the 4 weeks before."
    ]


def test_stages_of_the_lifecycle_stand_out():
    answer = build.lifecycle(rows=6)
    new = np.array([100, 100, 100, 100, 200, 0])
    flat = np.full(6, 50)
    found = texts(replace(answer, new=new, resurrecting=flat, dormant=flat))

    assert found == [
        "200 new learners in the week of 2024-01-29: 100% more than the 100 of the 4 weeks before."
    ]


def test_a_group_that_comes_back_otherwise_than_earlier_ones_stands_out():
    counts = np.full((7, 7), -1)
    for row, size in enumerate([100, 100, 100, 100, 100, 100, 40]):
        counts[row, : 7 - row] = size // 2
        counts[row, 0] = size
    counts[4, 1] = 20
    counts[5, 1] = 1  # not whole yet
    answer = build.retention(rows=7, counts=counts)

    assert texts(answer) == [
        "Of the 100 learners of the week of 2024-01-29, 20% came back after week 1; of earlier groups 50% did."
    ]
    usual = counts.copy()
    usual[4, 1] = 44
    assert texts(replace(answer, counts=usual)) == []


def test_many_rejects_stand_out():
    source = replace(QUIET, events_read=1_000, events_rejected=11)
    assert texts(source=source) == ["11 of 1,000 events (1.1%) were rejected and are in no figure."]
    assert texts(source=replace(source, events_rejected=10)) == []


def test_enrolments_at_risk_stand_out_in_all_runs_or_in_one():
    from homeroom.cohorts.answers.risk import RiskTrend

    answer = read_at_risk()
    ends = build.periods(6)
    complete = np.array([True] * 5 + [False])
    counts = np.array([[100, 100, 100, 100, 150, 9], [50, 50, 50, 50, 52, 9]])
    trend = RiskTrend(ends, ("math",), counts * 2, counts, complete)

    assert texts(replace(answer, trend=trend)) == [
        "150 enrolments of all course runs were at risk at the end of 2024-01-29: 50% more than the 100 of the "
        "4 weeks before."
    ]
    assert texts(replace(answer, trend=None)) == []


def read_at_risk():
    from tests.cohorts.engine import read
    from tests.oracle import Event, instant_ms

    return read([Event(account="a", time_ms=instant_ms("2024-01-01T10:00Z"), course="c")]).at_risk()


def test_the_summary_of_a_course_run_stands_out_with_its_course():
    from homeroom.cohorts.answers import Finding
    from tests.cohorts.engine import read
    from tests.oracle import Event, instant_ms

    data = read([Event(account="a", time_ms=instant_ms("2024-01-01T10:00Z"), course="math")])
    answer = data.report()
    [run] = answer.runs
    said = tuple(Finding("videos", f"Finding {n}.", "A rule.") for n in range(5))

    assert texts(replace(answer, runs=(replace(run, findings=said),))) == [
        "math: Finding 0.", "math: Finding 1.", "math: Finding 2."
    ]  # fmt: skip
