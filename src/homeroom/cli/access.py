"""``homeroom access``: a person's copy of all that is kept of them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from homeroom.cli.data_directory import data_option
from homeroom.cli.erasures import options_of
from homeroom.cli.serve import config_option
from homeroom.errors import InputError

if TYPE_CHECKING:
    from homeroom.corrections import Account

__all__ = ["command", "file_option", "learner_of", "tenant_option"]

tenant_option = click.option(
    "--tenant", default="main", show_default=True, help="Whose person it is."
)
file_option = click.option(
    "--file",
    "learners_file",
    metavar="FILE",
    help="A table of one learner, with a column pseudonym, or issuer and account: so no name stands in the shell.",
)


@click.command()
@click.argument("learner", required=False)
@data_option
@click.option(
    "--out", metavar="FILE", required=True, help="The archive, a new file; - is standard output."
)
@file_option
@tenant_option
@config_option
def command(
    learner: str | None,
    directory: str,
    out: str,
    learners_file: str | None,
    tenant: str,
    config: str | None,
) -> None:
    """Write a copy of all that is kept of the learner with the pseudonym LEARNER: a ZIP file with an index.

    It holds events, rows, cohorts, statements, documents, consents and erasures of this person, of all accounts that
    are merged, and of nobody else. It is made by the node that runs on DIR, or by one for the moment, and written down
    in its audit log.
    """
    import sys

    from homeroom.adapters.whole_files import whole_file
    from homeroom.running.persons_directory import archive_of_person

    named = learner_of(learner, learners_file)
    archive = archive_of_person(Path(directory), tenant, named, options_of(config))
    if out == "-":
        sys.stdout.buffer.write(archive)
    else:
        with whole_file(Path(out), 0o600) as file:
            file.write(archive)


def learner_of(learner: str | None, learners_file: str | None) -> "Account":
    """Return the one learner that a command names. Raises `InputError` and `SourceError`."""
    from homeroom.adapters.pairs import read_learners

    found: list[Account] = [] if learner is None else [learner]
    if learners_file is not None:
        found += read_learners(Path(learners_file))
    if len(found) != 1:
        raise InputError(
            f"{len(found):,} learners are named, must be one: a LEARNER, or a file of one with --file"
        )
    return found[0]
