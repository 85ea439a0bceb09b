"""``homeroom webhooks``: who is told of cohorts, looked after on the machine of the node.

The node that runs on the data directory does it; without one there is nobody who delivers, and nothing to look after.
A secret is printed once, alone on standard output, as keys are.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeroom.cli.data_directory import data_option
from homeroom.cli.keys import listed, span_ms
from homeroom.errors import ControlError

if TYPE_CHECKING:
    from homeroom.hooks.standing import WebhookShown
    from homeroom.running.control_socket import WebhookTold

__all__ = ["command"]

_AUTHOR = "command line"
tenant_option = click.option(
    "--tenant", default="main", show_default=True, help="Whose webhooks they are."
)
all_option = click.option("--all", "all_", is_flag=True, help="All dead letters of the webhook.")


@click.group()
def command() -> None:
    """Look after the webhooks of a node that runs."""


def _ask(directory: str, do: str, **fields: Any) -> "WebhookTold":  # noqa: ANN401 - those of the request
    from homeroom.running.control_socket import WebhookAsked, WebhookDo, ask_of_webhooks

    asked = WebhookAsked(do=WebhookDo(do), author=_AUTHOR, **fields)
    told = ask_of_webhooks(Path(directory), asked)
    if told is None:
        raise ControlError(
            f"no node runs on {directory}, and webhooks are looked after by one that does: start it with homeroom serve"
        )
    return told


@command.command("list")
@data_option
@tenant_option
def list_(directory: str, tenant: str) -> None:
    """Show all webhooks, and how their deliveries stand."""
    told = _ask(directory, "list", tenant=tenant)
    click.echo("\t".join(("id", "state", "waiting", "dead", "lost", "cohorts", "url")))
    for one in told.webhooks:
        click.echo("\t".join(_row(one)))


def _row(shown: "WebhookShown") -> tuple[str, ...]:
    webhook, standing = shown.webhook, shown.standing
    state = "suspended" if standing.suspended is not None else "active"
    return (
        webhook.id,
        "paused" if webhook.is_paused else state,
        f"{standing.open}",
        f"{standing.dead}",
        ",".join(one.why.value for one in standing.lost) or "-",
        ",".join(webhook.cohorts) or "all",
        webhook.url,
    )


@command.command()
@click.argument("url")
@data_option
@tenant_option
@click.option(
    "--cohorts", metavar="LIST", help="Of which it is told, with commas; without it, all."
)
def create(url: str, directory: str, tenant: str, cohorts: str | None) -> None:
    """Have URL told of who enters and leaves cohorts, and print the secret that signs: once, and nothing else."""
    told = _ask(directory, "create", tenant=tenant, url=url, cohorts=listed(cohorts))
    _show_secret(told)


def _show_secret(told: "WebhookTold") -> None:
    assert told.created is not None, "what is created is told"
    click.echo(f"The webhook is {told.created.id}; this is its secret:", err=True)
    click.echo(told.created.secret)


@command.command()
@click.argument("webhook")
@data_option
@tenant_option
@click.option(
    "--overlap",
    metavar="SPAN",
    default="24h",
    show_default=True,
    help="How long the secret before signs too, such as 24h or 7d.",
)
def rotate(webhook: str, directory: str, tenant: str, overlap: str) -> None:
    """Print a new secret for WEBHOOK; the one before it goes on for a while."""
    overlap_ms = span_ms(overlap, "--overlap")
    _show_secret(_ask(directory, "rotate", tenant=tenant, webhook=webhook, overlap_ms=overlap_ms))


@command.command()
@click.argument("webhook")
@data_option
@tenant_option
def delete(webhook: str, directory: str, tenant: str) -> None:
    """Delete WEBHOOK, and what waits for it."""
    _ask(directory, "delete", tenant=tenant, webhook=webhook)


@command.command()
@click.argument("webhook")
@data_option
@tenant_option
def pause(webhook: str, directory: str, tenant: str) -> None:
    """Send nothing to WEBHOOK; what changes waits."""
    _ask(directory, "pause", tenant=tenant, webhook=webhook)


@command.command()
@click.argument("webhook")
@data_option
@tenant_option
def resume(webhook: str, directory: str, tenant: str) -> None:
    """Send to WEBHOOK again, also if its target asked for no more."""
    _ask(directory, "resume", tenant=tenant, webhook=webhook)


@command.command("dead-letters")
@click.argument("webhook")
@data_option
@tenant_option
def dead_letters(webhook: str, directory: str, tenant: str) -> None:
    """Show the deliveries of WEBHOOK that were given up, the oldest first, and why."""
    from homeroom.events.instants import format_instant

    told = _ask(directory, "dead-letters", tenant=tenant, webhook=webhook)
    click.echo("\t".join(("id", "given up", "attempts", "changes", "why")))
    for one in told.letters:
        given_up = format_instant(one.given_up_ms)
        click.echo("\t".join((one.id, given_up, f"{one.attempts}", f"{one.changes}", one.why)))


@command.command()
@click.argument("webhook")
@click.argument("deliveries", nargs=-1)
@all_option
@data_option
@tenant_option
def replay(webhook: str, deliveries: tuple[str, ...], directory: str, **flags: Any) -> None:  # noqa: ANN401 - as above
    """Send dead letters of WEBHOOK again: those with the ids DELIVERIES, or all."""
    _to_letters(directory, "replay", webhook, deliveries, flags)


@command.command()
@click.argument("webhook")
@click.argument("deliveries", nargs=-1)
@all_option
@data_option
@tenant_option
def drop(webhook: str, deliveries: tuple[str, ...], directory: str, **flags: Any) -> None:  # noqa: ANN401 - as above
    """Forget dead letters of WEBHOOK: those with the ids DELIVERIES, or all. Their numbers are told as lost."""
    _to_letters(directory, "drop", webhook, deliveries, flags)


def _to_letters(
    directory: str, do: str, webhook: str, deliveries: tuple[str, ...], flags: dict[str, Any]
) -> None:
    if bool(deliveries) == flags["all_"]:
        raise click.UsageError("name dead letters by their ids, or give --all")
    _ask(
        directory,
        do,
        tenant=flags["tenant"],
        webhook=webhook,
        deliveries=None if flags["all_"] else deliveries,
    )
