"""What the documents of some runs say together: go or no-go, why, and what to do about it; in words, for every form."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homeroom.proving.criteria import Comparison, Verdict
from homeroom.proving.plans import TESTS
from homeroom.proving.regressions import Regression

__all__ = ["Decision", "Row", "Run", "decide", "figure_words"]

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A criterion as it is shown; all words but ``has_passed``."""

    criterion: str
    about: str
    asked: str
    measured: str
    margin: str
    verdict: str
    evidence: str
    has_passed: bool


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it is shown."""

    title: str
    summary: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    document: Document


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be decided.

    Attributes
    ----------
    is_go : whether every test was run whole and every criterion holds
    reasons : why not, the gravest first; or that everything holds
    runs : what was run, in the order of `TESTS`
    """

    is_go: bool
    reasons: tuple[str, ...]
    runs: tuple[Run, ...]

    @property
    def word(self) -> str:
        """Return the decision as a word."""
        return "Go" if self.is_go else "No-go"


def decide(documents: Sequence[Document], regressions: Sequence[Regression] = ()) -> Decision:
    """Return what documents of runs say together; a test with several plans has several."""
    ordered = sorted(documents, key=lambda one: (_order(one["test"]), one["name"]))
    runs = tuple(_run(one) for one in ordered)
    reasons = [reason for run in runs for reason in _failed(run)]
    reasons += [_worse(one) for one in regressions]
    reasons += [
        f"{run.title} was interrupted, or a part of it could not be run."
        for run in runs
        if run.document["is_partial"]
    ]
    # Without a whole run of each there is nothing to decide.
    run_here = {one["test"] for one in documents}
    reasons += [f"The test of {test} has not been run." for test in TESTS if test not in run_here]
    if reasons:
        return Decision(is_go=False, reasons=tuple(reasons), runs=runs)
    count = sum(len(run.rows) for run in runs)
    return Decision(is_go=True, reasons=(f"All {count} criteria hold.",), runs=runs)


def figure_words(figure: float | None, unit: str) -> str:
    """Write a figure with its unit, to three or four digits; None is not measured."""
    if figure is None:
        return "not measured"
    if unit == "share":
        return f"{100 * figure:.6g} %"
    whole = abs(figure) >= 1_000 or unit == "count"
    said = f"{figure:,.0f}" if whole else f"{figure:.3g}"
    return said if unit in ("count", "exponent") else f"{said} {unit}"


def _order(test: str) -> int:
    return TESTS.index(test) if test in TESTS else len(TESTS)


def _run(document: Document) -> Run:
    began = dt.datetime.fromtimestamp(document["began_ms"] / 1_000, dt.UTC)
    took_s = (document["ended_ms"] - document["began_ms"]) / 1_000
    summary = f"{began:%Y-%m-%d %H:%M} UTC, {took_s:,.0f} s, on {document['target']}."
    rows = sorted((_row(one) for one in document["findings"]), key=lambda row: row.has_passed)
    title = f"{document['test'].capitalize()}: {document['name']}"
    return Run(title, summary, tuple(rows), tuple(document["notes"]), document)


def _row(finding: Document) -> Row:
    unit, interval = finding["unit"], finding["interval"]
    measured = figure_words(finding["measured"], unit)
    if interval is not None:
        low, high = (figure_words(end, unit).removesuffix(f" {unit}") for end in interval)
        measured += f" ({low} to {high})"
    has_passed = finding["verdict"] == Verdict.PASS
    word = finding["verdict"] if finding["is_sure"] else f"{finding['verdict']}, not sure"
    return Row(
        criterion=finding["criterion"],
        about=finding["about"],
        asked=_asked(finding),
        measured=measured,
        margin=_margin(finding["margin"]),
        verdict=word,
        evidence=finding["evidence"],
        has_passed=has_passed,
    )


def _margin(margin: float | None) -> str:
    if margin is None:
        return ""
    return f"{100 * margin:+.1f} %" if abs(margin) < 10 else f"{100 * margin:+,.0f} %"


def _asked(finding: Document) -> str:
    sign = Comparison(finding["comparison"]).sign
    asked = f"{sign} {figure_words(finding['bound'], finding['unit'])}"
    if finding["aim"] is None:
        return asked
    return f"{asked}, aim {figure_words(finding['aim'], finding['unit'])}"


def _failed(run: Run) -> list[str]:
    return [
        f"{run.title}: {row.about} ({row.criterion}) must be {row.asked}; it is {row.measured}."
        for row in run.rows
        if not row.has_passed
    ]


def _worse(one: Regression) -> str:
    ratio = f"{one.times:.2f} times as bad as in earlier runs"
    return f"{one.name} is {ratio}: {one.before:.3g} before, {one.after:.3g} since."
