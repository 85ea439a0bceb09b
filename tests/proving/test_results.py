"""A run leaves one document, which says of itself whether it is whole."""

import json
from dataclasses import replace

from homeroom.proving.criteria import Comparison, Criterion, Measured, judge
from homeroom.proving.results import Results, Series, Span, Timeline, results_line

P99 = Criterion(measure="p99_ms", comparison=Comparison.BELOW, bound=100)


def results(figure: float | None) -> Results:
    return Results(
        test="load",
        name="own",
        plan={"learners": 5},
        machine={"processors": 2},
        target="embedded",
        began_ms=1,
        ended_ms=2,
        is_partial=False,
        findings=[judge(P99, Measured(figure=figure, interval=None))],
        series=[Series(name="p99", unit="ms", x_unit="s", x=[1, 2], y=[3, None])],
        timelines=[Timeline(fault="region", events=[Span(what="silence", begin_s=1.0)])],
        notes=["a note"],
    )


def test_a_run_passes_if_it_is_whole_and_all_holds():
    assert results(50).has_passed
    assert not results(150).has_passed
    assert not replace(results(50), is_partial=True).has_passed
    assert replace(results(50), is_partial=True).to_json()["verdict"] == "fail"


def test_the_document_is_json_and_has_every_part():
    told = json.loads(json.dumps(results(None).to_json(), allow_nan=False))
    assert told["schema"] == 1
    assert told["findings"][0]["verdict"] == "fail"
    assert told["findings"][0]["measured"] is None
    assert told["series"][0]["y"] == [3, None]
    assert told["timelines"][0]["events"] == [{"what": "silence", "begin_s": 1.0, "end_s": None}]


def test_a_finding_is_a_line_with_figure_and_margin():
    assert results_line(results(25).findings[0]) == "pass  p99_ms < 100 ms: 25, margin +75.0%"
    assert results_line(results(None).findings[0]) == "fail  p99_ms < 100 ms: not measured"
