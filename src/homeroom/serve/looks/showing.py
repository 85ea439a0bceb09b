"""An answer as a page shows it, and the style and templates that show it.

The style of the charts is written once for a page, not once a chart. Charts that are drawn (not tables) are drawn in
three widths, of which the style shows one: text in a chart scaled from a desk to a telephone is not readable, and a
script that measured the window would make the page jump.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from homeroom.cohorts.answers import Answer, RetentionAnswer
from homeroom.cohorts.charts import draw_inline, draw_small, has_chart, words
from homeroom.cohorts.charts.numbers import Numbers
from homeroom.cohorts.charts.palette import DARK, LIGHT, STEPS, STRIPE_SHARE, rules, variables
from homeroom.cohorts.charts.svg import cleaned
from homeroom.cohorts.charts.tables import tabulate, tabulate_parts
from homeroom.serve.looks.triangle import Triangle, triangle

if TYPE_CHECKING:
    import jinja2

__all__ = ["Shown", "environment", "sheet", "shown", "written"]

NARROW_PX, MIDDLE_PX, WIDE_PX = 312, 640, 1056
_ROOM: Final = "homeroom.serve.looks"


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer as the templates take it.

    Parameters
    ----------
    title, summary, notes : its words
    triangle : the heat map, of a retention
    charts : a name of the width, and the SVG
    tables : its numbers; ``cut`` says whether some are left out
    """

    title: str
    summary: str
    notes: tuple[str, ...]
    triangle: Triangle | None
    charts: tuple[tuple[str, str], ...]
    tables: tuple[Numbers, ...]
    cut: bool


def shown(answer: Answer) -> Shown:
    """Return an answer as a page shows it."""
    table = triangle(answer) if isinstance(answer, RetentionAnswer) and answer.periods else None
    # A triangle that is cut as a table, or that has parts to compare, is drawn too.
    drawn = has_chart(answer) and (table is None or bool(table.cut) or bool(answer.parts))
    tables = (*tabulate(answer), *tabulate_parts(answer))
    return Shown(
        title=words.heading(answer),
        summary=words.summary(answer),
        notes=answer.notes,
        triangle=table,
        charts=_charts(answer) if drawn else (),
        tables=tables,
        cut=any(numbers.cut for numbers in tables),
    )


def _charts(answer: Answer) -> tuple[tuple[str, str], ...]:
    return (
        ("narrow", draw_small(answer, NARROW_PX)),
        ("middle", draw_inline(answer, MIDDLE_PX)),
        ("wide", draw_inline(answer, WIDE_PX)),
    )


@functools.cache
def sheet() -> str:
    """Return the style that answers need: the colours of light and dark, the charts, the tables."""
    light, dark = variables(LIGHT), variables(DARK)
    cells = [f".cell.s{i}{{background-color:var(--step-{i})}}" for i in range(STEPS)]
    dark_root = f"color-scheme:dark;{dark}"
    theme = (
        f":root{{color-scheme:light;{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark_root}}}}}"
        f"@media screen{{:root[data-theme=dark]{{{dark_root}}}}}"
    )
    looks = written("looks.css").replace("STRIPE", f"{100 * STRIPE_SHARE:.0f}%")
    return theme + "".join(cells) + rules() + looks


@functools.cache
def written(name: str, room: str = _ROOM) -> str:
    """Return a file of a room."""
    return resources.files(room).joinpath(name).read_text(encoding="utf-8")


def environment(room: str, filters: Mapping[str, object] | None = None) -> "jinja2.Environment":
    """Return templates of a room, beside those that all share; whatever they show is escaped and clean."""
    import jinja2

    found = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=cleaned,
        loader=jinja2.FunctionLoader(
            lambda name: written(name, _ROOM if name.startswith("shown") else room)
        ),
    )
    found.filters |= {"count": words.count, "instant": words.instant_label, **(filters or {})}
    return found
