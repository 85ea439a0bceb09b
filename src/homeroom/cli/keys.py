"""``homeroom keys``: what opens a node, created, listed, revoked and rotated.

A key is printed once, alone on standard output, so that a script can catch it; it is kept nowhere, and nobody can show
it again.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from homeroom.adapters import system_clock
from homeroom.cli.data_directory import data_option, first_key_option
from homeroom.errors import ControlError

if TYPE_CHECKING:
    from homeroom.log.control import Key

__all__ = ["command", "limited_to", "listed", "scopes_of", "span_ms"]

_SPAN: Final = re.compile(r"([1-9]\d{0,5})([hd])")
_SPAN_MS: Final = {"h": 3_600_000, "d": 86_400_000}


@click.group()
def command() -> None:
    """Create, list, revoke and rotate the keys of a node."""


@command.command()
@click.argument("name")
@first_key_option
@click.option(
    "--scopes",
    metavar="LIST",
    required=True,
    help="What it may do, with commas: read, aggregate, write, admin, persons, labels, xapi.",
)
@click.option("--tenant", default="main", show_default=True, help="Whose events it sends and sees.")
@click.option(
    "--expires", metavar="SPAN", help="After how long it opens nothing, such as 90d or 12h."
)
@click.option("--courses", metavar="LIST", help="The only course runs that it sees, with commas.")
@click.option(
    "--organisations", metavar="LIST", help="The only organisations whose learners it sees."
)
def create(name: str, directory: str, **flags: Any) -> None:  # noqa: ANN401 - click passes what the options define
    """Create the key NAME and print it: once, and nothing else."""
    from homeroom.log.control import KeyCreated
    from homeroom.running.stating import change_directory
    from homeroom.serve.keys import draw_key

    drawn = draw_key()
    fact = KeyCreated(
        prefix=drawn.prefix,
        name=name,
        digest=drawn.digest,
        tenant=flags["tenant"],
        owner=drawn.prefix,
        scopes=scopes_of(flags["scopes"]),
        courses=limited_to(flags["courses"], "--courses"),
        organisations=limited_to(flags["organisations"], "--organisations"),
        expires_ms=_expires_ms(flags["expires"]),
    )
    change_directory(Path(directory), fact, system_clock.now_ms)
    click.echo(drawn.text)


@command.command("list")
@data_option
def list_(directory: str) -> None:
    """Show all keys: their names, prefixes and scopes, and whether they open anything."""
    from homeroom.running.stating import control_of_directory

    now_ms = system_clock.now_ms()
    keys = sorted(
        control_of_directory(Path(directory), system_clock.now_ms).keys.values(),
        key=lambda key: (key.tenant, key.name, key.created_ms),
    )
    click.echo("\t".join(("name", "prefix", "tenant", "scopes", "limits", "created", "state")))
    for key in keys:
        click.echo("\t".join(_row(key, now_ms)))


@command.command()
@click.argument("name")
@data_option
def revoke(name: str, directory: str) -> None:
    """Revoke the key NAME, or the one key with that prefix: it opens nothing from now on, for ever."""
    from homeroom.log.control import KeyRevoked
    from homeroom.running.stating import change_directory

    path, now_ms = Path(directory), system_clock.now_ms()
    keys = _valid(path, name)
    for key in keys:
        change_directory(path, KeyRevoked(prefix=key.prefix, at_ms=now_ms), system_clock.now_ms)
    click.echo(f"Revoked {', '.join(key.prefix for key in keys)}.", err=True)


@command.command()
@click.argument("name")
@data_option
@click.option(
    "--overlap",
    metavar="SPAN",
    default="24h",
    show_default=True,
    help="How long the old key opens what the new one does, such as 24h or 7d.",
)
@click.option(
    "--expires", metavar="SPAN", help="After how long the new key opens nothing, such as 90d."
)
def rotate(name: str, directory: str, overlap: str, expires: str | None) -> None:
    """Print a new key in place of the key NAME, which goes on for a while.

    The new key may do what the old one may, and its batches are told apart as the old one's were: a batch that was sent
    with the old key and is sent again with the new one counts once.
    """
    from homeroom.log.control import KeyCreated, KeyRevoked
    from homeroom.running.stating import change_directory
    from homeroom.serve.keys import draw_key

    path, now_ms = Path(directory), system_clock.now_ms()
    old = _valid(path, name)[0]
    drawn = draw_key()
    fact = KeyCreated(
        prefix=drawn.prefix,
        name=old.name,
        digest=drawn.digest,
        tenant=old.tenant,
        owner=old.owner,
        scopes=tuple(sorted(old.scopes)),
        courses=old.courses,
        organisations=old.organisations,
        expires_ms=_expires_ms(expires),
    )
    at_ms = now_ms + span_ms(overlap, "--overlap")
    change_directory(path, fact, system_clock.now_ms)
    change_directory(path, KeyRevoked(prefix=old.prefix, at_ms=at_ms), system_clock.now_ms)
    click.echo(drawn.text)


# --- read and written ------------------------------------------------------------------------------------------------


def listed(text: str | None) -> tuple[str, ...]:
    """Return what stands between commas."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def limited_to(text: str | None, flag: str) -> tuple[str, ...]:
    """Return what somebody is limited to. A flag that names nothing is a mistake: without it all would be seen."""
    found = listed(text)
    if text is not None and not found:
        raise click.UsageError(f"{flag} names nothing; leave it out for all")
    return found


