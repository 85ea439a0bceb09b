"""``homeroom generate``: write the events of made-up learners.

What the learners are like stands in `homeroom.simulation`; here flags become its parameters, and nothing heavy is
imported before the command runs.
"""

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from homeroom.simulation.world import LearnerWorld
    from homeroom.simulation.writers import Target

__all__ = ["command"]

_EVENTS_A_LEARNER: Final = 20
_UNITS: Final = {"": 1, "k": 1_000, "m": 1_000_000}


def _count(_ctx: click.Context, _param: click.Parameter, written: str | None) -> int | None:
    """Read a whole number, also as ``250k`` or ``10M``."""
    if written is None:
        return None
    match = re.fullmatch(r"(\d+)(?:\.(\d+))?([kKmM]?)", written.replace("_", "").replace(",", ""))
    if match:
        whole, part, unit = match.groups(default="")
        digits = int(whole + part) * _UNITS[unit.lower()]
        divisor: int = 10 ** len(part)
        if digits % divisor == 0:
            return digits // divisor
    raise click.BadParameter(f"{written!r} is no whole number; write 10000, 250k or 1.5M")


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--learners",
    callback=_count,
    metavar="NUMBER",
    default="10000",
    show_default=True,
    help="People who enrol.",
)
@click.option(
    "--events",
    callback=_count,
    metavar="NUMBER",
    help=f"Lines, repeats included.  [default: {_EVENTS_A_LEARNER} a learner]",
)
@click.option("--days", type=int, default=90, show_default=True, help="Length of the log.")
@click.option("--seed", type=int, default=1, show_default=True, help="Equal seeds make equal logs.")
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2025-01-06",
    show_default=True,
    metavar="DATE",
    help="First day, in UTC.",
)
@click.option("--courses", type=int, default=12, show_default=True, help="Course runs.")
@click.option(
    "--repeats",
    type=float,
    default=0.01,
    show_default=True,
    metavar="SHARE",
    help="Lines that are exact copies.",
)
@click.option(
    "--late",
    type=float,
    default=0.02,
    show_default=True,
    metavar="SHARE",
    help="Visits reported on a later day.",
)
@click.option("--late-days", type=int, default=3, show_default=True, help="Longest such delay.")
@click.option(
    "--accounts",
    type=click.Choice(["short", "long"]),
    default="short",
    show_default=True,
    help="learner-000123, or 27 bytes.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "xapi", "parquet"]),
    help="[default: by the name of OUT]",
)
@click.option(
    "--compression",
    type=click.Choice(["none", "gz", "zst", "snappy"]),
    help="[default: by the name; zst in Parquet]",
)
@click.option("--files", type=int, metavar="K", help="Write OUT as a directory of K parts.")
@click.option(
    "--truth",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write what the log holds, as JSON.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
def command(out: Path, **asked: Any) -> None:  # noqa: ANN401 - click's flags, checked by click
    """Write events of made-up learners to OUT, about in the order of time.

    OUT is a file (.csv, .csv.gz, .ndjson, .ndjson.zst, .parquet, ...) or a directory. The same flags write the same
    events: enrolment waves, dropouts, a weekly and daily rhythm in each learner's own time zone, repeats and late
    reports. No learner is real.
    """
    from homeroom.adapters.sources import refuse_overwriting
    from homeroom.simulation.world import LearnerWorld
    from homeroom.simulation.writers import Target

    events = asked["events"]
    world = LearnerWorld(
        seed=asked["seed"],
        learners=asked["learners"],
        events=_EVENTS_A_LEARNER * asked["learners"] if events is None else events,
        days=asked["days"],
        start=asked["start"].date(),
        courses=asked["courses"],
        repeats=asked["repeats"],
        late=asked["late"],
        late_days=asked["late_days"],
        accounts=asked["accounts"],
    )
    target = Target.at(out, asked["form"], asked["compression"], asked["files"])
    refuse_overwriting([], {"OUT": target.paths[0], "--truth": asked["truth"]})
    if not asked["overwrite"]:
        target.refuse_existing()
    truth = _write(world, target)
    if asked["truth"]:
        asked["truth"].write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    form = f"{target.format}, {len(target.paths)} files" if len(target.paths) > 1 else target.format
    click.echo(
        f"{out}: {truth['rows']:,} lines ({form}), {truth['events']:,} events of "
        f"{truth['learners']:,} learners, {truth['first_time'][:10]} to {truth['last_time'][:10]}",
        err=True,
    )


def _write(world: "LearnerWorld", target: "Target") -> dict[str, Any]:
    """Write the world with a progress bar where somebody is watching; return what it holds."""
    from homeroom.simulation.writers import write_world

    if not sys.stderr.isatty():
        return write_world(world, target, lambda _lines: None).to_json()
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("writing"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} events, {task.speed:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=world.events)
        return write_world(world, target, lambda lines: progress.advance(task, lines)).to_json()
