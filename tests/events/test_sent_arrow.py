"""Arrow streams from clients, which may say what they like: nothing is read before it was looked at."""

import struct

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.errors import InputError
from homeroom.events.sent_arrow import count_rows, read_columns
from tests.events.streams import stream, written
from tests.examples import examples

EVENTS = [{"account": f"a{i}", "verb": "read", "time": 1_700_000_000_000 + i} for i in range(3)]


def test_rows_are_counted_over_all_batches():
    assert count_rows(stream(EVENTS)) == 3
    assert read_columns(stream(EVENTS))["account"].to_pylist() == ["a0", "a1", "a2"]


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_compressed_buffers_are_refused(codec):
    body = stream(EVENTS * 500, options=pa.ipc.IpcWriteOptions(compression=codec))
    with pytest.raises(InputError, match="compressed buffers"):
        count_rows(body)


def test_a_compressed_dictionary_is_refused():
    accounts = pa.array(["long account"] * 500).dictionary_encode()
    batch = pa.record_batch({"account": accounts})
    body = written(batch, pa.ipc.IpcWriteOptions(compression="zstd"))
    with pytest.raises(InputError, match="compressed buffers"):
        count_rows(body)


def test_a_stream_of_more_rows_than_are_taken_at_once_is_refused_before_it_is_read():
    batch = pa.record_batch({"account": pa.array(["a"] * (limits.SENT_EVENTS_MAX + 1))})
    with pytest.raises(InputError, match="20,001 rows"):
        count_rows(written(batch))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"acount": pa.array(["a"])}, "a column that events do not have"),
        ({"account": pa.array([1])}, "column account has another type, must be text"),
        ({"time": pa.array([0], pa.timestamp("ms"))}, "must be text, a timestamp with a zone"),
        ({"score": pa.array(["1"])}, "column score has another type, must be a number"),
        ({"success": pa.array([1])}, "must be true or false"),
        ({"account": pa.array([["a"]])}, "must be text"),
        ({"account": pa.nulls(1)}, "must be text"),
        ({"account": pa.array(["a"], pa.string_view())}, "must be text"),
    ],
)
def test_columns_that_events_do_not_have_are_refused(columns, message):
    with pytest.raises(InputError, match=message):
        count_rows(written(pa.record_batch(columns)))


def test_two_columns_of_one_name_are_refused():
    batch = pa.RecordBatch.from_arrays([pa.array(["a"])] * 2, names=["account", "account"])
    with pytest.raises(InputError, match="two columns have one name"):
        count_rows(written(batch))


def test_a_dictionary_that_unpacks_to_too_much_is_refused():
    indices = pa.array([0] * 20_000, pa.int32())
    column = pa.DictionaryArray.from_arrays(indices, pa.array(["x" * 4_000]))
    body = written(pa.record_batch({"account": column}))
    assert len(body) < 100_000
    with pytest.raises(InputError, match="80,000,000 bytes of text"):
        read_columns(body)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_instants_become_milliseconds_rounded_down(unit):
    per_second = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[unit]
    value = 1_700_000_000 * per_second + (per_second > 1_000) * (per_second // 1_000 - 1)
    column = pa.array([value, None], pa.timestamp(unit, "Europe/Oslo"))
    found = read_columns(written(pa.record_batch({"time": column})))
    assert found["time"].to_pylist() == [1_700_000_000_000, None]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("value", [-(1 << 63) + 1, (1 << 63) - 1])
def test_instants_far_off_are_kept_far_off(unit, value):
    column = pa.array([value], pa.timestamp(unit, "UTC"))
    (found,) = read_columns(written(pa.record_batch({"time": column})))["time"].to_pylist()
    within = limits.TIME_MS_MIN <= found < limits.TIME_MS_MAX
    assert not within or unit == "ns"


def test_a_length_that_the_body_does_not_have_is_refused():
    body = bytearray(stream(EVENTS))
    at = body.find(struct.pack("<q", 3), 200)
    body[at : at + 8] = struct.pack("<q", 1 << 40)
    with pytest.raises(InputError):
        read_columns(bytes(body))


@pytest.mark.parametrize("body", [b"", b"ARROW1", b"\xff" * 64, b'{"account": 1}', b"\0" * 64])
def test_what_is_no_stream_is_refused(body):
    with pytest.raises(InputError, match="Arrow stream"):
        read_columns(body)


WHOLE = stream(EVENTS)


@examples(400)
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.integers(0, len(WHOLE)))
def test_a_damaged_stream_is_refused_or_read_and_nothing_else(place, value, end):
    body = bytearray(WHOLE[:end] if end % 3 == 0 else WHOLE)
    if place < len(body):
        body[place] = value
    try:
        found = read_columns(bytes(body))
    except InputError:
        return
    assert {len(column) for column in found.values()} <= {0, 3}
