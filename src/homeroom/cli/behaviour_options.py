"""The flags of funnels and of paths."""

from collections.abc import Callable
from typing import Any, Final, TypeVar, get_args

import click

from homeroom.cohorts.questions.behaviour import By, Count, Fold, Order

__all__ = [
    "BEHAVIOUR_FLAGS",
    "funnel_options",
    "paths_options",
    "with_options",
]

Command = TypeVar("Command", bound=Callable[..., Any])

BEHAVIOUR_FLAGS: Final = (
    "steps",
    "order",
    "within",
    "exclude",
    "count",
    "increasing",
    "after",
    "before",
    "by",
    "depth",
    "fold",
    "least",
    "branches",
)
"""Every flag of these commands that is part of a question."""


def funnel_options(command: Command) -> Command:
    """Add the flags that only a funnel has."""
    return with_options(
        command,
        click.option(
            "--step",
            "steps",
            metavar="STEP",
            multiple=True,
            help="The next step, such as verb=played, or 'watched: verb=played and progress>=0.9'. At least two.",
        ),
        click.option(
            "--within",
            metavar="SPAN",
            help="How long all steps may take, from the first on, such as 7d or 30m (7d).",
        ),
        click.option(
            "--order",
            type=click.Choice(get_args(Order)),
            help="Other events may lie between two steps (so by default), no other step may, or any order.",
        ),
        click.option(
            "--exclude",
            metavar="COND",
            multiple=True,
            help="An event that ends a chain, such as verb=left, or '2-3: verb=left' for one between steps 2 and 3.",
        ),
        click.option(
            "--count",
            type=click.Choice(get_args(Count)),
            help="The best attempt of each learner (so by default), its first, or every attempt.",
        ),
        click.option(
            "--increasing",
            is_flag=True,
            default=None,
            help="Each step must be later than the one before, never at the same instant.",
        ),
    )


def paths_options(command: Command) -> Command:
    """Add the flags that only paths have."""
    return with_options(
        command,
        click.option(
            "--after",
            metavar="COND",
            multiple=True,
            help="Paths that follow an event which meets COND (repeated: all of them).",
        ),
        click.option(
            "--before",
            metavar="COND",
            multiple=True,
            help="Paths that lead to an event which meets COND (repeated: all of them).",
        ),
        click.option(
            "--by", type=click.Choice(get_args(By)), help="What a step of a path is (verb)."
        ),
        click.option("--depth", type=int, metavar="N", help="Steps that are shown (4)."),
        click.option(
            "--fold",
            type=click.Choice(get_args(Fold)),
            help="Make one step of the same thing several times in a row (so by default), or leave them.",
        ),
        click.option(
            "--within",
            metavar="SPAN",
            help="A pause longer than this ends a visit, such as 30m; none: no pause does (30m).",
        ),
        click.option(
            "--least",
            type=int,
            metavar="N",
            help="At each step, join in (other) what fewer learners than N do (1).",
        ),
        click.option(
            "--branches",
            type=int,
            metavar="N",
            help="At each step, join in (other) what is not among the N most frequent (8).",
        ),
    )


def with_options(command: Command, *options: Callable[[Command], Command]) -> Command:
    """Give a command options, in the order in which its help shows them."""
    for option in reversed(options):
        command = option(command)
    return command
