"""Cohorts answered from history are the same whatever segments it lies in, also where most of these are never read."""

import numpy as np
import pytest

import homeroom as hr
from homeroom.cohorts.questions import parse_question
from homeroom.limits import SEGMENTS_APART_MAX
from homeroom.state.history import Segment
from tests.adapters.loads import FIRST_MS, load
from tests.cohorts.engine import read
from tests.oracle import Event

DAY_MS = 86_400_000
DAYS = 40
RULES = {
    "often": {"did": "verb=played", "at_least": 3, "within": {"from": "FROM", "to": "TO"}},
    "seldom": {"did": "verb=played", "at_most": 1, "within": {"from": "FROM", "to": "TO"}},
    "never": {"did": "verb=posted", "exactly": 0, "within": "6d"},
    "on days": {"did": "verb=posted", "at_least": 2, "unit": "days", "within": "9d"},
    "sequence": {"sequence": ["verb=posted", "verb=played"], "in": "2d", "within": "12d"},
    "then not": {"did": "verb=posted", "then_not": "verb=played", "during": "3d", "within": "9d"},
    "first": {"first": "verb=completed", "within": "8d"},
    "stopped": {"stopped": "verb=played", "quiet": "7d"},
    "latest": {"result": "score>=0.5", "of": "latest", "within": "15d"},
    "either": {"any": [{"did": "verb=posted", "at_least": 4, "within": "5d"},
                       {"not": {"did": "verb=played", "at_least": 2, "within": "20d"}}]},
}  # fmt: skip


def day(number: int) -> str:
    return str(np.datetime64(FIRST_MS, "ms").astype("datetime64[D]") + number)


def drawn(rng) -> list[Event]:
    """Events of learners who come at different times, in the order of time."""
    moments = np.sort(rng.integers(0, DAYS * DAY_MS, 700))
    return [
        Event(
            account=f"learner {rng.integers(12) + 30 * (moment > DAYS * DAY_MS // 2)}",
            time_ms=FIRST_MS + int(moment),
            verb=("played", "posted", "completed")[rng.integers(3)],
            id=f"e{number}",
            score=float(rng.random()) if rng.random() < 0.5 else None,
        )
        for number, moment in enumerate(moments)
    ]


@pytest.fixture(scope="module")
def layouts(tmp_path_factory):
    """One set of events: in memory, in files that lie apart by time, in one file, and corrected in two ways."""
    events = drawn(np.random.default_rng(5))
    apart = tmp_path_factory.mktemp("apart") / "data"
    for part in np.array_split(np.arange(len(events)), SEGMENTS_APART_MAX):
        load(apart, [events[i] for i in part])
    merged = tmp_path_factory.mktemp("merged") / "data"
    for part in np.array_split(np.arange(len(events)), SEGMENTS_APART_MAX + 1):
        load(merged, [events[i] for i in part])
    found = {"in memory": read(events), "apart": hr.open(apart), "merged": hr.open(merged)}
    assert len(segments(found["apart"])) == SEGMENTS_APART_MAX
    assert len(segments(found["merged"])) == 1
    return found


def segments(data) -> list[Segment]:
    return data._node.state.segments


@pytest.mark.parametrize("name", RULES)
def test_a_cohort_is_the_same_in_whatever_segments_history_lies(layouts, name):
    sizes = {}
    for asked in (day(11), day(25), day(DAYS - 1)):
        window = {"FROM": day(8), "TO": day(13)}
        rule = {
            key: {side: window[at] for side, at in value.items()} if key == "within" and
            isinstance(value, dict) else value
            for key, value in RULES[name].items()
        }  # fmt: skip
        for layout, data in layouts.items():
            size = data.cohort(cohort=rule, from_=asked, to=asked, interval="day")
            sizes.setdefault(asked, {})[layout] = size.sizes.tolist()
            assert size.answered_from == "history"
    for by_layout in sizes.values():
        assert by_layout["apart"] == by_layout["in memory"]
        assert by_layout["merged"] == by_layout["in memory"]
    assert any(one["in memory"] != [0] for one in sizes.values())


def test_segments_in_which_nothing_that_matters_can_lie_are_not_read(layouts):
    rule = {"did": "verb=played", "at_least": 2, "within": {"from": day(1), "to": day(3)}}
    data = layouts["apart"]
    written = {"cohort": rule, "from": day(3), "to": day(3), "interval": "day"}
    told = data.explain(parse_question({"question": "cohort", **written}))
    read_events = max(one.values for one in told.events)
    assert 0 < read_events <= max(map(len, segments(data)))
