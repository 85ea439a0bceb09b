"""A tiny plan is run from beginning to end at a real node, and leaves what it measured and nothing else."""

import json
import os
import signal
import threading

import pytest

from homeroom.errors import ProvingError
from homeroom.provers import loading
from homeroom.provers.outcome import Proving
from homeroom.provers.running import check, run_plan
from homeroom.proving.plans import parse_plan
from homeroom.proving.targets import parse_target

TINY = """
test = "load"
name = "tiny"
learners = 200
days = 28
seconds = 1.0
questions_per_second = 40.0
events_per_learner_day = 20_000.0
late_ms = 600_000.0
compared_every = 2
asked_of_all = 0.5
[[criteria]]
measure = "errors"
below = 0.05
[[criteria]]
measure = "learners_per_minute"
at_least = 1
"""


def proving(folder, say=lambda text: None, target="embedded", learners=None) -> Proving:
    return Proving(
        target=parse_target(target, None),
        report=folder,
        is_quick=False,
        learners=learners,
        say=say,
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    how = proving(tmp_path_factory.mktemp("report"))
    results = run_plan(check(parse_plan(TINY, "tiny"), how), how)
    return how.report, results


def test_a_run_passes_with_answers_that_were_compared(ran):
    _, results = ran
    assert results.has_passed, results.to_json()
    assert results.figures["compared"] >= 8
    assert results.figures["wrong"] == 0
    assert results.figures["passes"] >= 1
    assert results.figures["batches"] >= 1
    assert results.figures["learners"] == 200


def test_a_run_leaves_results_and_evidence_and_nothing_else(ran):
    folder, results = ran
    assert sorted(path.name for path in folder.iterdir()) == ["tiny-evidence.json", "tiny.json"]
    told = json.loads((folder / "tiny.json").read_text())
    assert told == json.loads(json.dumps(results.to_json()))
    evidence = json.loads((folder / "tiny-evidence.json").read_text())
    asked = sum(one["count"] for one in evidence["questions"].values())
    assert asked == results.figures["questions"]
    assert {one["evidence"] for one in told["findings"]} <= {
        "tiny-evidence.json#errors",
        "tiny-evidence.json#passes",
    }


def test_an_interrupted_run_keeps_what_it_measured_and_says_so(tmp_path):
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals go to the main thread")

    def interrupt(text: str) -> None:
        if "arrive" in text:
            os.kill(os.getpid(), signal.SIGINT)

    how = proving(tmp_path, interrupt)
    long = parse_plan(TINY.replace("seconds = 1.0", "seconds = 3000.0"), "long")
    results = run_plan(check(long, how), how)
    assert results.is_partial
    assert not results.has_passed
    assert "the run was interrupted: the figures are of what was measured until then" in (
        results.notes
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny-evidence.json", "tiny.json"]


def test_a_target_that_cannot_be_loaded_yet_is_refused(tmp_path):
    with pytest.raises(ProvingError, match="cannot be loaded yet"):
        check(parse_plan(TINY, "tiny"), proving(tmp_path, target="http://127.0.0.1:1"))


def test_a_disk_that_is_too_small_is_refused(tmp_path, monkeypatch):
    how = proving(tmp_path)
    monkeypatch.setattr(loading.shutil, "disk_usage", lambda _: _Usage())
    with pytest.raises(ProvingError, match=r"need about 0\.3 GiB .* and 0\.0 are free"):
        check(parse_plan(TINY, "tiny"), how)


class _Usage:
    free = 1_000


@pytest.mark.slow
def test_growth_is_fitted_to_sizes_in_processes_of_their_own(tmp_path):
    grows = TINY.replace("[[criteria]]", "growth = [0.25, 0.5, 1.0]\n[[criteria]]", 1)
    grows += '[[criteria]]\nmeasure = "memory_growth"\nat_most = 9\n'
    how = proving(tmp_path, learners=4_000)
    results = run_plan(check(parse_plan(grows, "grows"), how), how)
    assert results.has_passed, results.to_json()
    assert [list(line.x) for line in results.series[-2:]] == [[1_000, 2_000, 4_000]] * 2
    assert any("this run had 4,000" in note for note in results.notes)