def scopes_of(text: str) -> "tuple[Any, ...]":
    """Return the scopes of ``--scopes``. Raises `click.UsageError`."""
    from homeroom.log.control import Scope

    found = listed(text)
    unknown = sorted(set(found) - set(Scope))
    if unknown or not found:
        raise click.UsageError(
            f"--scopes is {text!r}; it may hold {', '.join(Scope)}, with commas between them"
        )
    return tuple(Scope(one) for one in dict.fromkeys(found))


def span_ms(text: str, flag: str) -> int:
    """Return a span such as 12h or 90d in milliseconds. Raises `click.UsageError`."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise click.UsageError(
            f"{flag} is {text!r}; write a number of hours or days, such as 12h or 90d"
        )
    return int(found[1]) * _SPAN_MS[found[2]]


def _expires_ms(text: str | None) -> int | None:
    return None if text is None else system_clock.now_ms() + span_ms(text, "--expires")


def _valid(path: Path, name: str) -> "list[Key]":
    """Return the keys of a name or prefix that still open something, the newest first."""
    from homeroom.running.stating import control_of_directory

    control = control_of_directory(path, system_clock.now_ms)
    found = control.keys_named(name) or [key for key in control.keys.values() if key.prefix == name]
    valid = [key for key in found if key.is_valid(system_clock.now_ms())]
    if not valid:
        why = "opens nothing any more" if found else "is not there"
        raise ControlError(f"the key {name!r} {why}; homeroom keys list shows those there are")
    return valid


def _row(key: "Key", now_ms: int) -> tuple[str, ...]:
    from homeroom.events.instants import format_instant

    limited = [f"courses={','.join(key.courses)}"] if key.courses else []
    limited += [f"organisations={','.join(key.organisations)}"] if key.organisations else []
    ends = [end for end in (key.expires_ms, key.revoked_ms) if end is not None]
    state = "valid"
    if not key.is_valid(now_ms):
        state = "revoked" if key.revoked_ms is not None and key.revoked_ms <= now_ms else "expired"
    elif ends:
        state = f"valid until {format_instant(min(ends))}"
    scopes = ",".join(sorted(key.scopes))
    created = format_instant(key.created_ms)
    return (key.name, key.prefix, key.tenant, scopes, " ".join(limited) or "-", created, state)
