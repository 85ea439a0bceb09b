"""Compressed files, read as blocks of bytes, in bounded memory and whatever their name says.

The problem: the standard readers (``gzip.open`` and its kin) raise in the middle of a read and take with them what
they had already decoded, so a download that broke off one byte early loses its last chunk, or the whole file; and
they follow a bomb to its end. The intuition: every decompressor has a form that is fed by hand and says how much
it may give back. Fed by hand, what was decoded before a fault is already yielded when the fault shows, and the
sizes on both sides are known at every step, which is all that a bomb check needs.

The way not taken: a decompressing thread per file. igzip gives 2 GB/s of log text, ten times what the decoders
behind it take, so a thread would win little and make every error path a hand-over.
"""

import bz2
import lzma
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Protocol

from homeroom.errors import InputError
from homeroom.events.model import Reason
from homeroom.limits import (
    CHUNK_BYTES,
    DECOMPRESSED_BYTES_FREE,
    DECOMPRESSION_RATIO_MAX,
    DECOMPRESSOR_WINDOW_BYTES_MAX,
)

__all__ = ["MAGIC_BYTES", "ByteReader", "Compression", "StreamFault", "detect", "read_blocks"]

MAGIC_BYTES = 10
"""Bytes at the head of a stream that `detect` looks at."""

FEED_BYTES = 1 << 17
ZSTD_FEED_BYTES = (1 << 6, 1 << 11)
"""zstandard has no bound on what one call gives back; its ratio stays under 33,000. So little is fed at first, more
while it gives little back: one call gives 2 MB where a file begins as a bomb, and 64 MB where it turns into one."""
OUTPUT_BYTES = 1 << 18


class StreamFault(InputError):  # noqa: N818 - a fault of the world, see Reason
    """A stream cannot be read further; what came before the fault is good.

    It never reaches a caller of ``read_inputs``, which turns it into one `Reject` of the file.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Compression(StrEnum):
    """How a stream is compressed, as its first bytes say."""

    NONE = "none"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    ZSTD = "zstd"
    XZ = "xz"


class ByteReader(Protocol):
    """Anything that bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""
        ...


class _Decompressor(Protocol):
    """What bz2, lzma and igzip have in common; zstandard is fitted to it below."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _ZstdFrame:
    """One zstd frame with the interface of the others; input is fed in small pieces, which bounds the output."""

    def __init__(self) -> None:
        import zstandard

        reader = zstandard.ZstdDecompressor(max_window_size=DECOMPRESSOR_WINDOW_BYTES_MAX)
        self._frame = reader.decompressobj(write_size=OUTPUT_BYTES)
        self._waiting = b""
        self._feed_bytes = ZSTD_FEED_BYTES[0]

    @property
    def eof(self) -> bool:
        return bool(self._frame.eof)

    @property
    def needs_input(self) -> bool:
        return not self._waiting

    @property
    def unused_data(self) -> bytes:
        return bytes(self._frame.unused_data) + self._waiting

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Decode pieces of the input until ``max_length`` is reached (the last piece may go beyond it)."""
        self._waiting += data
        pieces: list[bytes] = []
        size, at = 0, 0
        least, most = ZSTD_FEED_BYTES
        while at < len(self._waiting) and size < max_length and not self._frame.eof:
            piece = self._frame.decompress(self._waiting[at : at + self._feed_bytes])
            at += self._feed_bytes
            pieces.append(piece)
            size += len(piece)
            self._feed_bytes = (
                least if len(piece) > OUTPUT_BYTES else min(most, 2 * self._feed_bytes)
            )
        self._waiting = self._waiting[at:]
        return b"".join(pieces)


def _gzip() -> _Decompressor:
    from isal import igzip_lib

    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def _xz() -> _Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=2 * DECOMPRESSOR_WINDOW_BYTES_MAX)


_OPENERS: dict[Compression, Callable[[], _Decompressor]] = {
    Compression.GZIP: _gzip,
    Compression.BZIP2: bz2.BZ2Decompressor,
    Compression.ZSTD: _ZstdFrame,
    Compression.XZ: _xz,
}


