"""What users all over the world have met, phase by phase, and what that says of a plan of geography.

A run has three phases. With all regions there and caches on: this one alone is judged, since the criteria say what
users have on an ordinary day. With caches off. With one region down, which may take users farther than any criterion
allows: that is told beside what light and cables allow, and what would help.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from homeroom.proving.criteria import Comparison, Measured, error_share
from homeroom.proving.latencies import Latencies
from homeroom.proving.physics import Forbidden, Site, nearest
from homeroom.proving.plans import GeographyPlan, Users
from homeroom.proving.results import Series, Span, Timeline

__all__ = ["Heard", "Phase", "Seen", "Stage"]

_SHARES: Final = (0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1.0)

_BUSY_MS: Final = 10.0
"""Where questions are asked later than that, it is this machine that is slow."""


class Stage(StrEnum):
    """What a phase is about."""

    WELL = "all well"
    PLAIN = "caches off"
    DOWN = "a region down"


@dataclass(slots=True)
class Heard:
    """What the users of one place met in one phase.

    Attributes
    ----------
    asked, late : questions that were asked, and answers that came too late
    latencies : of all answers
    settled : of those that were asked in the second half of the phase
    failed : why there was no answer, and how often
    first_s : when the first question was answered that the phase had begun, seconds since then; None if none was
    region : where they are sent at the end, as their client says
    """

    asked: int = 0
    late: int = 0
    latencies: Latencies = field(default_factory=Latencies)
    settled: Latencies = field(default_factory=Latencies)
    failed: Counter[str] = field(default_factory=Counter)
    first_s: float | None = None
    region: str = ""


@dataclass(slots=True, kw_only=True)
class Phase:
    """One phase of a run.

    Attributes
    ----------
    stage, began_s, seconds : which, when it began since the run did, and how long it lasted
    heard : by place of users
    acknowledged : how long batches took
    batches_failed : why batches were not taken, and how often
    compared, wrong : answers that were compared with the truth, and those of them that were false
    connections : how many were made meanwhile
    begun_late : how late questions were asked, since this machine had too much to do
    processor_s : processor time of all nodes together meanwhile
    """

    stage: Stage
    began_s: float
    seconds: float = 0.0
    heard: dict[str, Heard] = field(default_factory=dict)
    acknowledged: Latencies = field(default_factory=Latencies)
    batches_failed: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    wrong: int = 0
    connections: int = 0
    begun_late: Latencies = field(default_factory=Latencies)
    processor_s: float = 0.0

    def latencies(self, places: Iterable[str]) -> Latencies:
        """Return how long answers took at some places, together."""
        return _joined(self.heard[place].latencies for place in places if place in self.heard)

    def settled(self, places: Iterable[str]) -> Latencies:
        """Return the same for the second half."""
        return _joined(self.heard[place].settled for place in places if place in self.heard)

    def errors(self, places: Iterable[str]) -> tuple[int, int]:
        """Return how many questions failed or were late, of how many."""
        heard = [self.heard[place] for place in places if place in self.heard]
        return sum(one.failed.total() + one.late for one in heard), sum(one.asked for one in heard)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "stage": self.stage.value,
            "began_s": self.began_s,
            "seconds": self.seconds,
            "places": {
                place: {
                    "asked": one.asked,
                    "late": one.late,
                    "failed": dict(one.failed),
                    "first_s": one.first_s,
                    "region": one.region,
                    "latencies": one.latencies.to_json(),
                }
                for place, one in self.heard.items()
            },
            "acknowledged": self.acknowledged.to_json(),
            "batches_failed": dict(self.batches_failed),
            "compared": self.compared,
            "wrong": self.wrong,
            "connections": self.connections,
            "begun_late": self.begun_late.to_json(),
            "processor_s": self.processor_s,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that a run has seen.

    Parameters
    ----------
    plan : that was run
    sites : the regions
    down : the one that went down in the last phase
    phases : in order; fewer than three where it was stopped
    cannot : criteria that nothing could meet
    """

    plan: GeographyPlan
    sites: Sequence[Site]
    down: str
    phases: Sequence[Phase]
    cannot: Sequence[Forbidden]

    def phase(self, stage: Stage) -> Phase | None:
        """Return a phase; None if it was not begun."""
        return next((one for one in self.phases if one.stage is stage), None)

    def places(self, of: str = "") -> list[str]:
        """Return the places of a region of users, or all."""
        return [user.place for user in self.plan.users if of in ("", user.region)]

    def groups(self) -> list[str]:
        """Return the regions of users, in the order of the plan."""
        return list(dict.fromkeys(user.region for user in self.plan.users))

    def near_down(self) -> list[Users]:
        """Return the users whose nearest region went down."""
        return [user for user in self.plan.users if nearest(user, self.sites).name == self.down]

    # --- what is judged ----------------------------------------------------------------------------------------------

    def measured(self, evidence: str) -> dict[str, Measured]:
        """Return figures by name of criterion, of the phase that is judged; what was not measured is left out."""
        well = self.phase(Stage.WELL)
        if well is None:
            return {}
        found: dict[str, Measured] = {}
        for criterion in self.plan.criteria:
            places = self.places(criterion.of)
            if criterion.measure == "p99_ms":
                all_ = well.latencies(places)
                found[criterion.name] = Measured(
                    figure=all_.quantile_ms(0.99),
                    interval=all_.quantile_interval_ms(0.99),
                    evidence=f"{evidence}#phases[0].places",
                )
            elif criterion.measure == "errors":
                errors, whole = well.errors(places)
                if not criterion.of:
                    failed = well.batches_failed.total()
                    errors, whole = errors + failed, whole + len(well.acknowledged) + failed
                wrong = well.wrong, well.compared
                found[criterion.name] = error_share(
                    (errors, whole), wrong, f"{evidence}#phases[0].places"
                )
        return found

    # --- what is told ------------------------------------------------------------------------------------------------

    def series(self) -> list[Series]:
        """Return the latency by share of the answers, a line a phase."""
        lines = []
        for phase in self.phases:
            all_ = phase.latencies(self.places())
            if len(all_):
                name = f"{self.down} down" if phase.stage is Stage.DOWN else phase.stage.value
                y = [all_.quantile_ms(share) for share in _SHARES]
                lines.append(Series(name=name, unit="ms", x_unit="share", x=_SHARES, y=y))
        return lines

    def timelines(self) -> list[Timeline]:
        """Return when users were answered again after their region went down."""
        down = self.phase(Stage.DOWN)
        if down is None:
            return []
        events = [Span(what=f"{self.down} down", begin_s=down.began_s)]
        for user in self.near_down():
            first_s = down.heard[user.place].first_s if user.place in down.heard else None
            if first_s is not None:
                what = f"users in {user.place} have an answer"
                events.append(Span(what=what, begin_s=down.began_s + first_s))
        events.sort(key=lambda one: one.begin_s)
        return [Timeline(fault=f"{self.down} goes down", events=events)]

    def figures(self) -> dict[str, Any]:
        """Return further figures, JSON-ready."""
        return {
            "down": self.down,
            "phases": [self._told(phase) for phase in self.phases],
            "map": self.map(),
        }

    def _told(self, phase: Phase) -> dict[str, Any]:
        errors, asked = phase.errors(self.places())
        return {
            "stage": phase.stage.value,
            "seconds": phase.seconds,
            "questions": asked,
            "errors": errors,
            "batches": len(phase.acknowledged) + phase.batches_failed.total(),
            "acknowledged_p99_ms": phase.acknowledged.quantile_ms(0.99),
            "compared": phase.compared,
            "wrong": phase.wrong,
            "connections": phase.connections,
            "asked_late_p99_ms": phase.begun_late.quantile_ms(0.99),
            "processors_used": phase.processor_s / phase.seconds if phase.seconds else None,
            "p99_ms": {
                of or "all": phase.latencies(self.places(of)).quantile_ms(0.99)
                for of in (*self.groups(), "")
            },
            "settled_p99_ms": {
                of or "all": phase.settled(self.places(of)).quantile_ms(0.99)
                for of in (*self.groups(), "")
            },
        }

    def map(self) -> dict[str, Any]:
        """Return where regions and users are, and what the users of each place met, JSON-ready."""
        bounds = {
            one.of: one.bound
            for one in self.plan.criteria
            if one.measure == "p99_ms" and one.comparison in (Comparison.BELOW, Comparison.AT_MOST)
        }
        return {
            "regions": [
                {
                    "name": site.name,
                    "latitude": site.latitude,
                    "longitude": site.longitude,
                    "down": site.name == self.down,
                }
                for site in self.sites
            ],
            "users": [
                {
                    "place": user.place,
                    "region": user.region,
                    "latitude": user.latitude,
                    "longitude": user.longitude,
                    "bound_ms": bounds.get(user.region, bounds.get("")),
                    "nearest": nearest(user, self.sites).name,
                    "phases": {
                        phase.stage.value: {
                            "p99_ms": phase.latencies([user.place]).quantile_ms(0.99),
                            "answered_by": phase.heard[user.place].region,
                        }
                        for phase in self.phases
                        if user.place in phase.heard
                    },
                }
                for user in self.plan.users
            ],
            "groups": [self._group(of, bounds.get(of, bounds.get(""))) for of in self.groups()],
        }

    def _group(self, of: str, bound_ms: float | None) -> dict[str, Any]:
        """Return a region of users, which is named where most of them are."""
        most = max((one for one in self.plan.users if one.region == of), key=lambda one: one.share)
        well = self.phase(Stage.WELL)
        return {
            "of": of,
            "latitude": most.latitude,
            "longitude": most.longitude,
            "bound_ms": bound_ms,
            "p99_ms": None if well is None else well.latencies(self.places(of)).quantile_ms(0.99),
        }

    def notes(self) -> list[str]:
        """Return what a reader of the figures must know."""
        notes = [
            f"the criteria are judged with all {len(self.sites)} regions there and caches on; what follows when caches "
            "are off or a region is down is told and not judged",
            "users, delays and all regions share the processors of one machine: the distances are those of the world, "
            "the time that answering takes is longer than there",
            *self._busy_notes(),
            *(one.in_words for one in self.cannot),
            *self._plain_notes(),
            *self._down_notes(),
        ]
        if self.phases and not any(phase.compared for phase in self.phases):
            notes.append("no answer was compared with what is true")
        return notes

    def _busy_notes(self) -> list[str]:
        well = self.phase(Stage.WELL)
        late_ms = None if well is None else well.begun_late.quantile_ms(0.99)
        if late_ms is None or late_ms < _BUSY_MS:
            return []
        return [
            f"this machine had too much to do: one in a hundred questions was asked {late_ms:.0f} ms late or more, "
            "which counts as the time of its answer"
        ]

    def _plain_notes(self) -> list[str]:
        well, plain = self.phase(Stage.WELL), self.phase(Stage.PLAIN)
        if well is None or plain is None:
            return []
        with_, without = (one.latencies(self.places()).quantile_ms(0.99) for one in (well, plain))
        errors, asked = plain.errors(self.places())
        return [
            f"with caches off the P99 of all users is {_ms(without)} in place of {_ms(with_)}, and {errors:,} of "
            f"{asked:,} questions fail or are late"
        ]

    def _down_notes(self) -> list[str]:
        well, down = self.phase(Stage.WELL), self.phase(Stage.DOWN)
        if well is None or down is None:
            return []
        users = self.near_down()
        places = [user.place for user in users]
        notes = [_moved(self.down, {place: down.heard[place] for place in places})]
        for of in dict.fromkeys(user.region for user in users):
            some = [user.place for user in users if user.region == of]
            errors, asked = down.errors(some)
            before, after, later = (
                one.quantile_ms(0.99)
                for one in (well.latencies(some), down.latencies(some), down.settled(some))
            )
            notes.append(
                f"users of {of} near {self.down}: P99 {_ms(before)} before, {_ms(after)} from the moment at which it "
                f"went down, {_ms(later)} in the second half of that time; {errors:,} of {asked:,} questions failed or "
                "were late"
            )
        return notes


def _joined(some: Iterable[Latencies]) -> Latencies:
    all_ = Latencies()
    for one in some:
        all_.join(one)
    return all_


def _moved(down: str, heard: Mapping[str, Heard]) -> str:
    """Say who went where."""
    where: dict[str, list[str]] = {}
    for place, one in heard.items():
        where.setdefault(one.region, []).append(place)
    parts = [f"{', '.join(places)} to {region or 'nobody'}" for region, places in where.items()]
    firsts = [one.first_s for one in heard.values() if one.first_s is not None]
    first = f"; each had an answer within {max(firsts):.1f} s" if firsts else ""
    return f"when {down} went down its users moved: {'; '.join(parts)}{first}"


def _ms(figure: float | None) -> str:
    return "not measured" if figure is None else f"{figure:.0f} ms"
