"""Everything that can be read, as one stream of decoded chunks: the way in.

The problem: a source may be a path, a pipe or a table, compressed or not, lines, a document or columns, of four
codecs, whole or broken; what comes after must not know. The intuition: each of these questions is settled once, at
the head of a source, and leaves one generator behind that yields `Decoded`; whatever goes wrong in the middle is a
fault of that source, which becomes one `Reject`, and the next source is read.

Events and rejects add up here: nothing that was met leaves without being the one or the other, except rows that a
mapping says are no events, which are counted and said (``Observer.note``).
"""

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

import pyarrow as pa

from homeroom.adapters.columnar import ColumnarFile, open_columnar
from homeroom.adapters.compression import MAGIC_BYTES, StreamFault, read_blocks
from homeroom.adapters.decoders import NO_EVENTS, Decoders
from homeroom.adapters.lines import Chunk, cut_lines
from homeroom.adapters.options import ReadOptions
from homeroom.adapters.records import cut_record_chunks
from homeroom.adapters.sources import Input, Source, find_sources
from homeroom.errors import SourceError
from homeroom.events.model import Decoded, Reason, Reject
from homeroom.events.sniff import Container, Found, container_of
from homeroom.limits import BATCH_ROWS, DOCUMENT_BYTES_MAX

__all__ = ["Input", "Observer", "read_inputs"]


class Observer(Protocol):
    """Who is told how reading goes: a progress bar, a summary."""

    def begin(self, size_bytes: int | None) -> None:
        """Hear that reading begins; ``size_bytes`` of all sources, None where one does not say its size."""
        ...

    def advance(self, read_bytes: int, events: int) -> None:
        """Hear how many bytes more were read (of files as they lie, compressed), and events decoded."""
        ...

    def note(self, text: str) -> None:
        """Hear what a person should know and what is neither an event nor a reject."""
        ...


class _Nobody:
    def begin(self, size_bytes: int | None) -> None: ...
    def advance(self, read_bytes: int, events: int) -> None: ...
    def note(self, text: str) -> None: ...


_PEEK_BYTES = 1 << 16
_Pieces: TypeAlias = Iterator[Decoded]


def read_inputs(
    inputs: Sequence[Input], options: ReadOptions | None = None, observer: Observer | None = None
) -> Iterator[tuple[str, Decoded]]:
    """Read all inputs and yield what they hold, chunk by chunk, each with the name of its source.

    Parameters
    ----------
    inputs : paths, patterns, directories (read with all below them, in sorted order), ``-``, and Arrow tables
    options : how to read; the codec is found by content where it is not given
    observer : is told about bytes, events, and what a person should know

    Yields
    ------
    The source's name and a `Decoded`, whose rejects name their source. A source that cannot be read to its end, or
    holds no events, yields a reject of line 0.

    Raises
    ------
    SourceError
        Before anything is read: an input does not exist. Later: one that was named itself cannot be opened.
    """
    watched: Observer = _Nobody() if observer is None else observer
    sources = find_sources(inputs, watched.note)
    sizes = [source.size_bytes for source in sources]
    watched.begin(None if None in sizes else sum(size or 0 for size in sizes))
    paths = [source.path for source in sources if source.path is not None]
    decoders = Decoders(options or ReadOptions(), paths, watched.note)
    stdin = (options.stdin if options else None) or getattr(sys.stdin, "buffer", None)
    for source in sources:
        reading = _Reading(source, decoders, watched, stdin)
        for decoded in reading.pieces():
            if decoded.rejects:
                named = [replace(reject, source=source.name) for reject in decoded.rejects]
                decoded = replace(decoded, rejects=named)  # noqa: PLW2901 - the same piece, with its source
            watched.advance(reading.bytes_since(), len(decoded.events))
            yield source.name, decoded
        watched.advance(reading.bytes_left(), 0)
    decoders.say_what_was_left_out()


def _refused(reason: Reason, detail: str, line: int = 0) -> Decoded:
    return Decoded(NO_EVENTS, [Reject("", line, reason, detail)])


