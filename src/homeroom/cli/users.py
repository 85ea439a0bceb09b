"""``homeroom users``: who may sign in to the pages of a node.

A password is read from the terminal, where it is not shown, or from standard input; never from an argument, which every
other user of the machine can see in the list of processes.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeroom.adapters import system_clock
from homeroom.cli.data_directory import data_option, first_key_option
from homeroom.cli.keys import limited_to, scopes_of

if TYPE_CHECKING:
    from homeroom.log.users import User

__all__ = ["command"]


@click.group()
def command() -> None:
    """Create, list, change and remove those who may sign in to a node's pages."""


@command.command()
@click.argument("name")
@first_key_option
@click.option(
    "--scopes",
    metavar="LIST",
    required=True,
    help="What they may do, with commas: read, aggregate, admin, persons, labels.",
)
@click.option("--tenant", default="main", show_default=True, help="Whose answers they see.")
@click.option("--courses", metavar="LIST", help="The only course runs that they see, with commas.")
@click.option(
    "--organisations", metavar="LIST", help="The only organisations whose learners they see."
)
def create(name: str, directory: str, **flags: Any) -> None:  # noqa: ANN401 - click passes what the options define
    """Let NAME sign in, with a password that is read from the terminal or from standard input.

    A user of that name has the new password and the new scopes from now on, and is signed out everywhere.
    """
    from homeroom.log.users import UserPut

    scopes = scopes_of(flags["scopes"])
    courses = limited_to(flags["courses"], "--courses")
    organisations = limited_to(flags["organisations"], "--organisations")
    fact = UserPut(
        name=name,
        password=_hashed(_password()),
        tenant=flags["tenant"],
        scopes=scopes,
        courses=courses,
        organisations=organisations,
    )
    _state(directory, fact)
    click.echo(f"{name} may sign in.", err=True)


@command.command()
@click.argument("name")
@data_option
def password(name: str, directory: str) -> None:
    """Give NAME another password, read from the terminal or from standard input; it is signed out everywhere."""
    from homeroom.log.users import UserPut

    user = _user(directory, name)
    fact = UserPut(
        name=user.name,
        password=_hashed(_password()),
        tenant=user.tenant,
        scopes=tuple(sorted(user.scopes)),
        courses=user.courses,
        organisations=user.organisations,
    )
    _state(directory, fact)
    click.echo(f"{name} has another password.", err=True)


@command.command()
@click.argument("name")
@data_option
def remove(name: str, directory: str) -> None:
    """Let NAME sign in no more; it is signed out everywhere."""
    from homeroom.log.users import UserRemoved

    _state(directory, UserRemoved(name=name))
    click.echo(f"{name} may not sign in any more.", err=True)


@command.command("list")
@data_option
def list_(directory: str) -> None:
    """Show all who may sign in: their names, tenants, scopes and limits, and since when they are so."""
    from homeroom.events.instants import format_instant
    from homeroom.running.stating import control_of_directory

    users = control_of_directory(Path(directory), system_clock.now_ms).users.values()
    click.echo("\t".join(("name", "tenant", "scopes", "limits", "changed")))
    for user in sorted(users, key=lambda one: (one.tenant, one.name)):
        limited = [f"courses={','.join(user.courses)}"] if user.courses else []
        limited += [f"organisations={','.join(user.organisations)}"] if user.organisations else []
        row = (
            user.name,
            user.tenant,
            ",".join(sorted(user.scopes)),
            " ".join(limited) or "-",
            format_instant(user.changed_ms),
        )
        click.echo("\t".join(row))


# --- read and written ------------------------------------------------------------------------------------------------


def _password() -> str:
    """Read a password twice from the terminal, or once as the first line of standard input."""
    if sys.stdin.isatty():
        given: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return given
    return sys.stdin.readline().rstrip("\r\n")


def _hashed(text: str) -> str:
    from homeroom.adapters.passwords import hashed

    return hashed(text)


def _user(directory: str, name: str) -> "User":
    from homeroom.errors import ControlError
    from homeroom.running.stating import control_of_directory

    user = control_of_directory(Path(directory), system_clock.now_ms).users.get(name)
    if user is None:
        raise ControlError(f"there is no user {name!r}; homeroom users list shows those there are")
    return user


def _state(directory: str, fact: Any) -> None:  # noqa: ANN401 - any fact
    from homeroom.running.stating import change_directory

    change_directory(Path(directory), fact, system_clock.now_ms)
