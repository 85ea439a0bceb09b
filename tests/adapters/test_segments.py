"""Segments on disk: any columns, any values and any number of row groups come back, here and in other tools."""

import sys

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from homeroom.adapters import mapped_columns, segment_writing, segments
from homeroom.adapters.segment_writing import write_segment
from homeroom.adapters.segments import SUFFIXES, SegmentEntry, StoredSegment
from homeroom.adapters.tensors import read_tensors, write_tensors
from homeroom.errors import DataDirectoryError
from homeroom.events.columns import EVENT_COLUMNS
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import TRACKS
from homeroom.limits import ROW_GROUP_EVENTS
from homeroom.state.history import Segment
from homeroom.state.running import Sequential
from homeroom.state.sealing import build_segment
from tests.state.plain import Fact, batch_of, draw_facts, fresh_state

SIZES: dict[str, int] = {}
AT = 1_710_000_000_000
OPTIONAL = [name for name, (_, absent) in EVENT_COLUMNS.items() if absent is not None]


@pytest.fixture(autouse=True, params=["with mapped columns", "of an earlier version"])
def mapped_sizes(request, monkeypatch):
    """Have each test once with the file of mapped columns, and once without, as before there was one."""
    newest = request.param == "with mapped columns"
    sizes = dict.fromkeys(SUFFIXES if newest else SUFFIXES[:-1], 0)
    monkeypatch.setattr(sys.modules[__name__], "SIZES", sizes)
    return newest


def opened_segment(path, dictionaries):
    """Open a segment as a directory does, with what the directory notes of it."""
    index = read_tensors(path.with_suffix(".index"))
    times = pq.read_table(path, columns=["time"]).column(0).cast("int64").to_numpy()
    entry = SegmentEntry(
        path.name, int(index["offsets"][-1]), int(times.min()), int(times.max()), SIZES
    )
    return StoredSegment(path, dictionaries, entry)


def made(facts: list[Fact]) -> tuple[Segment, Dictionaries]:
    dictionaries = fresh_state().dictionaries
    report = build_segment([batch_of(facts, dictionaries)], [], Sequential())
    assert report.segment is not None
    return report.segment, dictionaries


def texts(segment: Segment, name: str, dictionaries: Dictionaries) -> list[str | None]:
    kind, _, attribute = name.partition(".")
    one = dictionaries.attributes[attribute] if attribute else getattr(dictionaries, kind)
    return [None if code < 0 else one.values[code] for code in segment.columns[name].tolist()]


def assert_same(segment: Segment, dictionaries: Dictionaries, other: Segment, others: Dictionaries):
    assert set(other.columns) == set(segment.columns)
    for name in ("key_hi", "key_lo", "offsets", "sorted_ids", "id_places"):
        assert np.array_equal(getattr(segment, name), getattr(other, name)), name
    assert (segment.min_ms, segment.max_ms) == (other.min_ms, other.max_ms)
    for name, column in segment.columns.items():
        found = other.columns[name]
        assert found.dtype == column.dtype, name
        if name in ("verb", "activity", "course", "section", "answer") or name.startswith(
            "attributes."
        ):
            assert texts(segment, name, dictionaries) == texts(other, name, others), name
        else:
            same = np.array_equal(column, found, equal_nan=column.dtype == np.float64)
            assert same, name


@pytest.mark.parametrize("absent", [None, "all", *OPTIONAL])
def test_every_column_comes_back_and_an_absent_one_stays_absent(tmp_path, absent, rng):
    facts = draw_facts(rng, 90)
    full = {"progress": 0.25, "success": 1, "completion": 0, "score": 0.5, "duration_ms": 7}
    full |= {"standing": 5, "section": "week 3", "answer": "käse", "position_s": 1.5}
    full |= {"position_from_s": 2.5, "length_s": 3.5}
    facts += [Fact(learner=n, time_ms=AT + n, **full) for n in range(5)]
    if absent is not None:
        without = OPTIONAL if absent == "all" else [absent]
        fields = [{n: getattr(f, n) for n in Fact.__slots__ if n not in without} for f in facts]
        facts = [Fact(**one) for one in fields]
    segment, dictionaries = made(facts)
    write_segment(tmp_path / "s.parquet", segment, dictionaries)
    for others in (
        dictionaries,
        fresh_state().dictionaries,
        fresh_state(order="cbaZ").dictionaries,
    ):
        assert_same(segment, dictionaries, opened_segment(tmp_path / "s.parquet", others), others)


