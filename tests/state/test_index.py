"""The index from keys to rows against a Python dictionary, also where keys collide on purpose."""

import numpy as np
import pytest

from homeroom.events.texts import sealed
from homeroom.state import index


@pytest.mark.parametrize("rows", [0, 1, 9, 10, 11, 63, 64, 65, 1_000])
def test_there_is_room_for_every_row_and_at_most_five_eighths_are_taken(rows):
    slots = index.slots_needed(rows)
    assert slots & (slots - 1) == 0
    assert slots >= 16
    assert rows <= slots * 5 / 8


@pytest.mark.parametrize("spread", ["random", "same slot", "same lower half", "same upper half"])
@pytest.mark.parametrize("count", [0, 1, 10, 11, 64, 500])
def test_keys_get_rows_in_the_order_in_which_they_come(spread, count, rng):
    hi, lo = rng.integers(0, 1 << 64, (2, max(count, 1)), np.uint64)
    if spread == "same slot":
        lo &= ~np.uint64(0xFFFF)
    elif spread == "same lower half":
        lo[:] = np.uint64(7)
    elif spread == "same upper half":
        hi[:] = np.uint64(7)
    asked = rng.integers(0, max(count, 1), 2 * count)
    events = np.arange(len(asked), dtype=np.int64)
    key_hi, key_lo = np.empty(2 * count, np.uint64), np.empty(2 * count, np.uint64)
    slots = index.new_slots(2 * count)
    found = np.empty(len(asked), np.int32)
    new_hi, new_lo = sealed(hi[asked]), sealed(lo[asked])
    half = count
    rows = index.find_or_add(slots, key_hi, key_lo, 0, events[:half], new_hi, new_lo, found[:half])
    rows = index.find_or_add(
        slots, key_hi, key_lo, rows, events[half:], new_hi, new_lo, found[half:]
    )
    plain: dict[tuple[int, int], int] = {}
    for event in range(len(asked)):
        key = (int(new_hi[event]), int(new_lo[event]))
        assert plain.setdefault(key, len(plain)) == found[event]
    assert rows == len(plain)
    assert list(zip(key_hi[:rows].tolist(), key_lo[:rows].tolist(), strict=True)) == list(plain)

    again = index.new_slots(rows)
    index.refill(again, sealed(key_lo), rows)
    wanted = np.full(count + 1, -9, np.int32)
    stranger = np.append(hi[:count], np.uint64(12)), np.append(lo[:count], np.uint64(34))
    for one in (slots, again):
        args = (sealed(key_hi), sealed(key_lo), sealed(stranger[0]), sealed(stranger[1]))
        index.find_rows(one, *args, wanted)
        keys = zip(*(part.tolist() for part in stranger), strict=True)
        assert wanted.tolist() == [plain.get(key, -1) for key in keys]