class _Counted:
    """A file that counts the bytes that were taken from it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size_bytes = 0

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size) or b""
        self.size_bytes += len(data)
        return data


class _Reading:
    """One source on its way from bytes to pieces."""

    def __init__(
        self, source: Source, decoders: Decoders, observer: Observer, stdin: BinaryIO | None
    ) -> None:
        self._source = source
        self._decoders = decoders
        self._observer = observer
        self._stdin = stdin
        self._file: _Counted | None = None
        self._read_bytes = 0  # of sources that are not read through `_file`
        self._told_bytes = 0

    def bytes_since(self) -> int:
        """Return how many bytes were read since this was last asked."""
        read = (
            self._read_bytes if self._file is None else max(self._file.size_bytes, self._read_bytes)
        )
        since, self._told_bytes = read - self._told_bytes, read
        return since

    def bytes_left(self) -> int:
        """Return how many bytes were not told of, also those that nobody needs to read."""
        since = self.bytes_since()
        return since + max(0, (self._source.size_bytes or 0) - self._told_bytes)

    def pieces(self) -> _Pieces:
        """Yield what the source holds; a fault ends it with a reject."""
        source = self._source
        try:
            if source.table is not None:
                yield from self._table(source.table)
            elif source.path is None:
                if self._stdin is None:
                    raise SourceError("standard input is closed; name a file, or pipe something in")
                yield from self._stream(self._stdin)
            else:
                with self._opened(source.path) as file:
                    yield from self._stream(file)
        except StreamFault as fault:
            yield _refused(fault.reason, fault.detail)

    def _opened(self, path: Path) -> BinaryIO:
        try:
            return path.open("rb", buffering=0)
        except OSError as error:
            detail = f"cannot be opened: {error.strerror}"
            if self._source.named:
                raise SourceError(f"{path} {detail}") from error
            raise StreamFault(Reason.UNREADABLE, detail) from error

    def _stream(self, file: BinaryIO) -> _Pieces:
        self._file = _Counted(file)
        head = b""
        try:
            while len(head) < MAGIC_BYTES and (more := self._file.read(MAGIC_BYTES - len(head))):
                head += more
        except OSError as error:
            raise StreamFault(Reason.UNREADABLE, f"reading failed: {error.strerror}") from error
        first, blocks = _peeked(read_blocks(head, self._file))
        if not first:
            if fault := next(iter(_fault_of(blocks)), None):
                raise fault
            self._observer.note(f"{self._source.name} is empty")
            return
        container = container_of(first)
        if container is Container.LINES:
            yield from self._lines(itertools.chain([first], blocks))
        elif container is Container.DOCUMENT:
            yield from self._document(first, blocks)
        else:
            yield from self._columnar(container, head, first, blocks)

    # --- lines -------------------------------------------------------------------------------------------------

    def _lines(self, blocks: Iterator[bytes]) -> _Pieces:
        chunks = cut_lines(blocks)
        held: list[Chunk] = []
        found = Found(None)
        for chunk in chunks:
            held.append(chunk)
            if chunk.data.strip():
                found = self._decoders.of_lines(chunk.data, self._source)
                break
        chunks = itertools.chain(held, chunks)
        if found.codec is None:
            yield from self._not_events(found, held)
        elif found.dialect is None:
            decode = self._decoders.decode_lines(found, self._source)
            yield from _decoded_lines(chunks, decode)
        else:
            yield from self._delimited(chunks, found)

    def _not_events(self, found: Found, held: list[Chunk]) -> _Pieces:
        if found.own:
            self._observer.note(
                f"{self._source.name} was written by homeroom itself, and is passed over"
            )
        elif used := self._decoders.lookup_use(self._source):
            self._observer.note(f"{self._source.name} holds no events; {used}")
        elif not any(chunk.data.strip() or chunk.rejects for chunk in held):
            fault = held[-1].fault if held else None
            if fault is not None:
                raise fault
            self._observer.note(f"{self._source.name} is empty")
        else:
            fault = held[-1].fault
            if fault is not None and fault.reason is not Reason.TRUNCATED:
                raise fault
            yield _refused(Reason.NOT_EVENTS, self._decoders.why_not(held[-1].data))

    def _delimited(self, chunks: Iterator[Chunk], found: Found) -> _Pieces:
        assert found.dialect is not None
        decode = self._decoders.decode_records(found, self._source)
        for piece in cut_record_chunks(chunks, found.dialect.delimiter, found.header_line):
            if piece.rejects:
                yield Decoded(NO_EVENTS, piece.rejects)
            if piece.text:
                yield from decode(piece.text, piece.records, piece.first_line)

    # --- documents and columns -----------------------------------------------------------------------------------

    def _document(self, first: bytes, blocks: Iterator[bytes]) -> _Pieces:
        found = self._decoders.of_document(first, self._source)
        if found.empty:
            self._observer.note(f"{self._source.name} is empty")
            return
        if found.codec is None and (b"\n" in first.strip() or len(first) < _PEEK_BYTES):
            # What begins like a document may be lines of which the first is broken.
            yield from self._lines(itertools.chain([first], blocks))
            return
        data, fault = _collected(first, blocks)
        if found.codec is None:
            found = self._decoders.of_document(data, self._source)
        if found.codec is None:
            yield _refused(Reason.NOT_EVENTS, self._decoders.why_not(data))
            return
        for decoded in self._decoders.decode_document(found, self._source)(data):
            if fault is None:
                yield decoded
                continue
            # The codec has said that the array is not closed; why it is not, is known here.
            rejects = [
                reject for reject in decoded.rejects if reject.reason is not Reason.TRUNCATED
            ]
            rejects.append(Reject("", 0, fault.reason, fault.detail))
            yield replace(decoded, rejects=rejects)
            fault = None

    def _columnar(
        self, container: Container, head: bytes, first: bytes, blocks: Iterator[bytes]
    ) -> _Pieces:
        path, size = self._source.path, self._source.size_bytes
        if path is not None and size is not None and first.startswith(head):
            columnar = open_columnar(container, path)
        else:
            data, fault = _collected(first, blocks)
            if fault is not None:
                raise fault
            columnar = open_columnar(container, data)
        yield from self._batches(columnar, size)

    def _table(self, table: pa.Table) -> _Pieces:
        columnar = ColumnarFile(
            tuple(table.column_names), table.num_rows, table.to_reader(BATCH_ROWS)
        )
        yield from self._batches(columnar, self._source.size_bytes)

    def _batches(self, columnar: ColumnarFile, size_bytes: int | None) -> _Pieces:
        if len(set(columnar.names)) != len(columnar.names):
            raise StreamFault(Reason.NOT_EVENTS, "two columns of the table have one name")
        found = self._decoders.of_names(columnar.names, self._source)
        if found.codec is None:
            if used := self._decoders.lookup_use(self._source):
                self._observer.note(f"{self._source.name} holds no events; {used}")
            else:
                yield _refused(Reason.NOT_EVENTS, self._decoders.why_not(b""))
            return
        wanted, decode = self._decoders.decode_batches(found, self._source)
        row = 1
        for batch in columnar.batches(wanted):
            if columnar.rows and size_bytes:
                self._read_bytes = size_bytes * (row - 1 + batch.num_rows) // columnar.rows
            yield from decode(batch, row)
            row += batch.num_rows


def _peeked(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Take enough from a stream to see what it is; a fault that comes meanwhile is kept for later."""
    parts: list[bytes] = []
    size = 0
    try:
        while size < _PEEK_BYTES and (block := next(blocks, b"")):
            parts.append(block)
            size += len(block)
    except StreamFault as fault:
        return b"".join(parts), _failing(fault)
    return b"".join(parts), blocks


