"""``homeroom requests``: what persons have asked for, and by when it is due."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from homeroom.adapters import system_clock
from homeroom.cli.access import tenant_option
from homeroom.cli.data_directory import data_option

if TYPE_CHECKING:
    from homeroom.log.compliance import ComplianceFact

__all__ = ["command"]

_KINDS = ("access", "rectification", "erasure", "restriction", "portability", "objection")
_OUTCOMES = ("done", "refused", "withdrawn")


@click.group()
def command() -> None:
    """Keep the requests of persons: an id, a kind and days, and nobody's name."""


@command.command("list")
@data_option
@tenant_option
def list_(directory: str, tenant: str) -> None:
    """Show all requests, the oldest first."""
    _show(directory, tenant)


@command.command()
@click.argument("kind", type=click.Choice(_KINDS))
@data_option
@tenant_option
@click.option("--received", metavar="DATE", help="The day on which it came, if that was not today.")
def add(kind: str, directory: str, tenant: str, received: str | None) -> None:
    """Note that a person has asked for KIND today; it is due a month later."""
    from homeroom.log.compliance import RequestKind, RequestReceived

    fact = RequestReceived(
        tenant=tenant,
        id=secrets.token_hex(8),
        kind=RequestKind(kind),
        received=received or _today(),
    )
    _state(directory, fact)
    _show(directory, tenant, fact.id)


@command.command()
@click.argument("request")
@data_option
@tenant_option
def extend(request: str, directory: str, tenant: str) -> None:
    """Give REQUEST two months more, once; the person must be told why within the first."""
    from homeroom.log.compliance import RequestExtended

    _state(directory, RequestExtended(tenant=tenant, id=request))
    _show(directory, tenant, request)


@command.command()
@click.argument("request")
@click.argument("outcome", type=click.Choice(_OUTCOMES))
@data_option
@tenant_option
def close(request: str, outcome: str, directory: str, tenant: str) -> None:
    """Say that REQUEST was answered today, and what came of it."""
    from homeroom.log.compliance import Outcome, RequestClosed

    _state(
        directory,
        RequestClosed(tenant=tenant, id=request, outcome=Outcome(outcome), closed=_today()),
    )
    _show(directory, tenant, request)


def _today() -> str:
    return datetime.fromtimestamp(system_clock.now_ms() / 1_000, UTC).date().isoformat()


def _state(directory: str, fact: "ComplianceFact") -> None:
    from homeroom.running.stating import change_directory

    change_directory(Path(directory), fact, system_clock.now_ms)


def _show(directory: str, tenant: str, only: str | None = None) -> None:
    from homeroom.log.compliance import Compliance
    from homeroom.running.stating import control_of_directory

    control = control_of_directory(Path(directory), system_clock.now_ms)
    click.echo("id\tkind\treceived\tdue\tstate")
    today = _today()
    for one in control.compliance.get(tenant, Compliance()).requests.values():
        if only in (None, one.id):
            state = "open" if one.outcome is None else f"{one.outcome} {one.closed}"
            late = ", overdue" if one.is_overdue(today) else ""
            click.echo(f"{one.id}\t{one.kind}\t{one.received}\t{one.due}\t{state}{late}")
