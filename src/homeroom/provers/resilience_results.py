"""What faults have left becomes figures, timelines and a year: with intervals, and where each can be looked up.

A figure of several faults is the worst of them: an operator promises it of each. How they are distributed stands beside
it. The year is drawn anew with the times until users were served elsewhere, as they were measured here, in place of
those that the shipped setup has; how often things fail no run can measure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from homeroom.provers.outcome import Outcome
from homeroom.provers.simulated_faults import SimulatedFaults
from homeroom.proving import year
from homeroom.proving.criteria import Measured, share_interval
from homeroom.proving.episodes import Counts, Episode, measured_setup, spread_of
from homeroom.proving.faults import Fault
from homeroom.proving.hazards import Setup
from homeroom.proving.plans import ResiliencePlan
from homeroom.proving.results import Series

__all__ = ["Ran", "outcome_of"]

_NOTE: Final = (
    "regions, their networks and their load share the processors of one machine, and nothing is as far apart as it "
    "would be"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a run has left.

    Parameters
    ----------
    plan, setup : that was run, and the world whose year is modelled
    measured : of processes, as `homeroom.provers.faulted` leaves it
    simulated : of simulated worlds
    """

    plan: ResiliencePlan
    setup: Setup
    measured: Mapping[str, Any]
    simulated: SimulatedFaults

    @property
    def episodes(self) -> list[Episode]:
        """Return the faults that were done to processes."""
        return msgspec.convert(self.measured.get("episodes", []), list[Episode])

    def of(self, measure: str) -> list[tuple[Episode, Fault]]:
        """Return the episodes that give a figure, each with its fault."""
        faults = {one.name: one for one in self.plan.faults}
        return [
            (one, faults[one.fault]) for one in self.episodes if faults[one.fault].gives == measure
        ]


def outcome_of(ran: Ran) -> Outcome:
    """Return what a run comes to."""
    evidence = f"{ran.plan.name}-evidence.json"
    modelled = _year(ran)
    return Outcome(
        is_partial=bool(ran.measured["is_partial"]),
        measured=_measured(ran, modelled, evidence),
        series=_series(ran),
        timelines=[one.timeline() for one in ran.episodes],
        figures=_figures(ran, modelled),
        evidence={**ran.measured, "simulated": ran.simulated.to_json()},
        notes=_notes(ran, modelled),
    )


def _measured(ran: Ran, modelled: year.Outcome, evidence: str) -> dict[str, Measured]:
    """Return the figures by name of criterion; what was not measured is left out."""
    at = f"{evidence}#episodes"
    found: dict[str, Measured] = {}
    for fault, times in _by_fault(ran, "failover_s", lambda one: one.moved_s):
        _add(found, "failover_s", (fault, times), at)
    for fault, times in _by_fault(ran, "recovery_s", lambda one: one.recovery_s):
        _add(found, "recovery_s", (fault, times), at)
    cached = [one for one, _ in ran.of("cache_errors")]
    if cached:
        errors = sum((one.struck + one.others).failed for one in cached)
        found["cache_errors"] = Measured(figure=float(errors), evidence=at)
    conflicts = ran.measured.get("conflicts")
    if conflicts and conflicts["people"]:
        figure = float(conflicts["unsettled"])
        found["conflicts_unsettled"] = Measured(figure=figure, evidence=f"{evidence}#conflicts")
    if audit := ran.measured.get("audit"):
        wrong = float(audit["wrong"] + len(audit["disagreeing"]) + audit["not_taken"])
        found["events_lost"] = Measured(figure=wrong, evidence=f"{evidence}#audit")
        broken = float(len(_broken(ran)))
        found["promises_broken"] = Measured(figure=broken, evidence=at)
        requests = Counts(**ran.measured["requests"])
        found["errors"] = Measured(
            figure=(requests.failed + requests.late) / max(requests.asked, 1),
            interval=share_interval(requests.failed + requests.late, requests.asked),
            evidence=f"{evidence}#requests",
        )
    if ran.episodes:
        ends = (modelled.high_s, modelled.low_s)
        found["availability"] = Measured(
            figure=modelled.availability,
            interval=(1 - ends[0] / year.YEAR_S, 1 - ends[1] / year.YEAR_S),
            evidence=at,
        )
    return found


