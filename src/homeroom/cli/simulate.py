"""``homeroom simulate``: whole worlds on a virtual clock, and whether what is promised holds in them."""

import re
import sys
import time
from typing import TYPE_CHECKING

import click

from homeroom.cli import status
from homeroom.cli.output import STDOUT, json_option, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homeroom.simulation.regions.report import Report
    from homeroom.simulation.regions.world import Run

__all__ = ["command"]


def _seeds(_ctx: click.Context, _param: click.Parameter, written: str) -> range:
    """Read ``A..B``, both included, or one seed."""
    match = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", written)
    if match is None or int(match[2] or match[1]) < int(match[1]):
        raise click.BadParameter(f"{written!r} is no range of seeds; write 1..200, or 17")
    return range(int(match[1]), int(match[2] or match[1]) + 1)


@click.command()
@click.option(
    "--seeds",
    callback=_seeds,
    metavar="A..B",
    default="1..100",
    show_default=True,
    help="Worlds, one a seed; both ends are included.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 3_600),
    metavar="NUMBER",
    help="How long clients write and things go wrong.  [default: by the seed 6 to 20, with --traffic 10 to 24; with "
    "--detectors 3600]",
)
@click.option(
    "--detectors",
    is_flag=True,
    help="Worlds in which a referee judges the detector of faults, an hour each, and nothing is written.",
)
@click.option(
    "--traffic",
    is_flag=True,
    help="Worlds in which requests travel: clients, routing tables and caches, and regions that die.",
)
@click.option("--trace", is_flag=True, help="Show the last things that happened in each world.")
@json_option
def command(
    seeds: range,
    seconds: float | None,
    detectors: bool,  # noqa: FBT001 - a flag
    traffic: bool,  # noqa: FBT001 - a flag
    trace: bool,  # noqa: FBT001 - a flag
    json_target: str | None,
) -> int:
    """Run worlds of regions in one thread on a virtual clock, and check what is promised in each.

    Clients write in every region while links, disks, clocks and machines fail as the seed has it; then everything is
    put right, and all nodes must come to the same. The same seed is the same run. A world that breaks a promise is told
    with the command that runs it again, and the exit status is 1.

    With ``--detectors`` sixteen nodes in eight regions judge each other while links and nodes fail, and a referee who
    knows what failed says who was wrong: no node may be confirmed to be gone that a quorum could reach, and no death
    may be missed.

    With ``--traffic`` clients ask and write in eight regions while regions die, are cut off, drained and evacuated, and
    caches fail: no request may fail that some node would have answered, no table may be empty, forged or old, and no
    answer another reader's, or too old.
    """
    if detectors and traffic:
        raise click.UsageError("--detectors and --traffic are worlds of two kinds; name one")
    if detectors or traffic:
        look = _judge_detectors if detectors else _follow_requests
        return look(seeds, seconds, json_target, trace=trace)
    return _write_everywhere(seeds, seconds, json_target, trace=trace)


def _write_everywhere(
    seeds: range, seconds: float | None, json_target: str | None, *, trace: bool
) -> int:
    """Run worlds of writers, and say what was broken."""
    from homeroom.simulation.regions.report import Report, failure_lines

    report, begun_s = Report(), time.process_time()
    options = "" if seconds is None else f" --seconds {seconds:g}"
    for run in _runs(seeds, None if seconds is None else int(seconds * 1_000)):
        report.add(run)
        if trace:
            click.echo("\n".join([f"seed {run.plan.seed}", *run.trace]), err=True)
        elif run.violations:
            click.echo("\n".join(failure_lines(run, options)), err=True)
    spent_s = time.process_time() - begun_s
    if json_target:
        write_json(report.to_json(), json_target)
    if json_target != STDOUT:
        click.echo("\n".join([*report.lines(), _speed(report, spent_s)]))
    return status.DAMAGED if report.failed else status.CLEAN


def _judge_detectors(
    seeds: range, seconds: float | None, json_target: str | None, *, trace: bool
) -> int:
    """Run worlds of detectors, and say what the referee says."""
    from homeroom.simulation.traffic.plan import HOUR_MS, make_trouble_plan
    from homeroom.simulation.traffic.report import DetectorReport, last_lines, wrong_lines
    from homeroom.simulation.traffic.world import live

    report, begun_s = DetectorReport(), time.process_time()
    options = "" if seconds is None else f" --seconds {seconds:g}"
    length_ms = HOUR_MS if seconds is None else int(seconds * 1_000)
    for seed in _watched(seeds):
        run = live(make_trouble_plan(seed, length_ms))
        wrong = report.add(run)
        if trace:
            click.echo("\n".join(last_lines(run)), err=True)
        if wrong:
            click.echo("\n".join(wrong_lines(seed, wrong, options)), err=True)
    spent_s = time.process_time() - begun_s
    if json_target:
        write_json(report.to_json(), json_target)
    if json_target != STDOUT:
        click.echo("\n".join([*report.lines(), _spent(report.virtual_ms, spent_s)]))
    return status.DAMAGED if report.wrong else status.CLEAN


def _follow_requests(
    seeds: range, seconds: float | None, json_target: str | None, *, trace: bool
) -> int:
    """Run worlds of requests, and say what was broken."""
    from homeroom.simulation.journeys.plan import Shape, make_journey_plan
    from homeroom.simulation.journeys.report import JourneyReport, broken_lines
    from homeroom.simulation.journeys.world import travel
    from homeroom.simulation.regions.places import WORLD

    report, begun_s = JourneyReport(), time.process_time()
    options = "" if seconds is None else f" --seconds {seconds:g}"
    shape = None if seconds is None else Shape(len(WORLD), 2, int(seconds * 1_000))
    for seed in _watched(seeds):
        run = travel(make_journey_plan(seed, shape))
        report.add(run)
        if trace:
            click.echo("\n".join([f"seed {seed}", *run.trace]), err=True)
        elif run.violations:
            click.echo("\n".join(broken_lines(run, options)), err=True)
    spent_s = time.process_time() - begun_s
    if json_target:
        write_json(report.to_json(), json_target)
    if json_target != STDOUT:
        spent = _spent(report.totals["virtual_ms"], spent_s)
        click.echo("\n".join([*report.lines(), spent]))
    return status.DAMAGED if report.failed else status.CLEAN


def _speed(report: "Report", spent_s: float) -> str:
    return _spent(report.totals["virtual_ms"], spent_s)


def _spent(virtual_ms: int, spent_s: float) -> str:
    rate = virtual_ms / 1_000 / max(spent_s, 1e-9)
    return f"{spent_s:.1f} s of one core, {rate:,.0f} virtual seconds a second"


def _runs(seeds: range, storm_ms: int | None) -> "Iterable[Run]":
    """Run one world after the other."""
    from homeroom.simulation.regions.world import simulate

    return (simulate(seed, storm_ms) for seed in _watched(seeds))


def _watched(seeds: range) -> "Iterable[int]":
    """Return one seed after the other, with a bar where somebody is watching."""
    if not sys.stderr.isatty():
        yield from seeds
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("simulating"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} worlds"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(seeds))
        for seed in seeds:
            yield seed
            progress.advance(task)
