"""Changes from the command line: a fact is stated to a data directory, and what was stated is read from it.

A directory is one process's at a time. Where no node runs on it, one is started for the moment of the change.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from homeroom.log.control import Control, Fact
from homeroom.log.origins import Token
from homeroom.running.node import NodeOptions, RunningNode

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

    async def change() -> Token:
        node = await RunningNode.open(path, NodeOptions(now_ms=now_ms))
        try:
            return await node.change(fact, AUTHOR)
        finally:
            await node.stop()

    return asyncio.run(change())


def control_of_directory(path: Path, now_ms: Callable[[], int]) -> Control:
    """Return what was stated to a data directory. Raises like `change_directory`."""

    async def control() -> Control:
        node = await RunningNode.open(path, NodeOptions(now_ms=now_ms))
        try:
            return node.control()
        finally:
            await node.stop()

    return asyncio.run(control())
