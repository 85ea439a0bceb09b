"""Funnels and paths as questions: how they may be written, and what makes no sense."""

import pytest

from homeroom import limits
from homeroom.cohorts.questions import Condition, Funnel, Paths, parse_question
from homeroom.cohorts.questions.behaviour import Exclusion, Step, parse_step
from homeroom.errors import QuestionError

PLAYED, ANSWERED = Condition("verb", ("played",)), Condition("verb", ("answered",))
STEPS = ["verb=played", "verb=answered"]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("verb=played", Step((PLAYED,))),
        ("any", Step(())),
        ("seen it: any", Step((), "seen it")),
        ("watched: verb=played", Step((PLAYED,), "watched")),
        (
            "verb=played and progress>=0.9",
            Step((PLAYED, Condition("progress", ("0.9",), ">="))),
        ),
        ("activity=Rights and duties", Step((Condition("activity", ("Rights and duties",)),))),
        ("verb=http://a/b: c", Step((Condition("verb", ("http://a/b: c",)),))),
        ("2nd: verb=played", Step((PLAYED,), "2nd")),
    ],
)
def test_a_step_is_written_short(text, step):
    assert parse_step(text) == step


@pytest.mark.parametrize(
    "written",
    [
        "verb=played",
        ["verb=played"],
        {"where": ["verb=played"]},
        {"where": "verb=played"},
        {"field": "verb", "values": ["played"]},
        PLAYED,
        Step((PLAYED,)),
    ],
)
def test_a_step_may_be_written_in_several_ways(written):
    question = parse_question({"question": "funnel", "steps": [written, "verb=answered"]})
    assert question == Funnel(steps=(Step((PLAYED,)), Step((ANSWERED,))))


def test_exclusions_name_the_steps_between_which_they_count():
    question = parse_question(
        {
            "question": "funnel",
            "steps": [*STEPS, "verb=posted"],
            "exclude": [
                "verb=left",
                "2-3: verb=played",
                {"where": ["verb=left"], "between": [1, 2]},
            ],
        }
    )
    left = (Condition("verb", ("left",)),)
    assert question.exclude == (
        Exclusion(left),
        Exclusion((PLAYED,), (2, 3)),
        Exclusion(left, (1, 2)),
    )


@pytest.mark.parametrize(
    ("written", "within", "within_ms"),
    [
        ("7 days", "7d", 604_800_000),
        ("1 hour", "1h", 3_600_000),
        ("90 Minutes", "90m", 5_400_000),
        ("2 w", "2w", 1_209_600_000),
        ("30s", "30s", 30_000),
    ],
)
def test_a_window_is_written_in_words_or_short(written, within, within_ms):
    question = parse_question({"question": "funnel", "steps": STEPS, "within": written})
    assert (question.within, question.within_ms) == (within, within_ms)


@pytest.mark.parametrize(
    "question",
    [
        Funnel(
            steps=(Step((PLAYED,), "watched"), Step(())),
            order="strict",
            within="36h",
            exclude=(Exclusion((ANSWERED,), (1, 2)), Exclusion((ANSWERED,))),
            count="every",
            increasing=True,
        ),
        Paths(
            before=(PLAYED, ANSWERED), by="section", depth=7, fold="none", within="none", least=5
        ),
    ],
)
def test_a_question_written_as_plain_data_is_the_same_question(question):
    question.check()
    assert parse_question(question.to_dict()) == question


def test_a_lone_condition_of_paths_may_stand_without_a_list():
    question = parse_question({"question": "paths", "after": "verb=played and verb=answered"})
    assert question == Paths(after=(PLAYED, ANSWERED))


MANY = [f"verb={i}" for i in range(limits.STEPS_MAX + 1)]
REFUSED = {
    "one step": ({"steps": ["verb=played"]}, r"steps holds 1, must be from 2 to 20"),
    "too many steps": ({"steps": MANY}, r"steps holds 21"),
    "no condition": ({"steps": ["played", "verb=answered"]}, "has no operator"),
    "no list": ({"steps": "verb=played"}, "steps is 'verb=played'; it must be a list"),
    "a step without where": ({"steps": [{"name": "x"}, "verb=a"]}, "step 1 is None"),
    "a window without unit": ({"steps": STEPS, "within": "7"}, "within is '7'; write a time such as"),
    "a window of days as a number": ({"steps": STEPS, "within": 7}, "within is 7"),
    "no window": ({"steps": STEPS, "within": "none"}, "within is 'none'"),
    "an order that is none": ({"steps": STEPS, "order": "loose"}, "must be one of ordered, strict, any"),
    "exclude everything": ({"steps": STEPS, "exclude": ["any"]}, "would end every chain"),
    "between what is no step": ({"steps": STEPS, "exclude": ["2-3: verb=x"]}, "2-3 must be two of the steps 1 to 2"),
    "between backwards": ({"steps": STEPS, "exclude": ["2-1: verb=x"]}, "the earlier one first"),
    "too many exclusions": ({"steps": STEPS, "exclude": MANY[:11]}, "exclude holds 11"),
    "any with exclude": ({"steps": STEPS, "order": "any", "exclude": ["verb=x"]}, "exclude: in any order"),
    "any with increasing": ({"steps": STEPS, "order": "any", "increasing": True}, "increasing: in any order"),
    "any with repeats": ({"steps": [*STEPS, "verb=played"], "order": "any"}, "steps 1 and 3 are the same"),
    "a field that is none": ({"steps": STEPS, "step": []}, "did you mean steps"),
    "a number that is none": ({"steps": ["score>=x", "verb=a"]}, "finite number"),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "said"), REFUSED.values(), ids=REFUSED)
def test_a_funnel_that_makes_no_sense_is_refused(fields, said):
    with pytest.raises(QuestionError, match=said):
        parse_question({"question": "funnel", **fields})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"after": ["verb=a"], "before": ["verb=b"]}, "after and before both"),
        ({"depth": 0}, "depth is 0, must be from 1 to 20"),
        ({"depth": 21}, "depth is 21"),
        ({"branches": 51}, "branches is 51, must be from 1 to 50"),
        ({"least": 0}, "least is 0"),
        ({"within": "never"}, "within is 'never'"),
        (
            {"by": "score"},
            "by is 'score'; it must be one of verb, activity, section, track, course",
        ),
        ({"after": [{"x": 1}]}, "x"),
    ],
)
def test_paths_that_make_no_sense_are_refused(fields, said):
    with pytest.raises(QuestionError, match=said):
        parse_question({"question": "paths", **fields})
