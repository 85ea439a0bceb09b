"""The search finds a mark under every layer: a table of leaks, each made on purpose."""

import base64
import bz2
import gzip
import io
import json
import lzma
import sqlite3
import unicodedata
import zipfile
import zlib
from contextlib import closing
from urllib.parse import quote

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import zstandard

from homeroom.adapters.backup.repository import make_repository
from homeroom.adapters.backup.sealing import KeyFile
from homeroom.log.payloads import pack
from tests.privacy.marks import Marks
from tests.privacy.searching import Search

ENTRANCE = "an entrance"
FILLER = b"".join(f"nothing of interest {n * 7919 % 1009} ".encode() for n in range(3_000))
"""Long enough for several pages, and of a kind that compresses into another compressed length."""


def zstd(content):
    return zstandard.ZstdCompressor().compress(content)


def arrow(text, **options):
    table = pa.table({"x": pa.array([text, "b"] * 50)})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def parquet(text, **options):
    sink = io.BytesIO()
    pq.write_table(pa.table({"x": [text, "b"] * 50}), sink, write_statistics=False, **options)
    return sink.getvalue()


def tensor(text):
    sink = pa.BufferOutputStream()
    pa.ipc.write_tensor(pa.Tensor.from_numpy(np.frombuffer(text.encode("utf-32-le"), np.uint32)), sink)  # fmt: skip
    return sink.getvalue().to_pybytes()


def feather(text):
    sink = io.BytesIO()
    pa.feather.write_feather(pa.table({"x": [text] * 9}), sink, compression="lz4")
    return sink.getvalue()


def archive(text):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as one:
        one.writestr("a", text)
    return sink.getvalue()


LEAKS = {
    "plain": lambda t: t.encode(),
    "small letters": lambda t: t.lower().encode(),
    "large letters": lambda t: t.upper().encode(),
    "decomposed": lambda t: unicodedata.normalize("NFD", t).encode(),
    "UTF-16": lambda t: t.encode("utf-16-le"),
    "UTF-16, the other way round": lambda t: t.encode("utf-16-be"),
    "UTF-32": lambda t: t.encode("utf-32-le"),
    "hexadecimal": lambda t: t.encode().hex().encode(),
    "hexadecimal in large letters": lambda t: t.encode().hex().upper().encode(),
    "percent-encoded": lambda t: quote(t).encode(),
    "percent-encoded, every byte": lambda t: "".join(f"%{b:02X}" for b in t.encode()).encode(),
    "percent-encoded twice": lambda t: quote(quote(t + "é")).encode(),
    "escaped JSON": lambda t: json.dumps({"a": t}).encode(),
    "escaped JSON, every letter": lambda t: "".join(f"\\u{ord(c):04X}" for c in t).encode(),
    "JSON in JSON": lambda t: json.dumps(json.dumps(json.dumps(t))).encode(),
    "HTML": lambda t: "".join(f"&#{ord(c)};" for c in t).encode(),
    "base64 in the middle, 0": lambda t: base64.b64encode(b"aaa" + t.encode() + b"c"),
    "base64 in the middle, 1": lambda t: base64.b64encode(b"a" + t.encode() + b"c"),
    "base64 in the middle, 2": lambda t: base64.b64encode(b"aa" + t.encode() + b"c"),
    "base64 for URLs": lambda t: base64.urlsafe_b64encode(b"\xff\xfe" + t.encode()),
    "base64 of base64": lambda t: base64.b64encode(base64.b64encode(t.encode())),
    "base64 of gzip": lambda t: base64.b64encode(gzip.compress(t.encode())),
    "hexadecimal of zstd": lambda t: zstd(t.encode() + FILLER[:99]).hex().encode(),
    "gzip": lambda t: gzip.compress(FILLER + t.encode()),
    "zlib": lambda t: zlib.compress(FILLER + t.encode()),
    "bzip2": lambda t: bz2.compress(FILLER + t.encode()),
    "xz": lambda t: lzma.compress(FILLER + t.encode()),
    "zip": archive,
    "zstd": lambda t: zstd(FILLER + t.encode()),
    "zstd within other bytes": lambda t: b"anything" + zstd(FILLER + t.encode()) + b"more",
    "zstd that is cut off": lambda t: zstd(t.encode() + np.random.default_rng(1).bytes(300_000))[:-9],
    "two of gzip": lambda t: gzip.compress(b"a") + gzip.compress(t.encode() * 2),
    "gzip in zstd in gzip": lambda t: gzip.compress(zstd(gzip.compress(t.encode() * 2))),
    "MessagePack": lambda t: msgspec.msgpack.encode([1, {"a": [t]}]),
    "zstd in MessagePack": lambda t: msgspec.msgpack.encode([1, zstd(t.encode() * 9)]),
    "Arrow": arrow,
    "Arrow in MessagePack in an entry's payload": lambda t: pack(msgspec.msgpack.encode([["main", arrow(t, compression="lz4")]])),
    "Arrow, zstd": lambda t: arrow(t, compression="zstd"),
    "Arrow, LZ4": lambda t: arrow(t, compression="lz4"),
    "Arrow file, LZ4": feather,
    "Arrow tensor": tensor,
    "Parquet": lambda t: parquet(t, compression="none", use_dictionary=False),
    "Parquet, Snappy": lambda t: parquet(t, compression="snappy", use_dictionary=False),
    "Parquet, a dictionary under zstd": lambda t: parquet(t, compression="zstd"),
    "Parquet, Brotli": lambda t: parquet(t, compression="brotli"),
}  # fmt: skip


