"""Chunks of lines become texts of whole records, for delimited text whose quoted fields may hold newlines.

A record that is still open at the end of a chunk waits for the next one. How far it may reach is bounded
(``limits.QUOTED_LINES_MAX``, ``limits.LINE_BYTES_MAX``): a quote that nobody closed costs its own line.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from homeroom.adapters.lines import Chunk
from homeroom.events.delimited import Records, cut_last_records, cut_records
from homeroom.events.model import Reason, Reject

__all__ = ["RecordChunk", "cut_record_chunks"]


@dataclass(frozen=True, slots=True)
class RecordChunk:
    """A text that holds the records that were found in it, and rejects that stand before it."""

    text: bytes
    records: Records
    first_line: int
    rejects: tuple[Reject, ...] = ()


def cut_record_chunks(
    chunks: Iterator[Chunk], delimiter: bytes, header_line: int
) -> Iterator[RecordChunk]:
    """Yield whole records after the header; a record that a fault cut is rejected with the fault's reason.

    Unlike a JSON text, a record that was cut cannot be told from a whole one, so it never counts.
    """
    open_text, open_line = b"", 0
    for chunk in chunks:
        if chunk.fault is not None:
            line = open_line if open_text else chunk.first_line if chunk.data.strip() else 0
            cut = Reject("", line, chunk.fault.reason, chunk.fault.detail)
            yield RecordChunk(b"", Records(0), chunk.first_line, (*chunk.rejects, cut))
            return
        if chunk.rejects:
            # Lines are missing between what is open and this chunk.
            yield _last(open_text, delimiter, open_line, chunk.rejects)
            open_text = b""
        data, first_line = chunk.data, chunk.first_line
        if first_line <= header_line:
            data, first_line, rejects = _without_header(chunk, header_line)
            if rejects:
                yield RecordChunk(b"", Records(0), first_line, rejects)
        text = open_text + data
        if not text:
            continue
        first_line = open_line if open_text else first_line
        text = text if text.endswith(b"\n") else text + b"\n"
        records = cut_records(text, delimiter)
        yield RecordChunk(text, records, first_line)
        open_text = text[records.end :]
        open_line = first_line + text.count(b"\n", 0, records.end)
    if open_text:
        yield _last(open_text, delimiter, open_line, ())


def _last(text: bytes, delimiter: bytes, line: int, rejects: tuple[Reject, ...]) -> RecordChunk:
    return RecordChunk(text, cut_last_records(text, delimiter), line, rejects)


def _without_header(chunk: Chunk, header_line: int) -> tuple[bytes, int, tuple[Reject, ...]]:
    """Return what follows the header, and a reject for each line of text before it."""
    lines = chunk.data.split(b"\n", header_line - chunk.first_line + 1)
    before = lines[: header_line - chunk.first_line]
    rejects = tuple(
        Reject("", line, Reason.NOT_EVENTS, "stands before the header")
        for line, text in enumerate(before, chunk.first_line)
        if text.strip() and not text.startswith((b"#", b"sep="))
    )
    rest = lines[len(before) + 1] if len(lines) > len(before) + 1 else b""
    return rest, header_line + 1, rejects
