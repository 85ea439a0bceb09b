"""A plan is run from beginning to end: checked, run by what knows its kind of test, judged, and left as files.

What cannot work is refused before anything starts. What a run makes for itself goes away however it ends, and what was
measured until then is written.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from homeroom.adapters.whole_files import whole_file
from homeroom.provers.geography import check_geography, prove_geography
from homeroom.provers.load import check_load, prove_load
from homeroom.provers.machine import describe
from homeroom.provers.outcome import Outcome, Proving
from homeroom.provers.resilience import check_resilience, prove_resilience
from homeroom.proving.criteria import Measured, judge
from homeroom.proving.plans import GeographyPlan, LoadPlan, Plan, ResiliencePlan, Sizes
from homeroom.proving.results import Results

__all__ = ["check", "run_plan"]


def check(plan: Plan, how: Proving) -> Plan:
    """Refuse what cannot be run, before anything of it starts; return the plan. Raises `ProvingError`."""
    match plan:
        case LoadPlan():
            check_load(plan, how)
        case GeographyPlan():
            check_geography(plan, how)
        case ResiliencePlan():
            check_resilience(plan, how)
    return plan


def _proved(plan: Plan, how: Proving, began_ms: int) -> Outcome:
    match plan:
        case LoadPlan():
            return prove_load(plan, how, began_ms)
        case GeographyPlan():
            return prove_geography(plan, how, began_ms)
        case ResiliencePlan():
            return prove_resilience(plan, how)
    raise AssertionError(f"a plan of {plan.test} was not checked")


def run_plan(plan: Plan, how: Proving) -> Results:
    """Run a plan that was checked; leave its results and its evidence as files, and return the results."""
    began_ms, machine = _now_ms(), describe()
    outcome = _proved(plan, how, began_ms)
    evidence, sizes = f"{plan.name}-evidence.json", how.sizes(plan)
    nothing = Measured(figure=None, evidence=evidence)
    results = Results(
        test=plan.test,
        name=plan.name,
        plan={**plan.written, "run": _told(sizes, how)},
        machine=machine,
        target=how.target.name,
        began_ms=began_ms,
        ended_ms=_now_ms(),
        is_partial=outcome.is_partial,
        findings=[judge(one, outcome.measured.get(one.name, nothing)) for one in plan.criteria],
        series=outcome.series,
        timelines=outcome.timelines,
        figures=outcome.figures,
        notes=_notes(outcome, plan, sizes, how),
    )
    _leave(how.report / evidence, outcome.evidence)
    _leave(how.report / f"{plan.name}.json", results.to_json())
    return results


def _notes(outcome: Outcome, plan: Plan, sizes: Sizes, how: Proving) -> list[str]:
    notes = list(outcome.notes)
    if how.is_quick:
        notes.append("this is the quick form: fewer learners for a shorter time than the plan says")
    if outcome.is_partial:
        notes.append("the run was interrupted: the figures are of what was measured until then")
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
