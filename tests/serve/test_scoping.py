"""A scope is a filter that no question gets around: tried with every kind of question and every trick.

The oracle is a node that never got the other course's events: whoever is limited to a course must be told the same by
the node that has all, down to the last figure. (A stranger's one event in the other course is there, so that its name
is known: which names there are at all is not hidden.)
"""

import itertools
import random

import msgspec
import pytest

from homeroom.cohorts.kept import kept_definitions
from homeroom.cohorts.questions import QUESTIONS, Condition, parse_question
from homeroom.cohorts.questions.rules import Rule
from homeroom.log.control import Scope
from homeroom.serve import scoping
from homeroom.serve.access import Caller
from homeroom.serve.problems import ProblemError
from tests.serve.clients import Client

RANGE = {"from": "2026-09-01", "to": "2026-11-30", "as_of": "2026-11-30T23:00:00Z"}
RISK = {"as_of": RANGE["as_of"]}
COHORTS = {
    "elsewhere": {"did": "course=chemistry"},
    "not_elsewhere": {"not": {"did": "course=chemistry"}},
    "often": {"did": "any", "at_least": 4},
    "few": {"did": "any", "at_most": 3},
    "first_read": {"first": "verb=read", "within": {"last": "60d"}},
    "stopped": {"stopped": "any", "quiet": "7d"},
    "then_not": {"did": "verb=read", "then_not": "verb=played"},
    "steps": {"sequence": ["verb=read", "verb=played"], "in": "30d"},
    "best": {"result": "score>=0.5", "of": "best"},
    "nordic": {"attribute": "country=NO"},
    "mixed": {"any": [{"cohort": "elsewhere"}, {"all": [{"cohort": "few"}, {"did": "verb=read"}]}]},
}
STRANGER = {
    "account": "a stranger",
    "verb": "read",
    "time": "2026-09-20T10:00:00Z",
    "course": "chemistry",
}
STEPS = ["verb=read", "verb=played"]


def events(courses=("physics", "chemistry")):
    chance = random.Random(7)
    made = []
    for number in range(600):
        learner = chance.randrange(40)
        event = {
            "account": f"learner {learner}",
            "verb": chance.choice(["read", "played", "enrolled"]),
            "time": f"2026-{chance.randrange(9, 12):02d}-{chance.randrange(1, 29):02d}T10:00:00Z",
            "course": chance.choice(["physics", "chemistry"]),
            "id": f"e{number}",
            "score": chance.randrange(10) / 10,
            "attributes": {
                "organisation": f"school {learner % 3}",
                "country": ["NO", "SE"][learner % 2],
            },
        }
        if event["course"] in courses:
            made.append(event)
    return made


def with_cohorts(client):
    admin = client.key("admin", "read", name="admin")
    for name, rule in COHORTS.items():
        assert client("PUT", f"/v1/cohorts/{name}", admin, json=rule).status_code == 201
    return client


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    client = Client(tmp_path_factory.mktemp("whole") / "data")
    client.send(*events())
    yield with_cohorts(client)
    client.close()


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    client = Client(tmp_path_factory.mktemp("part") / "data")
    client.send(*events(courses=("physics",)), STRANGER)
    yield with_cohorts(client)
    client.close()


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    client = Client(tmp_path_factory.mktemp("school") / "data")
    client.send(*(e for e in events() if e["attributes"]["organisation"] == "school 1"))
    yield with_cohorts(client)
    client.close()


def figures(client, key, question):
    answer = client.query(key, question)
    assert answer.status_code == 200, answer.text
    said = answer.json()["answer"]
    return {
        k: v for k, v in said.items() if k not in ("question", "source", "notes", "answered_from")
    }


