"""The page as HTML: one file, light and dark, for screens of any width and for paper; no script, nothing is loaded."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from homeroom.cohorts.charts.palette import DARK, LIGHT, rules, variables
from homeroom.cohorts.charts.svg import cleaned
from homeroom.proving.projections import Projection, bottleneck
from homeroom.proving.report.charts import curves, timeline
from homeroom.proving.report.maps import HEADS, place_rows, world_map
from homeroom.proving.report.verdicts import Decision, Run, figure_words
from homeroom.proving.year import Outcome, Way

if TYPE_CHECKING:
    import jinja2

__all__ = ["Extras", "render_page"]

_NARROW_PX, _WIDE_PX = 312, 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What stands on the page beside the runs.

    Attributes
    ----------
    outcome, way : a modelled year, and the cheapest way to five nines (None where there is none, or it was not sought)
    projections : what more learners would need
    commands : how to repeat it
    """

    outcome: Outcome | None = None
    way: Way | None = None
    projections: Sequence[Projection] = ()
    commands: Sequence[str] = ()


def render_page(decision: Decision, extras: Extras) -> str:
    """Return the page as one HTML document."""
    html: str = _template().render(
        decision=decision,
        style=_style(),
        sections=[_section(run) for run in decision.runs],
        machine=_machine(decision),
        place_heads=HEADS,
        outcome=extras.outcome,
        way=extras.way,
        projections=extras.projections,
        bottleneck=bottleneck(extras.projections),
        commands=extras.commands,
    )
    return html


@dataclass(frozen=True, slots=True)
class _Section:
    run: Run
    charts: tuple[tuple[str, str], ...]
    faults: tuple[tuple[str, Sequence[Mapping[str, Any]]], ...]
    places: Sequence[Sequence[str]]


def _section(run: Run) -> _Section:
    drawn: list[tuple[str, str]] = []
    at = run.document["figures"].get("map")
    for width, px in (("narrow", _NARROW_PX), ("wide", _WIDE_PX)):
        pieces = [*_curves(run, px)]
        if at:
            pieces.insert(0, world_map(at, px))
        lines = run.document["timelines"]
        pieces += [timeline(one["fault"], one["events"], px) for one in lines]
        drawn += [(width, piece) for piece in pieces if piece]
    faults = tuple((one["fault"], one["events"]) for one in run.document["timelines"])
    return _Section(run, tuple(drawn), faults, place_rows(at) if at else ())


def _curves(run: Run, px: float) -> list[str]:
    """Draw the series of a run, those of the same two units together."""
    together: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in run.document["series"]:
        together.setdefault((one["unit"], one["x_unit"]), []).append(one)
    return [curves(f"{unit} by {x_unit}", some, px) for (unit, x_unit), some in together.items()]


def _machine(decision: Decision) -> str:
    """Return what the runs were made on, each kind of machine once."""
    said = []
    for run in decision.runs:
        machine = run.document["machine"]
        versions = machine.get("versions", {})
        plain = {name: value for name, value in machine.items() if name != "versions"} | versions
        words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in plain.items())
        said += [words] if words not in said else []
    return "; ".join(said)


_PAGE_CSS: Final = "page.css"


@functools.cache
def _style() -> str:
    dark = variables(DARK)
    theme = (
        f":root{{color-scheme:light dark;{variables(LIGHT)}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    )
    return theme + rules() + _file(_PAGE_CSS)


@functools.cache
def _file(name: str) -> str:
    return resources.files("homeroom.proving.report").joinpath(name).read_text(encoding="utf-8")


def _about(size: float) -> str:
    """Write a size to two digits, as far as it is known."""
    return f"{float(f'{size:.2g}'):,.0f}"


@functools.cache
def _template() -> "jinja2.Template":
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
        finalize=cleaned,
    )  # fmt: skip
    environment.filters |= {"figure": figure_words, "count": lambda n: f"{n:,.0f}", "about": _about}
    return environment.from_string(_file("page.html"))
