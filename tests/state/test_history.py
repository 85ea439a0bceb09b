"""History holds every event once, in order, however it came; repeats and conflicts are counted exactly."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.adapters.threads import ThreadRun
from homeroom.events.columns import EVENT_COLUMNS
from homeroom.state import sealing
from homeroom.state.compacting import to_compact
from homeroom.state.history import Segment
from homeroom.state.past import History
from homeroom.state.running import Sequential
from homeroom.state.sealing import build_segment
from tests.state.plain import Fact, batch_of, draw_facts, fresh_state, history_of, key_of

AT = 1_710_000_000_000


def built(portions, *, run=None):
    """Make a segment of each portion, each checked against those before it; return them and what was counted."""
    dictionaries = fresh_state().dictionaries
    segments: list[Segment] = []
    counts = []
    for batches in portions:
        made = [batch_of(facts, dictionaries) for facts in batches]
        report = build_segment(made, segments, run or Sequential())
        counts.append((report.duplicates, report.conflicts))
        if report.segment is not None:
            segments.append(report.segment)
    return segments, counts


def check_order(segment: Segment) -> None:
    keys = list(zip(segment.key_hi.tolist(), segment.key_lo.tolist(), strict=True))
    assert keys == sorted(set(keys)), "learners in order, each once"
    assert (np.diff(segment.offsets) > 0).all(), "a learner of a segment has an event in it"
    assert segment.offsets[0] == 0
    columns = [segment.columns[n].tolist() for n in ("time_ms", "identity_hi", "identity_lo")]
    events = list(zip(*columns, strict=True))
    assert len(events) == len(segment)
    for a, b in pairwise(segment.offsets):
        assert events[a:b] == sorted(set(events[a:b])), "by time and identity, each once"
    times = segment.columns["time_ms"]
    assert (segment.min_ms, segment.max_ms) == (times.min(), times.max())
    ids = segment.columns["id_hash"]
    assert segment.sorted_ids.tolist() == sorted(i for i in ids.tolist() if i)


@pytest.mark.parametrize(
    "way", ["walks beside segments", "walks in short strips", "looks into them"]
)
@given(seed=st.integers(0, 1 << 30), threads=st.sampled_from(("one thread", "two threads")))
@settings(max_examples=40)
def test_segments_are_in_order_and_count_repeats_and_conflicts(way, seed, threads):
    with pytest.MonkeyPatch.context() as patch:
        if way == "looks into them":
            patch.setattr(sealing, "_FEW", 0)
        if way == "walks in short strips":
            patch.setattr(sealing, "MERGED_STRIP_EVENTS", 4)
        assert_repeats_and_conflicts_are_counted(seed, threads)


def assert_repeats_and_conflicts_are_counted(seed, threads):
    rng = np.random.default_rng(seed)
    facts = draw_facts(rng, int(rng.integers(1, 80)), learners=int(rng.integers(1, 20)), days=3)
    picks = rng.integers(0, len(facts), 2 * len(facts))
    given_facts = [facts[int(i)] for i in picks]
    cuts = [0, *sorted(int(c) for c in rng.integers(0, len(picks) + 1, 5)), len(picks)]
    parts = [given_facts[a:b] for a, b in pairwise(cuts)]
    portions = [parts[:2], parts[2:3], parts[3:]]
    run = ThreadRun(2) if threads == "two threads" else Sequential()
    segments, counts = built(portions, run=run)
    for segment in segments:
        check_order(segment)
    seen: set[Fact] = set()
    for batches, (duplicates, conflicts) in zip(portions, counts, strict=True):
        new: list[Fact] = []
        repeats = 0
        for fact in (f for batch in batches for f in batch):
            repeats += fact in seen or fact in new
            new += [fact] * (fact not in seen and fact not in new)
        ids = [f.id for f in new if f.id is not None]
        before = {f.id for f in seen}
        assert duplicates == repeats
        assert conflicts == sum(i in before or i in ids[:n] for n, i in enumerate(ids))
        seen |= set(new)
    assert sum(map(len, segments)) == len(seen)


def test_nothing_new_makes_no_segment():
    facts = [Fact(learner=1, time_ms=AT, id="x")]
    segments, counts = built([[[]], [facts], [facts, facts], []])
    assert len(segments) == 1
    assert counts == [(0, 0), (0, 0), (2, 0), (0, 0)]


def test_the_same_id_with_other_content_counts_in_every_way_it_can_come():
    one, other, third = (Fact(learner=n, time_ms=AT + n, id="x") for n in (1, 2, 3))
    assert built([[[one, other]]])[1] == [(0, 1)]
    assert built([[[one], [other]]])[1] == [(0, 1)]
    assert built([[[one]], [[other]]])[1] == [(0, 0), (0, 1)]
    assert built([[[one]], [[one, other]], [[other, third]]])[1] == [(0, 0), (1, 1), (1, 1)]
    without = [Fact(learner=n, time_ms=AT) for n in range(5)]
    assert built([[without], [without[:2]]])[1] == [(0, 0), (2, 0)]


def test_events_at_one_instant_of_neighbouring_learners_are_told_apart():
    """Keys that share a half, and content that differs only in what is not a column of its own."""
    assert key_of(0)[0] == key_of(1)[0]
    assert key_of(4)[1] == key_of(5)[1]
    facts = [Fact(learner=n, time_ms=AT) for n in range(20)]
    facts += [Fact(learner=n, time_ms=AT, attributes=(("country", "DE"),)) for n in range(20)]
    (segment,), counts = built([[facts, facts[::-1]]])
    assert counts == [(40, 0)]
    assert len(segment) == 40
    assert len(segment.key_hi) == 20
    check_order(segment)


def test_a_column_that_no_event_has_stays_away():
    (segment,), _ = built([[[Fact(learner=1, time_ms=AT)]]])
    always = {name for name, (_, absent) in EVENT_COLUMNS.items() if absent is None}
    assert set(segment.columns) == always
    (rich,), _ = built([[[Fact(learner=1, time_ms=AT)], [Fact(learner=2, time_ms=AT, score=0.5)]]])
    assert set(rich.columns) == always | {"score"}
    by_learner = dict(zip(rich.key_hi.tolist(), rich.columns["score"].tolist(), strict=True))
    assert by_learner[key_of(2)[0]] == 0.5
    assert np.isnan(by_learner[key_of(1)[0]])


@pytest.mark.parametrize("apart_ms", [0, 1, -1])
def test_only_an_equal_time_makes_a_repeat_across_segments(apart_ms):
    first = [Fact(learner=1, time_ms=AT)]
    second = [Fact(learner=1, time_ms=AT + apart_ms)]
    assert built([[first], [second]])[1][1] == (int(apart_ms == 0), 0)


def test_many_small_seals_leave_few_segments_that_hold_the_same(rng):
    facts = draw_facts(rng, 640, learners=40, days=30)
    often, once = fresh_state(), fresh_state()
    for start in range(0, len(facts), 10):
        often.fold(batch_of(facts[start : start + 10], often.dictionaries))
        often.seal()
        check_order(often.history.stored[-1])
    once.fold(batch_of(facts, once.dictionaries))
    once.seal()
    assert len(often.history.stored) <= 8, "each segment is twice as large as the next"
    assert sorted(history_of(often)) == sorted(history_of(once))
    assert often.counts == once.counts
    assert often.history.span_ms == once.history.span_ms


class OfSize(Segment):
    """A segment in a file of which only the size matters."""

    def __init__(self, events: int) -> None:
        self.__dict__["events"] = events

    def __len__(self) -> int:
        return self.events


@pytest.mark.parametrize(
    ("sizes", "new", "expected"),
    [
        ([8, 8, 8, 8], 4, []),
        ([8, 8, 8, 8, 3], 5, [3, 8, 8, 8, 8]),
        ([8, 8, 8, 8, 3], 1, [8, 8, 8, 8]),
        ([100, 8, 8, 8, 8], 4, [8, 8, 8, 8]),
        ([60, 8, 8, 8, 8], 4, [8, 8, 8, 8, 60]),
        ([1000, 300, 80, 20, 5], 1, []),
        ([1000, 300, 80, 20, 5, 3], 1, [3, 5]),
        ([1000, 300, 80, 9, 5, 3], 1, [3, 5, 9]),
    ],
)
def test_segments_that_are_small_beside_others_become_one(sizes, new, expected):
    history = History(Sequential())
    history.stored = [OfSize(size) for size in sizes]
    assert sorted(map(len, to_compact(history.stored, new))) == expected


def test_many_snapshots_leave_few_segments_and_write_each_event_some_times_only():
    history = History(Sequential())
    written = 0
    for _ in range(20_000):
        history.stored.append(OfSize(1))
        many = to_compact(history.stored, 1)
        if many:
            total = sum(map(len, many))
            written += total
            gone = {id(one) for one in many}
            history.stored = [one for one in history.stored if id(one) not in gone]
            history.stored.append(OfSize(total))
    assert len(history.stored) <= 14
    assert written / 20_000 < 14