def _failing(fault: StreamFault) -> Iterator[bytes]:
    yield from ()
    raise fault


def _fault_of(blocks: Iterator[bytes]) -> Iterator[StreamFault]:
    try:
        for _ in blocks:
            return
    except StreamFault as fault:
        yield fault


def _collected(first: bytes, blocks: Iterator[bytes]) -> tuple[bytes, StreamFault | None]:
    """Hold a document as a whole, and what ended it early."""
    parts, size = [first], len(first)
    try:
        for block in blocks:
            parts.append(block)
            size += len(block)
            if size > DOCUMENT_BYTES_MAX:
                break
    except StreamFault as fault:
        if fault.reason is Reason.DECOMPRESSION_BOMB:
            raise
        return b"".join(parts), fault
    if size > DOCUMENT_BYTES_MAX:
        detail = f"a document of more than {DOCUMENT_BYTES_MAX} bytes; write one event a line, or name a file"
        raise StreamFault(Reason.TEXT_TOO_LONG, detail)
    return b"".join(parts), None


def _decoded_lines(
    chunks: Iterator[Chunk], decode: Callable[[bytes, int], Iterator[Decoded]]
) -> _Pieces:
    for chunk in chunks:
        if chunk.rejects:
            yield Decoded(NO_EVENTS, chunk.rejects)
        pieces = list(decode(chunk.data, chunk.first_line)) if chunk.data else []
        if chunk.fault is None:
            yield from pieces
            continue
        # The line that the fault cut counts if it is whole all the same; that the file is not, is said in any case.
        whole = [piece for piece in pieces if not piece.rejects and len(piece.events)]
        yield from whole
        line = chunk.first_line if chunk.data.strip() and not whole else 0
        yield _refused(chunk.fault.reason, chunk.fault.detail, line)
