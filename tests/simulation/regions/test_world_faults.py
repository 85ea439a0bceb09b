"""Each deliberate fault of the cores is caught by some world, in which the cores of production keep every promise."""

import pytest

from homeroom.simulation.regions.outside import Cores
from homeroom.simulation.regions.plan import make_plan
from homeroom.simulation.regions.world import World
from tests.simulation.regions.mutants import FAULTS, Unsynced
from tests.simulation.regions.mutation import Mutant

SEARCHED = 200


def check_caught(cores, seed, storm_ms, plan=make_plan):
    """See that a fault shows in some world, from the seed of one in which it did, and that without it all is well."""
    for tried in range(seed, seed + SEARCHED):
        planned = plan(tried, storm_ms)
        if World(planned, cores).run().violations:
            assert not World(planned).run().violations, f"seed {tried} fails without a fault"
            return
    pytest.fail(f"no world from seed {seed} to {seed + SEARCHED - 1} shows this fault")


def named(mutant):
    """Return the parameter of a fault; what takes long worlds, or many, is slow."""
    is_quick = mutant.storm_ms == Mutant.storm_ms and mutant.seed == 0
    marks = [] if is_quick else [pytest.mark.slow]
    return pytest.param(mutant, id=mutant.name.replace(" ", "-"), marks=marks)


@pytest.mark.parametrize("mutant", [named(mutant) for mutant in FAULTS])
def test_a_fault_is_caught(mutant):
    check_caught(mutant.cores(), mutant.seed, mutant.storm_ms, mutant.plan)


def test_a_disk_that_is_believed_too_early_is_caught():
    check_caught(Cores(store=Unsynced), 11, 6_000)


def test_there_are_enough_faults():
    assert len({mutant.name for mutant in FAULTS}) >= 40
