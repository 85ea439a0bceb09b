"""Whatever comes, is taken back, is defined anew or ends in between: membership is what an evaluation of all finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.errors import QuestionError
from homeroom.log.control import DefinitionKind
from homeroom.state.zones import DAY_MS
from tests.cohorts.membership.walking import START_MS, Keeping, drawn_rule
from tests.examples import examples
from tests.state.plain import Fact, batch_of, draw_facts, fresh_state, hash_of_id, key_of
from tests.state.test_past import LEARNERS, STEPS, Walk

MORE_STEPS = ("follow", "follow", *("run",) * 9, "days", "define", "delete", "list", "restart")


class Membered(Walk):
    """A walk through a state's life, with a membership beside it."""

    def __init__(self, facts, zone, rng) -> None:
        super().__init__(facts, zone, rng)
        self.keeping = Keeping(self.state)
        self._list()
        dates = {"start": "2024-04-01"}
        self.keeping.put("c1", DefinitionKind.CALENDAR, **dates)
        self.keeping.put("c0", did="any", within="30d")

    def _follow(self) -> None:
        self.keeping.follow()
        self.keeping.assert_equals_an_evaluation()

    def _run(self) -> None:
        self.keeping.run()

    def _days(self) -> None:
        self.keeping.pass_days(float(self.rng.uniform(0, 9)))

    def _define(self) -> None:
        name = f"c{self.rng.integers(1, 6)}"
        try:
            self.keeping.put(name, **drawn_rule(self.rng))
            assert self.keeping.wanted
        except QuestionError:  # contradicts itself; a node would not have taken it
            self.keeping.put(name, did="any")

    def _delete(self) -> None:
        defined = sorted(set(self.keeping.wanted.versions) - {"c0"})
        if defined:
            self.keeping.delete(defined[int(self.rng.integers(len(defined)))])

    def _list(self) -> None:
        learners = [key_of(int(n)) for n in self.rng.integers(0, LEARNERS, 4)]
        members = [f"{hi:016x}{lo:016x}" for hi, lo in learners]
        self.keeping.put("some", DefinitionKind.LIST, members=members)

    def _restart(self) -> None:
        self.keeping.restart()


@given(st.integers(0, 1 << 30), st.sampled_from((0, 30, 80)))
@examples(60)
def test_at_every_moment_membership_is_what_an_evaluation_finds(seed, count):
    rng = np.random.default_rng(seed)
    facts = draw_facts(rng, count, LEARNERS, days=90) if count else []
    walk = Membered(facts, "Europe/Berlin", rng)
    steps = (*STEPS[:-1], *MORE_STEPS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "CATCH_UP_LEARNERS_MAX", 3)
        patch.setattr(limits, "SURVEY_AHEAD_MS", DAY_MS // 3)
        for _ in range(90):
            walk.step(steps[int(rng.integers(len(steps)))])
        walk.keeping.settle()
        walk.keeping.assert_is_up_to_date()
    assert walk.keeping.now_ms >= START_MS


def test_a_clock_that_is_set_back_a_little_does_not_bring_yesterday_back():
    keeping = Keeping(fresh_state("UTC"))
    keeping.put("quiet", stopped="any", quiet="2d")
    keeping.state.fold(batch_of([Fact(learner=1, time_ms=START_MS)], keeping.state.dictionaries))
    keeping.settle()
    keeping.now_ms = START_MS // DAY_MS * DAY_MS + 3 * DAY_MS + 1_000
    keeping.settle()
    assert len(keeping.members("quiet")) == 1
    keeping.now_ms -= 2_000
    keeping.settle()
    assert len(keeping.members("quiet")) == 1
    keeping.now_ms -= 2 * DAY_MS
    keeping.settle()
    assert keeping.members("quiet") == set(), "it had been wrong before"


def test_all_are_asked_before_midnight_and_the_answer_takes_its_place_at_midnight():
    keeping = Keeping(fresh_state("UTC"))
    keeping.put("quiet", stopped="any", quiet="2d")
    first, later = Fact(learner=1, time_ms=START_MS), Fact(learner=4, time_ms=START_MS)
    keeping.state.fold(batch_of([first], keeping.state.dictionaries))
    keeping.settle()
    midnight_ms = START_MS // DAY_MS * DAY_MS + 2 * DAY_MS
    keeping.now_ms = midnight_ms - limits.SURVEY_AHEAD_MS
    keeping.settle()
    assert keeping.membership.day == keeping.membership.today(midnight_ms) - 1
    keeping.state.fold(batch_of([later], keeping.state.dictionaries))
    keeping.follow()
    assert keeping.members("quiet") == set()
    keeping.now_ms = midnight_ms
    keeping.follow()
    assert len(keeping.members("quiet")) == 2, "also of who came after all were asked"
    assert {cause for _, _, cause, _ in keeping.causes} == {"time"}
    keeping.assert_is_up_to_date()


def test_each_change_has_its_cause():
    keeping = Keeping(fresh_state("UTC"))
    keeping.put("some", did="any", at_least=2)
    facts = [Fact(learner=1, time_ms=START_MS + n, id=f"e{n}") for n in range(3)]
    dictionaries = keeping.state.dictionaries
    keeping.state.fold(batch_of(facts[:1], dictionaries))
    keeping.settle()
    keeping.state.fold(batch_of(facts[1:2], dictionaries))
    keeping.settle()
    keeping.state.void(np.array([hash_of_id("e0")], np.uint64))
    keeping.settle()
    keeping.state.fold(batch_of(facts[2:], dictionaries))
    keeping.settle()
    keeping.put("some", did="any", at_least=3)
    keeping.settle()
    told = [(cause, entered) for _, _, cause, entered in keeping.causes]
    assert told == [
        ("event", True),
        ("correction", False),
        ("event", True),
        ("definition", False),
    ]


def test_a_cohort_follows_the_list_and_the_cohort_that_it_names():
    keeping = Keeping(fresh_state("UTC"))
    high, low = key_of(1)
    keeping.put("vip", DefinitionKind.LIST, members=["0" * 32])
    keeping.put("inner", list="vip")
    keeping.put("outer", all=[{"cohort": "inner"}, {"did": "any"}])
    keeping.state.fold(batch_of([Fact(learner=1, time_ms=START_MS)], keeping.state.dictionaries))
    keeping.settle()
    assert keeping.members("outer") == set()
    keeping.put("vip", DefinitionKind.LIST, members=[f"{high:016x}{low:016x}"])
    keeping.settle()
    assert len(keeping.members("outer")) == 1
    assert [(name, cause) for name, _, cause, _ in keeping.causes] == [
        ("inner", "definition"),
        ("outer", "definition"),
    ]


def test_what_went_wrong_is_made_good_by_asking_all_again():
    keeping = Keeping(fresh_state("UTC"))
    keeping.put("all", did="any")
    keeping.settle()
    keeping.state.fold(batch_of([Fact(learner=1, time_ms=START_MS)], keeping.state.dictionaries))
    keeping.state.flush()
    assert keeping.membership.sample(keeping.state) is not None
    keeping.membership.doubt()  # what was sampled is not put
    keeping.settle()
    assert len(keeping.members("all")) == 1
