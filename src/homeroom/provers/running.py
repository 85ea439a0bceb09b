"""A plan is run from beginning to end: checked, run in a folder of its own, judged, and left as files.

What cannot work is refused before anything starts. The folder in which a node lies goes away however the run ends, and
what was measured until then is written.
"""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from homeroom.adapters.whole_files import whole_file
from homeroom.errors import ProvingError
from homeroom.provers.growing import Grown, measure_size
from homeroom.provers.load_results import (
    evidence_of,
    figures_of,
    measured_of,
    notes_of,
    series_of,
)
from homeroom.provers.loading import Loaded, check_disk, events_per_second, load_embedded, world_of
from homeroom.provers.machine import describe
from homeroom.proving.criteria import Measured, judge
from homeroom.proving.plans import GeographyPlan, LoadPlan, ResiliencePlan, Sizes
from homeroom.proving.results import Results
from homeroom.proving.targets import EMBEDDED, Target, check_rate

__all__ = ["Proving", "check", "run_plan"]

_NOT_YET: Final = {
    "geography": "homeroom prove geography is not there yet: delays are not injected so far",
    "resilience": "homeroom prove resilience is not there yet: no fault is injected so far",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proving:
    """How plans are run.

    Parameters
    ----------
    target : what is loaded
    report : where results and evidence are left
    is_quick : whether the quick form is run
    learners : instead of those of the plan, None for these
    say : is told what happens
    """

    target: Target
    report: Path
    is_quick: bool
    learners: int | None
    say: Callable[[str], None]

    def sizes(self, plan: LoadPlan | GeographyPlan | ResiliencePlan) -> Sizes:
        """Return how large the run of a plan is."""
        sizes = plan.quick if self.is_quick else plan.sizes
        return Sizes(
            learners=self.learners or sizes.learners,
            seconds=sizes.seconds,
            questions_per_second=sizes.questions_per_second,
        )


def check(plan: LoadPlan | GeographyPlan | ResiliencePlan, how: Proving) -> LoadPlan:
    """Refuse what cannot be run, before anything of it starts. Raises `ProvingError`."""
    if not isinstance(plan, LoadPlan):
        raise ProvingError(_NOT_YET[plan.test])
    sizes = how.sizes(plan)
    check_rate(how.target, sizes.questions_per_second + events_per_second(plan, sizes))
    if how.target.name != EMBEDDED:
        raise ProvingError(
            f"the target {how.target.name} cannot be loaded yet; leave --target out to load a node of this process"
        )
    how.report.mkdir(parents=True, exist_ok=True)
    check_disk(how.report, plan, sizes)
    return plan


def run_plan(plan: LoadPlan, how: Proving) -> Results:
    """Run a plan that was checked; leave its results and its evidence as files, and return the results."""
    sizes, began_ms = how.sizes(plan), _now_ms()
    machine = describe()
    grown: list[Grown] = []
    with tempfile.TemporaryDirectory(prefix="proving-", dir=how.report) as folder:
        loaded = load_embedded(plan, sizes, Path(folder), began_ms, how.say)
        is_partial = loaded.is_partial
        if not is_partial:
            is_partial = not _grow(plan, sizes, Path(folder), how.say, grown)
    evidence = f"{plan.name}-evidence.json"
    measured = measured_of(loaded, grown, evidence)
    results = Results(
        test=plan.test,
        name=plan.name,
        plan={**plan.written, "run": _told(sizes, how)},
        machine=machine,
        target=how.target.name,
        began_ms=began_ms,
        ended_ms=_now_ms(),
        is_partial=is_partial,
        findings=[
            judge(one, measured.get(one.measure, Measured(figure=None, evidence=evidence)))
            for one in plan.criteria
        ],
        series=series_of(loaded, grown),
        figures=figures_of(loaded),
        notes=_notes(loaded, plan, sizes, how),
    )
    _leave(how.report / evidence, evidence_of(loaded, grown))
    _leave(how.report / f"{plan.name}.json", results.to_json())
    return results


def _grow(
    plan: LoadPlan, sizes: Sizes, folder: Path, say: Callable[[str], None], grown: list[Grown]
) -> bool:
    """Measure what several sizes cost, if a criterion wants to know; return whether nobody interrupted it."""
    if not any(one.measure.endswith("_growth") for one in plan.criteria):
        return True
    try:
        for share in plan.growth:
            world = world_of(plan, max(round(share * sizes.learners), 1), _now_ms())
            say(f"what {world.learners:,} learners cost is measured in a process of its own")
            grown.append(measure_size(world, folder))
    except KeyboardInterrupt:
        return False
    return True


def _notes(loaded: Loaded, plan: LoadPlan, sizes: Sizes, how: Proving) -> list[str]:
    notes = notes_of(loaded, {"is_quick": how.is_quick})
    if sizes.learners != plan.sizes.learners:
        notes.append(
            f"the plan is about {plan.sizes.learners:,} learners; this run had {sizes.learners:,} and says nothing "
            "of more"
        )
    return notes


def _told(sizes: Sizes, how: Proving) -> dict[str, Any]:
    return {
        "learners": sizes.learners,
        "seconds": sizes.seconds,
        "questions_per_second": sizes.questions_per_second,
        "is_quick": how.is_quick,
    }


def _leave(path: Path, document: Mapping[str, Any]) -> None:
    with whole_file(path) as sink:
        sink.write(json.dumps(document, indent=1, allow_nan=False).encode() + b"\n")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
