"""What must hold, what was measured, and the verdict.

A criterion bounds one figure from one side. Which figures there are, in which unit and which side makes sense, is one
table (`MEASURES`): a plan that bounds a figure from the side on which nobody could fail, or by what no figure can
reach, is refused before anything runs, since a test that cannot fail, or can only fail, tells nothing.

The verdict is that of the measured figure. The interval stands beside it, and a finding whose interval reaches over the
bound says so: the run was too short to be sure. A third verdict between pass and fail was the way not taken: whoever
has to decide would have to be told what to do with it. What could not be measured fails.
"""

import difflib
import math
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np

from homeroom.cohorts.answers import wilson
from homeroom.errors import ProvingError

__all__ = [
    "MEASURES",
    "Comparison",
    "Criterion",
    "Finding",
    "Measure",
    "Measured",
    "Verdict",
    "check_criteria",
    "error_share",
    "judge",
    "share_interval",
]


class Comparison(StrEnum):
    """On which side of the bound the figure must lie."""

    BELOW = "below"
    AT_MOST = "at_most"
    AT_LEAST = "at_least"
    ABOVE = "above"

    @property
    def sign(self) -> str:
        """As it is written in a sentence."""
        return {"below": "<", "at_most": "≤", "at_least": "≥", "above": ">"}[self.value]

    @property
    def is_upper(self) -> bool:
        """Whether less is better."""
        return self in (Comparison.BELOW, Comparison.AT_MOST)

    def holds(self, figure: float, bound: float) -> bool:
        """Say whether a figure lies on the right side; NaN never does."""
        if self is Comparison.BELOW:
            return figure < bound
        if self is Comparison.AT_MOST:
            return figure <= bound
        return figure >= bound if self is Comparison.AT_LEAST else figure > bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure that runs give.

    Parameters
    ----------
    unit : of the figure: ``share``, ``ms``, ``s``, ``a minute``, ``exponent`` or ``count``
    tests : of which tests it comes
    is_cost : whether less is better, so that it is bounded from above
    high : the most that it can be
    about : what it is, in words
    """

    unit: str
    tests: tuple[str, ...]
    is_cost: bool
    high: float
    about: str


_INF: Final = math.inf
_LOAD: Final = ("load",)
_RESILIENCE: Final = ("resilience",)


def _cost(unit: str, tests: tuple[str, ...], about: str, high: float = _INF) -> Measure:
    return Measure(unit=unit, tests=tests, is_cost=True, high=high, about=about)


def _gain(unit: str, tests: tuple[str, ...], about: str, high: float = _INF) -> Measure:
    return Measure(unit=unit, tests=tests, is_cost=False, high=high, about=about)


MEASURES: Final[dict[str, Measure]] = {
    "errors": _cost(
        "share", ("load", "geography", "resilience"), "failed, late or wrong answers", 1
    ),
    "p99_ms": _cost("ms", ("load", "geography"), "P99 of the time until an answer is there"),
    "learners_per_minute": _gain(
        "a minute", _LOAD, "learners analysed a minute while events arrive"
    ),
    "processor_growth": _cost("exponent", _LOAD, "exponent of processor time over learners"),
    "memory_growth": _cost("exponent", _LOAD, "exponent of memory over learners"),
    "failover_s": _cost("s", _RESILIENCE, "from the loss of a region until its users are answered"),
    "recovery_s": _cost("s", _RESILIENCE, "from the loss of a database until writes are taken"),
    "cache_errors": _cost("count", _RESILIENCE, "errors while all caches are away"),
    "conflicts_unsettled": _cost(
        "count", _RESILIENCE, "conflicts that nodes settled otherwise than the rules"
    ),
    "events_lost": _cost(
        "count", _RESILIENCE, "acknowledged events that a region does not count exactly once"
    ),
    "promises_broken": _cost(
        "count", _RESILIENCE, "what must hold of faults (proving/faults.toml) and did not"
    ),
    "availability": _gain(
        "share", _RESILIENCE, "user-weighted availability over a modelled year", 1
    ),
}
"""All figures that can be bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """What must hold of one figure.

    Parameters
    ----------
    measure : which figure, a name of `MEASURES`
    comparison, bound : on which side of what it must lie
    of : whose figure, for example the region of users; empty for all
    aim : what is aimed at beyond the bound, which is told and not judged
    """

    measure: str
    comparison: Comparison
    bound: float
    of: str = ""
    aim: float | None = None

    @property
    def name(self) -> str:
        """The measure, and whose."""
        return f"{self.measure} of {self.of}" if self.of else self.measure

    @property
    def asked(self) -> str:
        """What must hold, as it is shown."""
        said = f"{self.comparison.sign} {self.bound:,.10g} {MEASURES[self.measure].unit}"
        return said if self.aim is None else f"{said} (aim {self.aim:,.10g})"

    def check(self, test: str) -> None:
        """Refuse what no run could fail, or none could pass. Raises `ProvingError`."""
        measure = MEASURES.get(self.measure)
        if measure is None:
            near = difflib.get_close_matches(self.measure, MEASURES, 1) or sorted(MEASURES)
            raise ProvingError(
                f"the criterion {self.measure[:80]!r} is no figure that is measured; there is {', '.join(near)}"
            )
        if test not in measure.tests:
            raise ProvingError(
                f"{self.name} is measured by {' and '.join(measure.tests)}, and not by {test}"
            )
        if measure.is_cost != self.comparison.is_upper:
            side = "below or at_most" if measure.is_cost else "at_least or above"
            raise ProvingError(
                f"{self.name} {self.comparison} {self.bound:g} is no demand: say {side}"
            )
        self._check_reach(measure)

    def _check_reach(self, measure: Measure) -> None:
        wanted = (self.bound,) if self.aim is None else (self.bound, self.aim)
        for bound in wanted:
            strict = self.comparison in (Comparison.BELOW, Comparison.ABOVE)
            end = 0.0 if measure.is_cost else measure.high
            over = bound < end if measure.is_cost else bound > end
            if not math.isfinite(bound) or over or (strict and bound == end):
                raise ProvingError(
                    f"{self.name} {self.comparison} {bound:g} is impossible: it is from 0 to {measure.high:g}"
                )
        if self.aim is not None and not self.comparison.holds(self.aim, self.bound):
            raise ProvingError(
                f"{self.name}: the aim {self.aim:g} contradicts the bound {self.bound:g}; aim for better than the bound"
            )


