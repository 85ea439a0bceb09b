"""The power is lost at every step of every write, and whatever the disk then has, nothing that was said is lost."""

from itertools import count

import numpy as np
import pytest

from homeroom.errors import StoreError
from homeroom.simulation.disk import Disk, PowerLost
from homeroom.simulation.disk_store import DiskStore
from tests.log.lives import Lives

SCRIPT = [
    [("b1", "long")],
    [("b2", "x"), ("b3", "nothing"), ("b1", "long")],
    [("b4", "y"), ("b2", "other"), ("b5", "long")],
    [("b6", "nothing")],
    [("b7", "long"), ("b8", "x")],
]


class Tried:
    """At each step of a script some things that may be left of the disk are opened, and looked at."""

    def __init__(self, times: int, seed: int, store=DiskStore) -> None:
        self.chances = (np.random.default_rng([seed, n]) for n in count())
        self.times = times
        self.store = store
        self.points = 0
        self.disk = Disk(next(self.chances), watch=self.watch)
        self.lives = Lives()
        self.is_running = False

    def watch(self, step: str) -> None:
        if self.is_running:
            for _ in range(self.times):
                self.points += 1
                self.look(self.disk.after_power_loss(next(self.chances)))

    def look(self, disk: Disk) -> None:
        seen = Lives(first_incarnation=100)
        seen.starts, seen.told = dict(self.lives.starts), dict(self.lives.told)
        seen.begin(self.store(disk))
        seen.check()

    def run(self) -> "Tried":
        self.is_running = True
        for life in range(2):
            self.lives.begin(self.store(self.disk))
            for group in SCRIPT:
                for batch_id, body in group:
                    self.lives.offer(f"{batch_id} {life}", body)
                while self.lives.write is not None:
                    self.lives.finish()
            self.lives.check()
        self.watch("end")
        return self


def test_nothing_is_lost_at_any_step():
    tried = Tried(times=4, seed=1).run()
    assert tried.points > 500


@pytest.mark.slow
def test_nothing_is_lost_at_any_step_however_chance_falls():
    points = sum(Tried(times=50, seed=seed).run().points for seed in range(4))
    assert points > 20_000


class Unsynced(DiskStore):
    """A store that says yes too early."""

    def _sync(self, name):
        pass


class Hasty(DiskStore):
    """A store that asks a failed disk again, and believes it."""

    def _sync(self, name):
        try:
            super()._sync(name)
        except OSError:
            super()._sync(name)


def test_the_checks_find_a_store_that_does_not_sync():
    with pytest.raises(AssertionError, match=r"acknowledged is there|read"):
        Tried(times=4, seed=1, store=Unsynced).run()


@pytest.mark.parametrize("store", [DiskStore, Hasty])
def test_a_failed_sync_is_final(store):
    lost = 0
    for seed in range(40):
        chance = np.random.default_rng(seed)
        disk, lives = Disk(chance), Lives()
        lives.begin(store(disk))
        for number in range(4):
            disk.syncs_to_fail = int(number == 2)
            lives.offer(f"b{number}", "long")
            if lives.write:
                lives.finish()
        if store is DiskStore:
            assert set(lives.told) == {"b0", "b1"}
        found = store(disk.after_power_loss(chance))
        lives.begin(found)
        try:
            lives.check()
        except AssertionError:
            lost += 1
    assert (lost > 0) == (store is Hasty), "asking again loses what was said, and the checks see it"


def test_a_process_that_begins_again_after_a_failed_sync_makes_durable_what_it_shows():
    for seed in range(40):
        chance = np.random.default_rng(seed)
        disk, lives = Disk(chance), Lives()
        lives.begin(DiskStore(disk))
        lives.offer("b0", "long")
        lives.finish()
        disk.syncs_to_fail = 1
        lives.offer("b1", "long")
        lives.finish()
        assert "b1" not in lives.told
        lives.begin(DiskStore(disk))
        lives.offer("b1", "long")
        if lives.write:
            lives.finish()
        assert "b1" in lives.told
        lives.begin(DiskStore(disk.after_power_loss(chance)))
        lives.check()


def test_a_full_disk_takes_no_more_and_loses_nothing():
    for room in range(400, 4_000, 150):
        chance = np.random.default_rng(room)
        disk, lives = Disk(chance, room_bytes=room), Lives()
        try:
            lives.begin(DiskStore(disk))
            for number in range(8):
                lives.offer(f"b{number}", "long")
                if lives.write:
                    lives.finish()
        except StoreError:
            continue
        assert lives.log.failure is not None
        found = disk.after_power_loss(chance)
        found.room_bytes = 1 << 30
        lives.begin(DiskStore(found))
        lives.check()


def test_losing_the_power_ends_whatever_was_running():
    disk = Disk(np.random.default_rng(0))
    lives = Lives()
    lives.begin(DiskStore(disk))

    def off(step):
        raise PowerLost(step)

    disk.watch = off
    lives.offer("b", "x")
    with pytest.raises(PowerLost):
        lives.finish()
