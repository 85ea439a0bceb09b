"""Segments merged on their way to the disk are the segment that would have been sorted from all events at once."""

import numpy as np
import pytest

from homeroom.adapters import mapped_columns, segment_writing
from homeroom.adapters.mapped_columns import MappedColumns
from homeroom.adapters.segment_writing import write_merged, write_segment
from homeroom.adapters.segments import StoredSegment
from homeroom.state import batches
from homeroom.state.batches import chosen_events, joined_batches, segment_events
from homeroom.state.running import Sequential
from homeroom.state.sealing import build_segment, sorted_segment
from tests.adapters.test_segments import assert_same
from tests.state.plain import Fact, batch_of, draw_facts, fresh_state

AT = 1_710_000_000_000


def several(rng, counts):
    """Return segments of the same learners, each without what those before it hold."""
    dictionaries = fresh_state().dictionaries
    segments = []
    for count in counts:
        batch = batch_of(draw_facts(rng, count), dictionaries)
        segment = build_segment([batch], segments, Sequential()).segment
        assert segment is not None
        segments.append(segment)
    return segments, dictionaries


def stored(path, segment, dictionaries):
    return StoredSegment(path, dictionaries, write_segment(path, segment, dictionaries))


@pytest.fixture(params=[(7, 5), (64, 1000)], ids=["small groups", "one group"])
def _sizes(request, monkeypatch):
    group, strip = request.param
    monkeypatch.setattr(segment_writing, "ROW_GROUP_EVENTS", group)
    monkeypatch.setattr(mapped_columns, "ROW_GROUP_EVENTS", group)
    monkeypatch.setattr(segment_writing, "MERGED_STRIP_EVENTS", strip)


@pytest.mark.usefixtures("_sizes")
@pytest.mark.parametrize("in_files", [False, True])
def test_merged_segments_are_the_segment_of_all_events(tmp_path, rng, in_files):
    segments, dictionaries = several(rng, (60, 1, 90, 30))
    expected = sorted_segment(joined_batches(list(map(segment_events, segments))), Sequential())
    assert expected is not None
    if in_files:
        segments = [
            stored(tmp_path / f"{i}.parquet", one, dictionaries) for i, one in enumerate(segments)
        ]
    path = tmp_path / "merged.parquet"
    entry = write_merged(path, segments, dictionaries)
    assert entry is not None
    for others in (dictionaries, fresh_state().dictionaries):
        found = StoredSegment(path, others, entry)
        assert len(found) == len(expected)
        ids_of_places = expected.columns["id_hash"][found.id_places]
        assert (ids_of_places == found.sorted_ids).all(), "places of equal ids may be in any order"
        found.__dict__["id_places"] = expected.id_places
        assert_same(expected, dictionaries, found, others)
        found.check_whole()
    assert sorted(p.name for p in tmp_path.glob("merged*")) == [
        f"merged.{kind}" for kind in ("columns", "ids", "index", "parquet")
    ]


@pytest.mark.usefixtures("_sizes")
def test_only_what_is_kept_is_written(tmp_path, rng):
    segments, dictionaries = several(rng, (60, 40))
    kept = [rng.random(len(one)) < 0.4 for one in segments]
    kept[0][: int(segments[0].offsets[2])] = False  # two learners have nothing left there
    pairs = zip(segments, kept, strict=True)
    left = [chosen_events(segment_events(one), flags) for one, flags in pairs]
    expected = sorted_segment(joined_batches(left), Sequential())
    assert expected is not None
    entry = write_merged(tmp_path / "m.parquet", segments, dictionaries, kept)
    assert entry is not None
    found = StoredSegment(tmp_path / "m.parquet", dictionaries, entry)
    found.__dict__["id_places"] = expected.id_places
    assert_same(expected, dictionaries, found, dictionaries)


def test_one_segment_can_be_written_anew_without_some_events(tmp_path, rng):
    (segment,), dictionaries = several(rng, (80,))
    kept = [np.arange(len(segment)) % 3 > 0]
    entry = write_merged(tmp_path / "m.parquet", [segment], dictionaries, kept)
    assert entry is not None
    assert entry.events == int(kept[0].sum())
    assert (
        write_merged(tmp_path / "n.parquet", [segment], dictionaries, [~(kept[0] | True)]) is None
    )
    assert not list(tmp_path.glob("n.*"))


def test_many_events_of_one_learner_stay_together(tmp_path, monkeypatch):
    monkeypatch.setattr(segment_writing, "MERGED_STRIP_EVENTS", 3)
    dictionaries = fresh_state().dictionaries
    facts = [Fact(learner=n % 2, time_ms=AT + n) for n in range(40)]
    parts = [batch_of(facts[first::2], dictionaries) for first in (0, 1)]
    segments = [sorted_segment(part, Sequential()) for part in parts]
    entry = write_merged(tmp_path / "m.parquet", segments, dictionaries)
    assert entry is not None
    found = StoredSegment(tmp_path / "m.parquet", dictionaries, entry)
    assert np.diff(found.offsets).tolist() == [20, 20]
    assert (found.min_ms, found.max_ms) == (AT, AT + 39)


def test_numbers_beyond_a_list_are_written_as_they_are(tmp_path, rng, monkeypatch):
    segments, dictionaries = several(rng, (60, 50))
    for module in (segment_writing, mapped_columns):
        monkeypatch.setattr(module, "MAPPED_VALUES_MAX", 3)
    entry = write_merged(tmp_path / "m.parquet", segments, dictionaries)
    assert entry is not None
    mapped = MappedColumns(tmp_path / "m.columns", dictionaries, entry.events)
    assert mapped.coded("score", 0, 1) is None
    assert mapped.coded("verb", 0, 1) is not None
    expected = sorted_segment(joined_batches(list(map(segment_events, segments))), Sequential())
    assert expected is not None
    scores = mapped.piece("score", 0, entry.events)
    assert np.array_equal(scores, expected.columns["score"], equal_nan=True)


def test_pieces_of_a_segment_are_its_events_whatever_their_size(tmp_path, rng, monkeypatch):
    (segment,), dictionaries = several(rng, (90,))
    one = stored(tmp_path / "s.parquet", segment, dictionaries)
    for size in (1, 7, len(segment), len(segment) + 1):
        monkeypatch.setattr(batches, "PIECE_EVENTS", size)
        pieces = list(batches.event_pieces(one))
        assert [first for first, _ in pieces] == list(range(0, len(segment), size))
        joined = sorted_segment(joined_batches([events for _, events in pieces]), Sequential())
        assert joined is not None
        assert_same(segment, dictionaries, joined, dictionaries)
