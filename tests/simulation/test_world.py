"""A world is a pure function of its parameters, day by day, and its learners behave like learners.

The figures of behaviour are compared with wide margins: they are to notice a rhythm that is gone or a decay that
turned into growth, not to pin the figures of the curriculum.
"""

import dataclasses
import datetime as dt
import itertools
from collections import Counter, defaultdict
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from homeroom import limits
from homeroom.errors import WorldError
from homeroom.simulation.curriculum import ACTIVITIES, COUNTRIES, DAY_MS, Kind
from homeroom.simulation.world import LearnerWorld

SMALL = LearnerWorld(learners=600, events=8_000, days=70, courses=5)


@pytest.fixture(scope="module")
def small() -> np.ndarray:
    """Return all events of the small world, without the copies."""
    return np.concatenate([b.events[~b.repeated] for b in SMALL.population().blocks()])


def digest(world: LearnerWorld) -> bytes:
    return b"".join(block.events.tobytes() for block in world.population().blocks())


def test_equal_parameters_make_equal_events():
    assert digest(SMALL) == digest(dataclasses.replace(SMALL))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"learners": 601},
        {"events": 8_001},
        {"days": 71},
        {"start": dt.date(2025, 1, 7)},
        {"courses": 6},
        {"repeats": 0.02},
        {"late": 0.03},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_parameter_changes_the_events(change):
    assert digest(SMALL) != digest(dataclasses.replace(SMALL, **change))


def test_a_day_made_alone_equals_that_day_of_the_whole():
    whole = SMALL.population()
    days = [[b.events.tobytes() for b in whole.day(day)] for day in range(SMALL.days)]
    for day in (0, 33, SMALL.days - 1):
        assert [b.events.tobytes() for b in SMALL.population().day(day)] == days[day]


@pytest.mark.parametrize("size", [1, 50])
def test_blocks_of_another_size_hold_the_same_events(monkeypatch, small, size):
    monkeypatch.setattr(limits, "GENERATED_BLOCK_EVENTS", size)
    blocks = list(SMALL.population().blocks())
    assert len(blocks) > 100
    parts = np.concatenate([b.events[~b.repeated] for b in blocks])
    assert sorted(map(bytes, parts)) == sorted(map(bytes, small))


@pytest.mark.parametrize("events", [1, 7, 300, 2_501, 60_000])
@pytest.mark.parametrize("repeats", [0.0, 0.01, 0.5])
def test_there_are_exactly_as_many_lines_and_copies_as_asked(events, repeats):
    world = dataclasses.replace(SMALL, events=events, repeats=repeats)
    blocks = list(world.population().blocks())
    assert sum(map(len, blocks)) == events
    assert sum(int(b.repeated.sum()) for b in blocks) == round(events * repeats)


def test_a_copy_is_exact_and_comes_after_its_event():
    copies = 0
    for block in dataclasses.replace(SMALL, repeats=0.2).population().blocks():
        seen = set()
        for event, repeated in zip(map(bytes, block.events), block.repeated, strict=True):
            assert (event in seen) == repeated
            seen.add(event)
            copies += repeated
    assert copies == 1_600


def test_every_event_has_an_id_of_its_own(small):
    ids = set(zip(small["id_high"].tolist(), small["id_low"].tolist(), strict=True))
    assert len(ids) == len(small)


def test_all_times_lie_within_the_days_of_the_world(small):
    assert small["time_ms"].min() >= SMALL.start_ms
    assert small["time_ms"].max() < SMALL.start_ms + SMALL.days * DAY_MS


def test_lines_come_about_in_the_order_of_time():
    world = dataclasses.replace(SMALL, late=0.0, repeats=0.0)
    times = np.concatenate([b.events["time_ms"] for b in world.population().blocks()])
    assert (np.maximum.accumulate(times) - times).max() <= 6 * 3_600_000


