"""A real Redis, which keeps answers for the nodes of a region, and may be lost at any moment."""

import shutil
from pathlib import Path
from typing import Final

from homeroom.provers.programs import ServerProcess

__all__ = ["STALE_S", "RedisServer", "redis_program"]

STALE_S: Final = 2  # answers may be told for so long while they are made anew


class RedisServer(ServerProcess):
    """A Redis as a process that keeps nothing on a disk, on a port, or (0) on a socket in its folder.

    Attributes
    ----------
    url : where nodes reach it
    """

    def __init__(self, program: Path, folder: Path, *options: str, port: int = 0) -> None:
        socket = folder / "r.sock"
        place = ["--bind", "127.0.0.1"] if port else ["--unixsocket", str(socket)]
        command = [str(program), "--port", str(port), *place, "--dir", str(folder)]
        command += ["--save", "", "--appendonly", "no", *options]
        address = ("127.0.0.1", port) if port else str(socket)
        super().__init__(command, address, folder / "redis.log")
        self.url = f"redis://127.0.0.1:{port}/0" if port else f"unix://{socket}"


def redis_program() -> Path | None:
    """Return the server's program, None where it is not installed."""
    found = shutil.which("redis-server")
    return None if found is None else Path(found)
