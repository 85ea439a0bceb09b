"""Arrow streams of events, for tests."""

import pyarrow as pa


def stream(events, schema=None, options=None):
    """Return events as an Arrow stream, with a column for each field that one of them has."""
    names = dict.fromkeys(name for event in events for name in event)
    if schema is None:
        columns = {name: pa.array([event.get(name) for event in events]) for name in names}
        batch = pa.record_batch(columns) if names else pa.record_batch({"id": pa.array([], "str")})
    else:
        batch = pa.RecordBatch.from_pylist(events, schema)
    return written(batch, options)


def written(batch, options=None):
    """Return a record batch as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()
