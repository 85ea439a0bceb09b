"""Whatever is loaded, voided, merged and unmerged in whatever order: every answer is that of the events that are left.

Events come in portions and again, ids are voided (some before their events come), accounts are joined and parted, in
memory and in a directory that is opened anew in between. After every few steps drawn questions and cohorts are asked,
and the answers must be those of the plain twin on the remaining events, each under the account that its own goes
under. The fingerprint must be that of a clean load of just these, and of a rebuild.
"""

import dataclasses
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import homeroom as hr
from homeroom.adapters.inputs import read_inputs
from homeroom.cohorts.questions import parse_definitions, parse_question
from homeroom.errors import InputError, QuestionError
from homeroom.events.pseudonyms import pseudonyms
from homeroom.state import table as tables
from homeroom.state.state import rebuild
from tests.cohorts.engine import key_file, misses, read
from tests.cohorts.test_cohorts import complete, found, rules
from tests.examples import examples
from tests.oracle import Event, instant_ms, table
from tests.oracle.cohorts import members
from tests.oracle.compare import differences
from tests.oracle.draw import Case, cases, questions
from tests.oracle.past import Past
from tests.state.test_state import check

ACCOUNTS = "abcdef"
OTHERS: tuple[dict[str, Any], ...] = (
    {"question": "at-risk", "quiet_days": 2},
    {"question": "at-risk", "breakdown": "course", "weeks": 5},
    {"question": "funnel", "steps": ["verb=played", "any"], "within": "9 days"},
    {"question": "funnel", "steps": ["course=algebra", "score>=0.5"], "within": "30 days"},
    {"question": "paths", "by": "verb"},
    {"question": "report", "course": "algebra"},
)
"""Kinds of question that are asked of a clean load, too, and not of the plain twin."""


def pseudonym(account: str) -> str:
    hi, lo = pseudonyms(bytes(range(32)), "", [account])
    return f"{int(hi[0]):016x}{int(lo[0]):016x}"


@st.composite
def identified(draw: st.DrawFn) -> Case:
    """Draw a case in which most events have an id, some that of another, and learners leave and enrol again."""
    case = draw(cases(25))
    case = complete(case, instant_ms(f"{case.date}T12:00Z"))
    names = st.sampled_from(("", "own", "own", "own", "shared"))
    says = st.sampled_from((None, None, "enrolled", "left", "left", "graded", "completed"))
    events = [
        dataclasses.replace(
            event,
            id={"": None, "own": f"e{i}", "shared": "e0"}[draw(names)],
            standing=event.standing if event.course is None else draw(says),
        )
        for i, event in enumerate(case.events)
    ]
    return Case(case.zone, case.date, tuple(events))


