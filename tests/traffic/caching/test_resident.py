"""What a process keeps: bounds, what stays, what goes with a tag, and that nothing else can happen."""

import random

import pytest

from homeroom import limits
from homeroom.traffic.caching.resident import Held, Resident

_LATER = 1_000_000


def _held(value: object = 1, size: int = 0, **others: object) -> Held[object]:
    found: dict[str, object] = {"put_ms": 0, "fresh_until_ms": 10, "stale_until_ms": _LATER}
    return Held(value, size, **(found | others))  # type: ignore[arg-type]


def _filled(keys: int, entries_max: int) -> Resident[str, object]:
    resident: Resident[str, object] = Resident(entries_max, 1 << 30)
    for number in range(keys):
        resident.put(str(number), _held(number))
    return resident


def test_what_was_put_is_found_with_what_the_caller_must_know() -> None:
    resident = _filled(3, 10)
    found = resident.get("1", 5)
    assert found is not None
    assert (found.value, found.fresh_until_ms) == (1, 10)
    assert resident.get("absent", 5) is None
    told = resident.statistics()
    assert (told.hits, told.misses, told.fills, told.entries) == (1, 1, 3, 3)


def test_past_the_stale_bound_nothing_is_found_and_the_room_is_free() -> None:
    resident = _filled(1, 10)
    assert resident.get("0", _LATER - 1) is not None
    assert resident.get("0", _LATER) is None
    assert len(resident) == 0
    assert resident.statistics().expired == 1
    assert resident.statistics().size_bytes == 0


def test_a_walk_over_everything_does_not_flush_what_is_asked_for() -> None:
    resident = _filled(50, 100)
    for _ in range(2):
        for number in range(50):
            assert resident.get(str(number), 0) is not None
    for number in range(10_000):
        resident.put(f"walk {number}", _held())
    assert sum(str(number) in resident for number in range(50)) == 50
    assert len(resident) == 100
    resident.check_invariants()


def test_what_comes_back_soon_after_it_left_stays() -> None:
    resident = _filled(1_000, 100)
    assert "899" not in resident
    gone = str(1_000 - 105)
    assert gone not in resident
    resident.put(gone, _held())
    for number in range(1_000):
        resident.put(f"walk {number}", _held())
    assert gone in resident


def test_a_value_too_large_is_refused_and_the_old_one_goes() -> None:
    resident: Resident[bytes, object] = Resident(1_000, 100_000)
    assert resident.put(b"page", _held(size=500))
    assert not resident.put(b"page", _held(size=20_000))
    assert b"page" not in resident
    assert not resident.put(b"tags", _held(tags=("t",) * (limits.CACHE_TAGS_MAX + 1)))
    assert resident.statistics().refused == 2
    resident.check_invariants()


def test_bytes_are_bounded_as_entries_are() -> None:
    resident: Resident[str, object] = Resident(1_000, 100_000)
    for number in range(500):
        resident.put(str(number), _held(size=number * 10))
        resident.check_invariants()
    assert resident.statistics().size_bytes <= 100_000
    assert len(resident) < 100


def test_a_tag_takes_all_with_it_and_nothing_else() -> None:
    resident: Resident[str, object] = Resident(100, 1 << 20)
    resident.put("a", _held(tags=("course 1", "cohort 1")))
    resident.put("b", _held(tags=("course 1",)))
    resident.put("c", _held(tags=("cohort 1",)))
    resident.put("c", _held(tags=("cohort 2", "cohort 2")))
    assert resident.invalidate("course 1") == 2
    assert resident.invalidate("course 1") == 0
    assert resident.keys() == ["c"]
    resident.check_invariants()
    assert resident.invalidate("cohort 2") == 1
    assert resident.statistics().tags == 0


def test_keys_whose_hash_can_be_prepared_are_not_taken() -> None:
    prime = (1 << 61) - 1
    assert len({hash(number * prime) for number in range(100)}) == 1
    resident: Resident[str, object] = Resident(10, 1 << 20)
    for key in (prime, (prime, 1)):
        with pytest.raises(AssertionError, match="prepared"):
            resident.put(key, _held())  # type: ignore[arg-type]


@pytest.mark.parametrize(("entries", "size"), [(0, 1), (limits.CACHE_ENTRIES_MAX + 1, 1), (1, 0)])
def test_bounds_out_of_range_are_named(entries: int, size: int) -> None:
    with pytest.raises(ValueError, match="_max =="):
        Resident(entries, size)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_every_collection_agrees_with_every_other(seed: int) -> None:
    chance = random.Random(seed)
    entries_max = chance.choice((1, 2, 7, 40))
    resident: Resident[str, object] = Resident(entries_max, chance.choice((5_000, 30_000)))
    mirror: dict[str, int] = {}
    for number in range(600):
        key = f"key {chance.randrange(60)}"
        tags = tuple(f"tag {chance.randrange(5)}" for _ in range(chance.randrange(4)))
        turn = chance.random()
        if turn < 0.5:
            kept = resident.put(key, _held(number, chance.randrange(3_500), tags=tags))
            mirror.pop(key, None)
            if kept:
                mirror[key] = number
        elif turn < 0.85:
            found = resident.get(key, 0)
            assert found is None or found.value == mirror[key]
        elif turn < 0.97:
            resident.remove(key)
            assert key not in resident
        else:
            resident.invalidate(f"tag {chance.randrange(5)}")
        resident.check_invariants()
    held = len(resident)
    assert resident.clear() == held
    assert len(resident) == 0
    resident.check_invariants()


def test_ten_thousand_entries_leave_with_one_tag_and_a_tag_of_each_leaves_no_trace() -> None:
    resident: Resident[str, object] = Resident(20_000, 1 << 30)
    for number in range(20_000):
        shared = ("course",) if number % 2 else ()
        resident.put(str(number), _held(tags=(f"learner {number}", *shared)))
    assert resident.statistics().tags == 20_001
    assert resident.invalidate("course") == 10_000
    assert resident.statistics().tags == 10_000
    resident.check_invariants()
    for number in range(100_000):
        resident.put(f"once {number}", _held(tags=(f"tag {number}",)))
    assert resident.statistics().tags <= 20_000
    resident.check_invariants()


def test_time_that_jumps_back_or_far_ahead_only_makes_entries_fresher_or_gone() -> None:
    resident = _filled(2, 10)
    assert resident.get("0", -(10**15)) is not None
    assert resident.get("0", 10**18) is None
    assert resident.get("0", 0) is None
    resident.check_invariants()


def test_when_everything_was_asked_for_a_fill_still_walks_over_few() -> None:
    resident = _filled(5_000, 5_000)
    for _ in range(4):
        for number in range(5_000):
            resident.get(str(number), 0)
    before = resident.keys()
    resident.put("new", _held())
    assert len(resident) == 5_000
    assert sum(resident.peek(key) is None for key in before) == 1
    moved = sum(resident._queue) - 1
    assert moved <= limits.CACHE_TURNS_MAX
    resident.check_invariants()


def test_what_is_asked_for_most_is_told_first_and_no_more_than_is_wanted() -> None:
    resident = _filled(10, 100)
    for key, times in (("7", 3), ("2", 2)):
        for _ in range(times):
            resident.get(key, 0)
    assert resident.hottest(2) == ["7", "2"]
    assert len(resident.hottest(50)) == 10
