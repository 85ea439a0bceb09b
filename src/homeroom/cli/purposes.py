"""``homeroom purposes``: what data are for, and which purposes need consent."""

from pathlib import Path

import click

from homeroom.adapters import system_clock
from homeroom.cli.access import tenant_option
from homeroom.cli.data_directory import data_option

__all__ = ["command"]


@click.command()
@click.argument("purposes", metavar="[PURPOSE=NEED]...", nargs=-1)
@data_option
@tenant_option
def command(purposes: tuple[str, ...], directory: str, tenant: str) -> None:
    """Say which purposes there are; NEED is consent or nothing. Without any, show those there are.

    Analytics is always one of them. If it needs consent, a learner who has said nothing is kept and is in no answer; to
    change that makes all rows anew, which takes as long as to fold all events.
    """
    from homeroom.log.compliance import PurposesPut
    from homeroom.log.consents import Need
    from homeroom.running.stating import change_directory, control_of_directory

    path, needs = Path(directory), {}
    for one in purposes:
        name, _, need = one.partition("=")
        if need not in set(Need):
            raise click.UsageError(
                f"{one!r} is no purpose with its need; write {name}=consent or {name}=nothing"
            )
        needs[name] = Need(need)
    if needs:
        change_directory(path, PurposesPut(tenant=tenant, purposes=needs), system_clock.now_ms)
    for name, known in control_of_directory(path, system_clock.now_ms).purposes(tenant).items():
        click.echo(f"{name}\t{known.value}")
