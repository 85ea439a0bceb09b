"""The benchmark of overload runs: all phases are there, and what is told of a crowd adds up."""

import pytest

from benchmarks import overload
from tests.benchmarks.tiny import result_of


@pytest.mark.slow
def test_each_phase_is_told_by_class(capsys):
    result = result_of("overload")
    assert list(result["spans"]) == ["before", "during", "after"]
    for span in result["spans"].values():
        assert set(span) == {"ingest", "query"}
        assert all(one["good_per_second"] >= 0 for one in span.values())
    overload.show(result)
    assert "recovered after" in capsys.readouterr().out


def test_recovered_is_the_second_from_which_on_all_is_well():
    wanted = [("query", second + 0.5) for second in range(20)]
    ended = [("query", at, 200 if at < 3 or at > 12 else 503, 0.1) for _, at in wanted]
    found = {"wanted": wanted, "ended": ended}
    assert overload._recovered(found, "query", (10.0, 20.0)) == 2
    assert overload._recovered(found, "query", (12.0, 20.0)) == 0
    assert overload._recovered(found, "query", (5.0, 11.0)) is None
