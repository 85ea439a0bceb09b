"""Whatever comes, is taken back, is defined anew or ends in between: membership is what an evaluation of all finds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.errors import QuestionError
from homeroom.log.control import DefinitionKind
from tests.cohorts.membership.walking import START_MS, Keeping, drawn_rule
from tests.state.plain import draw_facts, key_of
from tests.state.test_past import LEARNERS, STEPS, Walk

MORE_STEPS = ("follow", "follow", "run", "days", "define", "delete", "list", "restart")


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
@settings(max_examples=60)
def test_at_every_moment_membership_is_what_an_evaluation_finds(seed, count):
    rng = np.random.default_rng(seed)
    facts = draw_facts(rng, count, LEARNERS, days=90) if count else []
    walk = Membered(facts, "Europe/Berlin", rng)
    steps = (*STEPS[:-1], *MORE_STEPS)
    for _ in range(50):
        walk.step(steps[int(rng.integers(len(steps)))])
    walk.keeping.settle()
    walk.keeping.assert_is_up_to_date()
    assert walk.keeping.now_ms >= START_MS