class Verdict(StrEnum):
    """What a finding comes to."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A figure that a run gave.

    Parameters
    ----------
    figure : None where it could not be measured
    interval : 95 %, None where none is known
    evidence : where it can be looked up: a file of the report, and what in it
    """

    figure: float | None
    interval: tuple[float, float] | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A criterion and what was found.

    Attributes
    ----------
    margin : how far the figure lies on the good side, as a share of the bound; below 0 where it fails, None at bound 0
    is_sure : whether the whole interval lies on the side of the verdict, where an interval is known
    """

    criterion: Criterion
    measured: Measured
    verdict: Verdict
    margin: float | None
    is_sure: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        one = self.criterion
        interval = self.measured.interval
        return {
            "criterion": one.name,
            "measure": one.measure,
            "of": one.of,
            "about": MEASURES[one.measure].about,
            "unit": MEASURES[one.measure].unit,
            "asked": one.asked,
            "comparison": one.comparison.value,
            "bound": one.bound,
            "aim": one.aim,
            "measured": self.measured.figure,
            "interval": None if interval is None else list(interval),
            "margin": self.margin,
            "verdict": self.verdict.value,
            "is_sure": self.is_sure,
            "evidence": self.measured.evidence,
        }


def judge(criterion: Criterion, measured: Measured) -> Finding:
    """Return what a figure says of a criterion."""
    figure, bound = measured.figure, criterion.bound
    if figure is None or math.isnan(figure):
        nothing = Measured(figure=None, evidence=measured.evidence)
        return Finding(
            criterion=criterion, measured=nothing, verdict=Verdict.FAIL, margin=None, is_sure=False
        )
    holds = criterion.comparison.holds(figure, bound)
    distance = bound - figure if criterion.comparison.is_upper else figure - bound
    ends = measured.interval or ()
    return Finding(
        criterion=criterion,
        measured=measured,
        verdict=Verdict.PASS if holds else Verdict.FAIL,
        margin=distance / bound if bound else None,
        is_sure=all(criterion.comparison.holds(end, bound) == holds for end in ends),
    )


def check_criteria(test: str, criteria: Collection[Criterion]) -> None:
    """Refuse criteria of a test that are impossible, or that contradict each other. Raises `ProvingError`."""
    if not criteria:
        raise ProvingError(
            f"a plan of {test} without criteria can neither pass nor fail; add [[criteria]]"
        )
    seen: dict[str, Criterion] = {}
    for one in criteria:
        one.check(test)
        other = seen.setdefault(one.name, one)
        if other is not one:
            raise ProvingError(
                f"{one.name} is bounded twice ({other.asked}, {one.asked}): leave one of them"
            )


def share_interval(count: int, of: int) -> tuple[float, float] | None:
    """Return the 95 % interval of a share, of which ``count`` of ``of`` were seen (Wilson 1927); None of nothing."""
    if of == 0:
        return None
    low, high = wilson(np.array([count]), np.array([of]))
    return float(low[0]), float(high[0])


def error_share(errors: tuple[int, int], wrong: tuple[int, int], evidence: str) -> Measured:
    """Return the share of requests that failed or were late, with that of compared answers that were wrong added.

    Parameters
    ----------
    errors : how many failed or were late, of how many
    wrong : how many were wrong, of how many that were compared
    evidence : where both can be looked up
    """
    interval = share_interval(*errors)
    if interval is None:
        return Measured(figure=None, evidence=evidence)
    false = wrong[0] / max(wrong[1], 1)
    low, high = (min(end + false, 1.0) for end in interval)
    return Measured(
        figure=min(errors[0] / errors[1] + false, 1.0), interval=(low, high), evidence=evidence
    )
