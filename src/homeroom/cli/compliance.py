"""``homeroom compliance``: what is kept where, for how long, what goes where, and what is open."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeroom.cli.access import tenant_option
from homeroom.cli.data_directory import data_option
from homeroom.cli.erasures import options_of
from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.serve import config_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["command"]


@click.group()
def command() -> None:
    """Answer for the personal data of a node."""


@command.command()
@data_option
@tenant_option
@config_option
@json_option
def report(directory: str, tenant: str, config: str | None, json_target: str | None) -> None:
    """Say by jurisdiction what is where, how long it is kept, what goes where, and which requests are open."""
    from homeroom.running.persons_directory import compliance_of_directory

    found = compliance_of_directory(Path(directory), tenant, options_of(config))
    if json_target:
        write_json(found, json_target)
    if json_target != STDOUT:
        click.echo("\n".join(_lines(found)))


def _lines(found: "Mapping[str, Any]") -> "Iterator[str]":
    yield f"Tenant {found['tenant']}, {found['residency']['kind']}, at {found['at']}"
    yield found["statement"]
    for one in found["jurisdictions"]:
        yield f"\nJurisdiction: {one['jurisdiction']}"
        for node in one["nodes"]:
            yield f"  node {node['node']}, region {node['region']}"
            yield from map(_place, node["places"] or ())
    yield "\nFrom one jurisdiction to another:"
    yield from _or_nothing(
        f"  {one['from']} to {one['to']}: {one['stream']} ({one['what']})"
        for one in found["transfers"]
    )
    yield "\nKept for:"
    for one in found["retention"]:
        days = "no set time" if one["days"] is None else f"{one['days']:,} days"
        yield f"  {one['what']:<26}{days:<14}{one['about']}"
    yield "\nPersons: " + ", ".join(
        f"{count:,} {name.replace('_', ' ')}" for name, count in found["persons"].items()
    )
    yield "\nOpen requests:"
    yield from _or_nothing(
        f"  {one['id']}  {one['kind']:<14}received {one['received']}, due {one['due']}"
        f"{', overdue' if one['is_overdue'] else ''}"
        for one in found["requests"]
    )
    yield "\nOpen erasures:"
    yield from _or_nothing(
        f"  {one['id']}  due {one['due']}, waits for {', '.join(one['waits_for'])}"
        for one in found["erasures"]
    )


def _place(one: "Mapping[str, Any]") -> str:
    size = "" if one["size_bytes"] is None else f"{one['size_bytes']:,} bytes"
    return f"    {one['place']:<18}{one['data']:<34}{size:>18}  {one['about']}"


def _or_nothing(lines: "Iterator[str]") -> "Iterator[str]":
    found = list(lines)
    yield from found or ["  none"]
