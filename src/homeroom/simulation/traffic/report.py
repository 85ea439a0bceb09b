"""What many hours of a detector's worlds add up to, and what to look at in one in which it was wrong.

Times are kept as counts by millisecond: thousands of hours have millions of them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from homeroom.simulation.traffic.plan import TroublePlan
from homeroom.simulation.traffic.referee import Change, Findings, Referee
from homeroom.simulation.traffic.world import OURS, DetectorRun

__all__ = ["DetectorReport", "Score", "Times", "last_lines", "wrong_lines"]

_TIME_MS_MAX: Final = 200_000
_TOLD_MAX: Final = 5
_TRACE_LINES: Final = 25
_WORDS: Final = ("fine", "suspected", "gone")


class Times:
    """Times in milliseconds, as counts; what takes longer than 200 s counts as that."""

    def __init__(self) -> None:
        self._counts = np.zeros(_TIME_MS_MAX + 1, np.int64)

    def add(self, times_ms: Iterable[int]) -> None:
        """Take some."""
        np.add.at(self._counts, np.minimum(np.fromiter(times_ms, np.int64), _TIME_MS_MAX), 1)

    def __len__(self) -> int:
        return int(self._counts.sum())

    def counts(self) -> list[list[int]]:
        """Return each time that there was, in milliseconds, and how often."""
        return [[int(ms), int(self._counts[ms])] for ms in np.flatnonzero(self._counts)]

    def add_counts(self, counts: Iterable[Sequence[int]]) -> None:
        """Take some times as `counts` returned them."""
        for ms, count in counts:
            self._counts[ms] += count

    def quantile(self, share: float) -> int | None:
        """Return the least time that a share of all does not exceed; None if there is none."""
        reached = np.cumsum(self._counts)
        if not reached[-1]:
            return None
        return int(np.searchsorted(reached, max(1, share * reached[-1])))

    def to_json(self) -> dict[str, int | None]:
        """Return how many there are, and what a person asks of them."""
        return {
            "times": len(self),
            "p50_ms": self.quantile(0.5),
            "p99_ms": self.quantile(0.99),
            "max_ms": self.quantile(1.0),
        }

    def line(self) -> str:
        """Return the same for a person."""
        if not len(self):
            return "never"
        said = (self.quantile(share) or 0 for share in (0.5, 0.99, 1.0))
        return " / ".join(f"{ms / 1_000:.2f}" for ms in said) + " s"


@dataclass(slots=True)
class Score:
    """What a referee found of one detector in all worlds.

    Attributes
    ----------
    counts : sums of `homeroom.simulation.traffic.referee.Findings`
    reroute, confirm : times from deaths
    """

    counts: Counter[str] = field(default_factory=Counter)
    reroute: Times = field(default_factory=Times)
    confirm: Times = field(default_factory=Times)

    def add(self, plan: TroublePlan, changes: Iterable[Change]) -> Findings:
        """Have a referee judge what was thought in a world, and return what he found there."""
        found = Referee(plan).judge(list(changes))
        self.counts.update(
            evacuations=found.evacuations,
            false_evacuations=len(found.false_evacuations),
            deaths=found.deaths,
            missed=len(found.missed),
            unjudged=found.unjudged,
            suspicions=found.suspicions,
            false_suspicions=found.false_suspicions,
        )
        self.reroute.add(found.reroute_ms)
        self.confirm.add(found.confirm_ms)
        return found

    def to_json(self) -> dict[str, object]:
        """Return it for programs."""
        return {
            **self.counts,
            "reroute": self.reroute.to_json(),
            "confirm": self.confirm.to_json(),
        }


@dataclass(slots=True)
class DetectorReport:
    """Sums over all worlds, and what was wrong in which.

    Attributes
    ----------
    worlds, virtual_ms, heartbeats : how much was lived through
    troubles : how often each kind went wrong
    score : of the detector
    wrong : by seed what must not be, in words
    """

    worlds: int = 0
    virtual_ms: int = 0
    heartbeats: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    score: Score = field(default_factory=Score)
    wrong: dict[int, list[str]] = field(default_factory=dict)

    def add(self, run: DetectorRun) -> list[str]:
        """Take a world, and return what was wrong in it."""
        self.worlds += 1
        self.virtual_ms += run.plan.length_ms
        self.heartbeats += run.heartbeats
        self.troubles.update(str(trouble.kind) for trouble in run.plan.troubles)
        found = self.score.add(run.plan, (one for one in run.changes if one.by == OURS))
        wrong = [
            f"node {one.node} confirmed at {one.at_ms} ms that node {one.of} is gone, which a quorum could reach"
            for one in found.false_evacuations
        ]
        wrong += found.missed
        wrong += [
            f"after a calm minute node {node} thinks badly of node {of}"
            for node, of in run.ill_at_end
        ]
        if wrong:
            self.wrong[run.plan.seed] = wrong
        return wrong

    def lines(self) -> list[str]:
        """Return the report for people."""
        counts = self.score.counts
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(self.troubles.items()))
        failed = len(self.wrong)
        return [
            f"{self.virtual_ms / 3_600_000:,.1f} virtual hours in {self.worlds:,} worlds of sixteen nodes in eight "
            f"regions, {self.heartbeats:,} heartbeats heard",
            f"what went wrong: {kinds or 'nothing'}",
            f"{counts['evacuations']:,} confirmations, {counts['false_evacuations']:,} of nodes that a quorum could "
            f"reach; {counts['suspicions']:,} suspicions, {counts['false_suspicions']:,} of such nodes",
            f"{counts['deaths']:,} deaths to be seen by somebody, {counts['missed']:,} missed; {counts['unjudged']:,} "
            "without a quorum of whole regions to confirm them",
            f"from a death to the first suspicion P50 / P99 / most: {self.score.reroute.line()}",
            f"from a death to its confirmation P50 / P99 / most: {self.score.confirm.line()}",
            "nobody was wrong" if not failed else f"{failed:,} worlds in which something was wrong",
        ]

    def to_json(self) -> dict[str, object]:
        """Return the report for programs."""
        return {
            "worlds": self.worlds,
            "virtual_hours": self.virtual_ms / 3_600_000,
            "heartbeats": self.heartbeats,
            "troubles": dict(sorted(self.troubles.items())),
            **self.score.to_json(),
            "failed": [{"seed": seed, "wrong": wrong} for seed, wrong in self.wrong.items()],
        }


def wrong_lines(seed: int, wrong: list[str], options: str) -> list[str]:
    """Return what to look at in a world in which something was wrong; ``options`` are those beside the seed."""
    said = [f"seed {seed}: {one}" for one in wrong[:_TOLD_MAX]]
    if len(wrong) > _TOLD_MAX:
        said.append(f"seed {seed}: and {len(wrong) - _TOLD_MAX:,} more")
    return [*said, f"again: homeroom simulate --detectors --seeds {seed}..{seed}{options}"]


def last_lines(run: DetectorRun) -> list[str]:
    """Return what was thought last in a world."""
    ours = [change for change in run.changes if change.by == OURS]
    return [
        f"seed {run.plan.seed}",
        *(
            f"{one.at_ms / 1_000:9.2f} s  node {one.node:2}: node {one.of:2} is {_WORDS[one.verdict]}"
            for one in ours[-_TRACE_LINES:]
        ),
    ]
