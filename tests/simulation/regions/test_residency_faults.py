"""Each deliberate fault in residency and erasure is caught by some world, and no world is caught without it."""

import pytest

from tests.simulation.regions.residency_mutants import FAULTS
from tests.simulation.regions.test_world_faults import check_caught, named


@pytest.mark.parametrize("mutant", [named(mutant) for mutant in FAULTS])
def test_a_fault_is_caught(mutant):
    check_caught(mutant.cores(), mutant.seed, mutant.storm_ms, mutant.plan)
