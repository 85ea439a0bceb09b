"""The benchmark of overload runs: all phases are there, and what is told of a crowd adds up."""

import pytest

from benchmarks import overload
from benchmarks.page_overload import OVERLOAD_HEADER, overload_rows
from tests.benchmarks.tiny import result_of


@pytest.mark.slow
def test_each_phase_is_told_by_class(capsys):
    result = result_of("overload")
    (run,) = result["runs"]
    assert min(run["per_second"].values()) > 1
    assert list(run["spans"]) == ["before", "overload", "after"]
    for span in run["spans"].values():
        assert set(span) == {"ingest", "query"}
        assert all(one["good_per_second"] >= one["good_first_per_second"] for one in span.values())
        assert all(one["generator_late"]["p99_ms"] >= 0 for one in span.values())
    overload.show(result)
    assert "recovered after" in capsys.readouterr().out
    (row,) = overload_rows(result)
    assert len(row) == len(OVERLOAD_HEADER)


def test_recovered_is_the_second_from_which_on_all_is_well_at_the_first_try():
    wanted = [("query", second + 0.5, 0.0) for second in range(20)]
    ended = [("query", at, 200 if at < 3 or at > 12 else 503, 0.1, True) for _, at, _ in wanted]
    again = [("query", second + 0.7, 200, 0.1, False) for second in range(20)]
    found = {"wanted": wanted, "ended": ended + again}
    assert overload._recovered(found, "query", (10.0, 20.0)) == 2
    assert overload._recovered(found, "query", (12.0, 20.0)) == 0
    assert overload._recovered(found, "query", (5.0, 11.0)) is None
