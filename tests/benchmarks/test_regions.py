"""The benchmarks of regions run: a simulated world twice, and entries of peers into a node."""

import argparse

import pytest

from benchmarks import peers, simulation
from homeroom.simulation.regions.places import WORLD


def sized(module, *sizes):
    """Return what a benchmark measures at small sizes."""
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return module.measure(parser.parse_args(sizes))


def test_a_world_of_eight_regions_is_the_same_each_time(capsys):
    result = sized(simulation, "--seconds", "11", "--runs", "2")
    assert result["regions"] == len(WORLD)
    assert result["entries"] >= 8 * 11
    assert len(result["virtual_seconds_a_second"]) == 2
    simulation.show(result)
    assert "virtual seconds a second" in capsys.readouterr().out


@pytest.mark.slow
def test_entries_of_peers_are_the_same_state_however_they_come(capsys, tmp_path):
    sizes = ["--events", "900", "--sizes", "300", "--learners", "50", "--runs", "1"]
    result = sized(peers, *sizes, "--workdir", str(tmp_path))
    ways = result["ways"]
    assert set(ways) == {"300 single", "300 together"}
    assert len({way["hash"] for way in ways.values()}) == 1
    peers.show(result)
    assert "together" in capsys.readouterr().out
