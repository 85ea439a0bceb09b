"""A node: chunks through the door into state, questions to it, and a summary in which nothing is lost."""

from dataclasses import replace

import numpy as np
import pytest

from homeroom.cohorts.answers import Source
from homeroom.cohorts.questions import Active
from homeroom.events.door import Door
from homeroom.events.model import Decoded, RawEvents, Reason, Reject
from homeroom.events.vocabulary import VerbTable
from homeroom.node.node import Node
from homeroom.state.state import State
from homeroom.state.zones import load_zone

TIMES = ["2024-03-01T08:00:00Z", "2024-03-02T08:00:00Z", "2024-03-02", "2024-03-04T08:00:00Z"]


def node() -> Node:
    door = Door(bytes(32), VerbTable.standard())
    return Node(State(load_zone("UTC"), door.dictionaries), door)


def chunk(first_line: int = 1) -> Decoded:
    """Return four events, one of which has a time without zone, and what the codec refused besides."""
    lines = np.arange(first_line, first_line + 4)
    accounts = ["a", "b", "c", None]
    events = RawEvents(
        line=lines, account=accounts, time=TIMES, verb="played", event_id=list("wxyz")
    )
    return Decoded(events, [Reject("", first_line + 4, Reason.NOT_JSON, "is no JSON")])


def test_what_was_refused_comes_back_with_its_source_and_line():
    refused = node().take(chunk(11), "log.json")
    assert [(r.source, r.line, r.reason) for r in refused] == [
        ("log.json", 15, Reason.NOT_JSON),
        ("log.json", 13, Reason.TIME_WITHOUT_ZONE),
        ("log.json", 14, Reason.MISSING_FIELD),
    ]


def test_the_summary_counts_everything_once():
    one = node()
    for _ in range(3):
        one.take(chunk(), "log.json")
    one.state.settle()
    found = one.summary()
    assert (found.events_read, found.events_accepted, found.events_duplicate) == (15, 2, 4)
    assert found.events_rejected == 9
    assert found.rejected_by_reason == {
        "not_json": 3,
        "time_without_zone": 3,
        "missing_field": 3,
    }
    assert (found.learners, found.conflicts) == (2, 0)
    assert (found.first_event, found.last_event) == (
        "2024-03-01T08:00:00.000Z",
        "2024-03-02T08:00:00.000Z",
    )


def test_a_summary_is_added_to_what_was_read_before():
    one = node()
    one.take(chunk(), "log.json")
    one.state.settle()
    before = Source(
        events_read=10,
        events_accepted=6,
        events_duplicate=1,
        events_rejected=3,
        rejected_by_reason={"not_json": 2, "not_utf8": 1},
        conflicts=4,
    )
    found = one.summary(before)
    assert (found.events_read, found.events_accepted, found.events_duplicate) == (15, 8, 1)
    assert (found.events_rejected, found.conflicts) == (6, 4)
    assert found.rejected_by_reason["not_json"] == 3
    assert found.rejected_by_reason["not_utf8"] == 1


def test_what_statements_take_back_has_not_happened():
    one = node()
    one.take(replace(chunk(), voided=["x", "elsewhere"]), "log.json")
    one.state.settle()
    assert one.state.history.voids.tolist() == sorted(one.door.id_hashes(["x", "elsewhere"]))
    found = one.summary()
    assert (found.events_accepted, found.events_voided, found.learners) == (2, 1, 1)
    assert found.last_event == "2024-03-01T08:00:00.000Z"
    assert one.ask(Active(), found).day.values.tolist() == [1]


def test_an_answer_carries_the_source_that_it_was_asked_with():
    one = node()
    one.take(chunk(), "log.json")
    one.state.settle()
    source = one.summary()
    answer = one.ask(Active(), source)
    assert answer.source is source
    assert answer.day.values.tolist() == [1, 1]


def test_a_node_without_a_door_takes_no_events():
    with pytest.raises(AssertionError, match="without a door"):
        Node(node().state).take(chunk(), "log.json")
