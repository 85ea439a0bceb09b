"""``homeroom tenant``: in which regions a tenant's data are taken, and where its learners have their homes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from homeroom.adapters import system_clock
from homeroom.cli.data_directory import data_option
from homeroom.errors import ControlError

__all__ = ["command"]

_OF_ISSUER: Final = "Of accounts of an issuer: their home page, or mailto:DOMAIN; once for each."
_OF_LEARNER: Final = "Of a learner, by pseudonym; once for each, before its issuer and the default."


@click.group()
def command() -> None:
    """Say in which regions a tenant's data are taken, and where its learners have their homes."""


@command.command("list")
@data_option
def list_(directory: str) -> None:
    """Show the tenants, and where their data are taken."""
    from homeroom.running.stating import control_of_directory

    control = control_of_directory(Path(directory), system_clock.now_ms)
    for name, one in sorted(control.tenants.items()):
        where = [*one.regions, *([f"jurisdiction {one.jurisdiction}"] if one.jurisdiction else [])]
        told = "pinned to " + ", ".join(where) if where else "open"
        click.echo(f"{name}\t{told}{', with its events' if one.pins_events else ''}")


@command.command()
@click.argument("name")
@data_option
@click.option(
    "--timezone", default="UTC", show_default=True, help="IANA name of the zone of its days."
)
@click.option("--jurisdiction", default="", help="The jurisdiction whose regions take its data.")
@click.option(
    "--pin-events",
    is_flag=True,
    help="Its events go to nodes of that jurisdiction alone, for good.",
)
def add(
    name: str,
    directory: str,
    timezone: str,
    jurisdiction: str,
    pin_events: bool,  # noqa: FBT001 - an option of the command
) -> None:
    """Have a tenant NAME, which is not there yet: open, or pinned to a jurisdiction, or with its events too.

    Its key is drawn here, and is to be copied to all nodes that are to have it before they can take anything of it.
    """
    from homeroom.log.control import TenantPut
    from homeroom.running.stating import change_directory, control_of_directory

    path = Path(directory)
    if pin_events and not jurisdiction:
        raise click.UsageError("--pin-events wants a --jurisdiction in which the events stay")
    if name in control_of_directory(path, system_clock.now_ms).tenants:
        raise ControlError(f"there is a tenant {name!r} already")
    fact = TenantPut(
        name=name, timezone=timezone, jurisdiction=jurisdiction, pins_events=pin_events
    )
    change_directory(path, fact, system_clock.now_ms)


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


@command.command()
@click.argument("name")
@data_option
@click.option("--default", metavar="JURISDICTION", help="Of those of whom nothing else is said.")
@click.option("--issuer", "issuers", multiple=True, metavar="ISSUER=JURISDICTION", help=_OF_ISSUER)
@click.option("--learner", "learners", multiple=True, metavar="KEY=JURISDICTION", help=_OF_LEARNER)
@click.option(
    "--nobody", is_flag=True, help="Nothing is said of anybody: all stays where it is taken."
)
def homes(
    name: str,
    directory: str,
    default: str | None,
    issuers: tuple[str, ...],
    learners: tuple[str, ...],
    nobody: bool,  # noqa: FBT001 - an option of the command
) -> None:
    """Say where the learners of the open tenant NAME have their homes, or show where they have them.

    What is said takes the place of all that was said before. Their documents, wherever they are taken, are sealed for
    the vault of that jurisdiction and kept there alone.
    """
    from homeroom.log.homes import HomesPut
    from homeroom.running.stating import change_directory

    is_said = default is not None or issuers or learners
    if is_said and nobody:
        raise click.UsageError("--nobody stands alone: it takes back what was said")
    if not is_said and not nobody:
        _show_homes(name, directory)
        return
    fact = HomesPut(
        tenant=name, default=default or "", issuers=_pairs(issuers), learners=_pairs(learners)
    )
    change_directory(Path(directory), fact, system_clock.now_ms)


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.rpartition("=") for one in given]
    if any(not who or not law for who, _, law in pairs):
        raise click.UsageError("--issuer and --learner want what is meant, =, and a jurisdiction")
    return {who: law for who, _, law in pairs}


def _show_homes(name: str, directory: str) -> None:
    from homeroom.running.stating import control_of_directory

    control = control_of_directory(Path(directory), system_clock.now_ms)
    _expect(name, control.tenants)
    homes = control.homes.get(name)
    if homes is None or not homes.named():
        click.echo("nobody")
        click.echo("Nothing is said of anybody: documents stay where they are taken.", err=True)
        return
    if control.homes_of(name) is None:
        click.echo("The tenant is pinned, so as long as it is this counts for nobody:", err=True)
    if homes.default:
        click.echo(f"default\t{homes.default}")
    for who, law in sorted(homes.issuers.items()):
        click.echo(f"{who}\t{law}")
    for key, law in sorted(homes.learners.items()):
        click.echo(f"{key.hex()}\t{law}")


def _expect(name: str, tenants: Iterable[str]) -> None:
    if name not in tenants:
        raise ControlError(f"there is no tenant {name!r}; there are: {', '.join(sorted(tenants))}")


def _put(name: str, directory: str, regions: tuple[str, ...], jurisdiction: str) -> None:
    from homeroom.log.control import TenantPut
    from homeroom.running.stating import change_directory, control_of_directory

    path = Path(directory)
    control = control_of_directory(path, system_clock.now_ms)
    _expect(name, control.tenants)
    before = control.tenants[name]
    fact = TenantPut(
        name=name,
        timezone=before.timezone,
        regions=regions,
        jurisdiction=jurisdiction,
        pins_events=before.pins_events,
        suppress_below=before.suppress_below,
    )
    change_directory(path, fact, system_clock.now_ms)
