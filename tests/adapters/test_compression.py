"""Compressed streams: found by content, read to their end or as far as they go, in bounded memory."""

import bz2
import gzip
import io
import lzma
import tracemalloc

import pytest
import zstandard

from homeroom import limits
from homeroom.adapters.compression import MAGIC_BYTES, Compression, StreamFault, detect, read_blocks
from homeroom.events.model import Reason

TEXT = b"".join(b'{"line": %d, "text": "some words to compress"}\n' % n for n in range(5_000))
COMPRESS = {
    Compression.NONE: bytes,
    Compression.GZIP: gzip.compress,
    Compression.BZIP2: bz2.compress,
    Compression.ZSTD: zstandard.compress,
    Compression.XZ: lzma.compress,
}
compressed = pytest.mark.parametrize("kind", [k for k in Compression if k is not Compression.NONE])


def read(data: bytes) -> tuple[bytes, StreamFault | None]:
    """Return what could be read, and the fault that ended it."""
    parts: list[bytes] = []
    try:
        parts.extend(read_blocks(data[:MAGIC_BYTES], io.BytesIO(data[MAGIC_BYTES:])))
    except StreamFault as fault:
        return b"".join(parts), fault
    return b"".join(parts), None


@pytest.mark.parametrize("kind", list(Compression))
def test_what_was_compressed_comes_back_whatever_its_form(kind):
    data = COMPRESS[kind](TEXT)
    assert detect(data[:MAGIC_BYTES]) is kind
    assert read(data) == (TEXT, None)


@compressed
def test_files_laid_end_to_end_are_one(kind):
    compress = COMPRESS[kind]
    assert read(compress(TEXT) + compress(b"") + compress(b"the end")) == (TEXT + b"the end", None)


@compressed
def test_of_a_truncated_file_all_that_decodes_is_read(kind):
    data = COMPRESS[kind](TEXT)
    text, fault = read(data[: len(data) - len(data) // 4])
    assert fault is not None
    assert fault.reason is Reason.TRUNCATED
    assert TEXT.startswith(text)
    if kind not in (Compression.BZIP2, Compression.ZSTD):  # these read by the block, all or nothing
        assert len(text) > len(TEXT) // 4


@compressed
def test_one_missing_byte_at_the_end_is_a_truncated_file(kind):
    text, fault = read(COMPRESS[kind](TEXT)[:-1])
    assert fault is not None
    assert fault.reason is Reason.TRUNCATED
    assert TEXT.startswith(text)
    assert len(text) > len(TEXT) // 2 or kind in (
        Compression.BZIP2,
        Compression.ZSTD,
    )  # these read by the block


@compressed
def test_damage_in_the_middle_is_said(kind):
    data = bytearray(COMPRESS[kind](TEXT))
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    _, fault = read(bytes(data))
    assert fault is not None
    assert fault.reason in (Reason.UNREADABLE, Reason.TRUNCATED)


def test_zeros_after_the_end_are_padding_and_other_bytes_are_damage():
    assert read(gzip.compress(TEXT) + bytes(1_000)) == (TEXT, None)
    text, fault = read(gzip.compress(TEXT) + b"something that was appended")
    assert text == TEXT
    assert fault is not None
    assert fault.reason is Reason.UNREADABLE


@compressed
def test_a_bomb_is_refused_in_bounded_memory(kind, monkeypatch):
    monkeypatch.setattr("homeroom.adapters.compression.DECOMPRESSED_BYTES_FREE", 1 << 20)
    data = COMPRESS[kind](bytes(16 << 20))
    sizes: list[int] = []
    tracemalloc.start()
    with pytest.raises(StreamFault) as raised:
        sizes.extend(map(len, read_blocks(data[:MAGIC_BYTES], io.BytesIO(data[MAGIC_BYTES:]))))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert raised.value.reason is Reason.DECOMPRESSION_BOMB
    assert sum(sizes) <= (1 << 20) + (4 << 20) + limits.DECOMPRESSION_RATIO_MAX * len(data)
    assert peak_bytes < 12 << 20


def test_a_text_that_begins_like_a_compressed_one_is_text():
    assert detect(b"BZhang,2024") is Compression.NONE
    assert read(b"BZhang,2024-01-01T00:00:00Z\n") == (b"BZhang,2024-01-01T00:00:00Z\n", None)


def test_a_window_too_large_to_hold_is_refused():
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    writer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = writer.compress(TEXT) + writer.flush()
    _, fault = read(data)
    assert fault is not None
    assert fault.reason is Reason.UNREADABLE


class _Failing(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_disk_that_fails_is_a_fault_of_the_stream():
    with pytest.raises(StreamFault, match="Input/output error"):
        list(read_blocks(b"some text\n", _Failing()))
