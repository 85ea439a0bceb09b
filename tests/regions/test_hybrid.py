"""A clock that strays from the median of all stops stamping; the median is not moved by one that is a year off."""

import pytest

from homeroom import limits
from homeroom.regions.hybrid import Clocks
from homeroom.regions.messages import Reading

WALL_MS = 1_764_000_000_000
YEAR_MS = 365 * 86_400_000


class Pair:
    """Two nodes whose messages take a while; each has a steady clock of its own."""

    def __init__(self, mine, name, ahead_ms, delay_ms, boot_ms):
        self.mine, self.name, self.ahead_ms = mine, name, ahead_ms
        self.delay_ms, self.boot_ms = delay_ms, boot_ms
        self.theirs = Clocks(boot_ms)

    def exchange(self, at_ms, wall_ms):
        out = self.mine.reading(self.name, wall_ms, at_ms)
        self.theirs.heard("me", out, self.boot_ms + at_ms + self.delay_ms)
        there_ms = at_ms + self.delay_ms + 40
        back = self.theirs.reading(
            "me", WALL_MS + there_ms + self.ahead_ms, self.boot_ms + there_ms
        )
        self.mine.heard(self.name, back, there_ms + self.delay_ms)


def clocks(*ahead_ms, wrong_ms=0):
    mine = Clocks(0)
    for number, ahead in enumerate(ahead_ms):
        pair = Pair(mine, f"node {number}", ahead, 20 * (number + 1), 77_000 * number)
        pair.exchange(100, WALL_MS + 100 + wrong_ms)
        pair.exchange(300, WALL_MS + 300 + wrong_ms)
    return mine


@pytest.mark.parametrize("wrong_ms", [-YEAR_MS, -700, -30, 0, 200, 400, YEAR_MS])
def test_a_node_knows_how_far_it_strays(wrong_ms):
    mine = clocks(0, 10, -10, wrong_ms=wrong_ms)
    wall_ms = WALL_MS + 1_000 + wrong_ms
    assert mine.stray_ms(wall_ms, 1_000) == pytest.approx(wrong_ms, abs=12)
    assert mine.may_stamp(wall_ms, 1_000) == (abs(wrong_ms) < limits.STRAY_MS_MAX)


def test_one_that_is_a_year_off_moves_nobody():
    mine = clocks(0, 5, YEAR_MS)
    assert mine.may_stamp(WALL_MS + 1_000, 1_000)


def test_a_clock_that_is_set_shows_at_once():
    mine = clocks(0, 0, 0)
    assert mine.may_stamp(WALL_MS + 1_000, 1_000)
    assert not mine.may_stamp(WALL_MS + 1_001 + 5_000, 1_001)
    assert mine.may_stamp(WALL_MS + 1_002, 1_002)


def test_who_starts_waits_to_hear_what_time_it_is_and_then_believes_itself():
    mine = Clocks(0)
    assert not mine.may_stamp(WALL_MS, limits.CLOCK_START_MS_MAX - 1)
    assert mine.may_stamp(WALL_MS, limits.CLOCK_START_MS_MAX)


def test_old_comparisons_do_not_count():
    mine = clocks(0, 0, wrong_ms=900)
    later_ms = 500 + limits.CLOCK_AGE_MS_MAX
    assert mine.stray_ms(WALL_MS + later_ms + 900, later_ms) is None


def test_a_message_that_lay_in_a_queue_says_nothing_of_the_time():
    mine = clocks(0, 0, 0)
    for number in range(limits.CLOCK_SAMPLES):
        late = Pair(mine, "node 0", 0, 3_000, 0)
        late.exchange(1_000 + number, WALL_MS + 1_000 + number)
    wall_ms, now_ms = WALL_MS + 8_000, 8_000
    assert mine.stray_ms(wall_ms, now_ms) == pytest.approx(0, abs=12)


def test_silence_lasts_since_anybody_was_heard():
    clocks = Clocks(0)
    assert clocks.silent_ms(50) is None
    clocks.heard("far", Reading(wall_ms=7, steady_ms=3), 100)
    clocks.heard("near", Reading(wall_ms=7, steady_ms=3), 300)
    assert clocks.silent_ms(400) == 100
    clocks.keep({"far"})
    assert clocks.silent_ms(400) == 300
