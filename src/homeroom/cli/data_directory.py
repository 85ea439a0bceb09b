"""The data directory that a command is about: which ones may begin one, and that it is there for all others.

A directory comes into being where a node is run or a first key is created, and nowhere else: a command that was meant
for another folder would else answer out of an empty one, and leave it behind. Nor does a command begin one in the
folder of a node of a world that has never run: what it wrote there would be under no name that the world knows.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from homeroom.errors import DataDirectoryError

__all__ = ["data_option", "first_key_option", "new_data_option"]

_KEY_OF_NODE: Final = "node.key"
_MADE: Final = "The data directory, made if there is none."
_Look = Callable[[click.Context, click.Parameter, str], str]
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _there(_context: click.Context, _parameter: click.Parameter, directory: str) -> str:
    """Return the directory. Raises `DataDirectoryError` where nothing has ever written one."""
    from homeroom.adapters.sources import MANIFEST_FILE

    path = Path(directory)
    if (path / MANIFEST_FILE).is_file() or (path / "log").is_dir():
        return directory
    if (path / _KEY_OF_NODE).is_file():
        raise DataDirectoryError(
            f"{directory} belongs to a node that has never run; start it with homeroom serve, and ask again while it "
            f"runs"
        )
    raise DataDirectoryError(
        f"{directory} is no data directory; name one that homeroom load or homeroom serve has made"
    )


def _no_node_of_a_world(context: click.Context, parameter: click.Parameter, directory: str) -> str:
    """Return the directory, which may be new. Raises `DataDirectoryError` where a world has it ready for a node."""
    return (
        _there(context, parameter, directory)
        if (Path(directory) / _KEY_OF_NODE).exists()
        else directory
    )


def _option(said: str, look: _Look | None = None) -> Callable[[_Command], _Command]:
    return click.option(
        "--data", "directory", metavar="DIR", required=True, callback=look, help=said
    )


data_option = _option("The data directory.", _there)
first_key_option = _option(_MADE, _no_node_of_a_world)
new_data_option = _option(_MADE)
