"""The benchmark of what changes the past runs, and what it leaves is what a rebuild gives."""

import argparse

from benchmarks import past


def test_voids_and_merges_end_in_a_rebuild(capsys):
    parser = argparse.ArgumentParser()
    past.add_arguments(parser)
    sizes = ["--learners", "400", "--events", "9000", "--days", "70", "--runs", "5"]
    result = past.measure(parser.parse_args(sizes))
    assert result["checked"] == "equal to a rebuild"
    assert result["learners"] < 400, "some of them are one"
    assert result["events"] <= 9000 - result["many_voids"]["ids"]
    assert result["many_voids"]["ids"] == 1000
    past.show(result)
    assert "one void" in capsys.readouterr().out
