"""What many worlds add up to, and what to look at in one that broke a promise.

A run that fails is worth nothing without the way back to it: so the seed stands first, then the command that shows the
same run again, then what went wrong, then the last things that happened. Everything in it follows from the seed.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from homeroom.simulation.regions.met import Case, Met
from homeroom.simulation.regions.world import Run

__all__ = ["Report", "failure_lines"]

_TRACE_LINES = 25
_TOLD_MAX = 5


@dataclass(slots=True)
class Report:
    """Counts over all runs, and the runs that failed.

    Attributes
    ----------
    worlds : how many
    totals : figures of all runs, summed
    faults : how often each kind went wrong
    met : how often worlds came to what they are made for
    slowest_ms : longest time until all nodes were equal after everything was put right
    failed : runs in which something did not hold
    """

    worlds: int = 0
    totals: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    met: Met = field(default_factory=Counter)
    slowest_ms: int = 0
    failed: list[Run] = field(default_factory=list)

    def add(self, run: Run) -> None:
        """Take a run."""
        self.worlds += 1
        self.totals.update(run.figures)
        self.faults.update(str(fault.kind) for fault in run.plan.faults)
        self.met.update(run.met)
        self.slowest_ms = max(self.slowest_ms, run.figures["converged_ms"])
        if run.violations:
            self.failed.append(run)

    def lines(self) -> list[str]:
        """Return the report for people."""
        totals = self.totals
        said = [
            f"{self.worlds:,} worlds, {totals['virtual_ms'] / 1_000:,.0f} virtual seconds, {totals['messages']:,} "
            f"messages, {totals['batches']:,} batches, {totals['acknowledged']:,} acknowledgements",
            f"{totals['documents']:,} documents acknowledged, {totals['erasures']:,} erasures confirmed",
            f"{totals['comparisons']:,} fingerprints compared; all nodes equal at the latest "
            f"{self.slowest_ms / 1_000:.2f} s after everything was put right",
        ]
        if self.faults:
            kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(self.faults.items()))
            said.append(f"what went wrong: {kinds}")
        missed = [case for case in Case if not self.met[case]]
        said.append(
            f"met: {len(Case) - len(missed)} of {len(Case)} things that worlds are made for"
            + (f"; not: {', '.join(missed)}" if missed else "")
        )
        failed = len(self.failed)
        said.append(
            "every promise was kept" if not failed else f"{failed:,} worlds broke a promise"
        )
        return said

    def to_json(self) -> dict[str, object]:
        """Return the report for programs."""
        return {
            "worlds": self.worlds,
            "totals": dict(self.totals),
            "faults": dict(sorted(self.faults.items())),
            "met": {case: self.met[case] for case in Case},
            "slowest_ms": self.slowest_ms,
            "failed": [
                {"seed": run.plan.seed, "violations": run.violations} for run in self.failed
            ],
        }


def failure_lines(run: Run, options: str) -> Iterable[str]:
    """Return what to look at in a run that broke a promise; ``options`` are those of the command beside the seed."""
    seed = run.plan.seed
    yield f"seed {seed}: {len(run.violations)} promises broken"
    yield f"  again: homeroom simulate --seeds {seed}..{seed}{options}"
    for violation in run.violations[:_TOLD_MAX]:
        yield f"  broken: {violation}"
    for fault in run.plan.faults:
        yield f"  planned at {fault.at_ms / 1_000:.3f} s: {fault}"
    for line in run.trace[-_TRACE_LINES:]:
        yield f"  {line}"
