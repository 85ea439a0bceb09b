"""The benchmark of entries of peers runs, and they come to one state."""

import argparse

import pytest

from benchmarks import peers


@pytest.mark.slow
def test_entries_of_peers_are_the_same_state_however_they_come(capsys, tmp_path):
    parser = argparse.ArgumentParser()
    peers.add_arguments(parser)
    sizes = ["--events", "900", "--sizes", "300", "--learners", "50", "--runs", "1"]
    result = peers.measure(parser.parse_args([*sizes, "--workdir", str(tmp_path)]))
    ways = result["ways"]
    assert set(ways) == {"300 single", "300 together"}
    assert len({way["hash"] for way in ways.values()}) == 1
    peers.show(result)
    assert "together" in capsys.readouterr().out
