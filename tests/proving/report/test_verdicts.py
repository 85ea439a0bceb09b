"""Go or no-go: what has to hold for it, and that every reason against it is told."""

import pytest

from homeroom.proving.regressions import Regression
from homeroom.proving.report.verdicts import decide, figure_words
from tests.proving.report.documents import all_tests, document, finding

WHOLE = [document(), document("geography"), document("resilience")]


def test_it_is_go_when_all_tests_were_run_whole_and_hold():
    decision = decide(WHOLE)
    assert (decision.word, decision.is_go) == ("Go", True)
    assert decision.reasons == ("All 3 criteria hold.",)


def test_what_fails_is_told_with_what_was_asked_and_measured():
    decision = decide(all_tests())
    assert decision.word == "No-go"
    assert len(decision.reasons) == 1
    assert "p99_ms of lagos" in decision.reasons[0]
    assert "< 200 ms; it is 231 ms" in decision.reasons[0]


def test_runs_stand_in_the_order_of_the_tests_and_what_failed_first():
    decision = decide(reversed_(all_tests()))
    assert [run.document["test"] for run in decision.runs] == ["load", "geography", "resilience"]
    rows = decision.runs[1].rows
    assert [row.has_passed for row in rows] == [False] + [True] * 6


def reversed_(documents):
    return list(reversed(documents))


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        (WHOLE[:2], "The test of resilience has not been run."),
        ([*WHOLE[1:], document(is_partial=True)], "was interrupted"),
        ([*WHOLE[1:], document(findings=[finding("p99_ms", "below", 9, None)])], "not measured"),
    ],
)
def test_what_is_missing_is_no_go(documents, said):
    decision = decide(documents)
    assert not decision.is_go
    assert said in decision.reasons[0]


def test_a_build_that_became_worse_is_no_go():
    decision = decide(WHOLE, [Regression("p99_ms", 40.0, 80.0, 5, 2.0)])
    assert decision.reasons == (
        "p99_ms is 2.00 times as bad as in earlier runs: 40 before, 80 since.",
    )


def test_a_verdict_whose_interval_reaches_over_the_bound_says_so():
    (run, *_) = decide(all_tests()).runs
    by_name = {row.criterion: row for row in run.rows}
    assert by_name["memory_growth"].verdict == "pass, not sure"
    assert by_name["p99_ms"].verdict == "pass"
    assert by_name["p99_ms"].measured == "41.3 ms (39 to 44.5)"
    assert by_name["p99_ms"].margin == "+58.7 %"


@pytest.mark.parametrize(
    ("figure", "unit", "said"),
    [
        (None, "ms", "not measured"),
        (0.0002, "share", "0.02 %"),
        (0.99999, "share", "99.999 %"),
        (41.264, "ms", "41.3 ms"),
        (1_733_000_000, "a minute", "1,733,000,000 a minute"),
        (0, "count", "0"),
        (1.1, "exponent", "1.1"),
    ],
)
def test_figures_are_written_with_their_units(figure, unit, said):
    assert figure_words(figure, unit) == said
