"""``homeroom retention``: for how long a tenant's history is kept, and where it begins."""

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from homeroom.adapters import system_clock
from homeroom.cli.data_directory import data_option

if TYPE_CHECKING:
    from homeroom.log.control import Control
    from homeroom.log.cuts import CutFact

__all__ = ["command"]

_DAYS: Final = re.compile(r"([1-9]\d{0,5})d")
_FOR_EVER: Final = "forever"


@click.command()
@data_option
@click.option("--tenant", default="main", show_default=True, help="Whose history.")
@click.option(
    "--keep",
    metavar="SPAN",
    help="Keep history for so many days, such as 400d, today included, and cut by itself; or forever.",
)
@click.option(
    "--before",
    metavar="DATE",
    help="Cut now: events of days before this one leave history, for good.",
)
def command(directory: str, tenant: str, keep: str | None, before: str | None) -> None:
    """Say for how long history is kept in the data directory DIR, or where it begins; without a flag, show both.

    What was before stays in the columns: who was active on which day, attributes, how enrolments stand. A question that
    needs the events themselves says that it is not complete. Nothing brings cut history back but a backup.
    """
    from homeroom.running.stating import change_directory, control_of_directory

    path = Path(directory)
    for fact in _facts(tenant, keep, before):
        change_directory(path, fact, system_clock.now_ms)
    click.echo(_said(control_of_directory(path, system_clock.now_ms), tenant))


def _facts(tenant: str, keep: str | None, before: str | None) -> "list[CutFact]":
    from homeroom.log.cuts import HistoryCut, HistoryKept
    from homeroom.state.zones import day_of_date

    facts: list[CutFact] = []
    if keep is not None:
        found = _DAYS.fullmatch(keep)
        if found is None and keep != _FOR_EVER:
            raise click.UsageError(
                f"--keep is {keep!r}; write a number of days, such as 400d, or {_FOR_EVER}"
            )
        facts.append(HistoryKept(tenant=tenant, days=int(found[1]) if found else 0))
    if before is not None:
        try:
            day = day_of_date(dt.date.fromisoformat(before))
        except ValueError:
            raise click.UsageError(
                f"--before is {before!r}; write a date, such as 2026-01-31"
            ) from None
        facts.append(HistoryCut(tenant=tenant, day=day))
    return facts


def _said(control: "Control", name: str) -> str:
    from homeroom.errors import ControlError
    from homeroom.state.zones import date_of

    tenant = control.tenants.get(name)
    if tenant is None:
        raise ControlError(f"there is no tenant {name!r}; there are: {', '.join(control.tenants)}")
    kept = f"for {tenant.keep_days:,} days" if tenant.keep_days else "for ever"
    cut = control.cuts.get(name)
    begins = "was never cut" if cut is None else f"begins on {date_of(cut.day)}"
    return f"{name}: history is kept {kept}, and {begins}"
