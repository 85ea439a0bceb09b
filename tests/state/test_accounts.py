"""The table of a scan: the same learners and days as a plain dictionary, in any order and zone."""

import datetime as dt
import zoneinfo

import numpy as np
import pytest

from homeroom.events.siplanes import FINE, NOT_UTF8
from homeroom.limits import PARTITIONS
from homeroom.state.accounts import AccountTable
from homeroom.state.running import Sequential
from homeroom.state.table import ANY, SubjectTable
from homeroom.state.zones import DAY_ZERO, load_zone

DAY_MS = 86_400_000
START_MS = 1_704_067_200_000
Days = dict[tuple[int, int], set[int]]


class Accounts:
    """Accounts with their hashes and pseudonyms, drawn."""

    def __init__(self, rng: np.random.Generator, count: int) -> None:
        self.hash_hi, self.hash_lo, self.key_hi, self.key_lo = rng.integers(
            0, 2**64, (4, count), np.uint64
        )

    def fold(
        self, table: AccountTable, who: np.ndarray, time_ms: np.ndarray, status: np.ndarray
    ) -> None:
        window, times = table.window(self.hash_hi[who], self.hash_lo[who], status, time_ms)
        good = time_ms[status == FINE]
        if len(good):
            assert (times.first_ms, times.last_ms) == (good.min(), good.max())
        for number in range(PARTITIONS):
            partition = table.partitions[number]
            before = partition.rows
            new = partition.fold(window, number)
            partition.name(before, self.key_hi[who[new]], self.key_lo[who[new]])


def plain(
    accounts: Accounts, who: np.ndarray, time_ms: np.ndarray, status: np.ndarray, zone: str
) -> Days:
    found: Days = {}
    info = zoneinfo.ZoneInfo(zone)
    for account, ms, verdict in zip(who.tolist(), time_ms.tolist(), status.tolist(), strict=True):
        if verdict == FINE:
            date = dt.datetime.fromtimestamp(ms / 1000, info).date()
            key = int(accounts.key_hi[account]), int(accounts.key_lo[account])
            found.setdefault(key, set()).add((date - DAY_ZERO).days)
    return found


def content(table: SubjectTable) -> Days:
    found: Days = {}
    for number, partition in enumerate(table.partitions):
        partition.check_invariants()
        for row in range(partition.rows):
            assert int(partition.key_hi[row]) * PARTITIONS >> 64 == number
            held = partition.words[ANY][:, row]
            days = {
                (partition.first_word + word) * 63 + bit
                for word in np.flatnonzero(held).tolist()
                for bit in range(63)
                if int(held[word]) >> bit & 1
            }
            assert (partition.start_day[row], partition.last_day[row]) == (min(days), max(days))
            found[int(partition.key_hi[row]), int(partition.key_lo[row])] = days
    return found


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns"])
def test_a_table_of_accounts_is_what_a_dictionary_holds(rng, zone):
    accounts = Accounts(rng, 300)
    who = rng.integers(0, 300, 3_000)
    time_ms = START_MS + rng.integers(0, 300 * DAY_MS, 3_000)
    status = np.where(rng.random(3_000) < 0.05, NOT_UTF8, FINE).astype(np.uint8)
    table = AccountTable(load_zone(zone))
    for rows in np.array_split(np.arange(3_000), [7, 8, 1_000, 1_000, 2_500]):
        accounts.fold(table, who[rows], time_ms[rows], status[rows])
    wanted = plain(accounts, who, time_ms, status, zone)
    assert table.rows == len(wanted)
    assert content(table.subjects(Sequential())) == wanted


def test_rows_stay_what_they_are_while_the_index_grows(rng):
    accounts = Accounts(rng, 40_000)
    table = AccountTable(load_zone("UTC"))
    time_ms = np.full(40_000, START_MS)
    fine = np.full(40_000, FINE, np.uint8)
    everybody = np.arange(40_000)
    accounts.fold(table, everybody, time_ms, fine)
    accounts.fold(table, rng.permutation(everybody), time_ms + DAY_MS, fine)
    assert table.rows == 40_000
    subjects = table.subjects(Sequential())
    assert subjects.rows == 40_000
    keys = np.concatenate([partition.key_hi for partition in subjects.partitions])
    assert np.array_equal(np.sort(keys), np.sort(accounts.key_hi))
    words = [partition.words[ANY].ravel() for partition in subjects.partitions]
    assert len(np.unique(np.concatenate(words))) == 1  # two days each, the same for all


def test_one_time_in_the_far_future_takes_hardly_any_memory(rng):
    accounts = Accounts(rng, 100)
    table = AccountTable(load_zone("UTC"))
    late_ms = START_MS + 75 * 365 * DAY_MS
    time_ms = np.append(np.full(99, START_MS), late_ms)
    accounts.fold(table, np.arange(100), time_ms, np.full(100, FINE, np.uint8))
    assert max(len(partition.columns) for partition in table.partitions) == 2
    assert content(table.subjects(Sequential()))[
        int(accounts.key_hi[99]), int(accounts.key_lo[99])
    ] == {late_ms // DAY_MS - 4}


def test_accounts_whose_hashes_are_nearly_the_same_are_two(rng):
    accounts = Accounts(rng, 40)
    accounts.hash_lo[:] = 5  # all in one bucket, and far beyond it
    accounts.hash_hi[:] = np.arange(40, dtype=np.uint64) << np.uint64(16)
    table = AccountTable(load_zone("UTC"))
    who = np.tile(np.arange(40), 3)
    time_ms = START_MS + np.repeat([0, 1, 2], 40) * DAY_MS
    status = np.full(120, FINE, np.uint8)
    accounts.fold(table, who, time_ms, status)
    assert content(table.subjects(Sequential())) == plain(accounts, who, time_ms, status, "UTC")


def test_nothing_becomes_an_empty_table():
    table = AccountTable(load_zone("UTC"))
    assert table.subjects(Sequential()).rows == 0


@pytest.mark.parametrize(
    ("first", "last", "wanted"),
    [
        ("2024-03-30T00:00+01:00", "2024-03-30T23:59+01:00", True),
        ("2024-03-30T23:00+01:00", "2024-03-31T00:00+01:00", False),
        ("2024-03-31T00:30+01:00", "2024-03-31T12:00+02:00", False),  # the clock changes in between
        ("2024-10-27T05:00+01:00", "2024-10-27T05:00+01:00", True),
    ],
)
def test_one_day_is_one_day_of_the_zone_without_a_change_of_clock(first, last, wanted):
    span = [int(dt.datetime.fromisoformat(one).timestamp() * 1000) for one in (first, last)]
    assert AccountTable(load_zone("Europe/Berlin")).is_one_day(*span) is wanted
