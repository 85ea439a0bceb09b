"""Faults that only simulated worlds can have happen there, by seeds, and what they break is told."""

import pytest

from homeroom.provers.simulated_faults import SimulatedFaults, simulate_faults
from homeroom.proving.faults import catalogue
from homeroom.simulation.regions.plan import Kind, make_plan


def test_what_a_world_breaks_is_told_with_the_command_that_shows_it(monkeypatch):
    class Broken:
        violations = ("an entry was lost",)

    ran = []
    monkeypatch.setattr(
        "homeroom.simulation.regions.world.simulate",
        lambda seed, storm_ms: ran.append(seed) or Broken,
    )
    found, said = SimulatedFaults(), []
    simulate_faults([catalogue()["slow-disk"]], 2, said.append, found)
    assert len(ran) == found.worlds == 2
    assert all(Kind.SLOW_DISK in make_plan(seed, 8_000).kinds for seed in ran)
    assert found.broken[0] == (f"an entry was lost: homeroom simulate --seeds {ran[0]} --seconds 8")
    assert said == ["slow-disk in 2 simulated worlds: slow disk"]


@pytest.mark.slow
def test_a_disk_that_lies_breaks_nothing():
    found = SimulatedFaults()
    simulate_faults([catalogue()["lost-sync"]], 1, lambda _: None, found)
    assert found.worlds == 2
    assert found.broken == []
