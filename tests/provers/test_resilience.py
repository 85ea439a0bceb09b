"""A plan of faults is refused where it cannot be run, and a run leaves what it measured and nothing else."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from homeroom.errors import ProvingError
from homeroom.provers import resilience
from homeroom.provers.networks import inside, why_not
from homeroom.provers.outcome import Proving
from homeroom.provers.resilience import check_resilience
from homeroom.proving import year
from homeroom.proving.plans import parse_plan
from homeroom.proving.targets import parse_target
from tests.proving.test_plans import RESILIENCE

TINY = """
test = "resilience"
name = "tiny"
learners = 50
seconds = 24.0
questions_per_second = 4.0
faults = ["partition", "fabric"]
regions = 3
users = 1
[quick]
seconds = 24.0
[[criteria]]
measure = "conflicts_unsettled"
at_most = 0
[[criteria]]
measure = "events_lost"
at_most = 0
"""
needs_networks = pytest.mark.skipif(why_not() is not None, reason=f"networks: {why_not()}")


def how(folder, target="processes"):
    return Proving(
        target=parse_target(target, None),
        report=folder / "report",
        is_quick=True,
        learners=None,
        say=lambda text: None,
    )


def test_faults_are_done_to_processes_alone(tmp_path):
    plan = parse_plan(RESILIENCE, "plan")
    for target in ("embedded", "http://127.0.0.1:1"):
        with pytest.raises(ProvingError, match="and not to the target"):
            check_resilience(plan, how(tmp_path, target))
    assert not (tmp_path / "report").exists()


def test_what_a_machine_lacks_is_refused_with_what_to_do(tmp_path, monkeypatch):
    caches = RESILIENCE.replace('["region"]', '["region", "caches"]')
    monkeypatch.setattr(resilience, "why_not", lambda: None)
    monkeypatch.setattr(resilience, "redis_program", lambda: None)
    with pytest.raises(ProvingError, match=r"the fault caches needs a Redis.*make tools"):
        check_resilience(parse_plan(caches, "plan"), how(tmp_path))
    check_resilience(parse_plan(RESILIENCE, "plan"), how(tmp_path))
    monkeypatch.setattr(resilience, "why_not", lambda: "needs unshare, which is not here")
    with pytest.raises(ProvingError, match="cannot be had: it needs unshare"):
        check_resilience(parse_plan(RESILIENCE, "plan"), how(tmp_path))


def test_a_change_that_the_year_does_not_have_is_refused(tmp_path):
    plan = parse_plan(RESILIENCE.replace("faults", 'changes = ["prayer"]\nfaults'), "plan")
    with pytest.raises(ProvingError, match="'prayer' is none of the shipped year; there is staged"):
        check_resilience(plan, how(tmp_path))


def test_the_quick_form_simulates_only_what_no_process_can_have(tmp_path, monkeypatch):
    text = RESILIENCE.replace('["region"]', '["region", "slow-disk"]')
    plan, simulated = parse_plan(text, "plan"), []
    monkeypatch.setattr(year, "model_year", partial(year.model_year, years=200))

    def interrupted(faults, each, say, found):
        simulated.append([one.name for one in faults])
        raise KeyboardInterrupt

    monkeypatch.setattr(resilience, "simulate_faults", interrupted)
    monkeypatch.setattr(resilience, "_processes", lambda *_: {"is_partial": False})
    asked = how(tmp_path)
    for is_quick in (True, False):
        outcome = resilience.prove_resilience(plan, replace(asked, is_quick=is_quick))
        assert outcome.is_partial
    assert simulated == [["slow-disk"], ["region", "slow-disk"]]


@needs_networks
@pytest.mark.slow
def test_every_fault_of_processes_has_a_way_to_do_it():
    code = (
        "import sys; from pathlib import Path\n"
        "from homeroom.provers.fault_world import FaultWorld\n"
        "from homeroom.proving.faults import catalogue\n"
        "world = FaultWorld(Path(sys.argv[1]), 3, ())\n"
        "print([f.name for f in catalogue().values() if f.is_real and not world.can(f)])\n"
        "world.stop()\n"
    )
    with tempfile.TemporaryDirectory(prefix="hr-") as folder:
        done = subprocess.run(
            inside([sys.executable, "-c", code, folder]), capture_output=True, text=True, check=True
        )
    assert done.stdout.strip() == "[]"


def prove(folder, plan):
    (folder / "plan.toml").write_text(plan)
    command = [sys.executable, "-m", "homeroom", "prove", "resilience", "--plan", "plan.toml"]
    return subprocess.Popen(
        [*command, "--quick", "--report", "report"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def worlds() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("hr-*/asked.json"))


@needs_networks
@pytest.mark.slow
def test_a_world_is_cut_and_comes_to_the_same_and_everything_is_accounted_for(tmp_path):
    before = worlds()
    process = prove(tmp_path, TINY)
    told, said = process.communicate(timeout=900)
    found = json.loads((tmp_path / "report" / "tiny.json").read_text())
    assert [one["verdict"] for one in found["findings"]] == ["pass", "pass"], (told, said)
    assert found["figures"]["conflicts"]["people"] >= 12
    assert found["figures"]["audit"]["events"] > 50
    assert [one["fault"].split(" ")[0] for one in found["timelines"]][:2] == ["partition", "fabric"]
    assert not found["is_partial"]
    assert worlds() <= before
    assert "partition (" in (tmp_path / "report" / "report.html").read_text()


@needs_networks
@pytest.mark.slow
def test_an_interrupted_run_ends_its_processes_and_says_that_it_is_partial(tmp_path):
    before = worlds()
    process = prove(tmp_path, TINY)
    assert process.stderr is not None
    assert any("are started" in line for line in process.stderr)
    (made,) = worlds() - before
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode == 130
    found = json.loads((tmp_path / "report" / "tiny.json").read_text())
    assert found["is_partial"]
    assert not made.parent.exists()
    assert not [one for one in _commands() if str(made.parent) in one]


def _commands() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text().replace("\0", " "))
        except OSError:
            continue
    return found
