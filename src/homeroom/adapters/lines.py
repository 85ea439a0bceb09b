"""Blocks of bytes become chunks of whole lines, with their line numbers.

The problem: to number lines and to keep each whole, one is tempted to loop over them; at a million lines a second
that loop is all the time there is. The intuition: a chunk needs two cheap questions only, where its last newline
is (``rfind``) and how many there are (a comparison of all bytes); both run at memory speed. What stands after the
last newline waits for the next block.

A line that outgrows ``limits.LINE_BYTES_MAX`` is dropped while it arrives, so a line of a gigabyte costs 16 MB.
"""

import itertools
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass

from homeroom.adapters.compression import StreamFault
from homeroom.events.linebreaks import count_newlines
from homeroom.events.model import Reason, Reject
from homeroom.limits import CHUNK_BYTES, LINE_BYTES_MAX

__all__ = ["Chunk", "cut_lines"]

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of one stream.

    Parameters
    ----------
    data : the lines, each with its newline; only the last line of the stream may lack it
    first_line : number of the first line, from 1
    rejects : lines that were dropped just before this chunk
    fault : set on the last chunk of a stream that broke off; its ``data`` is then the line that was cut (or empty)
    """

    data: bytes
    first_line: int
    rejects: tuple[Reject, ...] = ()
    fault: StreamFault | None = None


def cut_lines(blocks: Iterator[bytes]) -> Iterator[Chunk]:
    """Cut blocks into chunks of whole lines of about ``limits.CHUNK_BYTES``; never raises `StreamFault`.

    A UTF-8 byte order mark at the start is dropped; UTF-16 and UTF-32 end the stream with the fault ``not_utf8``.
    Where lines end with carriage returns alone, as old exports do, these become newlines.
    """
    cutter = _Cutter()
    fault: StreamFault | None = None
    try:
        for block in _text(_gather(blocks)):
            chunk = cutter.feed(block)
            if chunk is not None:
                yield chunk
    except StreamFault as error:
        fault = error
    last = cutter.finish(fault)
    if last is not None:
        yield last


def _gather(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Join small blocks (a decompressor gives 256 kB) until they are worth a chunk."""
    held: list[bytes] = []
    size = 0
    try:
        for block in blocks:
            held.append(block)
            size += len(block)
            if size >= CHUNK_BYTES:
                yield b"".join(held)
                held, size = [], 0
    except StreamFault:
        if held:
            yield b"".join(held)
        raise
    if held:
        yield b"".join(held)


def _text(blocks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(blocks, b"")
    if first[:2] in _UTF16_MARKS or first[:4] == b"\x00\x00\xfe\xff":
        raise StreamFault(Reason.NOT_UTF8, "the file is UTF-16 or UTF-32; save it as UTF-8")
    returns_only = b"\r" in first.rstrip(b"\r") and b"\n" not in first
    for block in itertools.chain([first.removeprefix(BOM_UTF8)], blocks):
        yield block.replace(b"\r", b"\n") if returns_only else block


class _Cutter:
    """The state between two blocks: an unfinished line, held or being dropped."""

    def __init__(self) -> None:
        self._held: list[bytes] = []  # the unfinished line; without a newline
        self._held_bytes = 0  # never over LINE_BYTES_MAX
        self._dropping = False  # true: the unfinished line is too long, nothing of it is held
        self._line = 1  # the number of the unfinished line

    def feed(self, block: bytes) -> Chunk | None:
        end = block.rfind(b"\n") + 1
        if end == 0:
            self._hold(block)
            return None
        rejects: tuple[Reject, ...] = ()
        start, first_end = 0, block.find(b"\n") + 1
        if self._dropping or self._held_bytes + first_end > LINE_BYTES_MAX:
            rejects = (self._drop(),)
            start = first_end
        self._held.append(block[start:end])
        data = b"".join(self._held)
        chunk = Chunk(data, self._line, rejects)
        self._line += count_newlines(data)
        self._held, self._held_bytes = [], 0
        self._hold(block[end:])
        return chunk if data or rejects else None

    def finish(self, fault: StreamFault | None) -> Chunk | None:
        if self._dropping:
            return Chunk(b"", self._line + 1, (self._drop(),), fault)
        if not self._held and fault is None:
            return None
        return Chunk(b"".join(self._held), self._line, (), fault)

    def _hold(self, part: bytes) -> None:
        if self._dropping or not part:
            return
        self._held.append(part)
        self._held_bytes += len(part)
        if self._held_bytes > LINE_BYTES_MAX:
            self._held, self._held_bytes, self._dropping = [], 0, True

    def _drop(self) -> Reject:
        reject = Reject("", self._line, Reason.LINE_TOO_LONG, f"longer than {LINE_BYTES_MAX} bytes")
        self._held, self._held_bytes, self._dropping = [], 0, False
        self._line += 1
        return reject
