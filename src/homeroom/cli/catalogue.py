"""``homeroom catalogue``: which ids anybody may read, and which attributes may be kept.

All ids of a node's events are hashed wherever they are written. What is registered here is shown as text to every key
that may ask; everything else only to keys with the scope ``labels`` or ``persons``.
"""

from pathlib import Path

import click

from homeroom.adapters import system_clock
from homeroom.cli.data_directory import data_option

__all__ = ["command"]

_KINDS = ("verb", "activity", "course", "section", "answer", "attribute")
tenant_option = click.option(
    "--tenant", default="main", show_default=True, help="Whose ids they are."
)
kind_argument = click.argument("kind", type=click.Choice(_KINDS))
names_argument = click.argument("names", nargs=-1, required=True)


@click.group()
def command() -> None:
    """Say which ids anybody may read, and which attributes a node may keep."""


@command.command("list")
@data_option
@tenant_option
def list_(directory: str, tenant: str) -> None:
    """Show what is registered."""
    from homeroom.log.catalogue import IdKind
    from homeroom.running.stating import control_of_directory

    control = control_of_directory(Path(directory), system_clock.now_ms)
    click.echo("kind\tname")
    for kind in IdKind:
        for name in sorted(control.catalogue(tenant).registered(kind)):
            click.echo(f"{kind}\t{name}")


@command.command()
@kind_argument
@names_argument
@data_option
@tenant_option
def register(kind: str, names: tuple[str, ...], directory: str, tenant: str) -> None:
    """Register NAMES of a KIND of id; a name that ends in * is a prefix."""
    from homeroom.log.catalogue import IdKind, IdsRegistered
    from homeroom.running.stating import change_directory

    fact = IdsRegistered(tenant=tenant, kind=IdKind(kind), names=names)
    change_directory(Path(directory), fact, system_clock.now_ms)


@command.command()
@kind_argument
@names_argument
@data_option
@tenant_option
def withdraw(kind: str, names: tuple[str, ...], directory: str, tenant: str) -> None:
    """Register NAMES of a KIND of id no longer; what was written stays as it is, hashed."""
    from homeroom.log.catalogue import IdKind, IdsWithdrawn
    from homeroom.running.stating import change_directory

    fact = IdsWithdrawn(tenant=tenant, kind=IdKind(kind), names=names)
    change_directory(Path(directory), fact, system_clock.now_ms)
