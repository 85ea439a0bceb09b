"""What is missing is kept within bounds, and nothing of it is forgotten for good."""

import pytest

from homeroom import limits
from homeroom.log.origins import Origin, Stream
from homeroom.regions.pulling import Pulling

ORIGINS = [Origin("there", f"{number:032x}", Stream.ANALYTIC) for number in range(9)]


@pytest.fixture
def pulling(monkeypatch):
    monkeypatch.setattr(limits, "MISSING_ORIGINS_MAX", 4)
    made = Pulling("a" * 32, lambda count: 0)
    for origin in ORIGINS:
        made.missing(origin, 5, 0)
        made.check_invariants()
    yield made
    made.check_invariants()


def asked_for(planned):
    return [one.origin for _, pull in planned for one in pull.ranges]


def test_what_does_not_fit_is_found_again_when_there_is_room(pulling):
    here, found = dict.fromkeys(ORIGINS, 0), []
    views = {"there": dict.fromkeys(ORIGINS, 5)}
    now_ms = limits.PULL_PATIENCE_MS
    while not pulling.is_idle:
        planned = pulling.plan(lambda origin: here[origin], views, now_ms)
        found += asked_for(planned)
        for peer, pull in planned:
            here.update(dict.fromkeys((one.origin for one in pull.ranges), 5))
            pulling.answered(peer, pull.number, {one.origin for one in pull.ranges}, now_ms)
        now_ms += limits.PULL_PATIENCE_MS
    assert sorted(found) == sorted(ORIGINS)


def test_after_a_write_that_failed_nothing_is_kept(pulling):
    pulling.stop()
    pulling.missing(ORIGINS[0], 9, 0)
    assert pulling.is_idle


def test_who_gave_something_bad_of_endless_origins_is_not_remembered_for_each(pulling):
    for origin in ORIGINS:
        pulling.avoid(origin, "far")
        pulling.check_invariants()
