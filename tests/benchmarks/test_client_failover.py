"""Clients of a world of processes, one of whose regions is killed and hung under them, notice nothing else."""

import pytest

from benchmarks import client_failover
from tests.benchmarks.tiny import result_of

pytestmark = pytest.mark.slow


def test_a_region_dies_under_clients_and_nothing_fails_is_lost_or_counts_twice(capsys):
    result = result_of("client_failover")
    assert list(result["ways"]) == ["killed", "hung"]
    for found in result["ways"].values():
        assert found["failed"] == 0, found["why_failed"]
        assert found["own_writes_not_seen"] == 0
        assert found["rounds_in_which_all_count_what_was_acknowledged"] == found["rounds"] == 1
    client_failover.show(result)
    assert "killed  first good answer after" in capsys.readouterr().out
