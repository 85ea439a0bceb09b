"""What many worlds of requests add up to, and what to look at in one that broke a promise."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from homeroom.simulation.journeys.world import JourneyRun

__all__ = ["JourneyReport", "broken_lines"]

_TOLD_MAX = 5


@dataclass(slots=True)
class JourneyReport:
    """Counts over all worlds, and those in which something did not hold.

    Attributes
    ----------
    worlds : how many
    totals : figures of all worlds, summed
    faults : how often each kind went wrong
    rerouted_ms, took_ms : of all worlds, in no order
    failed : worlds in which something did not hold
    """

    worlds: int = 0
    totals: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    rerouted_ms: list[int] = field(default_factory=list)
    took_ms: list[int] = field(default_factory=list)
    failed: list[JourneyRun] = field(default_factory=list)

    def add(self, run: JourneyRun) -> None:
        """Take a world."""
        self.worlds += 1
        self.totals.update(run.figures)
        self.faults.update(str(fault.kind) for fault in run.plan.faults)
        self.rerouted_ms += run.rerouted_ms
        self.took_ms += run.took_ms
        if run.violations:
            self.failed.append(run)

    def lines(self) -> list[str]:
        """Return the report for people."""
        totals, failed = self.totals, len(self.failed)
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(self.faults.items()))
        kept = sum(number for name, number in totals.items() if name.startswith("from_"))
        from_engine = sum(n for name, n in totals.items() if name.startswith("from_engine"))
        return [
            f"{self.worlds:,} worlds, {totals['virtual_ms'] / 1_000:,.0f} virtual seconds, {totals['asked']:,} "
            f"requests, {totals['written']:,} batches acknowledged, {totals['tables']:,} routing tables",
            f"what went wrong, or was ordered: {kinds or 'nothing'}",
            f"{totals['given_up']:,} requests given up; {kept - from_engine:,} of {kept:,} answers were kept ones",
            f"requests took P50 / P99 / most: {_said(self.took_ms)}",
            f"answered from elsewhere after a region died, P50 / P99 / most: {_said(self.rerouted_ms)}",
            "every promise was kept" if not failed else f"{failed:,} worlds broke a promise",
        ]

    def to_json(self) -> dict[str, object]:
        """Return the report for programs."""
        return {
            "worlds": self.worlds,
            "totals": dict(self.totals),
            "faults": dict(sorted(self.faults.items())),
            "took": _quantiles(self.took_ms),
            "rerouted": _quantiles(self.rerouted_ms),
            "failed": [
                {"seed": one.plan.seed, "violations": one.violations} for one in self.failed
            ],
        }


def _quantiles(times_ms: list[int]) -> dict[str, int | None]:
    """Return how many there are, and the middle one, the 99th in 100, and the last."""
    ordered = sorted(times_ms)
    count = len(ordered)
    return {
        "times": count,
        "p50_ms": ordered[count // 2] if count else None,
        "p99_ms": ordered[count * 99 // 100] if count else None,
        "max_ms": ordered[-1] if count else None,
    }


def _said(times_ms: list[int]) -> str:
    found = _quantiles(times_ms)
    if not found.pop("times"):
        return "never"
    return " / ".join(f"{(ms or 0) / 1_000:.2f}" for ms in found.values()) + " s"


def broken_lines(run: JourneyRun, options: str) -> Iterable[str]:
    """Return what to look at in a world that broke a promise; ``options`` are those of the command beside the seed."""
    seed = run.plan.seed
    yield f"seed {seed}: {len(run.violations)} promises broken"
    yield f"  again: homeroom simulate --traffic --seeds {seed}..{seed}{options}"
    for violation in run.violations[:_TOLD_MAX]:
        yield f"  broken: {violation}"
    for fault in run.plan.faults:
        among = f" and {', '.join(fault.others)}" if fault.others else ""
        when = f"{fault.begin_ms / 1_000:.3f} to {fault.end_ms / 1_000:.3f} s"
        yield f"  planned {when}: {fault.kind}: {', '.join(fault.ones)}{among}"
    for line in run.trace:
        yield f"  {line}"
