"""The year of a world: a setup is read from a file, and what it comes to is told."""

import tomllib
from pathlib import Path
from typing import Any, Final

from homeroom import proving
from homeroom.errors import ProvingError
from homeroom.provers.plan_files import text_of
from homeroom.proving.hazards import Setup, read_setup
from homeroom.proving.year import FIVE_NINES_S, Outcome, Way

__all__ = ["SHIPPED", "read_setup_file", "year_document", "year_lines"]

SHIPPED: Final = Path(proving.__file__).with_name("hazards.toml")


def read_setup_file(path: Path) -> Setup:
    """Return the setup in a TOML file. Raises `ProvingError`."""
    try:
        tables = tomllib.loads(text_of(path, "setup"))
    except tomllib.TOMLDecodeError as error:
        raise ProvingError(f"the setup {path} cannot be read: {error}") from None
    return read_setup(tables, str(path))


def year_lines(outcome: Outcome, way: Way | None) -> list[str]:
    """Return for a person what a year comes to."""
    lines = [
        f"{100 * outcome.availability:.4f} % of all requests are answered: of {outcome.years:,} years a mean one",
        f"loses {_span(outcome)}; five nines are {FIVE_NINES_S:,.0f} s",
        "",
        *(f"{lost_s:10,.1f} s  {cause}" for cause, lost_s in outcome.by_cause.items()),
        "",
        f"within five nines: {outcome.years_within:.0%} of the years, {outcome.months_within:.1%} of the months",
    ]
    if outcome.is_five_nines:
        return [*lines, "five nines may be claimed: the whole interval is within them"]
    if way is None:
        return [
            *lines,
            "five nines may not be claimed, and not even all changes of the setup reach them",
        ]
    lines += [
        f"five nines may not be claimed; with these changes, for {way.costs:g} regions a month, they may:"
    ]
    lines += [f"  {one.name}: {one.what}" for one in way.changes]
    return [*lines, f"then a mean year loses {_span(way.outcome)}"]


def year_document(outcome: Outcome, way: Way | None) -> dict[str, Any]:
    """Return the same, JSON-ready."""
    found = None
    if way is not None:
        names = [one.name for one in way.changes]
        found = {"changes": names, "costs": way.costs, "outcome": _outcome(way.outcome)}
    return {"year": _outcome(outcome), "cheapest_way": found}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "availability": outcome.availability,
        "is_five_nines": outcome.is_five_nines,
        "lost_s": outcome.mean_s,
        "interval_s": [outcome.low_s, outcome.high_s],
        "by_cause_s": dict(outcome.by_cause),
        "years_within": outcome.years_within,
        "months_within": outcome.months_within,
        "years": outcome.years,
    }


def _span(outcome: Outcome) -> str:
    return f"{outcome.mean_s:,.0f} s ({outcome.low_s:,.0f} to {outcome.high_s:,.0f})"
