"""Worlds of real processes over NATS in a network of their own: killed, paused, destroyed and cut off, by a seed."""

import random
import re
import subprocess
import sys

import pytest

from homeroom.provers.networks import why_not
from tests.tree import ROOT
from tests.trials.clients import Fate, Ledger
from tests.trials.plan import Kind, drawn

WHY_NOT = why_not()
SECONDS_MAX = 900
SEEDS = (1, 2, 4)


def tried(*words):
    """Run a trial; what it says has the command that runs it again."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.trials", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout


@pytest.mark.slow
@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_of_processes_keeps_its_promises_whatever_goes_wrong(seed):
    said = tried("--seed", str(seed))
    assert "all have compared fingerprints" in said


@pytest.mark.slow
@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
def test_a_region_that_is_alone_for_longer_than_any_buffer_lasts_comes_to_the_same():
    said = tried("--plan", "long")
    assert "all have compared fingerprints" in said


@pytest.mark.slow
@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
def test_what_is_said_to_be_elsewhere_is_there_though_nobody_heard_its_node_before_its_disk_went():
    said = tried("--plan", "unheard")
    assert int(re.findall(r"with it (\d+) batches that were nowhere else", said)[0]) > 0
    assert "all have compared fingerprints" in said


def test_a_disk_that_is_gone_takes_what_nobody_said_to_be_elsewhere():
    ledger, chance = Ledger(), random.Random(1)
    here, there, both = (ledger.new(chance) for _ in range(3))
    here.nodes, there.nodes, both.nodes = {"ada"}, {"ada"}, {"ada", "bob"}
    here.fate, there.fate, both.fate = Fate.LOCAL, Fate.ELSEWHERE, Fate.LOCAL
    ledger.lost("ada")
    assert [one.fate for one in ledger.batches] == [Fate.UNKNOWN, Fate.ELSEWHERE, Fate.LOCAL]
    assert (ledger.unknown(), ledger.lost_batches) == ([here], 1)


def test_a_seed_gives_one_plan_and_some_seeds_all_that_can_go_wrong():
    assert drawn(7) == drawn(7)
    met = {fault.kind for seed in SEEDS for fault in drawn(seed).faults}
    assert met == set(Kind)
