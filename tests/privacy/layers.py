"""What lies within bytes: every layer under which a text may hide, taken off one after the other.

Nothing here knows what homeroom writes. It knows formats: a compressed stream anywhere within other bytes, a database
with its journal and its free pages, columns, messages, text within text. What cannot be taken off is no layer.
"""

import base64
import binascii
import bz2
import io
import lzma
import re
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import zstandard

from tests.privacy.pages import SQLITE, cells

__all__ = ["layers"]

DEPTH_MAX = 8
SIZE_BYTES_MAX = 256 << 20
_STREAMS = {
    "zstd": b"\x28\xb5\x2f\xfd",
    "gzip": b"\x1f\x8b\x08",
    "xz": b"\xfd7zXZ\x00",
    "bzip2": b"BZh",
}
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){16,}")
_ESCAPE = re.compile(rb"\\+u([0-9a-fA-F]{4})")


def layers(content: bytes, journal: bytes = b"") -> Iterator[tuple[tuple[str, ...], bytes]]:
    """Give bytes and everything within them, each content once, with the names of the layers above.

    ``journal`` is the write-ahead log of a database.
    """
    waiting: list[tuple[tuple[str, ...], bytes]] = [((), content)]
    seen = {content}
    while waiting:
        path, layer = waiting.pop()
        yield path, layer
        if len(path) == DEPTH_MAX or not layer:
            continue
        for name, inner in _within(layer, b"" if path else journal):
            if inner and inner not in seen:
                seen.add(inner)
                waiting.append(((*path, name), inner))


def _within(content: bytes, journal: bytes) -> Iterator[tuple[str, bytes]]:
    yield from _streams(content)
    if content.startswith(SQLITE):
        yield from _rows(content, journal)
        yield from (("page", cell) for cell in cells(content, journal))
    if content.startswith(b"PAR1"):
        yield from _table("parquet", lambda: pq.read_table(io.BytesIO(content)))
    if content.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        yield from _table("arrow", lambda: _arrow(content))
    if content.startswith(b"PK\x03\x04"):
        yield from _zip(content)
    yield from _message(content)
    yield from _texts(content)


def _streams(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Give what unpacks from any place on, as far as it does."""
    for name, magic in _STREAMS.items():
        at = content.find(magic)
        while at >= 0:
            yield f"{name}@{at}", _unpacked(name, content[at:])
            at = content.find(magic, at + 1)
    if content[:1] == b"\x78":
        yield "zlib", _unpacked("zlib", content)


def _unpacked(name: str, content: bytes) -> bytes:
    decoder: Any = {
        "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
        "gzip": lambda: zlib.decompressobj(31),
        "zlib": zlib.decompressobj,
        "xz": lzma.LZMADecompressor,
        "bzip2": bz2.BZ2Decompressor,
    }[name]()
    found = bytearray()
    faults = (zstandard.ZstdError, zlib.error, lzma.LZMAError, OSError, EOFError, MemoryError)
    with suppress(*faults):
        for start in range(0, len(content), 1 << 12):
            found += decoder.decompress(content[start : start + (1 << 12)])
            if len(found) > SIZE_BYTES_MAX or getattr(decoder, "eof", False):
                break
    return bytes(found)


def _rows(content: bytes, journal: bytes) -> Iterator[tuple[str, bytes]]:
    """Give every value of every table, as SQLite reads them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy.db"
        path.write_bytes(content)
        if journal:
            path.with_name("copy.db-wal").write_bytes(journal)
        with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
            connection.text_factory = bytes
            names = [row[0].decode() for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]  # fmt: skip
            for name in names:
                with suppress(sqlite3.Error):
                    for row in connection.execute(f'SELECT * FROM "{name}"'):  # noqa: S608 - names of its own
                        yield from ((name, value) for value in row if isinstance(value, bytes))


def _arrow(content: bytes) -> pa.Table:
    if content.startswith(b"ARROW1"):
        return pa.ipc.open_file(pa.py_buffer(content)).read_all()
    return pa.ipc.open_stream(pa.py_buffer(content)).read_all()


def _table(name: str, read: Any) -> Iterator[tuple[str, bytes]]:
    try:
        table = read()
    except (pa.ArrowException, OSError, ValueError):
        return
    yield f"{name} schema", str(table.schema.metadata).encode() + str(table.schema).encode()
    for column in table.column_names:
        values = table.column(column)
        if pa.types.is_dictionary(values.type):
            values = pa.chunked_array(chunk.dictionary for chunk in values.chunks)
        if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
            values = values.combine_chunks()
            buffers = [one for one in values.buffers() if one is not None]
            yield from ((f"{name} {column}", bytes(memoryview(one))) for one in buffers)
            continue
        joined = bytearray()
        for value in values.to_pylist():
            joined += value if isinstance(value, bytes) else str(value).encode(errors="replace")
            joined += b"\n"
            if isinstance(value, bytes):
                yield f"{name} {column}", value
        yield f"{name} {column}", bytes(joined)


def _zip(content: bytes) -> Iterator[tuple[str, bytes]]:
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(content)) as archive:
        yield from ((name, archive.read(name)) for name in archive.namelist())


def _message(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Give the byte strings of a message in MessagePack, of which compressed ones begin anywhere."""
    if not (
        content[0] & 0xF0 in (0x80, 0x90)
        or content[0] in range(0xC4, 0xC7)
        or content[0] in range(0xDC, 0xE0)
    ):
        return  # fmt: skip
    try:
        waiting: list[Any] = [msgspec.msgpack.decode(content)]
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    while waiting:
        one = waiting.pop()
        if isinstance(one, bytes):
            yield "msgpack", one
        elif isinstance(one, list | tuple):
            waiting += one
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]


def _texts(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Give text without its escapes, and what is written in it in letters."""
    if b"%" in content:
        yield "percent", unquote_to_bytes(content)
    if b"\\u" in content:
        yield "escapes", _ESCAPE.sub(_letter, content)
    if b"&#" in content or b"&amp;" in content:
        yield "html", unescape(content.decode(errors="replace")).encode(errors="replace")
    for found in _BASE64.findall(content):
        with suppress(binascii.Error, ValueError):
            plain = found.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
            yield "base64", base64.b64decode(plain[: len(plain) // 4 * 4] + _rest(plain))
    for found in _HEX.findall(content):
        yield "hex", bytes.fromhex(found.decode())


def _rest(plain: bytes) -> bytes:
    rest = plain[len(plain) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def _letter(found: re.Match[bytes]) -> bytes:
    return chr(int(found[1], 16)).encode("utf-8", "surrogatepass")
