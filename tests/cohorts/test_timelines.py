"""A timeline is all of a learner's marked events in order, however the segments cut them."""

import numpy as np
import pytest

from homeroom import limits
from homeroom.cohorts.kernels.bits import BLOCK_ROWS
from homeroom.cohorts.matching import resolve
from homeroom.cohorts.questions import parse_condition
from homeroom.cohorts.timelines import Nodes, Timelines
from tests.cohorts.engine import needs_reading, read
from tests.oracle import Event, table

pytestmark = needs_reading

VERBS = ("played", "answered", "paused", "posted")
CONDITIONS = (["verb=played"], ["verb=answered,paused"], ["track=video", "score>=0.5"], ["verb!=posted"])  # fmt: skip


def drawn(rng: np.random.Generator, learners: int, events: int) -> list[Event]:
    """Return events of few learners at few instants: hundreds each, many of them tied."""
    return [
        Event(
            account=f"learner {who}",
            time_ms=1_710_000_000_000 + 1_000 * int(at),
            verb=VERBS[verb],
            track="video" if verb < 2 else "problem",
            activity=f"a{n % 7}",
            score=float(score),
            id=str(n),
        )
        for n, (who, at, verb, score) in enumerate(
            zip(
                rng.integers(0, learners, events),
                rng.integers(0, events // learners, events),
                rng.integers(0, 4, events),
                rng.random(events),
                strict=True,
            )
        )
    ]


def segmented(events: list[Event], rng: np.random.Generator, segments: int):
    """Read the events in any order, cut into so many segments; return the state."""
    order = rng.permutation(len(events))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "FOLD_EVENTS", 1)
        patch.setattr(limits, "SEGMENT_EVENTS_MAX", 1)
        parts = np.array_split(order, segments)
        return read([table([events[i] for i in part]) for part in parts])._node.state


def marks(event: Event) -> int:
    """Return the kinds of an event, as the conditions say."""
    kinds = (
        event.verb == "played",
        event.verb in ("answered", "paused"),
        event.track == "video" and event.score >= 0.5,
        event.verb != "posted",
    )
    return sum(1 << bit for bit, holds in enumerate(kinds) if holds)


def kinds_in(state) -> list:
    return [
        resolve([parse_condition(text) for text in texts], state.dictionaries)
        for texts in CONDITIONS
    ]


def lines(timelines: Timelines) -> list[list[tuple[int, int]]]:
    """Return each learner's (time, what), sorted by learner's line, as keys tell nothing of accounts."""
    found = []
    for start, end in timelines.blocks():
        block = timelines.block(start, end)
        for first, last in zip(block.offsets[:-1], block.offsets[1:], strict=True):
            found.append(
                list(
                    zip(
                        block.time_ms[first:last].tolist(),
                        block.what[first:last].tolist(),
                        strict=True,
                    )
                )
            )
    return sorted(found)


@pytest.mark.parametrize("segments", [1, 4])
def test_marked_events_are_in_order_of_time_then_of_their_lowest_mark(rng, segments):
    events = drawn(rng, 12, 3_000)
    state = segmented(events, rng, segments)
    assert len(state.segments) == segments
    expected: dict[str, list[tuple[int, int]]] = {}
    for event in events:
        mark = marks(event)
        if mark:
            what = (mark & -mark) << 32 | mark
            expected.setdefault(event.account, []).append((event.time_ms, what))
    assert lines(Timelines(state, kinds_in(state))) == sorted(map(sorted, expected.values()))


def test_nodes_stand_above_the_marks_and_decide_between_events_of_one_instant(rng):
    events = drawn(rng, 3, 600)
    state = segmented(events, rng, 3)
    codes = state.dictionaries.activity.values
    numbers = np.array([0, *(1 + int(text[1:]) for text in codes)], np.int32)
    everything = resolve([], state.dictionaries)
    timelines = Timelines(state, (everything,), Nodes("activity", numbers))
    expected: dict[str, list[tuple[int, int]]] = {}
    for event in events:
        what = (1 + int(event.activity[1:])) << 32 | 1
        expected.setdefault(event.account, []).append((event.time_ms, what))
    assert lines(timelines) == sorted(map(sorted, expected.values()))


def test_learners_without_a_marked_event_have_an_empty_line():
    events = [Event(account=str(i), time_ms=1_710_000_000_000, verb=VERBS[i % 4]) for i in range(8)]
    state = read(events)._node.state
    played = resolve([parse_condition("verb=played")], state.dictionaries)
    assert sorted(map(len, lines(Timelines(state, (played,))))) == [0] * 6 + [1] * 2


def test_many_learners_come_in_several_blocks(rng):
    events = [
        Event(account=str(i), time_ms=1_710_000_000_000 + 1_000 * i, verb="played")
        for i in range(BLOCK_ROWS + 10)
    ]
    state = segmented(events, rng, 2)
    played = resolve([parse_condition("verb=played")], state.dictionaries)
    timelines = Timelines(state, (played,))
    assert [end - start for start, end in timelines.blocks()] == [BLOCK_ROWS, 10]
    times = [line[0][0] for line in lines(timelines)]
    assert times == [event.time_ms for event in events]
