"""Definitions that make no sense are refused with their place and a way out; nonsense never crashes the reader."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.cohorts.questions import Definitions, parse_definitions, parse_question
from homeroom.cohorts.questions.rule_words import in_words
from homeroom.errors import QuestionError

DID = {"did": "verb=played"}


def one(rule: object, **more: object) -> dict[str, object]:
    return {"cohort": {"a": rule}, **more}


REFUSED = {
    "unknown word": (one({"dit": "verb=played"}), r"cohort\.a has dit; .* did you mean did\?"),
    "two words": (one({**DID, "list": "x"}), r"cohort\.a has did and list"),
    "unknown field": (one({**DID, "atleast": 2}), r"cohort\.a\.atleast .* did you mean at_least\?"),
    "no rule": (one("played"), r"cohort\.a is 'played'; it must be a table"),
    "part": ({"cohorts": {}}, r"cohorts is no part .* did you mean 'cohort'\?"),
    "contradicting counts": (
        one({**DID, "at_least": 3, "at_most": 2}),
        r"cohort\.a is a contradiction: at least 3 and at most 2",
    ),
    "everybody": (one({**DID, "at_least": 0}), r"cohort\.a\.at_least is 0, which everybody meets"),
    "opposites": (
        one({"all": [DID, {"not": DID}]}),
        r"cohort\.a\.all is a contradiction: rule 2 is the opposite of rule 1",
    ),
    "two countries": (
        one({"all": [{"attribute": "country=DE"}, {"attribute": "country=FR"}]}),
        r"rule 1 wants country=DE, rule 2 wants country=FR; use any",
    ),
    "empty window": (
        one({**DID, "within": {"from": "2024-02-01", "to": "2024-01-01"}}),
        r"cohort\.a\.within is empty: it ends on 2024-01-01, before it begins on 2024-02-01",
    ),
    "mixed window": (one({**DID, "within": {"last": "7d", "from": "2024-01-01"}}), "rolling and"),
    "no days": (one({**DID, "within": "0d"}), r"cohort\.a\.within\.last is '0d', must be from 1"),
    "hours of a window": (one({**DID, "within": "7h"}), "write whole days or weeks"),
    "no date": (one({**DID, "within": {"from": "soon"}}), r"within\.from is 'soon'.*2024-01-31"),
    "one step": (one({"sequence": ["any"], "in": "1d"}), "must be a list of 2 to 20 steps"),
    "no time": (one({"sequence": ["any", "any"]}), r"cohort\.a\.in is missing"),
    "no quiet": (one({"stopped": "any"}), r"cohort\.a\.quiet is missing"),
    "result of a verb": (one({"result": "verb=played"}), "result is about verb; a result is one"),
    "of": (one({"result": "score>=1", "of": "worst"}), "it must be one of latest, best, any"),
    "during alone": (one({**DID, "during": "7d"}), "during belongs to then_not, which is missing"),
    "unknown cohort": (one({"cohort": "bb"}), r"cohort\.a names the cohort 'bb', which is not"),
    "unknown list": (
        one({"list": "pilto"}, list={"pilot": {"members": []}}),
        r"names the list 'pilto', which is not there; did you mean 'pilot'\?",
    ),
    "unknown mark": (
        one(
            {**DID, "within": {"before": "deadline 3"}},
            calendar={"m": {"deadlines": ["2024-01-01"]}},
        ),
        r"mark 'deadline 3', which no calendar has; did you mean 'deadline 1'\?",
    ),
    "itself": (one({"not": {"cohort": "a"}}), r"holds itself: a → a"),
    "a circle": (
        {"cohort": {"a": {"cohort": "b"}, "b": {"any": [{"cohort": "c"}]}, "c": {"cohort": "a"}}},
        r"cohort\.a holds itself: a → b → c → a; take one of these rules out",
    ),
    "version": (one({**DID, "version": 0}), r"cohort\.a\.version is 0, must be a whole number"),
    "about": (one({**DID, "about": 1}), r"cohort\.a\.about is 1; it must be a text"),
    "zone": ({"timezone": "Berlin"}, "Berlin"),
    "format": ({"format": 2}, "format is 2, this version reads 1"),
    "no pseudonym": (one({"list": "x"}, list={"x": {"members": ["ana"]}}), "member 1 is no"),
    "an empty calendar": ({"calendar": {"m": {}}}, r"calendar\.m is empty"),
    "a bad deadline": ({"calendar": {"m": {"deadlines": ["x"]}}}, r"calendar\.m\.deadlines\[1\]"),
    "empty conditions": (one({"did": []}), r"cohort\.a\.did is empty; write a condition"),
}


@pytest.mark.parametrize(("written", "says"), REFUSED.values(), ids=REFUSED)
def test_what_makes_no_sense_is_refused_with_its_place(written, says):
    with pytest.raises(QuestionError, match=says):
        parse_definitions(written)


def test_rules_too_deep_are_refused_and_not_followed_until_the_stack_ends():
    rule: dict[str, object] = DID
    for _ in range(5_000):
        rule = {"not": rule}
    with pytest.raises(QuestionError, match="nest deeper than 32"):
        parse_definitions(one(rule))


def test_cohorts_too_deep_are_refused():
    chain = {f"c{i}": {"cohort": f"c{i + 1}"} for i in range(100)}
    with pytest.raises(QuestionError, match="nest deeper than 32"):
        parse_definitions({"cohort": {**chain, "c100": DID}})


WORDS = st.sampled_from(
    ("did", "all", "any", "not", "first", "stopped", "sequence", "result", "list", "cohort", "within",
     "at_least", "exactly", "unit", "in", "quiet", "then_not", "during", "of", "where", "attribute", "last", "from",
     "members", "start", "deadlines", "version")
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**12), st.floats(allow_nan=True), st.text(max_size=8),
    st.sampled_from(("any", "verb=played", "score>=0.5", "7d", "2024-01-31", "days", "country=DE", "a", "=", "verb=")),
)  # fmt: skip
PLAIN = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(WORDS, st.text(max_size=4)), inner)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(("cohort", "list", "calendar", "timezone", "format")), PLAIN)
)
def test_nonsense_is_refused_and_never_crashes(written):
    with contextlib.suppress(QuestionError):
        assert isinstance(parse_definitions(written), Definitions)


@given(st.dictionaries(WORDS, PLAIN, max_size=4), st.sampled_from(("members", "cohort", "overlap")))
def test_a_question_of_nonsense_is_refused_and_never_crashes(rule, kind):
    with contextlib.suppress(QuestionError):
        question = parse_question({"question": kind, "cohort": rule})
        assert parse_question(question.to_dict()) == question


def test_a_question_is_read_back_with_the_definitions_that_it_needs():
    written = {
        "cohort": {
            "late": {"all": [{"cohort": "early"}, {"list": "pilot"}]},
            "early": {**DID, "within": {"from": "2024-01-01"}},
            "stray": {"list": "others"},
        },
        "list": {"pilot": {"members": ["0" * 32]}, "others": {"members": ["1" * 32]}},
    }
    question = parse_question({"question": "members", "cohort": "late", "definitions": written})
    plain = question.to_dict()
    again = parse_question(plain)

    assert [one.name for one in again.definitions.cohorts] == ["late", "early"]
    assert list(again.definitions.lists) == ["pilot"]
    assert again.to_dict() == plain


SAID = {
    "were active in the last 28 days": {"did": "any", "within": "28d"},
    "did verb=played on at least 3 days": {**DID, "at_least": 3, "unit": "days"},
    "did verb=played at no time": {**DID, "exactly": 0},
    "did verb=played at most 2 times from 2024-01-01 on": {
        **DID,
        "at_most": 2,
        "within": {"from": "2024-01-01"},
    },
    "did verb=played for the first time before deadline 2": {
        "first": "verb=played",
        "within": {"before": "deadline 2"},
    },
    "were active, and then no verb=played in the 7 days after": {
        "did": "any",
        "then_not": "verb=played",
        "during": "7d",
    },
    "were active before, and not in the last 14 days": {"stopped": "any", "quiet": "2w"},
    "did verb=played, then any activity, all within 36 hours": {
        "sequence": ["verb=played", "any"],
        "in": "36h",
    },
    "have score>=0.5 as the best result of course=math": {
        "result": "score>=0.5",
        "of": "best",
        "where": "course=math",
    },
    "(have country=DE or are on the list pilot) and not (did verb=played)": {
        "all": [{"any": [{"attribute": "country=DE"}, {"list": "pilot"}]}, {"not": DID}]
    },
}


@pytest.mark.parametrize(("said", "rule"), SAID.items())
def test_a_rule_is_said_in_plain_words(said, rule):
    calendar = {"m": {"deadlines": ["2024-01-01", "2024-02-01"]}}
    written = one(rule, list={"pilot": {"members": []}}, calendar=calendar)
    assert in_words(parse_definitions(written).cohort("a").rule) == said
