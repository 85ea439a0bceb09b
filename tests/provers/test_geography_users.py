"""What users are told is compared in the form in which the truth is known, and what they ask is one question a part."""

import asyncio
import datetime as dt
import json

import numpy as np

from homeroom import open as open_dataset
from homeroom.cohorts.questions import parse_question
from homeroom.events.sent import Form, SentBatch
from homeroom.provers import geography_users
from homeroom.provers.embedded import plain_answer, questions_of
from homeroom.provers.geography_users import Asking, Kit, said_of, written_questions
from homeroom.provers.learners import Arriving, make_history
from homeroom.provers.ports import free_ports
from homeroom.proving.analysis import PARTS, cohort_rules
from homeroom.proving.geography import Phase, Stage
from homeroom.proving.physics import Site
from homeroom.proving.plans import Sizes, parse_plan
from homeroom.simulation.world import LearnerWorld
from tests.client.tables import known

PLAN = """
test = "geography"
name = "one"
learners = 10
seconds = 1.0
questions_per_second = 100.0
late_ms = 5_000.0
batches_per_second = 50.0
[[criteria]]
measure = "p99_ms"
below = 1_000
[users.A]
region = "a"
latitude = 0.0
longitude = 0.0
share = 3
[users.B]
region = "b"
latitude = 10.0
longitude = 0.0
share = 1
"""


def test_every_part_is_asked_in_a_form_that_a_node_takes():
    written = written_questions("2025-01-06", "2025-02-03")
    assert tuple(written) == PARTS
    for question in json.loads(json.dumps(written)).values():
        parse_question(question)
    assert len(written["cohorts"]["definitions"]["cohort"]) == len(cohort_rules())


def test_an_answer_that_was_sent_is_as_plain_as_one_that_was_not(tmp_path):
    world = LearnerWorld(learners=80, events=900, days=28, start=dt.date(2025, 1, 6), courses=3)
    make_history(tmp_path / "node", world)
    loaded = open_dataset(tmp_path / "node")
    for part, question in questions_of("2025-01-06", "2025-02-03").items():
        answer = loaded.ask(question)
        assert said_of(part, json.loads(json.dumps(answer.to_json()))) == plain_answer(answer)


def test_whoever_has_no_answer_has_failed_and_batches_too(monkeypatch):
    monkeypatch.setattr(geography_users, "_GIVE_UP_S", 0.3)
    plan = parse_plan(PLAN, "one")
    nobody = free_ports(2)
    kit = Kit(
        plan=plan,
        sites=(Site(name="here", latitude=0.0, longitude=0.0),),
        urls={"here": f"http://127.0.0.1:{nobody}"},
        key="hk_" + "0" * 40,
        known=known("n"),
        addresses={"A": "127.1.0.1", "B": "127.1.0.2"},
        questions=written_questions("2025-01-06", "2025-02-03"),
    )
    batch = SentBatch(batch_id="b", body=b"{}", form=Form.NDJSON, digest=b"")
    nothing = np.zeros(0, np.int64)

    async def story():
        async with Asking(kit, asyncio.Event()) as asking:
            sizes = Sizes(learners=10, seconds=0.2, questions_per_second=100.0)
            sent = [Arriving(batch=batch, learner=nothing, course=nothing)] * 3
            phase = Phase(stage=Stage.WELL, began_s=0.0)
            return await asking.run(phase, sizes, sent, np.random.default_rng(1))

    met = asyncio.run(story())
    a, b = met.phase.heard["A"], met.phase.heard["B"]
    assert a.asked > b.asked > 0
    assert a.failed.total() == a.asked
    assert len(a.latencies) == 0
    assert a.first_s is None
    assert met.phase.batches_failed.total() == 3
    assert len(met.phase.begun_late) == a.asked + b.asked
    assert met.samples == met.taken == []
