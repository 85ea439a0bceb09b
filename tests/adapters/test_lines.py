"""Chunks of whole lines: nothing lost, numbers right, long lines dropped while they arrive."""

from hypothesis import given
from hypothesis import strategies as st

from homeroom.adapters import lines
from homeroom.adapters.compression import StreamFault
from homeroom.adapters.lines import Chunk, cut_lines
from homeroom.events.model import Reason
from homeroom.limits import CHUNK_BYTES, LINE_BYTES_MAX


def cut(*blocks: bytes, fault: StreamFault | None = None) -> list[Chunk]:
    def stream():
        yield from blocks
        if fault is not None:
            raise fault

    return list(cut_lines(stream()))


@given(
    st.lists(
        st.binary(max_size=30).map(lambda b: b.replace(b"x", b"\n").replace(b"\r", b"r")),
        max_size=20,
    )
)
def test_chunks_together_are_the_stream_and_number_its_lines(blocks):
    text = b"".join(blocks)
    if text[:2] in (b"\xff\xfe", b"\xfe\xff") or text.startswith(
        (b"\xef\xbb\xbf", b"\0\0\xfe\xff")
    ):
        return
    with_small_chunks = lines.CHUNK_BYTES
    lines.CHUNK_BYTES = 16
    try:
        chunks = cut(*blocks)
    finally:
        lines.CHUNK_BYTES = with_small_chunks
    assert b"".join(chunk.data for chunk in chunks) == text
    seen = 0
    for chunk in chunks:
        assert chunk.first_line == seen + 1
        seen += chunk.data.count(b"\n")
    assert all(chunk.data.endswith(b"\n") for chunk in chunks[:-1])


def test_carriage_returns_alone_end_lines_where_there_is_no_newline():
    chunks = cut(b"account,time\rjane,1\r", b"joe,2\r")
    assert b"".join(chunk.data for chunk in chunks) == b"account,time\njane,1\njoe,2\n"
    assert cut(b"a\rb\n", b"c\r")[0].data == b"a\rb\n"
    assert b"".join(chunk.data for chunk in cut(b"a" * lines.CHUNK_BYTES + b"\r", b"\nb")).endswith(
        b"a\r\nb"
    )


def test_a_chunk_is_about_a_megabyte():
    line = b"x" * 99 + b"\n"
    chunks = cut(*[line * 1_000] * 50)
    assert sum(len(chunk.data) for chunk in chunks) == 5_000_000
    assert all(CHUNK_BYTES <= len(chunk.data) < 2 * CHUNK_BYTES for chunk in chunks[:-1])


def test_a_byte_order_mark_is_no_content():
    assert cut(b"\xef\xbb\xbfa\nb\n") == [Chunk(b"a\nb\n", 1)]


def test_utf16_is_refused_with_what_to_do():
    (chunk,) = cut("a,b\n".encode("utf-16"))
    assert chunk.data == b""
    assert chunk.fault is not None
    assert chunk.fault.reason is Reason.NOT_UTF8
    assert "UTF-8" in chunk.fault.detail


def test_a_line_beyond_the_bound_is_dropped_and_its_neighbours_stay():
    long = [b"x" * CHUNK_BYTES] * (LINE_BYTES_MAX // CHUNK_BYTES + 3)
    chunks = cut(b"first\n", *long, b"\nlast\n")
    assert b"".join(chunk.data for chunk in chunks) == b"first\nlast\n"
    (reject,) = [reject for chunk in chunks for reject in chunk.rejects]
    assert (reject.line, reject.reason) == (2, Reason.LINE_TOO_LONG)
    assert chunks[-1].first_line == 3


def test_a_dropped_line_is_not_held():
    import tracemalloc

    def stream():
        for _ in range(100):
            yield b"x" * CHUNK_BYTES
        yield b"\nend\n"

    tracemalloc.start()
    chunks = list(cut_lines(stream()))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert chunks[-1].data == b"end\n"
    assert peak_bytes < LINE_BYTES_MAX + 8 * CHUNK_BYTES


def test_a_long_line_may_be_the_last():
    chunks = cut(b"a\n", *[b"x" * CHUNK_BYTES] * 20)
    assert [r.line for c in chunks for r in c.rejects] == [2]


def test_the_line_that_a_fault_cut_stands_alone():
    fault = StreamFault(Reason.TRUNCATED, "it ends early")
    assert cut(b"a\nb\nc", fault=fault) == [Chunk(b"a\nb\n", 1), Chunk(b"c", 3, (), fault)]
    assert cut(b"a\n", fault=fault) == [Chunk(b"a\n", 1), Chunk(b"", 2, (), fault)]