QUESTIONS_ASKED = [
    {"question": "retention", "interval": "week", **RANGE},
    {"question": "retention", "mode": "recurring", "entry": ["verb=read"], **RANGE},
    {"question": "retention", "returning": ["course=chemistry"], **RANGE},
    {"question": "retention", "align": "enrolment", **RANGE},
    {"question": "lifecycle", "interval": "week", **RANGE},
    {"question": "stickiness", **RANGE},
    {"question": "active", **RANGE},
    {"question": "active", "filters": ["course=chemistry"], **RANGE},
    {"question": "active", "filters": ["course!=physics"], **RANGE},
    {"question": "active", "filters": ["course=chemistry,physics"], **RANGE},
    {"question": "active", "breakdown": "course", **RANGE},
    {"question": "active", "breakdown": "country", **RANGE},
    {"question": "active", "breakdown": "verb", "filters": ["score>=0.5"], **RANGE},
    {"question": "funnel", "steps": STEPS, **RANGE},
    {"question": "funnel", "steps": ["course=chemistry", "course=physics"], **RANGE},
    {"question": "funnel", "steps": STEPS, "exclude": ["course=chemistry"], **RANGE},
    {"question": "paths", "by": "verb", **RANGE},
    {"question": "paths", "by": "course", **RANGE},
    {"question": "report", "course": "physics", **RISK},
    {"question": "report", **RISK},
    {"question": "at-risk", **RISK},
    {"question": "at-risk", "filters": ["course=chemistry"], **RISK},
    {"question": "at-risk", "breakdown": "course", **RISK},
    *({"question": "active", "cohort": name, **RANGE} for name in COHORTS),
    {"question": "active", "compare": list(COHORTS), **RANGE},
    {"question": "retention", "cohort": "often", "compare": ["elsewhere", "mixed"], **RANGE},
    {"question": "active", "cohort": {"did": "course=chemistry"}, **RANGE},
    {"question": "funnel", "steps": STEPS, "cohort": "not_elsewhere", **RANGE},
    {
        "question": "active",
        "cohort": "mine",
        "definitions": {"cohort": {"mine": {"not": {"not": {"did": "course=chemistry"}}}}},
        **RANGE,
    },
]


OF_FILTERS = [
    one
    for one in QUESTIONS_ASKED
    if one["question"] != "report" and not {"cohort", "compare"} & set(one)
]
"""What filters reach; rules and reports have places of their own."""


@pytest.mark.parametrize("question", QUESTIONS_ASKED, ids=str)
def test_a_key_of_a_course_is_told_the_same_whatever_happened_in_others(whole, part, question):
    keys = [client.key("read", courses=("physics",)) for client in (whole, part)]
    assert figures(whole, keys[0], question) == figures(part, keys[1], question)


@pytest.mark.parametrize("question", OF_FILTERS, ids=str)
def test_a_key_of_a_course_is_told_what_the_filter_by_that_course_gives(whole, question):
    limited = whole.key("read", courses=("physics",))
    filtered = question | {"filters": [*question.get("filters", ()), "course=physics"]}
    assert figures(whole, limited, question) == figures(whole, whole.key("read"), filtered)


@pytest.mark.parametrize(
    "question",
    [one for one in QUESTIONS_ASKED if one["question"] != "report" or "course" in one],
    ids=str,
)
def test_a_key_of_a_school_is_told_what_a_node_of_that_school_alone_would_say(
    whole, school, question
):
    limited = whole.key("read", organisations=("school 1",))
    assert figures(whole, limited, question) == figures(school, school.key("read"), question)


def test_the_report_of_another_course_is_refused(whole):
    key = whole.key("read", courses=("physics",))
    for course in ("chemistry", ["physics", "chemistry"]):
        answer = whole.query(key, {"question": "report", "course": course})
        assert (answer.status_code, answer.json()["field"]) == (403, "course")


def test_what_is_told_beside_the_figures_is_not_about_other_courses(whole):
    key = whole.key("read", courses=("physics",))
    answer = whole.query(key, {"question": "active", "filters": ["verb=nothing"]}).json()["answer"]
    assert "source" not in answer
    assert answer["notes"] == []
    status = whole("GET", "/v1/status", key).json()
    assert not {"learners", "events"} & set(status)


def test_an_error_does_not_name_other_courses(client):
    client.send(*events(courses=("chemistry",)))
    key = client.key("read", courses=("chemistri",))
    answer = client.query(key, {"question": "report"})
    assert answer.status_code == 400
    assert "chemistry" not in answer.text


