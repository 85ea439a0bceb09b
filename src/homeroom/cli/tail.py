"""``homeroom tail``: who enters and leaves cohorts, a line a change, as the node finds it."""

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from homeroom.cli import status
from homeroom.cli.reaching import node_options, opened_client

if TYPE_CHECKING:
    from homeroom.client import Change

__all__ = ["command"]

_MISSED: Final = "some changes before these are no longer kept; take the members anew"


@click.command()
@node_options
@click.option("--cohort", metavar="NAME", help="Only changes of this cohort.")
@click.option(
    "--after",
    metavar="NUMBER",
    type=click.IntRange(0),
    help="Go on behind this change instead of now; 0 for all that are kept.",
)
@click.option(
    "--count", metavar="NUMBER", type=click.IntRange(1), help="End after so many changes."
)
@click.option("--fresh", is_flag=True, help="Say every second or so how far memberships have come.")
def command(url: str, cohort: str | None, **flags: Any) -> int:  # noqa: ANN401 - click passes what the options define
    """Follow the changes of membership at the node at URL: number, time, cohort, what happened, learner, cause.

    A broken connection is made again, and goes on where it was. The key needs the scope persons.
    """
    from homeroom.client import Change, Freshness

    left: int | None = flags["count"]
    with opened_client(url, flags) as client:
        for told in client.follow(cohort, flags["after"]):
            if isinstance(told, Freshness):
                if flags["fresh"]:
                    click.echo(f"homeroom: true up to {told.as_of}", err=True)
            elif isinstance(told, Change):
                _show(told)
                left = None if left is None else left - 1
            else:
                click.echo(f"homeroom: {_MISSED}", err=True)
            if left == 0:
                break
    return status.CLEAN


def _show(change: "Change") -> None:
    fields = (
        str(change.number),
        change.at,
        change.cohort,
        change.change,
        change.learner,
        change.cause,
    )
    # The name of a cohort comes from outside, and may not steer the terminal.
    line = "\t".join("".join(c if c.isprintable() else "\ufffd" for c in one) for one in fields)
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
