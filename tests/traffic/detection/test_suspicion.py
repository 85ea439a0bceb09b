"""Suspicion grows by how seldom this link is silent for so long."""

import numpy as np

from homeroom import limits
from homeroom.traffic.detection import suspicion as links

PERIOD_MS = limits.HEARTBEAT_MS


def link_after(times_ms):
    """Return a link that heard a heartbeat at each of these times."""
    link = np.zeros((1, links.WIDTH))
    links.begin(link, 0, 0.0)
    for number, at_ms in enumerate(times_ms, 1):
        links.hear(link, 0, float(at_ms), float(at_ms), number, float(at_ms))
    return link


def silent_ms_until_suspected(link):
    return next(
        ms
        for ms in range(0, 20_000, 10)
        if links.suspicion(link, 0, link[0, links.HEARD] + ms) >= limits.SUSPICION_MAX
    )


def regular(rng, losses, jitter_ms, count=4_000):
    kept = rng.random(count) >= losses
    return (np.arange(1, count + 1) * PERIOD_MS + rng.exponential(jitter_ms, count))[kept]


def test_a_good_link_is_suspected_after_two_heartbeats():
    silent_ms = silent_ms_until_suspected(link_after(np.arange(1, 200) * PERIOD_MS))
    assert 2 * PERIOD_MS < silent_ms < 2 * PERIOD_MS + 200


def test_a_link_that_loses_more_gets_more_time():
    rng = np.random.default_rng(5)
    waits = [silent_ms_until_suspected(link_after(regular(rng, p, 5))) for p in (0, 0.05, 0.2, 0.4)]
    assert waits == sorted(waits)
    assert waits[-1] > 2 * waits[0]


def test_suspicion_never_falls_while_nothing_comes():
    rng = np.random.default_rng(6)
    link = link_after(np.sort(regular(rng, 0.1, 80)))
    levels = [links.suspicion(link, 0, link[0, links.HEARD] + ms) for ms in range(0, 9_000, 50)]
    assert levels == sorted(levels)
    assert levels[0] == 0


def test_a_living_link_is_seldom_suspected_and_it_is_what_the_suspicion_says():
    rng = np.random.default_rng(7)
    for losses, jitter_ms in ((0.02, 10), (0.2, 10), (0.05, 200)):
        times = np.sort(regular(rng, losses, jitter_ms, 30_000))
        link = link_after(times[:2_000])
        wrong = 0
        for number, at_ms in enumerate(times[2_000:], 2_001):
            wrong += links.suspicion(link, 0, at_ms) >= limits.SUSPICION_MAX
            links.hear(link, 0, float(at_ms), float(at_ms), number, float(at_ms))
        assert wrong / len(times) < 10**-limits.SUSPICION_MAX * 3, (losses, jitter_ms, wrong)


def test_a_long_silence_is_not_learned_as_weather():
    times = list(np.arange(1, 100) * PERIOD_MS)
    before = link_after(times)
    after = link_after([*times, times[-1] + 60_000])
    assert after[0, links.MISSES] == before[0, links.MISSES]


def test_a_heartbeat_that_was_overtaken_counts_for_nothing():
    link = link_after([500, 1_000, 1_500])
    assert links.hear(link, 0, 9_000.0, 9_000.0, 2, 1_000.0) == -np.inf
    assert link[0, links.HEARD] == 1_500


def test_what_was_held_up_is_as_old_as_it_is_whatever_the_clocks_say():
    link = np.zeros((1, links.WIDTH))
    links.begin(link, 0, 0.0)
    ahead_ms = 7_000_000.0  # of the sender's clock
    for number in range(1, 100):
        links.hear(link, 0, number * 500.0, number * 500.0, number, number * 500 + ahead_ms - 40)
    at_ms = links.hear(link, 0, 60_000.0, 60_000.0, 100, 50_000 + ahead_ms - 40)
    assert at_ms == 50_000.0


def test_a_clock_that_drifts_is_followed():
    link = np.zeros((1, links.WIDTH))
    links.begin(link, 0, 0.0)
    for number in range(1, 20_000):
        now_ms = number * 500.0
        at_ms = links.hear(link, 0, now_ms, now_ms, number, now_ms * 1.0005)
        assert now_ms - at_ms < 60
    for number in range(20_000, 40_000):
        now_ms = number * 500.0
        at_ms = links.hear(link, 0, now_ms, now_ms, number, 1e7 * 1.0005 + (now_ms - 1e7) * 0.9995)
        assert now_ms - at_ms < 60
