"""``homeroom erasures``: how far erasures are, place by place."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from homeroom.cli.data_directory import data_option
from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.serve import config_option, settings_of
from homeroom.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homeroom.log.certificates import Certificate
    from homeroom.running.opening import NodeOptions

__all__ = ["command", "named", "options_of", "said"]


@click.command()
@click.argument("erasure", required=False)
@data_option
@click.option("--tenant", default="main", show_default=True, help="Whose erasures they are.")
@config_option
@json_option
def command(
    erasure: str | None, directory: str, tenant: str, config: str | None, json_target: str | None
) -> None:
    """Show the certificate of ERASURE, or those of all: a line for each place, open until nothing is left there."""
    from homeroom.running.erasing_directory import certificates_of_directory

    found = certificates_of_directory(Path(directory), tenant, options_of(config))
    if erasure is not None:
        found = [named(found, erasure)]
    if json_target:
        write_json({"erasures": [one.to_json() for one in found]}, json_target)
    if json_target != STDOUT:
        for one in found:
            click.echo("\n".join(said(one)))


def options_of(config: str | None) -> "NodeOptions":
    """Return how a node runs under the settings of a file and of the environment."""
    from homeroom.adapters import system_clock
    from homeroom.running.hosting import node_options

    return node_options(settings_of(config, os.environ), system_clock.now_ms)


def named(certificates: "Sequence[Certificate]", erasure: str) -> "Certificate":
    """Return the certificate of an erasure. Raises `ControlError` if there is none."""
    for one in certificates:
        if one.name == erasure:
            return one
    raise ControlError(
        f"there is no erasure {erasure[:32]!r}; homeroom erasures shows those there are"
    )


def said(certificate: "Certificate") -> list[str]:
    """Return a certificate as lines."""
    from homeroom.cli.terminal.wording import plural
    from homeroom.events.instants import format_instant

    lines = [
        f"Erasure {certificate.name} of {plural(len(certificate.keys), 'raw key')}, asked for at "
        f"{format_instant(certificate.at_ms)}, due by {format_instant(certificate.due_ms)}, on {certificate.node}:"
    ]
    for line in certificate.lines:
        done = "open" if line.done_ms is None else format_instant(line.done_ms)
        lines.append(f"  {line.place:<12}{done:<26}{line.note}")
    return lines
