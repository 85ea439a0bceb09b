"""Each deliberate fault of a core breaks a promise in some world, in which the cores of production break none."""

import pytest

from homeroom.simulation.journeys.plan import make_journey_plan
from homeroom.simulation.journeys.world import travel
from tests.simulation.journeys.mutants import FAULTS

QUICK = {"an empty table is published", "a key of the cache forgets the scope"}


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(
            one,
            id=one.name.replace(" ", "-"),
            marks=[] if one.name in QUICK else [pytest.mark.slow],
        )
        for one in FAULTS
    ],
)
def test_a_fault_breaks_a_promise(mutant):
    plan = make_journey_plan(mutant.seed, mutant.shape, mutant.kinds)
    with mutant.put():
        broken = travel(plan).violations
    assert any(mutant.says in one for one in broken), broken
    assert not travel(plan).violations


def test_there_is_a_fault_for_most_that_is_promised():
    assert len({mutant.name for mutant in FAULTS}) >= 15
