"""``homeroom identities``: accounts of a data directory that are one learner, and those that are not after all."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from homeroom.cli.correcting import key_option, known_line, missing_line, tell
from homeroom.cli.output import json_option

if TYPE_CHECKING:
    from homeroom.corrections import Joined, Parted

__all__ = ["command"]


@click.command()
@click.argument("directory")
@click.option("--merge", metavar="FILE", help="A table of pairs that are one learner each.")
@click.option("--unmerge", metavar="FILE", help="A table of pairs that were merged and are not.")
@key_option
@json_option
def command(
    directory: str,
    merge: str | None,
    unmerge: str | None,
    key: str | None,
    json_target: str | None,
) -> None:
    """Say which accounts in the data directory DIRECTORY are one learner: from the start, in every answer.

    FILE has the columns pseudonym and other, or issuer, account, other_issuer and other_account. Nothing is done half:
    a command that is stopped leaves the directory as it was.
    """
    import homeroom as hr
    from homeroom.adapters.pairs import read_pairs
    from homeroom.errors import InputError

    file = merge if merge is not None else unmerge
    if file is None or (merge is not None and unmerge is not None):
        raise click.UsageError("give --merge FILE or --unmerge FILE, one of them at a time")
    data = hr.open(directory, key=key)
    pairs = read_pairs(Path(file))
    try:
        done = data.merge(pairs) if merge is not None else data.unmerge(pairs)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    change = {"directory": directory, "merged" if merge is not None else "unmerged": done.to_json()}
    tell(data, change, _said(done), json_target)


def _said(done: "Joined | Parted") -> list[str]:
    from homeroom.cli.terminal.wording import plural
    from homeroom.cohorts.charts.words import count
    from homeroom.corrections import Joined

    verb = "merged" if isinstance(done, Joined) else "unmerged"
    before, now = count(done.learners_before), plural(done.learners, "learner")
    lines = [f"{plural(done.pairs, 'pair')} {verb}: {before} before, {now} now."]
    if isinstance(done, Joined):
        lines += known_line(done.pairs - done.new, "pair", "merged")
        lines += missing_line(done.missing, "account", "what comes from there will be joined too.")
    return lines
