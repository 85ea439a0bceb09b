"""``homeroom consent``: what a person allows to be done with their data."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeroom.cli.access import file_option, learner_of, tenant_option
from homeroom.cli.data_directory import data_option
from homeroom.cli.erasures import options_of
from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.serve import config_option

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["command"]


@click.command()
@click.argument("learner", required=False)
@data_option
@click.option("--given", metavar="PURPOSE", help="Consent is given for this purpose.")
@click.option("--refused", metavar="PURPOSE", help="Consent is refused or taken back for it.")
@click.option(
    "--restrict", is_flag=True, help="Restrict processing: keep the data, and use them for nothing."
)
@click.option("--lift", is_flag=True, help="Lift the restriction.")
@file_option
@tenant_option
@config_option
@json_option
def command(
    learner: str | None,
    directory: str,
    learners_file: str | None,
    **flags: Any,  # noqa: ANN401 - click passes what the options define
) -> None:
    """State what the learner with the pseudonym LEARNER allows; without one of the flags, show what was said.

    What is stated takes the place of what stood before of the same purpose, and counts when the command ends. Who is
    restricted, or refuses analytics, is kept and is in no answer, no cohort and no webhook.
    """
    from homeroom.running.persons_directory import consents_of_person, state_consent

    what = _what(flags)
    whose = (flags["tenant"], learner_of(learner, learners_file))
    path, options = Path(directory), options_of(flags["config"])
    said = (
        consents_of_person(path, *whose, options)
        if what is None
        else state_consent(path, whose, what, options)
    )
    if flags["json_target"]:
        write_json(said, flags["json_target"])
    if flags["json_target"] != STDOUT:
        click.echo("\n".join(_lines(said)))


def _what(flags: "Mapping[str, Any]") -> tuple[str, str] | None:
    """Return the purpose and the word that the flags state, None for none."""
    stated = [(flags[says], says) for says in ("given", "refused") if flags[says] is not None]
    stated += [("", "restricted")] * flags["restrict"] + [("", "lifted")] * flags["lift"]
    if len(stated) > 1:
        raise click.UsageError(
            "state one thing at a time: --given, --refused, --restrict or --lift"
        )
    return stated[0] if stated else None


def _lines(said: "Mapping[str, Any]") -> list[str]:
    withheld = ", and in no answer" if said["withheld"] else ""
    lines = [f"{said['learner']}: kept{withheld}"]
    for purpose, is_allowed in said["allowed"].items():
        lines.append(f"  {purpose:<20}{'allowed' if is_allowed else 'not allowed'}")
    for one in said["stated"]:
        about = one["purpose"] or "everything"
        stands = "stands" if one["stands"] else "superseded"
        lines.append(f"  {one['at']}  {about:<20}{one['says']:<12}{stands}")
    return lines
