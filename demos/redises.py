"""A real Redis in each region, which keeps answers for its nodes, and may be lost at any moment."""

import contextlib
import shutil
import socket
import subprocess
from pathlib import Path

STALE_S = 2  # answers may be told for so long while they are made anew


class RedisServer:
    """A Redis as a process that keeps nothing on a disk.

    Attributes
    ----------
    url : where nodes reach it
    """

    def __init__(self, program: Path, folder: Path, port: int) -> None:
        self._program, self._folder, self._port = program, folder, port
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{port}/0"

    def start(self) -> None:
        """Start it. Raises `SystemExit` if it does not answer."""
        command = [str(self._program), "--bind", "127.0.0.1", "--port", str(self._port)]
        command += ["--dir", str(self._folder), "--save", "", "--appendonly", "no"]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until_open(self._process, self._port, self._folder / "redis.log")

    def stop(self) -> None:
        """End it as a power cut would: there is nothing that it would have to write."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def wait_until_open(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a process listens. Raises `SystemExit` with its last words if it ends instead."""
    for _ in range(400):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.025)
            break
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise SystemExit(f"it does not listen on port {port}: {log.read_text()[-500:]}")


def redis_program() -> Path | None:
    """Return the server's program, None where it is not installed."""
    found = shutil.which("redis-server")
    return None if found is None else Path(found)
