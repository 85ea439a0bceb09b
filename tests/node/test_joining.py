"""Entries that are looked at and joined together: as though each had come alone."""

import msgspec
import pyarrow as pa
import pytest

from homeroom.log.entries import Head, make_entry
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import pack, unpack
from tests.node.test_folding import Node, event, fresh_folding, state_of


def analytic(node):
    return [one for one in node.entries if one.origin.stream is Stream.ANALYTIC]


def of_another(entry, change):
    """Return what another node might have written in its first entry: the same with a changed record batch."""
    ((tenant, events, *rest),) = msgspec.msgpack.decode(unpack(entry.payload).content)
    record = change(pa.ipc.open_stream(events).read_next_batch())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, record.schema) as writer:
        writer.write_batch(record)
    content = msgspec.msgpack.encode([(tenant, sink.getvalue().to_pybytes(), *rest)])
    origin = Origin("other", "b" * 32, Stream.ANALYTIC)
    return make_entry(origin, Head(), (entry.hybrid, entry.epoch), pack(content), lambda d: d)


def with_verbs(*texts):
    def change(record):
        column = pa.DictionaryArray.from_arrays(
            pa.array([0] * len(record), pa.int32()), pa.array(texts, pa.string())
        )
        return record.set_column(record.schema.get_field_index("verb"), "verb", column)

    return change


def with_times(ms):
    def change(record):
        column = pa.array([ms] * len(record)).cast(pa.timestamp("ms", "UTC"))
        return record.set_column(record.schema.get_field_index("time_ms"), "time_ms", column)

    return change


@pytest.mark.parametrize(
    "change",
    [
        with_verbs(""),
        with_verbs("fine", ""),
        with_verbs("v" * 5_000),
        with_verbs("fine", None),
        with_times(1),
    ],
)
def test_one_bad_entry_among_many_stops_its_origin_alone(change):
    node = Node()
    for number in range(6):
        node.send(event(number))
    bad = of_another(analytic(node)[0], change)
    honest = list(node.entries)
    folding = fresh_folding()
    folding.fold([*honest[:4], bad, *honest[4:]])
    assert list(folding.troubles) == [bad.origin]
    assert folding.applied[bad.origin] == 0
    assert folding.applied[analytic(node)[0].origin] == 6
    assert state_of(folding).fingerprint() == state_of(node.folding).fingerprint()


def test_entries_with_different_columns_are_joined_all_the_same():
    node = Node()
    for number in range(8):
        more = {"score": 0.5} if number % 2 else {"activity": f"a{number}", "course": "c"}
        node.send(event(number, **more))
    node.send(event(9, attributes={"country": "NO"}))
    together, alone = fresh_folding(), fresh_folding()
    together.fold(node.entries)
    for entry in node.entries:
        alone.fold([entry])
    assert state_of(together).fingerprint() == state_of(alone).fingerprint()
    assert state_of(together).events == 9
    assert together.applied == alone.applied


def test_a_batch_knows_of_each_event_with_which_entry_it_came():
    node = Node()
    for number in range(3):
        node.send(event(number), event(number + 10))
    folding = fresh_folding()
    folding.fold(node.entries)
    state = folding.tenants["main"].state
    state.settle()
    (segment,) = state.history.stored
    assert sorted(segment.columns.get("entry").tolist()) == [1, 1, 2, 2, 3, 3]
