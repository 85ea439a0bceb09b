"""The analyzer finds, in every format, the truth that was counted before there was a file."""

import json

import pytest

from homeroom.cli import main
from homeroom.simulation.truth import Tally
from homeroom.simulation.world import LearnerWorld
from homeroom.simulation.writers import Target, write_world

WORLD = LearnerWorld(learners=300, events=4_000, days=50, courses=4, repeats=0.1, late=0.2)


@pytest.mark.parametrize("name", ["log.csv.gz", "log.ndjson", "log.parquet"])
def test_the_analyzer_finds_the_truth(tmp_path, name):
    truth = write_world(WORLD, Target.at(tmp_path / name), lambda _lines: None).to_json()
    answer = tmp_path / "answer.json"
    words = ["query", "retention", str(tmp_path / name), "--json", str(answer)]
    assert main(words) == 0
    source = json.loads(answer.read_text())["source"]
    assert source["events_read"] == truth["rows"] == 4_000
    assert source["events_accepted"] == truth["events"] == 3_600
    assert source["events_duplicate"] == truth["repeats"] == 400
    assert source["events_rejected"] == source["conflicts"] == 0
    assert source["learners"] == truth["learners"]
    assert source["first_event"] == truth["first_time"]
    assert source["last_event"] == truth["last_time"]


def test_the_truth_of_all_blocks_adds_up():
    tally = Tally(WORLD)
    for block in WORLD.population().blocks():
        tally.add(block)
    truth = tally.to_json()
    assert truth["rows"] == truth["events"] + truth["repeats"]
    assert sum(truth["by_verb"].values()) == sum(truth["by_course"].values()) == truth["events"]
    assert 0 < truth["passed"] < truth["enrolled"]
    assert 0 < truth["late"] < truth["events"]
    assert truth["world"]["start"] == "2025-01-06"
