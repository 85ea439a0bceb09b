"""A walk through whatever can happen to a membership, and the evaluation of everybody that it must be equal to."""

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from homeroom.cohorts.evaluating import Evaluator
from homeroom.cohorts.membership.changes import Changes
from homeroom.cohorts.membership.findings import Moment
from homeroom.cohorts.membership.membership import Membership
from homeroom.cohorts.membership.reading import learner_now, members_page
from homeroom.cohorts.membership.wanted import Wanted, wanted
from homeroom.cohorts.membership.written import arrays_of, membership_of
from homeroom.cohorts.questions.definitions import Definitions
from homeroom.errors import QuestionError
from homeroom.log.control import (
    Change,
    Control,
    DefinitionDeleted,
    DefinitionKind,
    DefinitionPut,
    Fact,
    TenantPut,
)
from homeroom.state.state import State

if TYPE_CHECKING:
    from homeroom.cohorts.membership.survey import Survey
from homeroom.state.zones import DAY_MS

START_MS = 1_710_000_000_000
"""Before the first of the facts that are drawn."""


def everybody_in(state: State, definitions: Definitions, name: str, day: int) -> set[str]:
    """Return who is in a cohort by an evaluation of everybody; nobody where it cannot be asked."""
    still = copy.copy(state)
    try:
        members = Evaluator(still, definitions).evaluate([name], day).members[name]
    except QuestionError:
        return set()
    return {
        f"{int(part.key_hi[row]):016x}{int(part.key_lo[row]):016x}"
        for number, part in enumerate(state.learners.partitions)
        for row in members.places(number).tolist()
    }


class Keeping:
    """A state, a membership that follows it as a node's threads would, and what was told of it."""

    def __init__(self, state: State, now_ms: int = START_MS) -> None:
        self.state, self.now_ms, self.control = state, now_ms, Control()
        self.membership = Membership(state.zone, Changes(1))
        self.survey: Survey | None = None
        self.told: dict[str, set[str]] = {}
        self.read = 0
        self.causes: list[tuple[str, str, str, bool]] = []
        state.watch = self.membership.touch
        self.say(TenantPut(name="main", timezone=state.zone.name))

    def say(self, fact: Fact) -> None:
        self.control.check(fact)
        change = Change(fact=fact, author="test", at_ms=self.now_ms)
        self.control = self.control.folded(change, self.control.epoch + 1)

    def put(self, name: str, kind: DefinitionKind = DefinitionKind.COHORT, **written: Any) -> None:
        self.say(DefinitionPut(tenant="main", kind=kind, name=name, written=written))

    def delete(self, name: str) -> None:
        self.say(DefinitionDeleted(tenant="main", kind=DefinitionKind.COHORT, name=name))

    @property
    def wanted(self) -> Wanted:
        return wanted(self.control, "main")

    @property
    def moment(self) -> Moment:
        return Moment(self.now_ms)

    def follow(self) -> None:
        """Take the touched, put a survey in place whose day has come, begin one if it is due."""
        if self.state.has_waiting_voids:
            self.state.seal()
        self.state.flush()
        touched = self.membership.sample(self.state)
        if touched is not None:
            self.membership.put(self.membership.take(touched), self.moment)
        closing = self.membership.closing(self.state, self.now_ms)
        if closing is not None:
            self.membership.put_all(self.membership.close(*closing), self.moment)
        behind = self.membership.behind(self.state)
        if behind is not None:
            self.membership.catch_up(behind)
        due = self.membership.due(self.state, self.wanted, self.now_ms)
        if due is not None:
            history = self.state.history_alone() if due.is_asked else None
            self.survey = self.membership.begin(due, history) or self.survey
        self.membership.seen(self.moment)
        self.membership.check_invariants()
        self.hear()

    def run(self) -> None:
        """Do a step of the survey that is under way."""
        survey = self.survey
        if survey is not None and survey.is_of_columns:
            survey.look(self.state)
        elif survey is not None:
            self.survey = None
            survey.run()
            for _ in self.membership.placing(survey):
                self.membership.check_invariants()
            survey.arrange()

    def settle(self) -> None:
        """Follow until nothing is left to do."""
        self.follow()
        while self.survey is not None:
            self.run()
            self.follow()

    def restart(self) -> None:
        """Go on from what was written down: the survey, and whatever was touched and not taken, is gone."""
        arrays = arrays_of(self.membership)
        self.membership = membership_of(arrays, self.state.zone, self.now_ms)
        self.state.watch, self.survey = self.membership.touch, None
        self.hear()

    def pass_days(self, days: float) -> None:
        self.now_ms += round(days * DAY_MS)

    # --- compared ----------------------------------------------------------------------------------------------------

    def members(self, name: str) -> set[str]:
        found: set[str] = set()
        cursor: int | None = 0
        while cursor is not None:
            page = members_page(self.membership, name, cursor, 3)
            found |= set(page.members)
            cursor = page.cursor
        return found

    def hear(self) -> None:
        """Read what was told, and do it: it must come to what is held."""
        page = self.membership.changes.page(self.read, 1_000_000)
        assert not page.missed
        for change in page.changes:
            if change.cohort in self.told:
                group = self.told[change.cohort]
                assert (change.learner in group) != change.entered, "told once"
                (group.add if change.entered else group.remove)(change.learner)
                self.causes.append((change.cohort, change.learner, change.cause, change.entered))
        self.read = page.last
        for name in self.membership.cohorts:
            if name not in self.told:
                self.told[name] = self.members(name)
            assert self.told[name] == self.members(name), name
        for name in set(self.told) - set(self.membership.cohorts):
            del self.told[name]

    def assert_equals_an_evaluation(self) -> None:
        definitions, day = self.membership._definitions, self.membership.day
        if definitions is None or day is None or not self.membership.is_counted:
            return
        state = copy.deepcopy(self.state)
        state.watch = lambda *_: None
        state.settle()
        for name, kept in self.membership.cohorts.items():
            expected = everybody_in(state, definitions, name, day)
            if kept.problem is not None:
                expected = set()
            assert self.members(name) == expected, name
            for learner in sorted(expected)[:2]:
                assert name in dict(learner_now(self.membership, learner).cohorts)

    def assert_is_up_to_date(self) -> None:
        self.assert_equals_an_evaluation()
        assert self.membership.is_counted or not self.wanted.versions
        assert set(self.membership.cohorts) == set(self.wanted.versions)
        if self.wanted.versions:
            assert self.membership.day == self.membership.today(self.now_ms)


