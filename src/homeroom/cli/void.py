"""``homeroom void``: take events out of a data directory by their ids."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from homeroom.cli.correcting import key_option, known_line, missing_line, tell
from homeroom.cli.output import json_option

if TYPE_CHECKING:
    from homeroom.corrections import Voided

__all__ = ["command"]


@click.command()
@click.argument("directory")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--ids", "ids_file", metavar="FILE", help="A table with the ids in a column id.")
@key_option
@json_option
def command(
    directory: str,
    ids: tuple[str, ...],
    ids_file: str | None,
    key: str | None,
    json_target: str | None,
) -> None:
    """Take the events with these IDs out of the data directory DIRECTORY: they have not happened.

    An ID is written as the source of the event wrote it. One that no event has is kept: if its event comes later, it
    does not count. Nothing is taken back half: a command that is stopped leaves the directory as it was.
    """
    import homeroom as hr
    from homeroom.adapters.pairs import read_ids

    given = [*ids, *(read_ids(Path(ids_file)) if ids_file is not None else ())]
    if not given:
        raise click.UsageError("nothing to take back; name an ID, or a file with --ids")
    data = hr.open(directory, key=key)
    voided = data.void(given)
    change = {"directory": directory, "voided": voided.to_json()}
    tell(data, change, _said(voided), json_target)


def _said(voided: "Voided") -> list[str]:
    from homeroom.cli.terminal.wording import plural

    events, ids = plural(voided.events, "event"), plural(voided.ids, "id")
    lines = [f"{events} with {ids} taken back; no answer sees {_them(voided.events)} any more."]
    lines += known_line(voided.ids - voided.new, "id", "voided")
    lines += missing_line(voided.missing, "id", "an event that comes with one will not count.")
    return lines


def _them(count: int) -> str:
    return "it" if count == 1 else "them"
