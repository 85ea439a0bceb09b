"""How many requests of one class are under way at once: as many as are answered in time, found by measuring.

A server that takes all that comes gets slower for all, until nobody waits for the answers that it still works on: it is
busy and does nothing good, and stays so when the crowd has gone, for those who gave up ask again (Bronson et al.,
"Metastable failures in distributed systems", HotOS 2021). How many it can take is not known beforehand: it hangs on the
disk, on the questions, on what else the machine does. What is known is how long an answer may take.

So over short windows the mean time from being let in to the answer is compared with a target. If it is over, the limit
is cut to what was under way times target over mean: by Little's law (1961) that is what the same throughput needs for
the target. If not, and the limit was what held others back, it grows: at most twofold in the time that an answer takes,
slowly around where it was cut last, faster away from it (the shape of CUBIC: Ha, Rhee and Xu, 2008). After a cut only
requests that began after it count, so that one jam is not punished twice (as TCP cuts once a round trip). That delays
are the signal and cuts go with the excess follows Breakwater (Cho et al., OSDI 2020).

A delay may not come from the crowd at all: a slow disk answers one as late as a hundred, and then each cut costs
throughput and helps nobody. If no more than the floor are under way and the time is still over the target, it may be
so: the time that is seen there is taken for the base, and the target is a multiple of the base. That is a trial. Where
twice as many at once do not get half as much again done, it was the crowd after all, before a node that does so little
that the floor alone is too much for the target, and the limit goes back to the floor. Otherwise the base holds for a
while (`limits.OVERLOAD_BASE_MS`); then, and after a trial that failed, it is looked at anew, less and less often while
nothing changes. The way not taken is a base that is the average of the past (the "gradient" limits of common
libraries): in an overload that lasts it follows the jam upwards, and with it the limit.
"""

from enum import Enum
from math import inf
from typing import Final

from homeroom import limits
from homeroom.traffic.overload.kinds import Bounds

__all__ = ["Found", "Limit"]

_CUT_MIN: Final = 0.1
_HALF: Final = 0.5
_TOLERANCE: Final = 2.5
"""Times the base that a request may take."""
_FALL: Final = 0.1
"""How fast the base follows what takes less; it never rises but at the floor."""
_STRIKES: Final = 3
"""Windows over the target, at the floor, after which the base is what was seen."""
_TRIED: Final = 2.0
"""Times the floor that are under way when it shows whether a base is one."""
_PAYS: Final = 1.5
"""Times the rate at which the base was taken that it has to be then."""
_NEAR: Final = 0.2
"""How near to the last cut growth is slow."""
_GROWTH_MIN: Final = 0.25
_NEEDED: Final = 0.8
"""A limit grows where so much of it was used."""


class Found(Enum):
    """What a window has shown."""

    NOTHING = "nothing"
    FINE = "fine"
    SLOW = "slow"


