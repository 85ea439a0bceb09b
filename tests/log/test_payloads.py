"""Payloads: what comes back is what went in, and nothing that is not whole gets in."""

from contextlib import suppress

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.errors import EntryError, HomeroomError
from homeroom.events.columns import joined_columns
from homeroom.events.dictionary import Dictionaries
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import Part, pack, read_parts, unpack, write_parts
from tests.log.batches import KEY, admitted

NO_IDS = np.empty(0, np.uint64)


def texts(batch, dictionaries):
    """Return the columns of a batch with texts in place of codes, as lists."""
    columns = {}
    for name, column in joined_columns([batch]).items():
        known = dictionaries.attributes.get(name.removeprefix("attributes."))
        known = known or getattr(dictionaries, name, None)
        columns[name] = (
            [None if code < 0 else known.values[code] for code in column]
            if known is not None
            else [None if str(value) == "nan" else value for value in column.tolist()]
        )
    return columns


def test_events_come_back_whatever_codes_the_reader_has():
    batch, ours = admitted()
    content = write_parts([Part("main", batch, np.array([5, 7], np.uint64))], {"main": ours})
    theirs = Dictionaries.under(KEY)
    theirs.verb.codes(["something else", "and more"], 2)
    (part,) = read_parts(unpack(pack(content)).content, {"main": theirs})
    assert texts(part.events, theirs) == texts(batch, ours)
    assert part.voids.tolist() == [5, 7]
    assert part.tenant == "main"


def test_an_envelope_tells_what_was_held():
    held = Vector({Origin("here", "ab" * 16, Stream.DOCUMENT): 9})
    opened = unpack(pack(b"content", held))
    assert (opened.content, opened.closes) == (b"content", held)
    assert unpack(pack(b"")).closes is None


def test_a_bomb_is_refused_before_it_is_unpacked():
    bomb = pack(bytes(limits.ENTRY_UNPACKED_BYTES_MAX))
    assert len(bomb) < 10_000
    with pytest.raises(EntryError, match="unpacks to"):
        unpack(bomb)
    small = (100).to_bytes(4, "little") + bomb[4:]
    with pytest.raises(EntryError, match="cannot be unpacked"):
        unpack(small)


def changed(batch, ours, change):
    """Return the content of an entry whose record batch was changed."""
    content = write_parts([Part("main", batch, NO_IDS)], {"main": ours})
    ((tenant, events, voids, *_),) = msgspec.msgpack.decode(content)
    record = pa.ipc.open_stream(events).read_next_batch()
    record = change(record)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, record.schema) as writer:
        writer.write_batch(record)
    return msgspec.msgpack.encode([(tenant, sink.getvalue().to_pybytes(), voids)])


def replaced(name, column):
    return lambda record: record.set_column(record.schema.get_field_index(name), name, column)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda record: record.drop_columns(["verb"]), "lack a column"),
        (lambda record: record.append_column("name", record.column("verb")), "'name'"),
        (lambda record: replaced("time_ms", pa.array([1] * len(record)))(record), "time_ms"),
        (
            lambda record: replaced(
                "time_ms", pa.array([1] * len(record)).cast(pa.timestamp("ms", "UTC"))
            )(record),
            "time out of range",
        ),
        (
            lambda record: replaced("key_hi", pa.array([None] * len(record), pa.uint64()))(record),
            "missing values",
        ),
        (
            lambda record: replaced(
                "verb", pa.array([None] * len(record), pa.string()).dictionary_encode()
            )(record),
            "without a verb",
        ),
        (
            lambda record: replaced(
                "verb", pa.array(["v" * 5_000] * len(record)).dictionary_encode()
            )(record),
            "too long",
        ),
    ],
)
def test_events_that_a_door_would_not_have_let_in_are_refused(change, why):
    batch, ours = admitted()
    content = changed(batch, ours, change)
    with pytest.raises(EntryError, match=why):
        read_parts(content, {"main": Dictionaries.under(KEY)})


def test_nothing_is_coded_of_an_entry_that_is_not_whole():
    batch, ours = admitted()
    content = changed(batch, ours, replaced("key_lo", pa.array([None] * len(batch), pa.uint64())))
    theirs = Dictionaries.under(KEY)
    with pytest.raises(EntryError):
        read_parts(content, {"main": theirs})
    assert not len(theirs.verb)


@given(st.data())
def test_damaged_bytes_never_do_more_than_raise(data):
    batch, ours = admitted()
    payload = bytearray(pack(write_parts([Part("main", batch, NO_IDS)], {"main": ours})))
    if data.draw(st.booleans()):
        content = bytearray(unpack(bytes(payload)).content)
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        payload = bytearray(pack(bytes(content)))
    else:
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(HomeroomError, KeyError):
        read_parts(unpack(bytes(payload)).content, {"main": Dictionaries.under(KEY)})
