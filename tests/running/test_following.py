"""The thread that folds, when the log that it must read does not answer."""

import threading

import numpy as np
import pytest

from homeroom import limits
from homeroom.errors import StoreError
from homeroom.log.origins import Vector
from homeroom.node.folding import Folding
from homeroom.running.following import Follower, unread
from homeroom.running.live import Live
from homeroom.simulation.disk import Disk
from homeroom.simulation.disk_store import DiskStore
from tests.log.chains import HERE, chain


class Away(DiskStore):
    """A store whose server has gone away: it says what it holds, and nothing of it."""

    def __init__(self, disk):
        super().__init__(disk)
        self.asked = 0
        self.was_asked = threading.Event()

    def read(self, origin, first, count):
        self.asked += 1
        self.was_asked.set()
        raise StoreError("the log does not answer")


def filled(kind):
    store = kind(Disk(np.random.default_rng(0)))
    store.write(chain(3), [])
    return store


@pytest.mark.parametrize("is_stopped", [True, False])
def test_what_is_beyond_is_read_but_for_origins_that_are_stopped(is_stopped):
    found = unread(filled(DiskStore), Vector({HERE: 1}), {HERE} if is_stopped else set(), 9)
    assert [entry.number for entry in found] == ([] if is_stopped else [2, 3])


def test_a_log_that_does_not_answer_is_told_not_asked_without_a_pause_and_keeps_no_stop(
    monkeypatch,
):
    monkeypatch.setattr(limits, "FOLLOWED_BYTES_MAX", 0)
    monkeypatch.setattr(limits, "TICK_MS", 60_000)
    store = filled(Away)
    live = Live(Folding({}, None), lambda: 0)
    follower = Follower(live, store, lambda entries: None)
    follower.start()
    follower.durable(chain(3))
    assert store.was_asked.wait(10)
    follower.stop()
    assert follower.trouble == "the log does not answer"
    assert store.asked <= 2, "once, and once more when it is asked to stop"
    assert live.applied == Vector()


def test_nothing_is_gathered_any_longer_where_somebody_waits_for_it(monkeypatch):
    monkeypatch.setattr(limits, "GATHER_MS", 60_000)
    store = filled(DiskStore)
    first, second, third = chain(3)
    live = Live(Folding({}, None), lambda: 0)
    has_folded = {1: threading.Event(), 2: threading.Event(), 3: threading.Event()}
    follower = Follower(live, store, lambda entries: [has_folded[e.number].set() for e in entries])
    follower.start()
    follower.durable([first])
    assert has_folded[1].wait(10)
    follower.durable([second])  # comes right after a fold, so more would be gathered for a minute
    follower.hurry()
    assert has_folded[2].wait(10)
    follower.durable([third])
    follower.hurry()
    assert has_folded[3].wait(10)
    follower.stop()
