"""``homeroom backfill``: years of events in Parquet files, into a node that runs."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from homeroom.cli import status
from homeroom.cli.output import json_option, write_and_say
from homeroom.cli.progress import ReadProgress
from homeroom.cli.reaching import key_of, node_options
from homeroom.cli.reading import default_rejects

if TYPE_CHECKING:
    from homeroom.backfilling import Backfilled

__all__ = ["command"]

_JOURNAL: Final = "homeroom-backfill.ndjson"
_HERE: Final = "here"


@click.command()
@node_options
@click.argument("place")
@click.option(
    "--mapping",
    metavar="NAME|FILE",
    help="Columns of the tables: a TOML, or the name of a ready one.",
)
@click.option(
    "--journal",
    default=_JOURNAL,
    show_default=True,
    metavar="FILE",
    help="What is durable, so that a run which was broken off goes on.",
)
@click.option(
    "--rejects",
    metavar="FILE",
    help="Where to write what was not taken: source, row, reason. [default: homeroom-rejects.ndjson, if any]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=2,
    show_default=True,
    metavar="N",
    help="Row groups at once, in threads of this machine.",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Do it as tasks of this cluster of Ray, which must reach PLACE and URL; here starts one on this machine.",
)
@json_option
def command(url: str, place: str, **flags: Any) -> int:  # noqa: ANN401 - click passes what the options define
    """Send the events of all Parquet files of PLACE, a directory or s3://BUCKET/PREFIX, to the node at URL.

    It goes a row group at a time, several at once, and says what became of them when all are durable. Broken off, it is
    simply begun again: what is durable is passed over, and nothing counts twice.
    """
    from homeroom.backfilling import Backfill, Reached, backfill

    rejects, ray = flags["rejects"] or default_rejects(), flags["ray"]
    reached = Reached(
        urls=tuple(one.strip() for one in url.split(",")),
        key=key_of(flags["key_file"]) or os.environ.get("HOMEROOM_KEY"),
        patience_s=flags["patience"],
        certificates=flags["certificates"],
        regions=flags["regions"],
    )
    with ReadProgress() as progress:
        how = Backfill(
            mapping=flags["mapping"],
            journal=Path(flags["journal"]),
            rejects=None if rejects is None else Path(rejects),
            workers=flags["workers"],
            ray="" if ray == _HERE else ray,
            progress=progress,
        )
        done = backfill(place, reached, how)
    write_and_say(_said(done, rejects), asdict(done), flags["json_target"])
    return status.CLEAN if done.is_whole else status.REJECTS_MET


def _said(done: "Backfilled", rejects: str | None) -> list[str]:
    from homeroom.cli.terminal.wording import plural

    sent = done.sent
    lines = [
        f"Sent {plural(sent.accepted, 'event')} of {plural(done.row_groups - done.before, 'row group')}."
    ]
    if done.before:
        lines.append(f"{plural(done.before, 'row group')} had been sent before, and count once.")
    if sent.repeats:
        lines.append(f"{sent.repeats:,} of the batches had been sent before, and count once.")
    if sent.refused + sent.unread:
        where = f"; {rejects} says why" if rejects else ""
        lines.append(
            f"{sent.unread:,} rows are no events, and {sent.refused:,} events were refused{where}."
        )
    return [*lines, *sent.notes]
