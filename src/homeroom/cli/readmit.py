"""``homeroom readmit``: let people who were erased come again, as new ones."""

from pathlib import Path

import click

from homeroom.cli.data_directory import data_option
from homeroom.cli.erasures import named, options_of
from homeroom.cli.serve import config_option

__all__ = ["command"]


@click.command()
@click.argument("erasure")
@data_option
@click.option("--tenant", default="main", show_default=True, help="Whose erasure it is.")
@config_option
def command(erasure: str, directory: str, tenant: str, config: str | None) -> None:
    """Let those whom ERASURE erased come again from now on: as new people, joined with nothing of before.

    Events of theirs from before now stay cut, whenever they are sent.
    """
    from homeroom.adapters import system_clock
    from homeroom.log.control import Readmitted
    from homeroom.running.erasing_directory import certificates_of_directory
    from homeroom.running.stating import change_directory

    path = Path(directory)
    found = certificates_of_directory(path, tenant, options_of(config))
    keys = named(found, erasure).keys
    fact = Readmitted(tenant=tenant, keys=keys, from_ms=system_clock.now_ms())
    change_directory(path, fact, system_clock.now_ms)
