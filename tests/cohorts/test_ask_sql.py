"""The engine and DuckDB agree on thousands of learners, where the plain oracle would take too long.

A handful of learners never fills a partition, never leaves a tail behind a clustering, and rarely crosses a word of
63 days. Here they do all of that, and the second opinion is SQL.
"""

import datetime as dt

import numpy as np
import pytest

from homeroom.cohorts.questions import Active, Condition, Lifecycle, Retention, Stickiness
from tests.cohorts.engine import needs_reading, read
from tests.oracle import Event, instant_ms, table
from tests.oracle.sql import Database

pytestmark = needs_reading
ZONE = "Europe/Berlin"
FIRST, LAST = dt.date(2024, 2, 10), dt.date(2024, 6, 20)
VERBS = ("played", "answered", "read")
PLAYED = (Condition("verb", ("played",)),)
SEED = 20_240_331
LEARNERS, EVENTS, INPUTS = 1_500, 9_000, 3
QUARTERS = 200 * 24 * 4


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Return events of many learners, over 200 days from 1 January, at quarters of an hour."""
    rng = np.random.default_rng(SEED)
    begin_ms = instant_ms("2024-01-01T00:00Z")
    who = (LEARNERS * rng.random(EVENTS) ** 2).astype(int)
    quarters = rng.integers(0, QUARTERS, EVENTS)
    verbs = rng.integers(0, len(VERBS), EVENTS)
    return [
        Event(account=f"learner {w}", time_ms=begin_ms + q * 900_000, verb=VERBS[v], track="video")
        for w, q, v in zip(who.tolist(), quarters.tolist(), verbs.tolist(), strict=True)
    ]


@pytest.fixture(scope="module")
def data(events):
    """Return the events, read from several inputs."""
    return read([table(events[i::INPUTS]) for i in range(INPUTS)], ZONE)


@pytest.mark.parametrize("week_start", ["monday", "sunday"])
@pytest.mark.parametrize("interval", ["day", "week", "month"])
def test_retention_of_many_learners(data, events, interval, week_start):
    database = Database(events, FIRST, LAST, ZONE, week_start)
    shown = {"interval": interval, "week_start": week_start, "from_": FIRST, "to": LAST}
    for mode, match in (("first-time", "on"), ("first-time", "on-or-after"), ("recurring", "on")):
        answer = data.ask(Retention(mode=mode, match=match, **shown))
        assert answer.answered_from == "columns"
        assert answer.to_json()["counts"] == database.retention(interval, mode, match)


def test_retention_of_many_learners_with_behaviours_that_need_history(data, events):
    database = Database(events, FIRST, LAST, ZONE)
    for mode in ("first-time", "recurring"):
        answer = data.ask(Retention(mode=mode, entry=PLAYED, from_=FIRST, to=LAST))
        assert answer.answered_from == "history"
        expected = database.retention("week", mode, "on", entry="verb = 'played'")
        assert answer.to_json()["counts"] == expected


@pytest.mark.parametrize("interval", ["day", "week", "month"])
def test_lifecycle_stickiness_and_active_of_many_learners(data, events, interval):
    database = Database(events, FIRST, LAST, ZONE)
    shown = {"from_": FIRST, "to": LAST}
    life = data.ask(Lifecycle(interval=interval, **shown))
    stages = (life.new, life.returning, life.resurrecting, life.dormant)
    assert np.stack(stages, axis=1).tolist() == [list(r) for r in database.lifecycle(interval)]
    sticky = data.ask(Stickiness(interval=interval, **shown))
    assert sticky.learners.tolist() == database.stickiness(interval)
    active = getattr(data.ask(Active(**shown)), interval)
    assert active.values.tolist() == database.active(interval)
