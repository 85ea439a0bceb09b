"""Events of a file as the objects that a client sends: they come back as what they were."""

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from homeroom.events.model import RawEvents
from homeroom.events.sent_json import SentEvent
from homeroom.events.sent_objects import ROW_MARK, event_objects

RAW = RawEvents(
    line=np.array([1, 2], np.int64),
    account=pa.array(["ada", "bea"]),
    issuer="https://school.example.org",
    time=np.array([1_795_428_000_000, 1_795_428_000_001], np.int64),
    verb=["read", "answered"],
    course=pa.array(["physics", None]).dictionary_encode(),
    event_id=["e1", None],
    score=np.array([np.nan, 0.5]),
    success=np.array([-1, 1], np.int8),
    completion=np.array([0, -1], np.int8),
    duration_ms=np.array([-1, 0], np.int64),
    attributes={"country": ["NO", None], "shoe_size": ["45", "46"]},
)


def test_an_event_says_what_it_has_and_nothing_else():
    first, second = event_objects(RAW)
    assert first == {
        "account": "ada",
        "issuer": "https://school.example.org",
        "time": 1_795_428_000_000,
        "verb": "read",
        "course": "physics",
        "completion": False,
        "attributes": {"country": "NO"},
        "id": "e1",
    }
    made = second.pop("id")
    assert made.startswith(ROW_MARK)
    assert second == {
        "account": "bea",
        "issuer": "https://school.example.org",
        "time": 1_795_428_000_001,
        "verb": "answered",
        "score": 0.5,
        "success": True,
        "duration_ms": 0,
    }


def test_a_node_reads_every_field():
    for one in event_objects(RAW):
        msgspec.convert(one, SentEvent)


@pytest.mark.parametrize("fields", [{"verb": "wrote"}, {"account": ["cleo", "cleo"]}])
def test_an_id_that_is_made_follows_from_all_that_the_event_says(fields):
    made = [one["id"] for one in event_objects(RAW)]
    again = [one["id"] for one in event_objects(RAW)]
    other = RawEvents(**{name: getattr(RAW, name) for name in RAW.__slots__} | fields)
    assert made == again
    assert [one["id"] for one in event_objects(other)][1] != made[1]
