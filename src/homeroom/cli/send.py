"""``homeroom send``: the events of files to a node."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeroom.cli import status
from homeroom.cli.output import json_option, write_and_say
from homeroom.cli.progress import ReadProgress
from homeroom.cli.reaching import node_options, opened_client
from homeroom.cli.reading import default_rejects

if TYPE_CHECKING:
    from homeroom.forwarding import Forwarded

__all__ = ["command"]


@click.command()
@node_options
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--mapping",
    metavar="NAME|FILE",
    help="Columns of a table: a TOML, or the name of a ready one.",
)
@click.option(
    "--codec", metavar="NAME", help="Read everything as this format; found by content if absent."
)
@click.option(
    "--rejects",
    metavar="FILE",
    help="Where to write what was not taken: source, line, reason. [default: homeroom-rejects.ndjson, if any]",
)
@json_option
def command(url: str, paths: tuple[str, ...], **flags: Any) -> int:  # noqa: ANN401 - click passes what the options define
    """Send the events of files to the node at URL, and say what became of them when they are durable there.

    A transfer that was broken off is simply begun again: what the node has is not counted twice.
    """
    from homeroom.forwarding import Forwarding, forward

    if "" in paths:
        raise click.UsageError("a PATH is empty; name something")
    rejects = flags["rejects"] or default_rejects()
    with opened_client(url, flags) as client, ReadProgress() as progress:
        how = Forwarding(
            mapping=flags["mapping"],
            codec=flags["codec"],
            rejects=None if rejects is None else Path(rejects),
            progress=progress,
        )
        done = forward(client, paths, how)
    write_and_say(_said(done, rejects), asdict(done), flags["json_target"])
    return status.CLEAN if done.is_whole else status.REJECTS_MET


def _said(done: "Forwarded", rejects: str | None) -> list[str]:
    from homeroom.cli.terminal.wording import plural

    lines = [
        f"Sent {plural(done.accepted, 'event')} in {plural(done.batches, 'batch', 'batches')}."
    ]
    if done.repeats:
        lines.append(f"{done.repeats:,} of the batches had been sent before, and count once.")
    left_out = done.refused + done.unread
    if left_out:
        where = f"; {rejects} says why" if rejects else ""
        lines.append(
            f"{done.unread:,} lines are no events, and {done.refused:,} events were refused{where}."
        )
    return [*lines, *done.notes]
