"""``homeroom prove``: load tests and others, by plans that say what must hold; each ends in pass or fail."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeroom.cli import status
from homeroom.cli.output import STDOUT, json_option, write_json

if TYPE_CHECKING:
    from homeroom.provers.outcome import Proving
    from homeroom.proving.plans import GeographyPlan, LoadPlan, ResiliencePlan
    from homeroom.proving.regressions import Regression
    from homeroom.proving.results import Results

__all__ = ["command"]

_TESTS = ("load", "geography", "resilience", "all", "year")


@click.command()
@click.argument("test", type=click.Choice(_TESTS))
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Run a plan of your own instead of those that are shipped.",
)
@click.option(
    "--learners",
    type=click.IntRange(1, 100_000_000),
    metavar="N",
    help="So many learners; of the plans of load that with criteria for as many or more.",
)
@click.option(
    "--target",
    metavar="URL|embedded|processes",
    help="What is loaded: nodes of this process, processes of this machine, or a node that runs.  [default: processes "
    "of resilience, embedded of the others]",
)
@click.option(
    "--i-own-this-target",
    "owned",
    metavar="HOST",
    help="Say that a target on another machine is yours to load, by its host.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    default=Path("proving"),
    show_default=True,
    help="Where results and evidence are left.",
)
@click.option("--quick", is_flag=True, help="Run the short form: fewer learners, less time.")
@click.option(
    "--accept",
    "is_accepted",
    is_flag=True,
    help="Take what is measured now for the level that later runs are compared with.",
)
@click.option(
    "--setup",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Model the year of this world (TOML) instead of the shipped one.",
)
@json_option
def command(**flags: Any) -> int:  # noqa: ANN401 - click passes what the options define
    """Run plans of the proving ground; each criterion ends in pass or fail, with the figure and its margin.

    ``load`` analyses learners over and over while their events arrive and questions are asked, and compares answers
    with an independent computation. ``geography`` has users all over the world ask eight regions over the distances
    between them. ``resilience`` does faults to a world of processes under load, and accounts for every event
    afterwards. What cannot be run is refused before anything starts. Ctrl-C ends a run with what was measured until
    then, which is partial and has not passed. A run that is worse than the runs before it in the same report fails too.
    ``year`` runs nothing: it models how available a year of regions is, and what would reach five nines.
    """
    if flags["test"] == "year":
        return _year(flags)
    from homeroom.provers.pages import leave_pages
    from homeroom.provers.running import check, run_plan

    plans = _plans(flags["test"], flags["plan_file"], flags["learners"])
    runs = [(check(plan, how), how) for plan in plans for how in [_how(plan.test, flags)]]
    found: list[Results] = []
    for plan, how in runs:
        found.append(run_plan(plan, how))
        if flags["json_target"] != STDOUT:
            _show(found[-1])
        if found[-1].is_partial:
            break
    worse = _compare(flags["report"], found, flags)
    leave_pages(flags["report"], found, worse, _again(flags))
    if flags["json_target"]:
        write_json({"results": [one.to_json() for one in found]}, flags["json_target"])
    if found[-1].is_partial:
        return status.INTERRUPTED
    return status.CLEAN if all(one.has_passed for one in found) and not worse else status.WRONG


def _how(test: str, flags: dict[str, Any]) -> "Proving":
    """Return how a test is run."""
    from homeroom.provers.outcome import Proving
    from homeroom.proving.targets import own_target, parse_target

    return Proving(
        target=parse_target(flags["target"] or own_target(test), flags["owned"]),
        report=flags["report"],
        is_quick=flags["quick"],
        learners=flags["learners"],
        say=lambda text: click.echo(f"prove: {text}", err=True),
    )


def _compare(report: Path, found: list["Results"], flags: dict[str, Any]) -> list["Regression"]:
    """Remember runs, and say what became worse since earlier ones."""
    from homeroom.provers.memory import MEMORY, accept, compare

    documents = [one.to_json() for one in found]
    if flags["is_accepted"]:
        for one in documents:
            accept(report / MEMORY, one)
        return []
    worse = compare(report / MEMORY, documents)
    if flags["json_target"] != STDOUT:
        for shift in worse:
            click.echo(
                f"worse than before: {shift.name}, {shift.times:.2f} times as bad "
                f"({shift.before:.4g}, now {shift.after:.4g})"
            )
    return worse


def _year(flags: dict[str, Any]) -> int:
    """Model a year and say what it comes to; whether five nines may be claimed is the exit status."""
    from homeroom.provers.years import SHIPPED, read_setup_file, year_document, year_lines
    from homeroom.proving.year import cheapest_way, model_year

    setup = read_setup_file(flags["setup"] or SHIPPED)
    outcome = model_year(setup, seed=1)
    way = None if outcome.is_five_nines else cheapest_way(setup, seed=1)
    if flags["json_target"] != STDOUT:
        click.echo("\n".join(year_lines(outcome, way)))
    if flags["json_target"]:
        write_json(year_document(outcome, way), flags["json_target"])
    return status.CLEAN if outcome.is_five_nines else status.WRONG


def _again(flags: dict[str, Any]) -> str:
    """Return the command that runs the same again."""
    words = ["homeroom", "prove", flags["test"]]
    words += ["--quick"] if flags["quick"] else []
    words += ["--learners", str(flags["learners"])] if flags["learners"] else []
    words += ["--plan", str(flags["plan_file"])] if flags["plan_file"] else []
    return shlex.join(words)


def _show(results: "Results") -> None:
    """Say what came of a plan."""
    from homeroom.proving.results import results_line

    verdict = "pass" if results.has_passed else "fail"
    partial = ", partial" if results.is_partial else ""
    click.echo(f"{results.name}: {verdict}{partial}")
    for finding in results.findings:
        click.echo(f"  {results_line(finding)}")
    for note in results.notes:
        click.echo(f"  note: {note}")


def _plans(
    test: str, plan_file: Path | None, learners: int | None
) -> list["LoadPlan | GeographyPlan | ResiliencePlan"]:
    """Return the plans to run; of those of load, where learners are given, the first that is for as many."""
    from homeroom.provers.plan_files import read_plan, shipped_plans

    if plan_file is not None:
        plan = read_plan(plan_file)
        if plan.test != test:
            raise click.UsageError(f"{plan_file} is a plan of {plan.test}, not of {test}")
        return [plan]
    plans = shipped_plans(test)
    if learners is None:
        return plans
    loads = [one for one in plans if one.test == "load"]
    enough = [one for one in loads if one.sizes.learners >= learners] or loads[-1:]
    return [*enough[:1], *(one for one in plans if one.test != "load")]
