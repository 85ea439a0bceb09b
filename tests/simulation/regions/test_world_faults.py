"""Each deliberate fault of the cores is caught by some world, in which the cores of production keep every promise."""

import pytest

from homeroom.simulation.regions.outside import Cores
from homeroom.simulation.regions.world import simulate
from tests.simulation.regions.mutants import FAULTS, Unsynced
from tests.simulation.regions.mutation import Mutant

SEARCHED = 200


def caught(cores, first, storm_ms):
    """Return the first seed in whose world the fault shows, from a seed at which it did."""
    for seed in range(first, first + SEARCHED):
        if simulate(seed, storm_ms, cores).violations:
            return seed
    pytest.fail(f"no world from seed {first} to {first + SEARCHED - 1} shows this fault")


def named(mutant):
    """Return the parameter of a fault; what takes long worlds, or many, is slow."""
    marks = [] if mutant.storm_ms == Mutant.storm_ms and mutant.seed < 12 else [pytest.mark.slow]
    return pytest.param(mutant, id=mutant.name.replace(" ", "-"), marks=marks)


@pytest.mark.parametrize("mutant", [named(mutant) for mutant in FAULTS])
def test_a_fault_is_caught(mutant):
    seed = caught(mutant.cores(), mutant.seed, mutant.storm_ms)
    assert not simulate(seed, mutant.storm_ms).violations, f"seed {seed} fails without a fault"


def test_a_disk_that_is_believed_too_early_is_caught():
    seed = caught(Cores(store=Unsynced), 11, 6_000)
    assert not simulate(seed, 6_000).violations


def test_there_are_enough_faults():
    assert len({mutant.name for mutant in FAULTS}) >= 40