def drawn_rule(rng: np.random.Generator, depth: int = 0) -> dict[str, Any]:
    """Draw a rule of any kind about the facts that are drawn; some name what no event has."""
    where = _one(rng, WHERE)
    kinds: list[dict[str, Any]] = [
        {"attribute": _one(rng, ("country=DE", "country!=DE", "platform=web"))},
        {"stopped": where, "quiet": f"{rng.integers(1, 40)}d"},
        {"first": where, "within": f"{rng.integers(1, 60)}d"},
        {"did": where, "then_not": _one(rng, WHERE), "during": "20d"},
        {"sequence": [where, _one(rng, WHERE)], "in": "60d"},
        {"result": "score>=0.5", "of": _one(rng, ("latest", "best", "any"))},
        {"result": "score>=0.5", "where": ["course=c1", "standing=graded,completed,passed,failed"]},
        {"did": where, "at_least": int(rng.integers(1, 4)), "unit": "days", "within": "30d"},
        {"did": where, "at_least": int(rng.integers(1, 4)), "within": {"after": "start"}},
        {"did": where, "at_most": 1},
        {"list": "some"},
        {"cohort": "c0"},
    ]
    if depth < 2 and rng.integers(3) == 0:
        inner = [drawn_rule(rng, depth + 1) for _ in range(2)]
        return _one(rng, ({"all": inner}, {"any": inner}, {"not": inner[0]}))
    return _one(rng, kinds)


WHERE = (
    "any",
    "track=video",
    "track!=video",
    "verb=played",
    "verb!=posted",
    "course=c1",
    ["course=c2", "track=video,problem"],
    ["verb=played", "score>=0.5"],
    "verb=heard",
    "activity=quiz",
)


def _one(rng: np.random.Generator, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]