def _by_fault(
    ran: Ran,
    measure: str,
    time_of: Any,  # noqa: ANN401 - a function of an episode
) -> Iterable[tuple[str, list[float | None]]]:
    """Yield by fault the times of its episodes, None for one in which it did not come to it."""
    found: dict[str, list[float | None]] = {}
    for one, _ in ran.of(measure):
        found.setdefault(one.fault, []).append(time_of(one))
    return found.items()


def _add(
    found: dict[str, Measured], measure: str, one: tuple[str, Sequence[float | None]], at: str
) -> None:
    """Add the worst time of a fault, and of all faults; where one never ended, there is no figure."""
    fault, times = one
    whole = [time for time in times if time is not None]
    worst = max(whole) if len(whole) == len(times) else None
    found[f"{measure} of {fault}"] = Measured(figure=worst, evidence=at)
    before = found.get(measure, Measured(figure=0.0))
    both = None if worst is None or before.figure is None else max(worst, before.figure)
    found[measure] = Measured(figure=both, evidence=at)


def _broken(ran: Ran) -> list[str]:
    of_processes = [f"{one.fault}: {said}" for one in ran.episodes for said in one.broken]
    missing = (ran.measured.get("audit") or {}).get("missing")
    afterwards = [f"all nodes come to the same afterwards: {missing}"] if missing else []
    return of_processes + afterwards + ran.simulated.broken


def _year(ran: Ran) -> year.Outcome:
    """Model the year with the times that were measured."""
    moved: dict[str, list[float]] = {}
    faults = {one.name: one for one in ran.plan.faults}
    for one in ran.episodes:
        for hazard in faults[one.fault].hazards:
            moved.setdefault(hazard, []).extend(one.failover_s)
    return year.model_year(measured_setup(ran.setup, moved), ran.plan.seed)


def _figures(ran: Ran, modelled: year.Outcome) -> dict[str, Any]:
    spreads = {
        fault.name: _spreads([one for one in ran.episodes if one.fault == fault.name])
        for fault in ran.plan.faults
        if fault.is_real
    }
    return {
        "episodes": len(ran.episodes),
        "spreads": {"all": _spreads(ran.episodes), **spreads},
        "requests": ran.measured.get("requests"),
        "audit": ran.measured.get("audit"),
        "conflicts": ran.measured.get("conflicts"),
        "simulated_worlds": ran.simulated.worlds,
        "broken": _broken(ran),
        "year": {
            "lost_s": modelled.mean_s,
            "interval_s": [modelled.low_s, modelled.high_s],
            "by_cause_s": dict(modelled.by_cause),
        },
    }


def _spreads(episodes: Iterable[Episode]) -> dict[str, Any]:
    """Return how the times of some episodes are distributed; failover is that of every program."""
    some = list(episodes)
    times = {
        "detection_s": [one.detection_s for one in some if one.detection_s is not None],
        "failover_s": [time for one in some for time in one.failover_s],
        "recovery_s": [one.recovery_s for one in some if one.recovery_s is not None],
    }
    return {name: spread_of(found) for name, found in times.items()}


def _series(ran: Ran) -> list[Series]:
    """Return for charts how many of the users of what was struck waited for how long at most."""
    lines = []
    for fault in ran.plan.faults:
        times = sorted(
            time for one in ran.episodes if one.fault == fault.name for time in one.failover_s
        )
        if fault.gives == "failover_s" and times:
            shares = [(place + 1) / len(times) for place in range(len(times))]
            lines.append(
                Series(
                    name=f"failover after {fault.name}", unit="share", x_unit="s", x=times, y=shares
                )
            )
    return lines


def _notes(ran: Ran, modelled: year.Outcome) -> list[str]:
    notes = [_NOTE]
    if ran.simulated.worlds:
        notes.append(
            f"{ran.simulated.worlds} simulated worlds had faults of the plan, and broke {len(ran.simulated.broken)} "
            "promises"
        )
    notes += [f"did not hold: {said}" for said in _broken(ran)[:20]]
    if not modelled.is_five_nines:
        worst, lost_s = next(iter(modelled.by_cause.items()))
        notes.append(
            f"of a year {modelled.mean_s:,.0f} s are lost, {lost_s:,.0f} of them by the hazard {worst}; homeroom prove "
            "year says what would reach five nines"
        )
    return notes
