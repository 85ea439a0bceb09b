"""Columns that lie as memory has them: what was written is what is found, or it is said that it is not."""

import numpy as np
import pytest

from homeroom.adapters import mapped_columns, segment_writing
from homeroom.adapters.mapped_columns import SUFFIX, ColumnsWriter, MappedColumns, values_of
from homeroom.adapters.segment_writing import write_segment
from homeroom.adapters.segments import SegmentEntry, StoredSegment
from homeroom.errors import DataDirectoryError
from tests.adapters.test_segments import made
from tests.state.plain import draw_facts, fresh_state


def written(tmp_path, rng, count=300):
    segment, dictionaries = made(draw_facts(rng, count))
    path = tmp_path / "s.parquet"
    write_segment(path, segment, dictionaries)
    return segment, dictionaries, path.with_suffix(SUFFIX)


def test_places_and_values_are_the_column(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(mapped_columns, "ROW_GROUP_EVENTS", 64)
    monkeypatch.setattr(segment_writing, "ROW_GROUP_EVENTS", 64)
    segment, dictionaries, path = written(tmp_path, rng)
    mapped = MappedColumns(path, dictionaries, len(segment))
    for name in ("verb", "activity", "course", "score"):
        for first, end in ((0, len(segment)), (63, 65), (64, 128), (5, 5)):
            coded = mapped.coded(name, first, end)
            assert coded is not None
            assert coded.places.dtype == np.uint8
            column = segment.columns[name][first:end]
            assert np.array_equal(coded.values[coded.places], column, equal_nan=name == "score")
    assert mapped.coded("time_ms", 0, 5) is None
    assert mapped.coded("id_hash", 0, 5) is None


def test_texts_get_the_codes_of_whoever_opens_the_file(tmp_path, rng):
    segment, dictionaries, path = written(tmp_path, rng)
    others = fresh_state().dictionaries
    others.verb.codes(["http://other/one", "http://other/two"], 2)
    found = MappedColumns(path, others, len(segment)).piece("verb", 0, len(segment))
    texts = [others.verb.values[code] for code in found]
    assert texts == [dictionaries.verb.values[code] for code in segment.columns["verb"]]


def test_bits_of_numbers_are_kept(tmp_path):
    scores = np.array([0.0, -0.0, np.nan, 1.5, -0.0], np.float64)
    dictionaries = fresh_state().dictionaries
    values = values_of("score", scores, dictionaries)
    assert values is not None
    places = mapped_columns.as_coded("score", scores, values, dictionaries)
    with ColumnsWriter(tmp_path / "s.columns", 5, {"score": values}) as writer:
        writer.write("score", 0, places)
        writer.finish()
    found = MappedColumns(tmp_path / "s.columns", dictionaries, 5).piece("score", 0, 5)
    assert np.array_equal(found.view(np.int64), scores.view(np.int64))


@pytest.mark.parametrize("distinct", [256, 257, 65_536, 65_537])
def test_places_are_as_wide_as_the_values_need(tmp_path, rng, distinct):
    durations = rng.permutation(np.arange(distinct, dtype=np.int64))
    dictionaries = fresh_state().dictionaries
    values = values_of("duration_ms", durations, dictionaries)
    stored = durations
    if values is not None:
        stored = mapped_columns.as_coded("duration_ms", durations, values, dictionaries)
    assert stored.dtype == {256: np.uint8, 257: np.uint16, 65_536: np.uint16}.get(
        distinct, np.int64
    )
    with ColumnsWriter(tmp_path / "s.columns", distinct, {"duration_ms": values}) as writer:
        writer.write("duration_ms", 0, stored)
        writer.finish()
    mapped = MappedColumns(tmp_path / "s.columns", dictionaries, distinct)
    assert np.array_equal(mapped.piece("duration_ms", 0, distinct), durations)


def test_a_chunk_that_was_damaged_since_is_refused_when_it_is_asked_for(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(mapped_columns, "ROW_GROUP_EVENTS", 64)
    monkeypatch.setattr(segment_writing, "ROW_GROUP_EVENTS", 64)
    segment, dictionaries, path = written(tmp_path, rng)
    whole = bytearray(path.read_bytes())
    whole[8 * 70] ^= 0x40  # the 70th time
    path.write_bytes(whole)
    mapped = MappedColumns(path, dictionaries, len(segment))
    assert np.array_equal(mapped.piece("time_ms", 0, 64), segment.columns["time_ms"][:64])
    for ask in (
        lambda: mapped.piece("time_ms", 60, 70),
        lambda: mapped.pick("time_ms", np.array([3, 100])),
        lambda: list(mapped.check()),
    ):
        with pytest.raises(DataDirectoryError, match=r"s\.columns is damaged at time_ms"):
            ask()
    assert len(mapped.piece("verb", 0, len(segment))) == len(segment)


def test_any_flipped_bit_is_found_when_all_is_read(tmp_path, rng):
    segment, dictionaries, path = written(tmp_path, rng, 40)
    whole = path.read_bytes()
    padding = set()  # between columns nothing is read
    mapped = MappedColumns(path, dictionaries, len(segment))
    ends = sorted((p.start, p.start + len(segment) * np.dtype(p.dtype).itemsize) for p in
                  mapped._footer.columns.values())  # fmt: skip
    values = min(p.values_start for p in mapped._footer.columns.values() if p.values_bytes >= 0)
    for (_, end), (start, _) in zip(ends, [*ends[1:], (values, 0)], strict=True):
        padding.update(range(end, start))
    for place in rng.choice(len(whole), 400, replace=False).tolist():
        if place in padding:
            continue
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(DataDirectoryError):
            list(MappedColumns(path, dictionaries, len(segment)).check())


@pytest.mark.parametrize("size", [0, 1, 30, -1])
def test_a_file_that_was_cut_off_is_refused(tmp_path, rng, size):
    segment, dictionaries, path = written(tmp_path, rng, 40)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataDirectoryError, match=r"s\.columns"):
        MappedColumns(path, dictionaries, len(segment))


def test_a_file_of_another_segment_is_refused(tmp_path, rng):
    segment, dictionaries, path = written(tmp_path, rng, 40)
    with pytest.raises(DataDirectoryError, match="holds"):
        MappedColumns(path, dictionaries, len(segment) + 1)


def test_a_directory_knows_the_file_and_its_size(tmp_path, rng):
    segment, dictionaries = made(draw_facts(rng, 40))
    entry = write_segment(tmp_path / "s.parquet", segment, dictionaries)
    path = tmp_path / "s.columns"
    entry.check(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataDirectoryError, match=r"s\.columns has"):
        entry.check(tmp_path)


def test_a_file_that_says_otherwise_than_parquet_is_found_when_all_is_read(tmp_path, rng):
    segment, dictionaries, path = written(tmp_path, rng, 40)
    values = dict.fromkeys(("time_ms", "track"))
    path.unlink()
    with ColumnsWriter(path, len(segment), values) as writer:
        writer.write("time_ms", 0, segment.columns["time_ms"] + 1)
        writer.write("track", 0, segment.columns["track"])
        writer.finish()
    entry = SegmentEntry.of(path.with_suffix(".parquet"), len(segment), (0, 1))
    stored = StoredSegment(path.with_suffix(".parquet"), dictionaries, entry)
    with pytest.raises(DataDirectoryError, match="differ at time_ms"):
        stored.check_whole()
