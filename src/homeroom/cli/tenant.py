"""``homeroom tenant``: in which regions a tenant's data are taken."""

from pathlib import Path

import click

from homeroom.adapters import system_clock
from homeroom.cli.serve import data_option
from homeroom.errors import ControlError

__all__ = ["command"]


@click.group()
def command() -> None:
    """Say in which regions a tenant's data are taken."""


@command.command("list")
@data_option
def list_(directory: str) -> None:
    """Show the tenants, and where their data are taken."""
    from homeroom.running.stating import control_of_directory

    control = control_of_directory(Path(directory), system_clock.now_ms)
    for name, one in sorted(control.tenants.items()):
        where = [*one.regions, *([f"jurisdiction {one.jurisdiction}"] if one.jurisdiction else [])]
        click.echo(f"{name}\t{'pinned to ' + ', '.join(where) if where else 'open'}")


@command.command()
@click.argument("name")
@data_option
@click.option("--region", "regions", multiple=True, help="A region that takes them; once for each.")
@click.option("--jurisdiction", default="", help="The jurisdiction whose regions take them.")
def pin(name: str, directory: str, regions: tuple[str, ...], jurisdiction: str) -> None:
    """Have the data of the tenant NAME taken in these regions and nowhere else: other nodes answer 421."""
    if not regions and not jurisdiction:
        raise click.UsageError(
            "name a --region or a --jurisdiction; homeroom tenant open undoes it"
        )
    _put(name, directory, regions, jurisdiction)


@command.command("open")
@click.argument("name")
@data_option
def open_(name: str, directory: str) -> None:
    """Have the data of the tenant NAME taken by every node."""
    _put(name, directory, (), "")


def _put(name: str, directory: str, regions: tuple[str, ...], jurisdiction: str) -> None:
    from homeroom.log.control import TenantPut
    from homeroom.running.stating import change_directory, control_of_directory

    path = Path(directory)
    control = control_of_directory(path, system_clock.now_ms)
    if name not in control.tenants:
        raise ControlError(
            f"there is no tenant {name!r}; there are: {', '.join(sorted(control.tenants))}"
        )
    before = control.tenants[name]
    fact = TenantPut(
        name=name,
        timezone=before.timezone,
        regions=regions,
        jurisdiction=jurisdiction,
        suppress_below=before.suppress_below,
    )
    change_directory(path, fact, system_clock.now_ms)