def test_late_events_lie_whole_days_back_and_never_before_enrolling():
    world = dataclasses.replace(SMALL, late=0.3, late_days=5)
    population = world.population()
    late = 0
    enrolled: dict[tuple[int, int], int] = {}
    for day in range(world.days):
        for block in population.day(day):
            late += int(block.events["late"].sum())
            for event in block.events[~block.repeated]:
                lag = day * DAY_MS + event["arrival_ms"] + world.start_ms - event["time_ms"]
                assert lag in {k * DAY_MS for k in range(6)}
                key = (int(event["learner"]), int(event["activity"]) // ACTIVITIES)
                if event["kind"] == Kind.REGISTERED:
                    enrolled.setdefault(key, int(event["time_ms"]))
                assert event["time_ms"] >= enrolled[key]
    assert 0.1 < late / world.events < 0.3


def test_without_lateness_nothing_is_late():
    world = dataclasses.replace(SMALL, late=0.0)
    assert sum(int(b.events["late"].sum()) for b in world.population().blocks()) == 0


def test_few_come_on_the_weekend_and_at_night_of_their_own_zone(small):
    zones = [ZoneInfo(zone) for _, zone, _ in COUNTRIES]
    local = [
        dt.datetime.fromtimestamp(event["time_ms"] / 1000, zones[event["country"]])
        for event in small
        if event["kind"] != Kind.REGISTERED
    ]
    weekdays = Counter(instant.weekday() for instant in local)
    assert weekdays[5] + weekdays[6] < 0.27 * len(local)
    assert weekdays[5] < weekdays[0]
    night = sum(instant.hour in (1, 2, 3, 4) for instant in local)
    evening = sum(instant.hour in (18, 19, 20, 21) for instant in local)
    assert night < 0.2 * evening


def test_retention_falls_and_has_a_long_tail():
    world = LearnerWorld(learners=4_000, events=60_000, days=84, courses=1, late=0.0)
    weeks: dict[int, set[int]] = defaultdict(set)
    for block in world.population().blocks():
        week = (block.events["time_ms"] - world.start_ms) // (7 * DAY_MS)
        for learner, number in zip(block.events["learner"].tolist(), week.tolist(), strict=True):
            weeks[learner].add(number)
    curve = np.zeros(12)
    first = [active for active in weeks.values() if min(active) == 0]
    for active in first:
        curve[list(active)] += 1 / len(first)
    assert 0.35 < curve[1] < 0.55
    assert (np.diff(curve[:5]) < 0).all()
    assert 0.02 < curve[4] < 0.3


def test_enrolments_come_in_a_wave_and_then_a_long_tail(small):
    registered = small[small["kind"] == Kind.REGISTERED]
    first_course = registered[registered["activity"] == 0]
    day = (first_course["time_ms"] - SMALL.start_ms) // DAY_MS
    assert (day < 14).sum() > 0.4 * len(day)
    assert (day >= 35).sum() > 0.1 * len(day)


def test_some_take_several_courses_some_never_start_and_some_pass(small):
    per_learner = defaultdict(set)
    for event in small:
        per_learner[int(event["learner"])].add(int(event["activity"]) // ACTIVITIES)
    assert 0.15 < np.mean([len(courses) > 1 for courses in per_learner.values()]) < 0.6
    events = Counter(small["learner"].tolist())
    assert sum(n == 1 for n in events.values()) > 0.03 * SMALL.learners
    passed = (small["kind"] == Kind.PASSED).sum() / (small["kind"] == Kind.REGISTERED).sum()
    assert 0.02 < passed < 0.15


def test_a_learner_keeps_its_country(small):
    pairs = set(zip(small["learner"].tolist(), small["country"].tolist(), strict=True))
    assert len(pairs) == len(set(small["learner"].tolist()))


def test_a_video_is_played_before_it_is_paused_or_watched(small):
    after = Counter(
        (one["kind"], other["kind"])
        for one, other in itertools.pairwise(small[np.argsort(small["learner"], kind="stable")])
        if one["learner"] == other["learner"]
    )
    ends = {k: n for k, n in after.items() if k[1] in (Kind.PAUSED, Kind.WATCHED)}
    played_first = sum(n for (before, _), n in ends.items() if before == Kind.PLAYED)
    assert played_first > 0.9 * sum(ends.values())


def test_batches_have_the_columns_of_the_event_model():
    table = pa.Table.from_batches(SMALL.batches())
    assert table.num_rows == SMALL.events
    assert table.column_names == [
        "account", "issuer", "time", "verb", "activity", "course", "id", "score", "success",
        "completion", "progress", "country", "platform",
    ]  # fmt: skip
    assert table.schema.field("time").type == pa.timestamp("ms", tz="UTC")
    table.validate(full=True)
    for name in ("account", "issuer", "time", "verb", "activity", "course", "id", "country"):
        assert table[name].null_count == 0


def test_one_learner_one_day_one_event_is_a_world_too():
    world = LearnerWorld(learners=1, events=1, days=1, courses=1)
    assert sum(map(len, world.population().blocks())) == 1


def test_the_most_events_a_day_still_fit_into_their_visit():
    world = LearnerWorld(learners=2, events=5_000, days=3, courses=1)
    for block in world.population().blocks():
        assert block.events["arrival_ms"].max() < 2 * DAY_MS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, r"seed == -1, must be from 0 to 18,446,744,073,709,551,615"),
        ({"learners": 0}, r"learners == 0, must be from 1 to 100,000,000"),
        ({"events": 0}, r"events == 0, must be from 1"),
        ({"days": 4_000}, r"days == 4,000, must be from 1 to 3,660"),
        ({"courses": 501}, r"courses == 501, must be from 1 to 500"),
        ({"repeats": 0.6}, r"repeats == 0.6, must be from 0 to 0.5"),
        ({"late": float("nan")}, r"late == nan, must be from 0 to 0.5"),
        ({"late_days": 0}, r"late_days == 0, must be from 1 to 30"),
        ({"accounts": "tiny"}, r"accounts == 'tiny', must be short or long"),
        ({"start": dt.date(1980, 1, 1)}, r"start == 1980-01-01, must be from 1990-01-01 to 20"),
        ({"learners": 1, "events": 90_000}, r"more than 1000 a day for each of 1 learners"),
    ],
)
def test_a_parameter_out_of_bounds_is_named_with_its_bounds(change, message):
    with pytest.raises(WorldError, match=message):
        dataclasses.replace(SMALL, **change)
