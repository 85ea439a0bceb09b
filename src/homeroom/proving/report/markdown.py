"""The page as Markdown, for a review or a ticket: the same words and tables, no charts."""

from collections.abc import Iterable, Sequence

from homeroom.proving.projections import Projection, bottleneck
from homeroom.proving.report.maps import HEADS, place_rows
from homeroom.proving.report.page import Extras
from homeroom.proving.report.verdicts import Decision, Run, figure_words
from homeroom.proving.year import Outcome, Way

__all__ = ["render_markdown"]


def render_markdown(decision: Decision, extras: Extras) -> str:
    """Return the page as Markdown (GitHub's tables)."""
    lines = [f"# {decision.word}", "", *(f"- {_cell(one)}" for one in decision.reasons)]
    for run in decision.runs:
        lines += _run(run)
    if extras.outcome is not None:
        lines += _year(extras.outcome, extras.way)
    if extras.projections:
        lines += _projections(extras.projections)
    if extras.commands:
        lines += ["", "## How to repeat it", "", *(f"    {one}" for one in extras.commands)]
    return "\n".join(lines) + "\n"


def _run(run: Run) -> list[str]:
    partial = " **This run is partial.**" if run.document["is_partial"] else ""
    rows = [
        (
            f"{row.criterion}: {row.about}",
            row.asked,
            row.measured,
            row.margin,
            row.verdict,
            row.evidence,
        )
        for row in run.rows
    ]
    heads = ("criterion", "asked", "measured", "margin", "verdict", "evidence")
    return [
        "",
        f"## {_cell(run.title)}",
        "",
        f"{_cell(run.summary)}{partial}",
        "",
        *_table(heads, rows),
        *(line for note in run.notes for line in ("", _cell(note))),
        *_places(run),
    ]


def _places(run: Run) -> list[str]:
    drawn = run.document["figures"].get("map")
    return ["", *_table(HEADS, place_rows(drawn))] if drawn else []


def _year(outcome: Outcome, way: Way | None) -> list[str]:
    may = "may" if outcome.is_five_nines else "may not"
    said = (
        f"{100 * outcome.availability:.4f} % of all requests are answered: {outcome.mean_s:,.0f} s are lost "
        f"({outcome.low_s:,.0f} to {outcome.high_s:,.0f}); five nines are 315 s, and {may} be claimed."
    )
    lines = ["", "## A year", "", said, ""]
    if way is not None and way.changes:
        lines += [f"- {_cell(one.name)}: {_cell(one.what)}" for one in way.changes]
        lines += ["", f"With these, {way.outcome.mean_s:,.0f} s are lost.", ""]
    rows = [(cause, f"{lost_s:.1f}") for cause, lost_s in outcome.by_cause.items()]
    return lines + _table(("cause", "lost, s a year"), rows)


def _projections(projections: Sequence[Projection]) -> list[str]:
    heads = ["figure", "exponent", *(f"{size:,} learners" for size in projections[0].at)]
    rows = []
    for one in projections:
        growth = one.growth
        exponent = f"{growth.exponent:.2f} ({growth.low:.2f} to {growth.high:.2f})"
        at = [figure_words(figure, one.need.unit) for figure, _, _ in one.at.values()]
        rows.append((one.need.what, exponent, *at))
    first = bottleneck(projections)
    ends = (
        []
        if first is None
        else ["", f"What ends first is {first.need.what}: at {first.reached_at:,.0f} learners."]
    )
    return ["", "## More learners", "", *_table(heads, rows), *ends]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    return lines + [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]


def _cell(text: str) -> str:
    """Return a text that ends no cell and begins no mark-up."""
    plain = " ".join(text.split())
    for mark in "\\|<[*_`":
        plain = plain.replace(mark, f"\\{mark}")
    return plain
