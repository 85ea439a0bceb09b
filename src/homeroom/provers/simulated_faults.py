"""Faults in simulated worlds: seeds whose plans have them are lived through on a virtual clock, and their checks judge.

What no process of this machine can have (a disk that lies, a clock of its own) is tried here alone; what processes have
too happens here in other mixtures, as the seeds have it. The same seed is the same world, so whatever is broken can be
had again by the command that is told with it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from homeroom.proving.faults import Fault, Simulated

__all__ = ["SimulatedFaults", "simulate_faults"]

_SEEDS: Final = range(1, 5_001)
_STORM_MS: Final = 8_000


@dataclass(slots=True)
class SimulatedFaults:
    """What came of simulated worlds.

    Attributes
    ----------
    worlds : how many were lived through
    broken : promises that did not hold, each with the command that shows it again
    moved_ms : how long clients whose region died waited for another one, of all worlds of requests
    by_kind : how many worlds had what
    """

    worlds: int = 0
    broken: list[str] = field(default_factory=list)
    moved_ms: list[int] = field(default_factory=list)
    by_kind: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "worlds": self.worlds,
            "broken": self.broken,
            "moved_ms": sorted(self.moved_ms),
            "by_kind": self.by_kind,
        }


def simulate_faults(
    faults: Iterable[Fault], each: int, say: Callable[[str], None], found: SimulatedFaults
) -> None:
    """Live through so many worlds of each kind of each fault; ``found`` has what came of those that are done."""
    for fault in faults:
        for one in fault.simulated:
            say(f"{fault.name} in {each} simulated worlds: {one.kind}")
            if one.world == "writers":
                _write(one, each, found)
            else:
                _travel(one, each, found)


def _write(one: Simulated, each: int, found: SimulatedFaults) -> None:
    from homeroom.simulation.regions.plan import Kind, make_plan
    from homeroom.simulation.regions.world import simulate

    kind = Kind(one.kind)
    seeds = (seed for seed in _SEEDS if kind in make_plan(seed, _STORM_MS).kinds)
    for seed in islice(seeds, each):
        run = simulate(seed, _STORM_MS)
        _note(one, run.violations, f"--seeds {seed} --seconds {_STORM_MS // 1_000}", found)


def _travel(one: Simulated, each: int, found: SimulatedFaults) -> None:
    from homeroom.simulation.journeys.plan import Kind, make_journey_plan
    from homeroom.simulation.journeys.world import travel

    kind = Kind(one.kind)
    seeds = (seed for seed in _SEEDS if any(f.kind is kind for f in make_journey_plan(seed).faults))
    for seed in islice(seeds, each):
        run = travel(make_journey_plan(seed))
        found.moved_ms += run.rerouted_ms
        _note(one, run.violations, f"--traffic --seeds {seed}", found)


def _note(one: Simulated, violations: Iterable[str], options: str, found: SimulatedFaults) -> None:
    found.worlds += 1
    found.by_kind[one.kind] = found.by_kind.get(one.kind, 0) + 1
    found.broken += [f"{said}: homeroom simulate {options}" for said in violations]
