"""``homeroom compare``: what became other between two answers to one question."""

from pathlib import Path

import click

from homeroom.cli import status
from homeroom.cli.output import STDOUT, json_option, write_json

__all__ = ["command"]


@click.command()
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@json_option
def command(before: str, after: str, json_target: str | None) -> int:
    """Say which cells of an answer became other, and by how much.

    BEFORE and AFTER are files that homeroom query --json or homeroom ask --json has written, of one question:
    retention, lifecycle, stickiness or active.
    """
    from homeroom.adapters.answer_files import read_answer
    from homeroom.cli.terminal.comparison import comparison_lines
    from homeroom.cohorts.comparing import compare

    found = compare(read_answer(Path(before)), read_answer(Path(after)))
    if json_target:
        write_json(found.to_json(), json_target)
    if json_target != STDOUT:
        click.echo("\n".join(comparison_lines(found)))
    return status.CLEAN
