"""The benchmarks of worlds run: all regions take what is sent, and all of it is everywhere."""

import pytest

from benchmarks import world_acknowledgements, world_lag, world_traffic
from benchmarks.page import filled
from benchmarks.page_worlds import WORLDS
from tests.benchmarks.tiny import result_of

pytestmark = pytest.mark.slow


def test_each_level_is_waited_for_in_each_region(capsys):
    result = result_of("world_acknowledgements")
    assert list(result["levels"]) == ["local", "remote", "all"]
    for found in result["levels"].values():
        assert {one["runs"] for one in found["regions"].values()} == {10}
    assert result["events"] == 2 * 4 * 100
    world_acknowledgements.show(result)
    assert "all     worst region" in capsys.readouterr().out


def test_lag_is_looked_at_from_each_region_at_each_rate(capsys):
    result = result_of("world_lag")
    assert [one["rate"] for one in result["rates"]] == [100, 200]
    for one in result["rates"]:
        assert (one["late"], one["refused"], one["lag"]["runs"]) == (0, 0, 2)
    world_lag.show(result)
    assert "holds up to" in capsys.readouterr().out


def test_traffic_is_more_than_pulls_carry_and_less_than_twice_as_much(capsys):
    result = result_of("world_traffic")
    assert 0 < result["idle"]["median_bytes_a_second"] < 5_000
    for one in result["busy"]:
        assert 1 < one["median_ratio"] < 2
    world_traffic.show(result)
    assert "times what pulls carry" in capsys.readouterr().out


def test_goals_of_worlds_are_made_of_all_four():
    page = "<!-- figures: world_goals -->\nold\n<!-- end -->\n"
    results = {name: result_of(name) for name in WORLDS}
    rows = [line for line in filled(page, results).splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 6
    assert filled(page, {"simulation": results["simulation"]}) == page
