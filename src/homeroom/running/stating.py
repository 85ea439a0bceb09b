"""Changes from the command line: a fact is stated to a data directory, and what was stated is read from it.

A directory is one process's at a time. Where a node runs on it, that one is asked; where none does, one is started for
the moment of the change.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from homeroom.log.control import Control, Fact
from homeroom.log.origins import Token
from homeroom.running.control_socket import ask_stated, ask_to_change
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions

__all__ = ["change_directory", "control_of_directory"]

AUTHOR = "command line"


def change_directory(path: Path, fact: Fact, now_ms: Callable[[], int]) -> Token:
    """State a fact to a data directory; return when it is durable.

    Raises
    ------
    ControlError
        It makes no sense as things are.
    DataDirectoryError, StoreError
        The directory is in use, damaged, or cannot be written.
    """
    token = ask_to_change(path, fact, AUTHOR)
    if token is not None:
        return token

    async def change() -> Token:
        node = await RunningNode.open(path, NodeOptions(now_ms=now_ms, is_serving=False))
        try:
            return await node.change(fact, AUTHOR)
        finally:
            await node.stop()

    return asyncio.run(change())


def control_of_directory(path: Path, now_ms: Callable[[], int]) -> Control:
    """Return what was stated to a data directory. Raises like `change_directory`."""
    stated = ask_stated(path)
    if stated is not None:
        control_now = Control()
        for number, one in enumerate(stated, 1):
            control_now = control_now.folded(one, number)
        return control_now

    async def control() -> Control:
        node = await RunningNode.open(path, NodeOptions(now_ms=now_ms, is_serving=False))
        try:
            return node.control()
        finally:
            await node.stop()

    return asyncio.run(control())