def detect(head: bytes) -> Compression:
    """Say how a stream is compressed from its first `MAGIC_BYTES` bytes.

    Sources: RFC 1952 (gzip), RFC 8878 (zstd, with skippable frames), the xz file format 1.2.1, and bzip2's block
    and end marks (a text may begin with ``BZh``, so these are looked at too).
    """
    if head[:3] == b"\x1f\x8b\x08":
        return Compression.GZIP
    if head[:3] == b"BZh" and head[4:10] in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"):
        return Compression.BZIP2
    if head[:4] == b"\x28\xb5\x2f\xfd" or (head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] < 0x60):
        return Compression.ZSTD
    if head[:6] == b"\xfd7zXZ\x00":
        return Compression.XZ
    return Compression.NONE


def read_blocks(head: bytes, rest: ByteReader, members_max: int | None = None) -> Iterator[bytes]:
    """Yield the content of a stream in blocks of at most about 2 MB, decompressed if it is compressed.

    Parameters
    ----------
    head : what was already taken from the stream, at least `MAGIC_BYTES` unless it is shorter
    rest : where the rest comes from
    members_max : compressed streams that may be laid end to end, None for any number

    Raises
    ------
    StreamFault
        After all that could be decoded was yielded: ``truncated``, ``unreadable`` or ``decompression_bomb``.
    """
    compression = detect(head)
    if compression is Compression.NONE:
        yield from _plain(head, rest)
    else:
        yield from _decompressed(compression, head, rest, members_max)


def _read(rest: ByteReader, size: int) -> bytes:
    try:
        return rest.read(size) or b""
    except OSError as error:
        raise StreamFault(Reason.UNREADABLE, f"reading failed: {error.strerror}") from error


def _plain(head: bytes, rest: ByteReader) -> Iterator[bytes]:
    if head:
        yield head
    while block := _read(rest, CHUNK_BYTES):
        yield block


def _decompressed(
    compression: Compression, head: bytes, rest: ByteReader, members_max: int | None
) -> Iterator[bytes]:
    member = _OPENERS[compression]()
    data, size_in, size_out, members = head, len(head), 0, 1
    while True:
        if member.needs_input and not data and not member.eof:
            data = _read(rest, FEED_BYTES)
            size_in += len(data)
            if not data:
                raise StreamFault(
                    Reason.TRUNCATED, f"the {compression} stream ends before its end mark"
                )
        block = _step(compression, member, data)
        data = b""
        if block:
            size_out += len(block)
            yield block
            if size_out > max(DECOMPRESSED_BYTES_FREE, size_in * DECOMPRESSION_RATIO_MAX):
                raise StreamFault(
                    Reason.DECOMPRESSION_BOMB,
                    f"grew beyond {DECOMPRESSION_RATIO_MAX} times its size; the rest is refused",
                )
        if member.eof:
            data = member.unused_data
            data, taken = _next_member(compression, data, rest)
            size_in += taken
            if not data:
                return
            members += 1
            _refuse_too_many(compression, members, members_max)
            member = _OPENERS[compression]()


def _refuse_too_many(compression: Compression, members: int, members_max: int | None) -> None:
    if members_max is not None and members > members_max:
        raise StreamFault(
            Reason.DECOMPRESSION_BOMB,
            f"more than {members_max:,} {compression} streams are laid end to end",
        )


def _step(compression: Compression, member: _Decompressor, data: bytes) -> bytes:
    try:
        return member.decompress(data, OUTPUT_BYTES)
    except MemoryError as error:
        raise StreamFault(
            Reason.UNREADABLE, f"the {compression} stream needs too much memory"
        ) from error
    except Exception as error:
        raise StreamFault(Reason.UNREADABLE, f"the {compression} stream is damaged") from error


def _next_member(compression: Compression, data: bytes, rest: ByteReader) -> tuple[bytes, int]:
    """Return the bytes from the next member on (none at the end), and how many were read to see it.

    Compressed files may be laid end to end, and tapes and some uploaders fill up with zeros (RFC 1952, 2.2; the
    gzip manual). What follows and is neither is damage, and is said.
    """
    taken = 0
    while len(data := data.lstrip(b"\0")) < MAGIC_BYTES:
        more = _read(rest, FEED_BYTES)
        if not more:
            break
        taken += len(more)
        data += more
    if data and detect(data) is not compression:
        raise StreamFault(
            Reason.UNREADABLE,
            f"bytes after the end of the {compression} stream that are not {compression}",
        )
    return data, taken
