"""What the commands that reach a node share: its address, its key, and how long they try."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from homeroom.errors import SettingsError

if TYPE_CHECKING:
    from homeroom.client import Client

__all__ = ["key_of", "node_options", "opened_client", "reaching_options"]

Command = TypeVar("Command", bound=Callable[..., Any])
_KEY_CHARACTERS_MAX: Final = 4_096


def node_options(command: Command) -> Command:
    """Add URL, which may be several with commas between, and the flags that say how the node is reached."""
    return reaching_options(click.argument("url")(command))


def reaching_options(command: Command) -> Command:
    """Add the flags that say how a node is reached."""
    for option in (
        click.option(
            "--patience",
            metavar="SECONDS",
            type=click.FloatRange(1, 86_400),
            default=60.0,
            show_default=True,
            help="How long to try again when the node does not answer or takes nothing.",
        ),
        click.option(
            "--regions",
            metavar="FILE",
            help="File of regions of the node's world, by which its others are found and asked when this one is away.",
        ),
        click.option(
            "--certificates",
            metavar="FILE",
            help="Certificates by which an https node is known, instead of the system's.",
        ),
        click.option(
            "--key-file",
            metavar="FILE",
            help="File that holds the key and nothing else. [default: the variable HOMEROOM_KEY]",
        ),
    ):
        command = option(command)
    return command


def opened_client(url: str, flags: Mapping[str, Any]) -> "Client":
    """Return a client of a node, or of several, as the flags say.

    Raises `SettingsError` if the key, or another file that is named, cannot be read or used.
    """
    from homeroom.client import Client, ClientOptions, KnownWorld

    key_file, regions = flags["key_file"], flags["regions"]
    options = ClientOptions(
        time_s_max=flags["patience"],
        certificates=flags["certificates"],
        world=None if regions is None else KnownWorld.read(regions),
        retried=_Retried(flags["patience"]).tell,
    )
    urls = [one.strip() for one in url.split(",")]
    return Client(urls, key_of(key_file), options)


def key_of(key_file: str | None) -> str | None:
    """Return the key in a file, None where no file is named. Raises `SettingsError`."""
    return None if key_file is None else _key(Path(key_file))


class _Retried:
    """Says why nothing comes yet, each reason once: a wrong port is not waited for in silence."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._told = ""

    def tell(self, why: str) -> None:
        """Say it, if it is another reason than the last."""
        if why != self._told:
            self._told = why
            click.echo(f"note: {why}; trying again, up to {self._patience_s:g} s in all", err=True)


def _key(path: Path) -> str:
    try:
        with path.open("rb") as file:
            key = file.read(_KEY_CHARACTERS_MAX).decode("ascii").strip()
    except OSError as error:
        raise SettingsError(f"the key file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        key = ""
    if not key:
        raise SettingsError(f"the key file {path} holds no key; homeroom keys create prints one")
    return key
