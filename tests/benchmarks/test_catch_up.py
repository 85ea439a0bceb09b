"""A node that joins has what all others have, by a snapshot and by logs."""

import pytest

from benchmarks import catch_up
from benchmarks.page_worlds import catch_up_rows
from tests.benchmarks.tiny import result_of

pytestmark = pytest.mark.slow


def test_both_ways_come_to_the_same_and_are_told_beside_each_other(capsys):
    result = result_of("catch_up")
    assert result["events"] == 4 * result["learners"]
    assert len(result["hash"]) == 16
    assert next(row[0] for row in catch_up_rows(result)) == "snapshot of another node"
    catch_up.show(result)
    assert "by snapshot" in capsys.readouterr().out