def test_a_key_of_a_course_may_not_ask_about_cohorts_as_they_are(whole):
    key = whole.key("read", "persons", courses=("physics",))
    for question in (
        {"question": "cohort", "cohort": "often"},
        {"question": "members", "cohort": "often"},
        {"question": "overlap", "cohorts": ["often", "few"]},
        {"question": "learner", "learner": "0" * 32},
    ):
        assert whole.query(key, question).status_code == 403
    assert whole("GET", f"/v1/learners/{'0' * 32}/cohorts", key).status_code == 403
    for path in ("/v1/cohorts", "/v1/cohorts/often", "/v1/cohorts/often/history"):
        assert whole("GET", path, key).status_code == 403


def test_every_kind_of_question_is_limited_or_refused():
    caller = Caller(
        name="x", tenant="main", owner="x", scopes=frozenset({Scope.READ}), courses=("physics",)
    )
    limited = {kind for kind in QUESTIONS if kind in scoping.LIMITED_KINDS}
    for kind in QUESTIONS:
        if kind in limited:
            assert Condition("course", ("physics",)) in scoping.scoped(kind(), caller, 0).filters
        else:
            with pytest.raises(ProblemError):
                scoping.scoped(kind(), caller, 0)


def test_every_kind_of_rule_is_limited():
    assert set(scoping._SEEING) == set(Rule.__args__)


def test_every_condition_on_events_in_a_rule_is_limited():
    definitions = parse_question(
        {"question": "active", "definitions": {"cohort": COHORTS}}
    ).definitions
    events_ = (Condition("course", ("physics",)),)
    narrowed = scoping._narrowed(definitions, events_, ())

    def conditions(value):
        """Give every tuple of conditions in a rule, wherever it stands."""
        if isinstance(value, tuple) and (not value or isinstance(value[0], Condition)):
            yield value
        elif isinstance(value, tuple):
            yield from itertools.chain.from_iterable(map(conditions, value))
        elif isinstance(value, msgspec.Struct) and not isinstance(value, Condition):
            for name in value.__struct_fields__:
                yield from conditions(getattr(value, name))

    found = [one for cohort in narrowed.cohorts for one in conditions(cohort.rule)]
    assert len(found) > len(COHORTS)
    assert all(events_[0] in one for one in found)


# --- numbers that tell of nobody, and persons ------------------------------------------------------------------------


def test_a_key_for_reading_is_told_numbers_and_nobody(whole):
    key = whole.key("read")
    assert whole.query(key, {"question": "active"}).status_code == 200
    assert whole.query(key, {"question": "members", "cohort": "often"}).status_code == 403
    assert whole.query(key, {"question": "learner", "learner": "0" * 32}).status_code == 403
    risk = whole.query(key, {"question": "at-risk", "limit": 20, **RISK}).json()["answer"]
    assert risk["question"].get("limit", 20) == 0


def test_a_key_for_aggregates_is_told_no_small_count(whole):
    key = whole.key("aggregate")
    told = whole.query(key, {"question": "cohort", "cohort": "often", **RANGE}).json()["answer"]
    free = whole.query(
        whole.key("read"), {"question": "cohort", "cohort": "often", **RANGE}
    ).json()["answer"]
    assert told["question"]["suppress_below"] == 10
    assert told["sizes"] != free["sizes"]
    small = whole.query(
        key, {"question": "cohort", "cohort": "often", "suppress_below": 1, **RANGE}
    )
    assert small.json()["answer"]["question"]["suppress_below"] == 10
    large = whole.query(
        key, {"question": "cohort", "cohort": "often", "suppress_below": 30, **RANGE}
    )
    assert large.json()["answer"]["question"]["suppress_below"] == 30


