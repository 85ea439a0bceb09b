"""What failed, was late or wrong is an error, and a pass that was found wrong has analysed nobody."""

import asyncio
from dataclasses import replace

import pytest

from homeroom.log.origins import Vector
from homeroom.provers.embedded import Loading, Sample
from homeroom.provers.growing import Grown
from homeroom.provers.load_results import figures_of, measured_of, notes_of, series_of
from homeroom.provers.loading import Loaded
from homeroom.proving.analysis import PARTS


@pytest.fixture
def loaded() -> Loaded:
    async def made() -> Loading:
        return Loading(None, {}, None)

    loading = asyncio.run(made())
    asking, passes = loading.asking, loading.analysis.passes
    for number in range(100):
        asking.asked["learner"] += 1
        asking.latencies.setdefault("learner", type(asking.begun_late)()).add(number)
    for _ in range(2):
        for part in PARTS:
            passes.answered(part, 1_000, 0.1)
        loading.analysis.learners_of.append(passes.end())
    loading.analysis.seconds = 60.0
    return Loaded(loading=loading, seconds=60.0, compared=10)


def figure(loaded: Loaded, name: str) -> float | None:
    return measured_of(loaded, [], "e.json")[name].figure


def test_a_run_without_errors_has_an_interval_all_the_same(loaded):
    errors = measured_of(loaded, [], "e.json")["errors"]
    assert errors.figure == 0
    assert errors.interval is not None
    assert 0.03 < errors.interval[1] < 0.04
    assert figure(loaded, "p99_ms") == pytest.approx(98, rel=0.005)
    assert figure(loaded, "learners_per_minute") == 2_000


def test_what_failed_and_what_was_late_are_errors(loaded):
    loaded.loading.asking.failed["away"] += 2
    loaded.loading.asking.late += 3
    assert figure(loaded, "errors") == 0.05


def test_a_batch_that_was_not_taken_is_an_error(loaded):
    loaded.loading.taken.latencies.add_all([1] * 100)
    loaded.loading.taken.failed["full"] += 10
    assert figure(loaded, "errors") == 0.05


def test_a_wrong_answer_is_an_error_and_its_pass_analysed_nobody(loaded):
    wrong = Sample(part="triangle", applied=Vector(), said=[], pass_number=1)
    false = replace(loaded, wrong=[wrong, replace(wrong, part="lifecycle")])
    assert figure(false, "errors") == 0.2
    assert figure(false, "learners_per_minute") == 1_000
    assert figures_of(false)["wrong"] == 2


def test_growth_is_fitted_where_there_are_sizes(loaded):
    grown = [
        Grown(learners=n, processor_s=n / 1e6, memory_bytes=50 * n) for n in (1_000, 2_000, 4_000)
    ]
    found = measured_of(loaded, grown, "e.json")
    assert found["processor_growth"].figure == pytest.approx(1)
    assert found["memory_growth"].evidence == "e.json#growth"
    assert "memory_growth" not in measured_of(loaded, grown[:2], "e.json")
    assert [line.name for line in series_of(loaded, grown)] == [
        "latency of questions",
        "processor time of a pass",
        "memory",
    ]


def test_a_run_that_was_stopped_before_it_began_has_no_figures():
    nothing = Loaded(loading=None, is_partial=True)
    assert measured_of(nothing, [], "e.json") == {}
    assert figures_of(nothing) == {}
    assert not any("compared" in note for note in notes_of(nothing))