class Limit:
    """The limit of one class.

    Attributes
    ----------
    in_flight : requests that were let in and have not been answered
    limit : how many may be
    mean_ms : what a request took on average, in the last window
    use : the most that were under way over the limit, in the last window
    rate : requests answered in a millisecond, of late
    ratio : mean time over target, in the last window
    """

    __slots__ = (
        "_base_for_ms",
        "_base_ms",
        "_base_until_ms",
        "_began_ms",
        "_bounds",
        "_ended",
        "_grown_ms",
        "_knee",
        "_peak",
        "_samples",
        "_since_ms",
        "_strike_ms",
        "_strikes",
        "_sum_ms",
        "_trial",
        "_trial_after_ms",
        "_window_ms",
        "in_flight",
        "limit",
        "mean_ms",
        "rate",
        "ratio",
        "use",
    )

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.in_flight = 0
        self.limit = float(bounds.limit_start)
        self.rate = self.ratio = self.use = self.mean_ms = 0.0
        self._base_ms = 0.0
        self._base_for_ms = float(limits.OVERLOAD_BASE_MS)
        self._base_until_ms = -inf
        self._knee = inf
        self._strikes, self._strike_ms = 0, 0.0
        # The rate with which a base was taken that is still on trial.
        self._trial: float | None = None
        self._trial_after_ms = -inf
        self._since_ms = self._grown_ms = -inf
        self._began_ms = -inf
        self._samples = self._ended = self._peak = 0
        self._sum_ms = 0.0
        self._window_ms: float = limits.OVERLOAD_WINDOW_MS

    @property
    def target_ms(self) -> float:
        """What a request may take on average."""
        return max(self._bounds.target_ms, _TOLERANCE * self._base_ms)

    @property
    def floor(self) -> int:
        """So many may be under way whatever happens."""
        return self._bounds.floor

    @property
    def is_at_floor(self) -> bool:
        """Whether it cannot be cut."""
        return self.limit <= self._bounds.floor

    @property
    def has_room(self) -> bool:
        """Whether one more may be let in."""
        return self.in_flight < self.limit

    def begun(self) -> None:
        """Count one that is let in."""
        self.in_flight += 1
        if self.in_flight > self._peak:  # noqa: PLR1730 - a call costs more, thousands of times a second
            self._peak = self.in_flight

    def ended(self, began_ms: float | None, now_ms: float) -> Found:
        """Count one that has its answer, let in at ``began_ms``; None for one whose time says nothing of this node."""
        assert self.in_flight > 0, "it was let in"
        self.in_flight -= 1
        self._ended += 1
        if began_ms is not None and began_ms >= self._since_ms:
            self._samples += 1
            if now_ms > began_ms:  # else the clock was set back
                self._sum_ms += now_ms - began_ms
        passed_ms = now_ms - self._began_ms
        if 0 <= passed_ms < self._window_ms:
            return Found.NOTHING
        # Else it is the first one, or the clock was set back: no time of before means anything.
        if not 0 <= passed_ms < inf:
            self._since_ms = self._trial_after_ms = -inf
            self.anew(now_ms)
            return Found.NOTHING
        few = passed_ms < limits.OVERLOAD_WINDOW_MS_MAX
        if self._samples < (limits.OVERLOAD_SAMPLES if few else 1):
            return Found.NOTHING
        return self._judged(now_ms, passed_ms)

    def _judged(self, now_ms: float, passed_ms: float) -> Found:
        self.mean_ms = mean_ms = self._sum_ms / self._samples
        self.rate = self._ended / max(passed_ms, 1.0)
        if now_ms >= self._base_until_ms:
            self._base_ms, self._trial = 0.0, None
        self._base_ms += min(0.0, _FALL * (mean_ms - self._base_ms))
        # What is let in now is answered after about this: a shorter window would see the quickest alone.
        self._window_ms = min(
            max(mean_ms, limits.OVERLOAD_WINDOW_MS), limits.OVERLOAD_WINDOW_MS_MAX
        )
        if mean_ms < self._bounds.target_ms:
            self._base_for_ms = float(limits.OVERLOAD_BASE_MS)
        self.ratio = mean_ms / self.target_ms
        self.use = self._peak / self.limit
        return Found.SLOW if self.ratio > 1 else Found.FINE

    def anew(self, now_ms: float) -> None:
        """Begin a window."""
        self._began_ms = now_ms
        self._samples = self._ended = 0
        self._peak = self.in_flight
        self._sum_ms = 0.0

    def grow(self, now_ms: float) -> None:
        """Let more in, if the window that is over needed it, and begin another."""
        self._strikes, self._strike_ms = 0, 0.0
        if self._trial is not None and self._peak >= _TRIED * self._bounds.floor:
            if self.rate < _PAYS * self._trial:
                self._fail(now_ms)
                return
            self._trial = None
        # Those that the last growth let in have not been heard of before they could be answered.
        is_heard = not 0 <= now_ms - self._grown_ms < self.mean_ms
        if is_heard and self._peak >= _NEEDED * self.limit:
            near = abs(self.limit - self._knee) < _NEAR * self._knee
            part = 1.0 if self._knee == inf else 0.01 if near else 0.1
            # By Little's law the time grows with the limit: at most half of what is left up to the target.
            left = (1 / max(self.ratio, 0.1) - 1) / 2
            self.limit += max(_GROWTH_MIN, min(part, left) * self.limit)
            self.limit = min(float(self._bounds.limit_max), self.limit)
            self._grown_ms = now_ms
        self.anew(now_ms)

    def cut(self, now_ms: float) -> None:
        """Let fewer in, or find that this does not help, and begin another window."""
        if self._peak <= self._bounds.floor:
            self._strike(now_ms)
            self.anew(now_ms)
        elif self._trial is not None:
            self._fail(now_ms)
        else:
            self._strikes, self._strike_ms = 0, 0.0
            self._leave(max(_CUT_MIN, 1 / max(self.ratio, 1.0)), now_ms)

    def _strike(self, now_ms: float) -> None:
        """Find that few are slow too; if it is found again and again, so it may be."""
        if now_ms < self._trial_after_ms:
            return
        self._strikes += 1
        self._strike_ms = max(self._strike_ms, self.mean_ms)
        if self._strikes >= _STRIKES:
            self._trial = self.rate
            self._base_ms = self._strike_ms
            self._base_until_ms = now_ms + self._base_for_ms
            self._base_for_ms = min(2 * self._base_for_ms, float(limits.OVERLOAD_BASE_MS_MAX))
            self._strikes, self._strike_ms, self._knee = 0, 0.0, inf

    def _fail(self, now_ms: float) -> None:
        """Take that a base was none: where more are under way, no more is done."""
        self._trial, self._base_ms = None, 0.0
        self._trial_after_ms = self._base_until_ms
        self._leave(0.0, now_ms)

    def make_way(self, ratio: float, now_ms: float) -> None:
        """Let fewer in, for others that come first and take ``ratio`` times what they may."""
        self._leave(max(_CUT_MIN, min(_HALF, 1 / ratio)), now_ms)

    def _leave(self, part: float, now_ms: float) -> None:
        """Let in a part of as many as there were, though not below the floor, and begin another window."""
        self._knee = min(self.limit, float(max(self._peak, 1)))
        self.limit = max(float(self._bounds.floor), self._knee * part)
        self._since_ms = now_ms
        self.anew(now_ms)