def test_unusual_values_come_back(tmp_path):
    odd = "käse – \U0001f9c0 'quote' \"x\"\n\t\x00 \\ " + "x" * 3_000
    facts = [
        Fact(learner=1, time_ms=631_152_000_000, verb=odd, score=-0.0, duration_ms=1 << 62),
        Fact(learner=2, time_ms=4_102_444_799_999, activity=odd, course=odd, score=1e-300),
        Fact(learner=3, time_ms=AT, attributes=(("country", odd),), score=5e12),
    ]
    segment, dictionaries = made(facts)
    write_segment(tmp_path / "s.parquet", segment, dictionaries)
    others = fresh_state().dictionaries
    assert_same(segment, dictionaries, opened_segment(tmp_path / "s.parquet", others), others)


def test_a_column_that_is_not_there_is_no_key(tmp_path):
    segment, dictionaries = made([Fact(learner=1, time_ms=AT)])
    write_segment(tmp_path / "s.parquet", segment, dictionaries)
    columns = opened_segment(tmp_path / "s.parquet", dictionaries).columns
    assert columns.get("score") is None
    assert "learner" not in columns
    with pytest.raises(KeyError):
        columns["attributes.country"]


def test_another_tool_reads_it(tmp_path, rng):
    facts = draw_facts(rng, 300)
    segment, dictionaries = made(facts)
    write_segment(tmp_path / "s.parquet", segment, dictionaries)
    distinct = set(facts)

    def asked(sql: str) -> list[tuple]:
        with duckdb.connect(config={"threads": 1}) as connection:
            return connection.execute(sql.format(f"'{tmp_path}/*.parquet'")).fetchall()

    verbs = {f.verb: sum(g.verb == f.verb for g in distinct) for f in distinct}
    assert dict(asked("select verb, count(*) from {} group by verb")) == verbs
    tracks = {name for (name,) in asked("select distinct track from {}")}
    assert tracks == {TRACKS[f.track] for f in distinct}
    assert asked("select count(distinct learner), min(epoch_ms(time)), count(score) from {}") == [
        (
            len({f.learner for f in distinct}),
            min(f.time_ms for f in distinct),
            len(distinct),  # an absent score is NaN
        )
    ]
    assert asked('select count("attributes.country") from {}')[0][0] == sum(
        "country" in dict(f.attributes) for f in distinct
    )


def test_a_segment_is_never_written_over(tmp_path):
    segment, dictionaries = made([Fact(learner=1, time_ms=AT)])
    write_segment(tmp_path / "s.parquet", segment, dictionaries)
    with pytest.raises(FileExistsError):
        write_segment(tmp_path / "s.parquet", segment, dictionaries)


