"""``homeroom serve``: run a node on a data directory."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from homeroom.adapters import system_clock
from homeroom.cli.data_directory import new_data_option
from homeroom.errors import SettingsError

if TYPE_CHECKING:
    from homeroom.serve.settings import Settings

__all__ = ["command", "config_option", "settings_of"]

_COLLECT_AFTER: Final = 20_000
"""So many new objects wait to be looked through; a busy node makes as many in some tens of milliseconds."""

config_option = click.option(
    "--config", metavar="FILE", help="Settings, as homeroom init writes them."
)


@click.command()
@new_data_option
@click.option("--host", metavar="ADDRESS", help="Address to listen on, in place of server.host.")
@click.option(
    "--port",
    type=int,
    metavar="PORT",
    help="Port to listen on, in place of server.port; 0 takes a free one.",
)
@config_option
def command(directory: str, **flags: Any) -> None:  # noqa: ANN401 - click passes what the options define
    """Run a node on the data directory DIR: take events, answer questions, over HTTP.

    It says on standard error where it listens. Ctrl-C or SIGTERM stops it: requests under way are answered, what was
    taken is written, and a snapshot is left. Whatever ends it otherwise loses nothing that it said yes to.
    """
    import asyncio
    import gc

    import uvloop

    from homeroom.running.hosting import host

    settings = _with_room(_settings(flags))
    # Whatever the node makes is its owner's alone, also in a directory that others may look into.
    os.umask(0o077)

    def heard(address: str) -> None:
        # What is there now stays; to look through it again and again would only make clients wait.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER)
        click.echo(f"homeroom: listening on {address}", err=True)

    async def run() -> None:
        await host(Path(directory), settings, system_clock.now_ms, asyncio.Event(), heard)

    uvloop.run(run())
    click.echo("homeroom: stopped; everything that was taken is in the last snapshot", err=True)


def _with_room(settings: "Settings") -> "Settings":
    """Return settings with as many connections as the system has room for, and say so where they are fewer."""
    import msgspec

    from homeroom.adapters.open_files import connections_that_fit

    wanted = settings.server.connections_max
    fit = connections_that_fit(wanted)
    if fit < wanted:
        click.echo(
            f"homeroom: the system allows so few open files that {fit:,} connections fit and not {wanted:,} "
            f"(server.connections_max); allow more with ulimit -n, or LimitNOFILE of systemd",
            err=True,
        )
    server = msgspec.structs.replace(settings.server, connections_max=fit)
    return msgspec.structs.replace(settings, server=server)


def _settings(flags: dict[str, Any]) -> "Settings":
    """Return the settings: flags count more than variables, and variables more than the file."""
    environment = dict(os.environ)
    for name in ("host", "port"):
        if flags.get(name) is not None:
            environment[f"HOMEROOM_SERVER_{name.upper()}"] = str(flags[name])
    return settings_of(flags["config"], environment)


def settings_of(path: str | None, environment: Mapping[str, str]) -> "Settings":
    """Return the settings in a file and in variables, which count more. Raises `SettingsError`."""
    from homeroom.serve.settings import read_settings

    if path is None:
        return read_settings("", "the environment", environment)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"settings {path} cannot be read: {why}") from None
    return read_settings(text, path, environment)
