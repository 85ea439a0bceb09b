"""What the commands about backups share: what opens a repository, which backup is meant, how sizes are said."""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from homeroom.adapters.backup.choosing import Plan
    from homeroom.adapters.backup.repository import Repository
    from homeroom.adapters.backup.sealing import Secret

__all__ = [
    "as_of",
    "instant_text",
    "opened",
    "plan_of",
    "secret_of",
    "secret_options",
    "size_text",
    "span_text",
    "store_option",
    "store_url_of",
]

_Command = TypeVar("_Command", bound=Callable[..., Any])
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def secret_options(command: _Command) -> _Command:
    """Add what says how a repository is opened."""
    for option in (
        click.option(
            "--passphrase-file",
            metavar="FILE",
            help="Open the repository with the passphrase in the first line of FILE, instead of a key file.",
        ),
        click.option(
            "--key-file",
            metavar="FILE",
            help="The key of the backups (homeroom/backup.key in your configuration if absent).",
        ),
    ):
        command = option(command)
    return command


store_option: Final = click.option(
    "--config",
    metavar="FILE",
    help="Settings of the node: where its log lies, if that is a database.",
)


def store_url_of(config: str | None) -> str:
    """Return where the settings in a file and in variables say that the log lies; empty is in the directory."""
    from homeroom.cli.serve import settings_of

    return settings_of(config, os.environ).node.store_url


def secret_of(key_file: str | None, passphrase_file: str | None) -> "Secret":
    """Return what the options name."""
    from homeroom.adapters.backup.sealing import KeyFile, read_passphrase
    from homeroom.adapters.keyfile import default_key_path

    if key_file is not None and passphrase_file is not None:
        raise click.UsageError("--key-file and --passphrase-file are both given; take one")
    if passphrase_file is not None:
        return read_passphrase(Path(passphrase_file))
    if key_file is not None:
        return KeyFile(Path(key_file))
    return KeyFile(default_key_path(os.environ).with_name("backup.key"))


def opened(repository: str, key_file: str | None, passphrase_file: str | None) -> "Repository":
    """Open a repository that is there."""
    from homeroom.adapters.backup.repository import open_repository

    return open_repository(repository, os.environ, secret_of(key_file, passphrase_file))


def plan_of(repository: "Repository", backup: str | None, as_of_ms: int | None) -> "Plan":
    """Return what is to be restored: the last backup, or one that is named, or as of a time."""
    from homeroom.adapters.backup.choosing import choose, choose_as_of

    ids = repository.ids()
    if backup is not None:
        if backup not in ids:
            newest = f"; the newest is {ids[-1]}" if ids else "; there is none"
            raise click.UsageError(f"there is no backup {backup}{newest}")
        ids = ids[: ids.index(backup) + 1]
    shown = repository.objects.shown
    if as_of_ms is None:
        return choose([repository.manifest(one) for one in ids[-1:]], shown)
    return choose_as_of([repository.manifest(one) for one in ids], shown, as_of_ms)


def as_of(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    """Read an instant: milliseconds since 1970 UTC."""
    if text is None:
        return None
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        instant = dt.datetime.min  # noqa: DTZ901 - has no zone, and is refused below for that
    if instant.tzinfo is None:
        raise click.BadParameter(
            f"{text!r} is no instant; write it with its zone, such as 2024-01-31T12:00:00Z"
        )
    return (instant - _EPOCH) // dt.timedelta(milliseconds=1)


def instant_text(time_ms: int) -> str:
    """Write an instant for a person, to the second."""
    return (_EPOCH + dt.timedelta(milliseconds=time_ms)).strftime("%Y-%m-%d %H:%M:%S UTC")


def span_text(span_ms: int) -> str:
    """Write how long something was."""
    return str(dt.timedelta(seconds=span_ms // 1_000))


def size_text(size_bytes: int) -> str:
    """Write a size."""
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes >= 1e5 else f"{size_bytes / 1e3:,.1f} kB"
