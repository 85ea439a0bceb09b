"""The thread that folds among other nodes: as far as it is open, and fingerprints exactly in between."""

import threading

import numpy as np
import pytest

from homeroom import limits
from homeroom.log.entries import Head, make_entry
from homeroom.log.origins import Vector
from homeroom.log.payloads import pack, write_parts
from homeroom.node.folding import Folding
from homeroom.running.gated_following import GatedFollower
from homeroom.running.live import Live
from homeroom.simulation.disk import Disk
from homeroom.simulation.disk_store import DiskStore
from tests.log.chains import HERE, sign


def empty_entries(count):
    """Return entries without events."""
    entries, head = [], Head()
    for number in range(1, count + 1):
        payload = pack(write_parts([], {}))
        entries.append(make_entry(HERE, head, (number, 0), payload, sign))
        head = entries[-1].head
    return entries


class Following:
    """A follower over a store with a chain of entries, and what it has told."""

    def __init__(self, count):
        self.store = DiskStore(Disk(np.random.default_rng(0)))
        self.entries = empty_entries(count)
        self.store.write(self.entries, [])
        self.live = Live(Folding({}, None), lambda: 0)
        self.printed, self.has_printed = [], threading.Semaphore(0)
        self.follower = GatedFollower(
            "here", self.live, self.store, (lambda entries: None, self.take)
        )

    def take(self, check, fingerprint):
        self.printed.append((check, fingerprint.applied[HERE]))
        self.has_printed.release()


@pytest.mark.parametrize("bytes_max", [0, 1 << 20])
def test_a_fingerprint_is_of_exactly_what_was_open_before_it(monkeypatch, bytes_max):
    monkeypatch.setattr(limits, "FOLLOWED_BYTES_MAX", bytes_max)
    one = Following(9)
    one.follower.durable(one.entries)
    one.follower.take_fingerprint(1)
    one.follower.open_up([(HERE, 3)])
    one.follower.take_fingerprint(2)
    one.follower.take_fingerprint(3)
    one.follower.open_up([(HERE, 5)])
    one.follower.open_up([(HERE, 7)])
    one.follower.take_fingerprint(4)
    one.follower.start()
    for _ in range(4):
        assert one.has_printed.acquire(timeout=10)
    one.follower.stop()
    assert one.printed == [(1, 0), (2, 3), (3, 3), (4, 7)]
    assert one.live.applied == Vector({HERE: 7})


def test_what_memory_lost_in_the_middle_is_read_from_the_log(monkeypatch):
    one = Following(6)
    one.follower.durable(one.entries[:2])
    monkeypatch.setattr(limits, "FOLLOWED_BYTES_MAX", 0)
    one.follower.durable(one.entries[2:4])
    monkeypatch.setattr(limits, "FOLLOWED_BYTES_MAX", 1 << 20)
    one.follower.durable(one.entries[4:])
    one.follower.open_up([(HERE, 6)])
    one.follower.start()
    one.follower.stop()
    assert one.live.applied == Vector({HERE: 6})


def test_what_is_not_open_stays_where_it_is_when_it_stops():
    one = Following(4)
    one.follower.durable(one.entries)
    one.follower.open_up([(HERE, 1)])
    one.follower.start()
    one.follower.stop()
    assert one.live.applied == Vector({HERE: 1})
