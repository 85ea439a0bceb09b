"""What counts as analysed: a learner once for every whole pass that had it in all four parts."""

from homeroom.cohorts.questions import parse_definitions, parse_question
from homeroom.proving.analysis import COHORTS, PARTS, QUESTIONS, Passes, cohort_rules


def passed(passes: Passes, learners: dict[str, int]) -> int:
    for part, count in learners.items():
        passes.answered(part, count, 0.5)
    return passes.end()


def test_a_whole_pass_counts_who_was_in_all_of_its_parts():
    passes = Passes()
    assert passed(passes, dict.fromkeys(PARTS, 100) | {"at risk": 90}) == 90
    assert passed(passes, dict.fromkeys(PARTS, 110)) == 110
    assert (passes.learners, passes.whole, passes.broken) == (200, 2, 0)
    assert passes.per_minute(30) == 400
    assert passes.part_s["triangle"] == 1.0


def test_a_pass_that_lacks_a_part_or_has_a_wrong_one_counts_nobody():
    passes = Passes()
    assert passed(passes, {"triangle": 100, "lifecycle": 100, "cohorts": 100}) == 0
    passes.failed("lifecycle")
    assert passed(passes, dict.fromkeys([p for p in PARTS if p != "lifecycle"], 100)) == 0
    assert (passes.learners, passes.broken) == (0, 2)
    assert passes.per_minute(0) is None


def test_what_is_asked_can_be_asked():
    for written in QUESTIONS.values():
        parse_question(dict(written))
    rules = cohort_rules()
    assert len(rules) == COHORTS
    parse_definitions({"cohort": rules})
    assert len({str(rule) for rule in rules.values()}) == COHORTS
