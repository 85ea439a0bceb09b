"""What a run of load has left becomes figures: with intervals, and with the file in which each can be looked up."""

from collections.abc import Sequence
from typing import Any, Final

from homeroom.errors import ProvingError
from homeroom.provers.growing import Grown
from homeroom.provers.loading import Loaded
from homeroom.proving.analysis import PARTS
from homeroom.proving.criteria import Measured, error_share
from homeroom.proving.growth import fit_growth
from homeroom.proving.latencies import Latencies
from homeroom.proving.results import Series

__all__ = ["evidence_of", "figures_of", "measured_of", "notes_of", "series_of"]

_LOAD_NOTE: Final = "the way over HTTP and the network is not part of an embedded run"


def measured_of(loaded: Loaded, grown: Sequence[Grown], evidence: str) -> dict[str, Measured]:
    """Return the figures by measure; those that could not be measured are left out."""
    found: dict[str, Measured] = {}
    if loaded.loading is not None and loaded.seconds > 0:
        all_ = _all_latencies(loaded)
        p99 = all_.quantile_ms(0.99)
        found["p99_ms"] = Measured(
            figure=p99, interval=all_.quantile_interval_ms(0.99), evidence=f"{evidence}#questions"
        )
        found["errors"] = _errors(loaded, f"{evidence}#errors")
        found["learners_per_minute"] = Measured(
            figure=_per_minute(loaded), evidence=f"{evidence}#passes"
        )
    for name, figures in (
        ("processor_growth", [one.processor_s for one in grown]),
        ("memory_growth", [float(one.memory_bytes) for one in grown]),
    ):
        try:
            growth = fit_growth([one.learners for one in grown], figures)
        except ProvingError:
            continue
        found[name] = Measured(
            figure=growth.exponent,
            interval=(growth.low, growth.high),
            evidence=f"{evidence}#growth",
        )
    return found


def _all_latencies(loaded: Loaded) -> Latencies:
    all_ = Latencies()
    assert loaded.loading is not None
    for one in loaded.loading.asking.latencies.values():
        all_.join(one)
    return all_


def _errors(loaded: Loaded, evidence: str) -> Measured:
    """Return the share of questions and batches that failed or were late, and of compared answers that were wrong."""
    loading = loaded.loading
    assert loading is not None
    asking, taken = loading.asking, loading.taken
    count = asking.failed.total() + asking.late + taken.failed.total()
    whole = asking.asked.total() + len(taken.latencies)
    return error_share((count, whole), (len(loaded.wrong), loaded.compared), evidence)


def _per_minute(loaded: Loaded) -> float | None:
    """Return learners analysed a minute, without the passes of which an answer was wrong."""
    assert loaded.loading is not None
    analysis = loaded.loading.analysis
    false = {one.pass_number for one in loaded.wrong if one.pass_number is not None}
    lost = sum(analysis.learners_of[number] for number in false)
    return analysis.passes.per_minute(analysis.seconds, lost)


def figures_of(loaded: Loaded) -> dict[str, Any]:
    """Return further figures, JSON-ready."""
    if loaded.loading is None:
        return {}
    loading, passes = loaded.loading, loaded.loading.analysis.passes
    return {
        "learners": loaded.learners,
        "events_per_second": loaded.events_per_second,
        "batches": len(loading.taken.batches),
        "questions": loading.asking.asked.total(),
        "passes": passes.whole,
        "passes_broken": passes.broken,
        "compared": loaded.compared,
        "wrong": len(loaded.wrong),
        "seconds": loaded.seconds,
        "processors_used": loaded.processor_s / loaded.seconds if loaded.seconds else None,
        "acknowledged_p99_ms": loading.taken.latencies.quantile_ms(0.99),
        "asked_late_p99_ms": loading.asking.begun_late.quantile_ms(0.99),
        "part_s": {part: passes.part_s[part] / max(passes.whole, 1) for part in PARTS},
    }


def series_of(loaded: Loaded, grown: Sequence[Grown]) -> list[Series]:
    """Return the lines of charts: latency by share, and what a size costs."""
    lines = []
    if loaded.loading is not None and len(all_ := _all_latencies(loaded)):
        shares = (0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1.0)
        lines.append(
            Series(
                name="latency of questions",
                unit="ms",
                x_unit="share",
                x=shares,
                y=[all_.quantile_ms(share) for share in shares],
            )
        )
    if grown:
        x = [float(one.learners) for one in grown]
        for name, unit, y in (
            ("processor time of a pass", "s", [one.processor_s for one in grown]),
            ("memory", "bytes", [float(one.memory_bytes) for one in grown]),
        ):
            lines.append(Series(name=name, unit=unit, x_unit="learners", x=x, y=y))
    return lines


def evidence_of(loaded: Loaded, grown: Sequence[Grown]) -> dict[str, Any]:
    """Return what the figures are from, JSON-ready."""
    out: dict[str, Any] = {
        "growth": [
            {
                "learners": one.learners,
                "processor_s": one.processor_s,
                "memory_bytes": one.memory_bytes,
            }
            for one in grown
        ]
    }
    if loaded.loading is None:
        return out
    asking, taken, analysis = (
        loaded.loading.asking,
        loaded.loading.taken,
        loaded.loading.analysis,
    )
    out["questions"] = {kind: one.to_json() for kind, one in asking.latencies.items()}
    out["batches"] = taken.latencies.to_json()
    out["errors"] = {
        "failed": dict(asking.failed),
        "late": asking.late,
        "batches_failed": dict(taken.failed),
        "compared": loaded.compared,
        "wrong": [{"part": one.part, "pass": one.pass_number} for one in loaded.wrong],
    }
    out["passes"] = {"learners": analysis.learners_of, "seconds": analysis.seconds}
    return out


def notes_of(loaded: Loaded) -> list[str]:
    """Return what a reader of the figures must know."""
    notes = [_LOAD_NOTE, "the load is made in the process that is loaded, on its processors"]
    if loaded.loading is not None and loaded.compared == 0:
        notes.append("no answer was compared with what is true")
    return notes
