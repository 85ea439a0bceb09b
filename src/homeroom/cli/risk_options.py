"""The flags of ``homeroom query at-risk``."""

from collections.abc import Callable
from typing import Any, Final, TypeVar, get_args

import click

from homeroom.cohorts.questions.risk import RiskSort

__all__ = ["RISK_FLAGS", "risk_options", "with_courses"]

Command = TypeVar("Command", bound=Callable[..., Any])

RISK_FLAGS: Final = ("quiet_days", "beyond", "unless", "weeks", "sort", "limit", "of_courses")
"""The names under which the flags come in."""


def risk_options(command: Command) -> Command:
    """Add the flags that only the question of who is at risk has."""
    for option in (
        click.option(
            "--limit",
            type=int,
            metavar="NUMBER",
            help="Enrolments of the list that are shown (20).",
        ),
        click.option(
            "--sort",
            type=click.Choice(get_args(RiskSort)),
            help="The order of the list (recently lost first).",
        ),
        click.option(
            "--weeks",
            type=int,
            metavar="NUMBER",
            help="How many weeks the trend goes back (12); 0 for none.",
        ),
        click.option(
            "--unless",
            metavar="WHAT",
            help="What keeps from being at risk: some of passed,completed,failed, or none (passed,completed).",
        ),
        click.option(
            "--beyond",
            metavar="TRACKS",
            help="Tracks that lie beyond the front page of a course run, or any "
            "(video,problem,reading,forum,live).",
        ),
        click.option(
            "--quiet-days",
            type=int,
            metavar="NUMBER",
            help="Days without any activity in the course run (7).",
        ),
        click.option(
            "--course",
            "of_courses",
            metavar="NAME",
            multiple=True,
            help="Look at this course run alone (repeated: at any of them).",
        ),
    ):
        command = option(command)
    return command


def with_courses(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a question with ``--course`` as the filter that it stands for."""
    courses = fields.pop("of_courses", None)
    if courses:
        fields.setdefault("filters", []).append({"field": "course", "op": "=", "values": courses})
    return fields
