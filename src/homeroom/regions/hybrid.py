"""Whose clock is believed: each node compares its own with those of the others, and stops stamping when it strays.

An entry that is stamped too far ahead is held back by everybody, so a node with a broken clock would write what nobody
may see for hours. It is the one that can find out: it knows how far its own clock is from the median of all. The median
and not the mean, because one clock that is a year off must not move it.

Clocks are compared as NTP does it: half of the round trip is taken off, and of the last few comparisons the one with
the quickest round trip counts; a message that lay in a queue, because a process was paused, counts for nothing. All is
reckoned on the steady clock, so that a clock which an operator sets shows at once, with the old comparisons.

A node that hears nobody cannot know, and believes itself: it must go on writing when it is cut off.
"""

import statistics
from collections import deque
from dataclasses import dataclass, field

from homeroom import limits
from homeroom.regions.messages import Reading

__all__ = ["Clocks"]


@dataclass(frozen=True, slots=True)
class _Sample:
    round_ms: int
    ahead_ms: int  # the other's clock of the day less this node's steady clock
    at_ms: int


@dataclass(slots=True)
class _Other:
    samples: deque[_Sample] = field(default_factory=lambda: deque(maxlen=limits.CLOCK_SAMPLES))
    # The quickest of them, known until it is too old or another comes.
    best: _Sample | None = None
    echo_ms: int = -1
    echo_at_ms: int = 0

    def quickest(self, now_ms: int) -> _Sample | None:
        """Return the comparison with the quickest round trip, of those that are not too old."""
        if self.best is None or now_ms - self.best.at_ms > limits.CLOCK_AGE_MS_MAX:
            fresh = [s for s in self.samples if now_ms - s.at_ms <= limits.CLOCK_AGE_MS_MAX]
            self.best = min(fresh, key=lambda sample: sample.round_ms, default=None)
        return self.best


class Clocks:
    """What this node knows of the clocks of others.

    Parameters
    ----------
    started_ms : when it began, by its steady clock
    """

    def __init__(self, started_ms: int) -> None:
        self._started_ms = started_ms
        self._others: dict[str, _Other] = {}

    def keep(self, nodes: set[str]) -> None:
        """Forget all others."""
        self._others = {node: one for node, one in self._others.items() if node in nodes}

    def reading(self, node: str, wall_ms: int, now_ms: int) -> Reading:
        """Return what is to be sent to a node, so that it can compare, and this one when it answers."""
        other = self._others.get(node)
        if other is None or other.echo_ms < 0:
            return Reading(wall_ms, now_ms)
        return Reading(wall_ms, now_ms, other.echo_ms, now_ms - other.echo_at_ms)

    def heard(self, node: str, reading: Reading, now_ms: int) -> None:
        """Take a reading that came from a node."""
        other = self._others.setdefault(node, _Other())
        other.echo_ms, other.echo_at_ms = reading.steady_ms, now_ms
        round_ms = now_ms - reading.echo_ms - reading.kept_ms
        if reading.echo_ms < 0 or not 0 <= round_ms <= limits.CLOCK_ROUND_MS_MAX:
            return
        ahead_ms = reading.wall_ms + round_ms // 2 - now_ms
        other.samples.append(_Sample(round_ms, ahead_ms, now_ms))
        other.best = None

    def silent_ms(self, now_ms: int) -> int | None:
        """Return for how long no other node has been heard; None if none ever was."""
        heard = [one.echo_at_ms for one in self._others.values() if one.echo_ms >= 0]
        return now_ms - max(heard) if heard else None

    def stray_ms(self, wall_ms: int, now_ms: int) -> int | None:
        """Return how far this node's clock is ahead of the median of all; None if that cannot be said."""
        ahead = [wall_ms - now_ms]
        for other in self._others.values():
            quickest = other.quickest(now_ms)
            if quickest is not None:
                ahead.append(quickest.ahead_ms)
        if len(ahead) < 3:
            return None
        return round(wall_ms - now_ms - statistics.median(ahead))

    def may_stamp(self, wall_ms: int, now_ms: int) -> bool:
        """Say whether entries may be stamped by this node's clock."""
        stray_ms = self.stray_ms(wall_ms, now_ms)
        if stray_ms is None:
            return now_ms - self._started_ms >= limits.CLOCK_START_MS_MAX
        return abs(stray_ms) <= limits.STRAY_MS_MAX
