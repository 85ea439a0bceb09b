"""A start as far as it goes before there is a node: the directory is held, commands are heard, and all is opened.

Commands are heard from the moment on at which the directory is held, since opening it takes as long as the log after
the last snapshot is long: whoever asks meanwhile hears that the node starts, and not that none runs.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from homeroom.adapters.erasure_register import ErasureRegister
from homeroom.running.control_socket import ControlSocket
from homeroom.running.erasing import open_register
from homeroom.running.opening import (
    Held,
    NodeOptions,
    Opened,
    Recording,
    hold,
    open_held,
    open_vault,
)

__all__ = ["Started", "start"]


@dataclass(frozen=True, slots=True)
class Started:
    """What a node begins with; the socket says that it starts until it is told otherwise."""

    opened: Opened
    recording: Recording
    register: ErasureRegister | None
    socket: ControlSocket


async def start(path: Path, options: NodeOptions) -> Started:
    """Open a directory for a node, which is made if there is none. Raises as `RunningNode.open` does."""
    held, socket = await asyncio.to_thread(hold, path), ControlSocket(path)
    try:
        await socket.listen()
    except BaseException:
        held.stack.close()
        raise
    try:
        return await _started(path, options, held, socket)
    except BaseException:
        socket.close()
        raise


async def _started(path: Path, options: NodeOptions, held: Held, socket: ControlSocket) -> Started:
    opened = await asyncio.to_thread(open_held, path, held, options)
    register = None
    try:
        recording = await asyncio.to_thread(open_vault, path, opened, options)
        if options.is_serving:
            register = await asyncio.to_thread(open_register, options.erasure_register, path)
    except BaseException:
        opened.stack.close()
        raise
    return Started(opened, recording, register, socket)
