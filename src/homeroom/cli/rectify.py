"""``homeroom rectify``: a person's events are put right."""

from pathlib import Path
from typing import Any

import click

from homeroom.cli.access import learner_of, tenant_option
from homeroom.cli.data_directory import data_option
from homeroom.cli.erasures import options_of
from homeroom.cli.serve import config_option
from homeroom.errors import InputError

__all__ = ["command"]


@click.command()
@data_option
@click.option(
    "--file",
    "learners_file",
    metavar="FILE",
    required=True,
    help="A table of one learner, with columns issuer and account.",
)
@click.option(
    "--void", multiple=True, metavar="ID", help="Void the event of this id; once for each."
)
@click.option(
    "--events",
    "events_file",
    metavar="FILE",
    help="A JSON array of events that take their place, without account and id.",
)
@click.option(
    "--reason",
    type=click.Choice(("inaccurate", "incomplete", "not-theirs")),
    required=True,
    help="Why; it is written down in the audit log.",
)
@tenant_option
@config_option
def command(
    directory: str,
    learners_file: str,
    void: tuple[str, ...],
    events_file: str | None,
    **flags: Any,  # noqa: ANN401 - click passes what the options define
) -> None:
    """Void events of one person by their ids, and have others take their place.

    Only events of this person can be voided this way. If an event of the file is refused, nothing is changed.
    Statements of the record store are voided by a statement, as xAPI says.
    """
    from homeroom.adapters.written_files import read_written
    from homeroom.cli.terminal.wording import plural
    from homeroom.log.compliance import Reason
    from homeroom.running.persons_directory import rectify_in_directory

    events = [] if events_file is None else read_written(Path(events_file))
    if not isinstance(events, list) or not all(isinstance(one, dict) for one in events):
        raise InputError(f"{events_file} must hold a JSON array of objects, each an event")
    whose = (flags["tenant"], learner_of(None, learners_file))
    what = (void, events, Reason(flags["reason"]))
    put = rectify_in_directory(Path(directory), whose, what, options_of(flags["config"]))
    voided, sent = plural(put["voided"], "event"), f"{put['sent']:,} sent in their place"
    click.echo(f"{voided} voided, {sent}")
