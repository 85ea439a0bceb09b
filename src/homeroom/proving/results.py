"""What a run leaves: one document, of one form for every test, from which pages, comparisons and later runs read.

It says of itself whether it is whole. An interrupted run keeps what it has measured and is partial; a partial run has
not passed, whatever its findings say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from homeroom.proving.criteria import Finding, Verdict

__all__ = ["SCHEMA", "Results", "Series", "Span", "Timeline", "results_line"]

SCHEMA: Final = 1
"""Version of the form; it grows when a field goes or changes its meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Figures for a chart: ``y`` (in ``unit``) over ``x`` (in ``x_unit``), one name a line."""

    name: str
    unit: str
    x_unit: str
    x: Sequence[float]
    y: Sequence[float | None]

    def __post_init__(self) -> None:
        """Have a point be two numbers."""
        assert len(self.x) == len(self.y), self.name

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "name": self.name,
            "unit": self.unit,
            "x_unit": self.x_unit,
            "x": list(self.x),
            "y": list(self.y),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that happened: ``what``, from when to when, seconds since the run began; no end for a moment."""

    what: str
    begin_s: float
    end_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {"what": self.what, "begin_s": self.begin_s, "end_s": self.end_s}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A fault, and what followed from it in order."""

    fault: str
    events: Sequence[Span]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {"fault": self.fault, "events": [one.to_json() for one in self.events]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a run of one plan leaves.

    Parameters
    ----------
    test, name : the kind of test, and the plan's name
    plan : the plan as it was run, JSON-ready
    machine : what it ran on
    target : ``embedded``, ``processes``, or the address that was loaded
    began_ms, ended_ms : milliseconds since 1970 UTC
    is_partial : whether it was interrupted, or a part of it could not be run
    findings : one a criterion
    series, timelines : for charts
    figures : further figures, by name, JSON-ready
    notes : sentences that a reader of the figures must know
    """

    test: str
    name: str
    plan: Mapping[str, Any]
    machine: Mapping[str, Any]
    target: str
    began_ms: int
    ended_ms: int
    is_partial: bool
    findings: Sequence[Finding]
    series: Sequence[Series] = ()
    timelines: Sequence[Timeline] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def has_passed(self) -> bool:
        """Whether the run is whole and every criterion is met."""
        return not self.is_partial and all(one.verdict is Verdict.PASS for one in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "schema": SCHEMA,
            "test": self.test,
            "name": self.name,
            "verdict": Verdict.PASS.value if self.has_passed else Verdict.FAIL.value,
            "is_partial": self.is_partial,
            "target": self.target,
            "began_ms": self.began_ms,
            "ended_ms": self.ended_ms,
            "plan": dict(self.plan),
            "machine": dict(self.machine),
            "findings": [one.to_json() for one in self.findings],
            "series": [one.to_json() for one in self.series],
            "timelines": [one.to_json() for one in self.timelines],
            "figures": dict(self.figures),
            "notes": list(self.notes),
        }


def results_line(finding: Finding) -> str:
    """Return a finding as one line for a person."""
    figure = finding.measured.figure
    said = "not measured" if figure is None else f"{figure:,.6g}"
    margin = "" if finding.margin is None else f", margin {finding.margin:+.1%}"
    doubt = "" if finding.is_sure or figure is None else ", its interval reaches over the bound"
    return f"{finding.verdict.value}  {finding.criterion.name} {finding.criterion.asked}: {said}{margin}{doubt}"
