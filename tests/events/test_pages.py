"""Pages of Parquet: what Arrow writes is read alike, and what is damaged is refused and never trusted."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homeroom.events import pages
from homeroom.events.pages import Column, PageError

CODECS = {"NONE": None, "SNAPPY": "snappy", "ZSTD": "zstd", "GZIP": "gzip"}


def never(_low: int, _high: int) -> bool:
    return False


def columns_of(table: pa.Table, **options) -> list[Column]:
    """Write a table and return its column chunks, those of the first row group."""
    file = io.BytesIO()
    options.setdefault("compression", "NONE")
    pq.write_table(table, file, **options)
    metadata, data = pq.read_metadata(file), file.getvalue()
    found = []
    for place in range(metadata.num_columns):
        chunk = metadata.row_group(0).column(place)
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        codec = CODECS[options["compression"]]
        decompress = None if codec is None else pa.Codec(codec).decompress
        optional = metadata.schema.column(place).max_definition_level == 1
        chunk_data = data[start : start + chunk.total_compressed_size]
        found.append(Column(chunk_data, table.num_rows, optional, decompress))
    return found


def texts_of(column: Column) -> list[str]:
    """Read a column of text, absent ones as empty."""
    found = []
    for page in pages.read_texts(column):
        (buffer,) = page.buffers
        data, at = buffer.tobytes(), buffer.ctypes.data
        for start, end in zip(*(one.tolist() for one in page.spans), strict=True):
            found.append("" if start == end else data[start - at : end - at].decode())
    return found


def draw(rng: np.random.Generator, rows: int, absent: float) -> pa.Table:
    holes = rng.random((2, rows)) < absent
    names = np.array([f"account {n:0{n % 40}d}" for n in rng.integers(0, 300, rows)], object)
    return pa.table(
        {
            "text": pa.array(names, pa.string(), mask=holes[0]),
            "word": pa.array(rng.integers(-(2**62), 2**62, rows), pa.int64(), mask=holes[1]),
        }
    )


@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("absent", [0.0, 0.1, 1.0])
def test_columns_are_read_as_they_were_written(rng, compression, version, absent):
    for dictionary, limit in ((False, None), (True, None), (True, 500)):
        table = draw(rng, int(rng.integers(1, 3_000)), absent)
        text, word = columns_of(
            table,
            compression=compression,
            data_page_version=version,
            use_dictionary=dictionary,
            dictionary_pagesize_limit=limit,  # beyond it, a chunk goes on in plain text
            data_page_size=700,
        )
        assert texts_of(text) == table["text"].fill_null("").to_pylist()
        out = np.full(table.num_rows, -7)
        words = pages.read_words(word, out, never)
        present = np.ones(table.num_rows, bool) if words.present is None else words.present
        assert present.tolist() == table["word"].is_valid().to_pylist()
        assert out.tolist() == table["word"].fill_null(0).to_pylist()
        assert not words.bounded


def test_a_column_that_may_not_be_absent_has_no_levels():
    schema = pa.schema([pa.field("text", pa.string(), nullable=False)])
    (text,) = columns_of(pa.table({"text": ["ann", "", "bob"]}, schema), compression="ZSTD")
    assert not text.optional
    assert texts_of(text) == ["ann", "", "bob"]


def test_a_page_whose_bounds_are_enough_is_not_decompressed():
    table = pa.table({"word": pa.array(range(1_000, 2_000), pa.int64())})
    (word,) = columns_of(
        table, compression="ZSTD", use_dictionary=False, data_page_size=800, write_batch_size=100
    )
    asked = []

    def in_one_hundred(low: int, high: int) -> bool:
        asked.append((low, high))
        return low >= 1_500

    out = np.zeros(1_000, np.int64)
    assert pages.read_words(word, out, in_one_hundred).bounded
    exact = sum(high - low + 1 for low, high in asked if low < 1_500)
    assert out[:exact].tolist() == list(range(1_000, 1_000 + exact))
    assert {*out[exact:].tolist()} == {n for span in asked if span[0] >= 1_500 for n in span}
    assert out[-1] == 1_999


def test_bounds_say_nothing_of_a_page_with_absent_values():
    table = pa.table({"word": pa.array([1, None, 3] * 100, pa.int64())})
    (word,) = columns_of(table)
    out = np.zeros(300, np.int64)
    words = pages.read_words(word, out, lambda _low, _high: True)
    assert not words.bounded
    assert words.present is not None
    assert out[words.present].tolist() == [1, 3] * 100


@pytest.mark.parametrize("compression", ["NONE", "ZSTD"])
def test_a_damaged_chunk_is_refused_or_read_within_its_bounds(rng, compression):
    table = draw(rng, 200, 0.1)
    sound = columns_of(table, compression=compression, data_page_size=500)
    refused = 0
    for _ in range(400):
        place = int(rng.integers(2))
        data = bytearray(sound[place].data)
        for at in rng.integers(0, len(data), int(rng.integers(1, 4))):
            data[at] = rng.integers(256)
        cut = len(data) if rng.random() < 0.7 else int(rng.integers(len(data)))
        column = Column(bytes(data[:cut]), 200, True, sound[place].decompress)
        try:
            if place:
                pages.read_words(column, np.zeros(200, np.int64), never)
                continue
            for page in pages.read_texts(column):
                low = min(buffer.ctypes.data for buffer in page.buffers)
                high = max(buffer.ctypes.data + len(buffer) for buffer in page.buffers)
                used = page.spans.ends > page.spans.starts
                assert (page.spans.starts[used] >= low).all()
                assert (page.spans.ends[used] <= high).all()
        except PageError:
            refused += 1
    assert refused > 20


def test_encodings_that_are_not_known_are_refused():
    table = pa.table({"text": ["ann", "bob"], "word": pa.array([1, 2], pa.int64())})
    text, word = columns_of(
        table,
        use_dictionary=False,
        column_encoding={"text": "DELTA_BYTE_ARRAY", "word": "DELTA_BINARY_PACKED"},
    )
    with pytest.raises(PageError, match="text in encoding"):
        texts_of(text)
    with pytest.raises(PageError, match="integers in encoding"):
        pages.read_words(word, np.zeros(2, np.int64), never)
