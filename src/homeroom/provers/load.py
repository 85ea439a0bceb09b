"""``prove load`` from its check to its figures: one node in an open loop, then what several sizes cost."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from homeroom.errors import ProvingError
from homeroom.provers.growing import Grown, measure_size
from homeroom.provers.load_results import (
    evidence_of,
    figures_of,
    measured_of,
    notes_of,
    series_of,
)
from homeroom.provers.loading import check_disk, events_per_second, load_embedded, world_of
from homeroom.provers.outcome import Outcome, Proving
from homeroom.proving.plans import LoadPlan, Sizes
from homeroom.proving.targets import EMBEDDED, check_rate

__all__ = ["check_load", "prove_load"]


def check_load(plan: LoadPlan, how: Proving) -> None:
    """Refuse what cannot be run. Raises `ProvingError`."""
    sizes = how.sizes(plan)
    check_rate(how.target, sizes.questions_per_second + events_per_second(plan, sizes))
    if how.target.name != EMBEDDED:
        raise ProvingError(
            f"the target {how.target.name} cannot be loaded yet; leave --target out to load a node of this process"
        )
    how.report.mkdir(parents=True, exist_ok=True)
    check_disk(how.report, plan, sizes)


def prove_load(plan: LoadPlan, how: Proving, began_ms: int) -> Outcome:
    """Run a plan that was checked, and began then."""
    sizes = how.sizes(plan)
    grown: list[Grown] = []
    with tempfile.TemporaryDirectory(prefix="proving-", dir=how.report) as folder:
        loaded = load_embedded(plan, sizes, Path(folder), began_ms, how.say)
        is_partial = loaded.is_partial
        if not is_partial:
            is_partial = not _grow(plan, sizes, (Path(folder), began_ms), how.say, grown)
    return Outcome(
        is_partial=is_partial,
        measured=measured_of(loaded, grown, f"{plan.name}-evidence.json"),
        series=series_of(loaded, grown),
        figures=figures_of(loaded),
        evidence=evidence_of(loaded, grown),
        notes=notes_of(loaded),
    )


def _grow(
    plan: LoadPlan,
    sizes: Sizes,
    where: tuple[Path, int],
    say: Callable[[str], None],
    grown: list[Grown],
) -> bool:
    """Measure what several sizes cost, if a criterion wants to know; return whether nobody interrupted it."""
    folder, now_ms = where
    if not any(one.measure.endswith("_growth") for one in plan.criteria):
        return True
    try:
        for share in plan.growth:
            world = world_of(plan, max(round(share * sizes.learners), 1), now_ms)
            say(f"what {world.learners:,} learners cost is measured in a process of its own")
            grown.append(measure_size(world, folder))
    except KeyboardInterrupt:
        return False
    return True