@pytest.fixture(params=["plain", "accented"])
def leaked(request, rng):
    """Give a search, and the text that it must find."""
    marks = Marks(rng)
    for n in range(40):
        marks(f"other {n}")
    draw = marks if request.param == "plain" else marks.accented
    return Search(marks), draw(ENTRANCE)


def names(found):
    return {one.entrance for one in found}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_is_found(leaked, leak):
    search, text = leaked
    assert names(search.content("a place", LEAKS[leak](text))) == {ENTRANCE}


@pytest.mark.parametrize("leak", LEAKS)
def test_nothing_is_found_where_nothing_is(leaked, leak):
    search, _ = leaked
    assert search.content("a place", LEAKS[leak]("somebody whom nobody looks for")) == []


def database(path, value, *, journal):
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {'WAL' if journal else 'DELETE'}")
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("CREATE TABLE one (a)")
    connection.executemany("INSERT INTO one VALUES (?)", [(FILLER[: n * 31],) for n in range(90)])
    connection.execute("INSERT INTO one VALUES (?)", (value,))
    connection.commit()
    return connection


VALUES = {
    "text": lambda t: t,
    "a long text": lambda t: FILLER.decode() + t,
    "zstd over several pages": lambda t: zstd(np.random.default_rng(1).bytes(30_000) + t.encode()),
    "gzip in a row": lambda t: gzip.compress(t.encode() * 3),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("where", ["a row", "free pages", "the journal", "a page of the journal"])
def test_a_leak_in_a_database_is_found(leaked, tmp_path, value, where):
    search, text = leaked
    connection = database(tmp_path / "a.db", VALUES[value](text), journal="journal" in where)
    with closing(connection):
        if where in ("free pages", "a page of the journal"):
            connection.execute("DELETE FROM one")
            connection.commit()
            assert connection.execute("SELECT count(*) FROM one").fetchone() == (0,)
        if where in ("the journal", "a page of the journal"):
            assert (tmp_path / "a.db-wal").stat().st_size > 0
        assert ENTRANCE in names(search.folder(tmp_path))


def test_a_leak_in_the_name_of_a_file_is_found(leaked, tmp_path):
    search, text = leaked
    (tmp_path / f"a {text}").write_bytes(b"")
    assert names(search.folder(tmp_path)) == {ENTRANCE}


def test_a_leak_in_a_backup_is_found_under_its_seal(leaked, tmp_path):
    search, text = leaked
    key = tmp_path / "key"
    key.write_text("0f" * 32)
    key.chmod(0o600)
    repository = make_repository(str(tmp_path / "repository"), {}, KeyFile(key))
    repository.keep(zstd(FILLER + text.encode()))
    assert search.folder(tmp_path / "repository") == []
    assert names(search.repository(repository)) == {ENTRANCE}


def test_a_leak_in_an_answer_is_found_in_its_head_and_its_body(leaked):
    search, text = leaked
    assert names(search.answers([("GET /", {"Location": quote(text)}, b"")])) == {ENTRANCE}
    assert names(search.answers([("GET /", {}, gzip.compress(text.encode()))])) == {ENTRANCE}
