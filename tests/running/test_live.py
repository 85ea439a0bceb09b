"""Answers of a state that is folded into, at any moment, are those of the same events read from a file."""

import asyncio
import json

import pyarrow as pa
import pytest

import homeroom as hr
from homeroom.cohorts.live import Shows
from homeroom.log.log import Accepted
from tests.running.nodes import batch, on, question

COHORTS = {
    "keen": {"did": "verb=watched", "at_least": 2, "within": "20d"},
    "early": {"did": "any", "within": {"from": "2024-03-01", "to": "2024-03-05"}},
}
QUESTIONS = {
    "retention": {"interval": "day"},
    "retention of a verb": {"interval": "week", "entry": ["verb=watched"]},
    "lifecycle": {"interval": "week"},
    "stickiness": {"interval": "week"},
    "active": {},
    "active by country": {"breakdown": "country"},
    "cohort": {
        "cohort": COHORTS["keen"],
        "from": "2024-03-10",
        "to": "2024-03-20",
        "interval": "day",
    },
    "cohort early": {
        "cohort": COHORTS["early"],
        "from": "2024-03-10",
        "to": "2024-03-20",
        "interval": "day",
    },
    "funnel": {"steps": ["verb=watched", "verb=answered"]},
    "paths": {"after": "verb=watched"},
    "at-risk": {"quiet_days": 3},
    "report": {"course": "physics"},
}


def drawn(rng, count):
    verbs, courses = ["watched", "answered", "posted"], ["physics", "latin", None]
    return [
        {
            "account": f"a{int(rng.integers(12))}",
            "verb": verbs[int(rng.integers(3))],
            "time": f"2024-03-{int(rng.integers(1, 29)):02d}T{int(rng.integers(24)):02d}:10:00Z",
            "id": f"e{number}",
            "activity": f"x{int(rng.integers(4))}",
            "course": courses[int(rng.integers(3))],
            "attributes": {"country": ["NO", "DE"][int(rng.integers(2))]},
        }
        for number in range(count)
    ]


def said(answer):
    told = answer.to_json()
    return {name: value for name, value in told.items() if name != "source"}


def read(events, folder):
    flat = [{**one, **one["attributes"]} for one in events]
    names = ["account", "verb", "time", "id", "activity", "course", "country"]
    table = pa.table({name: [one[name] for one in flat] for name in names})
    return hr.read(table, key=folder / "pseudonym.key")


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_answer_is_that_of_the_events_that_were_folded(name, tmp_path, rng):
    asked = question(name.split()[0], **QUESTIONS[name])
    events = drawn(rng, 240)
    cuts = [40, 50, 170, 240]

    async def work(node):
        first, answers = 0, []
        for end in cuts:
            sent = await node.offer("main", "key", batch(f"b{end}", *events[first:end]))
            assert isinstance(sent, Accepted)
            answers.append(said((await node.ask("main", asked, sent.token, Shows.LABELS)).answer))
            first = end
        return answers

    answers = on(tmp_path, work)
    for end, answer in zip(cuts, answers, strict=True):
        expected = said(read(events[:end], tmp_path).ask(asked))
        assert json.dumps(answer, default=str) == json.dumps(expected, default=str)


def test_questions_and_folds_at_once_leave_each_answer_whole(tmp_path, rng):
    events = drawn(rng, 600)
    asked = [question("funnel", steps=["verb=watched", "verb=answered"]), question("active")]

    async def work(node):
        found, ends = [], {}
        for first in range(0, 600, 20):
            one, other, sent = await asyncio.gather(
                *(node.ask("main", one, None, Shows.LABELS) for one in asked),
                node.offer("main", "key", batch(f"b{first}", *events[first : first + 20])),
            )
            found += [(asked[0], one), (asked[1], other)]
            ends[sent.token] = first + 20
        return found, ends

    found, ends = on(tmp_path, work)
    expected = {end: read(events[:end], tmp_path) for end in ends.values()}
    for one, live in found:
        end = max((n for t, n in ends.items() if live.applied[t.origin] >= t.number), default=0)
        if end:
            assert said(live.answer) == said(expected[end].ask(one))
    assert any(live.applied[token.origin] == token.number for token in ends for _, live in found)