def test_a_column_that_was_damaged_since_is_refused_when_it_is_asked_for(
    tmp_path, rng, mapped_sizes
):
    if mapped_sizes:
        pytest.skip("of the mapped file see test_mapped_columns")
    segment, dictionaries = made(draw_facts(rng, 500))
    path = tmp_path / "s.parquet"
    write_segment(path, segment, dictionaries)
    whole = bytearray(path.read_bytes())
    chunk = next(
        column
        for i in range(pq.ParquetFile(path).metadata.num_columns)
        if (column := pq.ParquetFile(path).metadata.row_group(0).column(i)).path_in_schema == "time"
    )
    whole[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 0x40
    path.write_bytes(whole)
    opened = opened_segment(path, dictionaries)
    with pytest.raises(DataDirectoryError, match=r"s\.parquet, column time"):
        opened.columns["time_ms"]
    assert len(opened.columns["verb"]) == len(segment)


@pytest.mark.slow
def test_learners_may_lie_across_row_groups(tmp_path, rng):
    count = 2 * ROW_GROUP_EVENTS + 77
    offsets = np.unique(np.append(rng.integers(1, count, 30_000), [0, count])).astype(np.int64)
    subjects = len(offsets) - 1
    dictionaries = fresh_state().dictionaries
    codes = dictionaries.verb.codes([f"verb {i}" for i in range(9)], 9)
    keys = np.sort(rng.integers(0, 1 << 63, subjects, np.uint64))
    columns = {
        "time_ms": AT + rng.integers(0, 1 << 30, count),
        "verb": codes[rng.integers(0, 9, count)],
        "activity": np.full(count, -1, np.int32),
        "course": np.full(count, -1, np.int32),
        "track": rng.integers(0, len(TRACKS), count).astype(np.uint8),
        "identity_hi": rng.integers(0, 1 << 63, count, np.uint64),
        "identity_lo": rng.integers(0, 1 << 63, count, np.uint64),
        "id_hash": np.zeros(count, np.uint64),
    }
    span = int(columns["time_ms"].min()), int(columns["time_ms"].max())
    ids = np.zeros(0, np.uint64), np.zeros(0, np.uint32)
    segment = Segment(keys, keys[::-1].copy(), offsets, columns, *ids, *span)
    path = tmp_path / "s.parquet"
    write_segment(path, segment, dictionaries)
    assert pq.ParquetFile(path).num_row_groups == 3
    others = fresh_state().dictionaries
    assert_same(segment, dictionaries, opened_segment(path, others), others)
    learners = pq.read_table(path, columns=["learner"]).column(0)
    raw = b"".join(learners.to_pylist())
    assert (np.frombuffer(raw, ">u8")[::2] == np.repeat(keys, np.diff(offsets))).all()


def test_a_piece_of_a_column_is_that_stretch_of_it_whatever_groups_it_lies_in(
    tmp_path, rng, monkeypatch
):
    monkeypatch.setattr(segment_writing, "ROW_GROUP_EVENTS", 7)
    monkeypatch.setattr(mapped_columns, "ROW_GROUP_EVENTS", 7)
    monkeypatch.setattr(segments, "_GROUPS_HELD", 2)
    segment, dictionaries = made(draw_facts(rng, 60))
    write_segment(tmp_path / "s.parquet", segment, dictionaries)
    stored = opened_segment(tmp_path / "s.parquet", dictionaries)
    assert stored.columns.piece("nothing", 0, 5) is None
    assert segment.piece("nothing", 0, 5) is None
    for whole_first in (False, True):
        for name, column in segment.columns.items():
            if whole_first:
                assert len(stored.columns[name]) == len(segment)
            for first, end in rng.integers(0, len(segment) + 1, (30, 2)):
                first, end = int(min(first, end)), int(max(first, end))  # noqa: PLW2901
                for one in (stored, segment):
                    piece = one.piece(name, first, end)
                    assert np.array_equal(
                        piece, column[first:end], equal_nan=column.dtype.kind == "f"
                    )


def test_some_places_of_a_column_are_read_from_the_groups_that_hold_them(
    tmp_path, rng, monkeypatch
):
    monkeypatch.setattr(segment_writing, "ROW_GROUP_EVENTS", 7)
    monkeypatch.setattr(mapped_columns, "ROW_GROUP_EVENTS", 7)
    segment, dictionaries = made(draw_facts(rng, 60))
    write_segment(tmp_path / "s.parquet", segment, dictionaries)
    stored = opened_segment(tmp_path / "s.parquet", dictionaries)
    for whole_first in (False, True):
        for name, column in segment.columns.items():
            if whole_first:
                assert len(stored.columns[name]) == len(segment)
            for count in (0, 1, 2, 9):
                places = np.sort(rng.choice(len(segment), count, replace=False))
                for one in (stored, segment):
                    found = one.pick(name, places)
                    same = np.array_equal(
                        found, column[places], equal_nan=column.dtype == np.float64
                    )
                    assert found.dtype == column.dtype
                    assert same, (name, places)


def test_ids_written_by_an_earlier_version_find_their_events_all_the_same(tmp_path, rng):
    segment, dictionaries = made(draw_facts(rng, 60))
    path = tmp_path / "s.parquet"
    write_segment(path, segment, dictionaries)
    path.with_suffix(".ids").unlink()
    write_tensors(path.with_suffix(".ids"), {"sorted_ids": segment.sorted_ids})
    stored = opened_segment(path, dictionaries)
    assert len(stored.sorted_ids) > 10
    assert (stored.columns["id_hash"][stored.id_places] == stored.sorted_ids).all()