@pytest.mark.parametrize(
    "question",
    [
        {"question": "active"},
        {"question": "retention"},
        {"question": "funnel", "steps": STEPS},
        {"question": "paths", "by": "verb"},
        {"question": "report", "course": "physics"},
        {"question": "members", "cohort": "often"},
        {"question": "learner", "learner": "0" * 32},
        {"question": "at-risk", "filters": ["country=NO"]},
        {"question": "at-risk", "breakdown": "country"},
        {"question": "at-risk", "compare": ["often", "few"]},
        {"question": "at-risk", "quiet_days": 8},
        {"question": "at-risk", "beyond": "any"},
        {"question": "at-risk", "unless": "none"},
        {"question": "at-risk", "timezone": "Pacific/Kiritimati"},
        {"question": "cohort", "cohort": "often", "changed": ["2026-11-01", "2026-11-15"]},
        {"question": "overlap", "cohorts": ["often", "few"], "timezone": "Asia/Tokyo"},
        {"question": "cohort", "cohort": {"did": "any"}},
        {
            "question": "cohort",
            "cohort": "mine",
            "definitions": {"cohort": {"mine": {"did": "any"}}},
        },
    ],
    ids=str,
)
def test_a_key_for_aggregates_may_not_ask_what_two_answers_would_give_away(whole, question):
    assert whole.query(whole.key("aggregate"), question).status_code == 403


def whole_numbers(said):
    """Give the whole numbers of an answer, but for what was asked."""
    if isinstance(said, dict):
        for name, value in said.items():
            if name not in ("question", "quiet_days"):
                yield from whole_numbers(value)
    elif isinstance(said, list):
        for one in said:
            yield from whole_numbers(one)
    elif isinstance(said, int | float) and not isinstance(said, bool):
        yield said


@pytest.mark.parametrize(
    "question",
    [
        {"question": "cohort", "cohort": "often", "interval": "day"},
        {"question": "overlap", "cohorts": ["often", "few"]},
        {"question": "at-risk", "weeks": 3},
    ],
    ids=lambda question: question["question"],
)
def test_a_key_for_aggregates_is_told_numbers_in_steps_and_of_nothing_besides(whole, question):
    said = whole.query(whole.key("aggregate"), question).json()["answer"]
    numbers = list(whole_numbers(said))
    assert numbers
    assert [one for one in numbers if one % 10] == []
    assert "source" not in said
    assert said["notes"] == []


def test_who_entered_and_left_is_told_to_the_scope_for_persons_and_written_down(whole):
    asked = {"question": "cohort", "cohort": "often", "changed": ["2024-01-01", "2030-01-01"]}
    read = whole.query(whole.key("read"), asked).json()["answer"]["change"]
    told = whole.query(whole.key("persons", name="registrar"), asked).json()["answer"]["change"]
    assert told["entered"]
    assert read["entered"] is read["left"] is None
    assert (read["entered_count"], read["left_count"]) == (len(told["entered"]), len(told["left"]))
    last = msgspec.json.decode(whole.audit.path.read_bytes().splitlines()[-1])
    assert last["who"].startswith("registrar (")
    assert last["about"] == {"cohort": "often", "changed": ["2024-01-01", "2030-01-01"]}


def test_persons_are_told_to_their_scope_and_it_is_written_down(whole):
    key = whole.key("persons", name="tutor")
    answer = whole.query(key, {"question": "members", "cohort": "often"})
    members = answer.json()["answer"]["members"]
    assert members
    one = whole("GET", f"/v1/learners/{members[0]}/cohorts", key)
    assert one.status_code == 200
    lines = whole.audit.path.read_bytes().splitlines()[-2:]
    first, second = (msgspec.json.decode(line) for line in lines)
    assert (first["what"], first["about"]) == ("members", {"cohort": "often"})
    assert (second["what"], second["about"]) == ("learner", {"learner": members[0]})
    assert first["who"].startswith("tutor (")


def test_what_cannot_be_written_down_is_not_told(client):
    with_cohorts(client)
    client.send(*events())
    key = client.key("persons")
    client.audit.close()
    answer = client.query(key, {"question": "members", "cohort": "often"})
    assert answer.status_code == 503
    assert "members" not in answer.text


def test_kept_definitions_are_those_of_the_tenant(whole):
    assert {one.name for one in kept_definitions(whole.node.control(), "main").cohorts} == set(
        COHORTS
    )
    key = whole.key("read", tenant="other", name="elsewhere")
    assert whole.query(key, {"question": "active", "cohort": "often"}).status_code == 400
    assert whole("GET", "/v1/cohorts", key).json() == {"cohorts": []}
