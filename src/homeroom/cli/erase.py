"""``homeroom erase``: erase people for ever."""

from pathlib import Path
from typing import Any

import click

from homeroom.cli.data_directory import data_option
from homeroom.cli.erasures import options_of, said
from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.serve import config_option

__all__ = ["command"]


@click.command()
@click.argument("learners", metavar="[LEARNER]...", nargs=-1)
@data_option
@click.option(
    "--file",
    "learners_file",
    metavar="FILE",
    help="A table of learners, with a column pseudonym, or issuer and account.",
)
@click.option("--tenant", default="main", show_default=True, help="Whose learners they are.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@config_option
@json_option
def command(
    learners: tuple[str, ...],
    directory: str,
    learners_file: str | None,
    tenant: str,
    json_target: str | None,
    **flags: Any,  # noqa: ANN401 - click passes what the options define
) -> None:
    """Erase the learners with the pseudonyms LEARNER, for ever, with all accounts that are merged with theirs.

    It cannot be taken back. The node that runs on DIR does it, or one that is started for the moment; it must have a
    register of erasures (node.erasure_register). Nothing of these people is told or taken in when the command ends;
    what it prints says where something may still lie, and what that waits for.
    """
    from homeroom.adapters.pairs import read_learners
    from homeroom.cli.terminal.wording import plural
    from homeroom.running.erasing_directory import erase_in_directory

    named = [*learners, *(read_learners(Path(learners_file)) if learners_file is not None else ())]
    if not named:
        raise click.UsageError("nobody to erase; name a LEARNER, or a file with --file")
    if not flags["yes"]:
        click.confirm(f"Erase {plural(len(named), 'learner')} for ever?", abort=True, err=True)
    options = options_of(flags["config"])
    certificate = erase_in_directory(Path(directory), tenant, named, options)
    if json_target:
        write_json(certificate.to_json(), json_target)
    if json_target != STDOUT:
        click.echo("\n".join(said(certificate)))