class Story:
    """A data set through its changes, and beside it the events that came and what the plain twin makes of them."""

    def __init__(self, case: Case, place: Path | None) -> None:
        self.case, self.place = case, place
        self.to_come, self.come = list(case.events), []
        self.past = Past(pseudonym)
        self.edges = 0
        if place is None:
            self.data = read([], case.zone)
        else:
            self.data = hr.load(place, table([]), timezone=case.zone, key=key_file())

    def load(self, count: int, again: int) -> None:
        events, self.to_come = self.to_come[:count], self.to_come[count:]
        events += self.come[:again]
        self.come += events
        if self.place is not None:
            self.data = hr.load(self.place, table(events), key=key_file())
            return
        node = self.data._node
        for source, decoded in read_inputs([table(events)]):
            node.take(decoded, source)

    def settle(self) -> None:
        """Reach a state that may be asked: clustered, or as the last fold and void left it."""
        if self.place is not None:
            self.data = hr.open(self.place, key=key_file())
        else:
            self.data._node.state.settle()

    def void(self, ids: list[str]) -> None:
        self.past.void(ids)
        self.data.void(ids)

    def merge(self, one: str, other: str, named: str) -> None:
        if not any({one, other} == set(self.past.edges[e]) for e in self.live()):
            self.edges += 1
            self.past.merge(self.edges, one, other)
        pair = (one, other) if named == "accounts" else (other, one)
        learners = [("", who) if named == "accounts" else pseudonym(who) for who in pair]
        self.data.merge([tuple(learners)])

    def live(self) -> set[int]:
        return self.past.edges.keys() - self.past.taken_back

    def unmerge(self, one: str, other: str) -> None:
        self.past.unmerge(one, other)
        self.data.unmerge([(pseudonym(one), pseudonym(other))])

    def left(self) -> list[Event]:
        """Return the events that are left; two that are equal under one name stay two."""
        distinct = list({repr(event): event for event in self.come}.values())
        marked = [e for e in distinct if e.id is None or e.id not in self.past.voided]
        names = self.past.names()
        return [
            dataclasses.replace(
                e, account=names.get(e.account, e.account), id=f"{e.account} {e.id}"
            )
            for e in marked
        ]

    def assert_state(self) -> None:
        left, state = self.left(), self.data._node.state
        check(state)
        clean = read(left, self.case.zone)
        assert self.data.fingerprint() == clean.fingerprint() == rebuild(state).fingerprint()
        source = self.data._node.summary()
        for name in ("learners", "first_event", "last_event"):
            assert getattr(source, name) == getattr(clean.source, name), name
        assert source.events_voided == len({repr(e) for e in self.come}) - len(left)

    def ask(self, question: Any) -> None:
        asked = [
            *question.filters,
            *getattr(question, "entry", ()),
            *getattr(question, "returning", ()),
        ]
        fields = {question.breakdown, *(condition.field for condition in asked)}
        if "country" in fields and not any("country" in e.attributes for e in self.come):
            with pytest.raises(QuestionError, match="country"):
                self.data.ask(question)
        else:
            assert misses(self.data, self.left(), question, self.case.zone) == []

    def ask_other(self, written: dict[str, Any]) -> None:
        question, clean = parse_question(written), read(self.left(), self.case.zone)
        try:
            expected = clean.ask(question).to_json()
        except QuestionError:
            return  # something that it names has not come, or nothing is left that had it
        found = self.data.ask(question).to_json()
        for answer in (expected, found):
            for name in ("source", "notes", "question"):
                answer.pop(name)
        assert differences(expected, found) == []

    def ask_cohort(self, rule: dict[str, Any], date: dt.date) -> None:
        written = {
            "cohort": {"drawn": rule},
            "calendar": {
                "algebra": {
                    "start": self.case.date,
                    "deadlines": [self.case.date + dt.timedelta(days=n) for n in (3, 9)],
                },
                "biology": {"start": self.case.date - dt.timedelta(days=20)},
            },
        }
        try:
            definitions = parse_definitions(written)
        except QuestionError as error:
            assume("contradiction" not in str(error))
            raise
        try:
            answered = found(self.data, definitions, "drawn", [date])
        except QuestionError:
            assert not any(e.account == "z" for e in self.come), "some value has not come yet"
        else:
            twin = members(self.left(), definitions, "drawn", date, self.case.zone)
            assert answered == [twin]


def told(data: st.DataObject, story: Story) -> None:
    """Draw steps, and ask between them."""
    case = story.case
    ids = sorted({event.id for event in case.events if event.id is not None}) or ["unknown"]
    for _ in range(data.draw(st.integers(2, 7))):
        step = data.draw(st.sampled_from(("load", "load", "void", "merge", "merge", "unmerge")))
        if step == "load":
            story.load(data.draw(st.integers(1, 20)), data.draw(st.integers(0, 3)))
        elif step == "void":
            story.void(data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=4)))
        elif step == "merge":
            pair = data.draw(st.permutations(ACCOUNTS))[:2]
            story.merge(*pair, data.draw(st.sampled_from(("accounts", "pseudonyms"))))
        elif story.live():
            edge = data.draw(st.sampled_from(sorted(story.live())))
            story.unmerge(*story.past.edges[edge])
        if data.draw(st.booleans()):
            story.settle()
            story.assert_state()
            story.ask(data.draw(questions(case)))
    story.load(len(story.to_come), 0)
    story.settle()
    story.assert_state()
    for _ in range(3):
        story.ask(data.draw(questions(case)))
    story.ask_other(data.draw(st.sampled_from(OTHERS)))
    date = case.date + dt.timedelta(days=data.draw(st.integers(-30, 60)))
    story.ask_cohort(data.draw(rules(case)), date)


@given(st.data(), identified())
@examples(40)
def test_every_answer_in_memory_is_that_of_the_events_that_are_left(data, case):
    with pytest.MonkeyPatch.context() as patch:
        if data.draw(st.booleans()):  # rows stay where they are, empty and out of place
            patch.setattr(tables, "OUT_OF_PLACE_ROWS_MAX", 100)
            patch.setattr(tables, "_PLACED_ROWS", 1)
        told(data, Story(case, None))


