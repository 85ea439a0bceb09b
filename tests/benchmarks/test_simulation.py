"""The benchmark of the simulated world runs, and each of its runs is the same."""

import argparse

from benchmarks import simulation
from homeroom.simulation.regions.places import WORLD


def test_a_world_of_eight_regions_is_the_same_each_time(capsys):
    parser = argparse.ArgumentParser()
    simulation.add_arguments(parser)
    result = simulation.measure(parser.parse_args(["--seconds", "11", "--runs", "2"]))
    assert result["regions"] == len(WORLD)
    assert result["entries"] >= 8 * 11
    assert len(result["virtual_seconds_a_second"]) == 2
    lag = result["lag_beyond_way"]
    assert lag["runs"] > 500
    assert lag["max_ms"] <= simulation.WANTED_LAG_MS
    simulation.show(result)
    assert "virtual seconds a second" in capsys.readouterr().out
