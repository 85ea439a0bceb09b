"""What every kind of test is given, and what it hands back to be judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homeroom.proving.criteria import Measured
from homeroom.proving.plans import Plan, Sizes
from homeroom.proving.results import Series, Timeline
from homeroom.proving.targets import Target

__all__ = ["Outcome", "Proving"]


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

    def sizes(self, plan: Plan) -> Sizes:
        """Return how large the run of a plan is."""
        sizes = plan.quick if self.is_quick else plan.sizes
        return Sizes(
            learners=self.learners or sizes.learners,
            seconds=sizes.seconds,
            questions_per_second=sizes.questions_per_second,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a test has measured.

    Attributes
    ----------
    is_partial : whether it was interrupted, or a part of it could not be run
    measured : by name of criterion (`homeroom.proving.criteria.Criterion.name`); what is not in it fails
    series, timelines : for charts
    figures : further figures, by name, JSON-ready
    evidence : what the figures are from, JSON-ready
    notes : sentences that a reader of the figures must know
    """

    is_partial: bool
    measured: Mapping[str, Measured]
    series: Sequence[Series] = ()
    timelines: Sequence[Timeline] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