@given(st.data(), identified())
@examples(20)
def test_every_answer_of_a_directory_is_that_of_the_events_that_are_left(
    tmp_path_factory, data, case
):
    told(data, Story(case, tmp_path_factory.mktemp("past") / "data"))


# --- by hand -----------------------------------------------------------------------------------------------------

IDS = [f"6690e6c9-3ef0-4ed3-8b37-7f3964730b{i:02d}" for i in range(9)]


def statement(number: int, day: int, voids: int | None = None) -> str:
    """Write a statement of one learner; or one that takes another back."""
    verb, thing = "http://adlnet.gov/expapi/verbs/experienced", {"id": "http://campus/page"}
    if voids is not None:
        verb = "http://adlnet.gov/expapi/verbs/voided"
        thing = {"objectType": "StatementRef", "id": IDS[voids]}
    account = {"homePage": "http://campus", "name": f"learner {number % 3}"}
    written = {
        "id": IDS[number],
        "actor": {"account": account},
        "verb": {"id": verb},
        "object": thing,
        "timestamp": f"2024-03-{day:02d}T10:00:00Z",
    }
    return json.dumps(written) + "\n"


def test_statements_that_void_others_are_obeyed_whichever_comes_first(tmp_path):
    plain = [statement(number, 1 + number) for number in range(6)]
    early, late = statement(6, 20, voids=4), statement(7, 21, voids=1)
    left = [line for number, line in enumerate(plain) if number not in (1, 4)]
    whole, rest = tmp_path / "whole.json", tmp_path / "rest.json"
    whole.write_text("".join([early, *plain, late]))
    rest.write_text("".join(left))
    data, clean = hr.read(whole, key=key_file()), hr.read(rest, key=key_file())
    assert data.fingerprint() == clean.fingerprint()
    assert (data.source.events_accepted, data.source.events_voided) == (6, 2)
    place = tmp_path / "data"
    for name, lines in (("a", [late]), ("b", plain[3:]), ("c", plain[:4]), ("d", [early])):
        file = tmp_path / f"{name}.json"
        file.write_text("".join(lines))
        hr.load(place, file, key=key_file())
    opened = hr.open(place)
    assert opened.fingerprint() == clean.fingerprint()
    assert (opened.source.events_duplicate, opened.source.events_voided) == (1, 2)
    assert opened.active(filters=["verb=experienced"]).day.values.sum() == 4


def test_a_scan_has_nothing_to_correct(tmp_path):
    file = tmp_path / "events.parquet"
    pq.write_table(table([Event(account="a", time_ms=1_700_000_000_000)]), file)
    data = hr.scan(file, key=key_file())
    one, other = pseudonym("a"), pseudonym("b")
    for correct in (
        lambda: data.void(["1"]),
        lambda: data.merge([(one, other)]),
        lambda: data.unmerge([(one, other)]),
    ):
        with pytest.raises(InputError, match="a scan keeps nothing but days"):
            correct()


def test_what_is_no_pair_is_refused_before_anything_is_changed():
    data = read([Event(account=account, time_ms=1_700_000_000_000) for account in "abc"])
    before, good = data.fingerprint(), (pseudonym("a"), pseudonym("b"))
    for pairs, said in (
        ([good, "ab"], "pair 2 is 'ab'; it must be two learners"),
        ([good, (pseudonym("a"),)], "pair 2 is .*; it must be two learners"),
        ([good, (("", "a"), pseudonym("a").upper())], "pair 2 is twice the same learner"),
        ([good, (("", ""), pseudonym("a"))], "pair 2: an account is empty"),
        ([good, ("a", "b")], "pair 2: 'a' is no pseudonym; one has 32 hexadecimal digits"),
    ):
        with pytest.raises(InputError, match=said):
            data.merge(pairs)
    with pytest.raises(InputError, match="an id is empty"):
        data.void(["1", ""])
    with pytest.raises(InputError, match=r"were not merged with each other$"):
        data.unmerge([good])
    assert data.fingerprint() == before


def test_a_pair_that_is_one_through_others_is_said_to_be():
    data = read([Event(account=account, time_ms=1_700_000_000_000) for account in "abc"])
    a, b, c = (pseudonym(account) for account in "abc")
    data.merge([(a, b), (b, c)])
    with pytest.raises(InputError, match=f"they are one learner through {b}"):
        data.unmerge([(a, c)])
    assert data.source.learners == 1
    data.unmerge([(b, a)])
    assert data.source.learners == 2
