"""Redis servers that really run, on sockets in a folder of their own, gone at the end."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.databases import end_with_parent

PROGRAM = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(
    PROGRAM is None, reason="redis-server is not installed: apt-get install redis-server"
)
"""Skips where there is no server."""


class RedisServer:
    """A server that can be killed, stopped for a while, and started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.socket = folder / "r.sock"
        self.url = f"unix://{self.socket}"
        self._folder, self._options = folder, options
        self._process: subprocess.Popen[bytes] | None = None
        self.client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=10)

    def start(self) -> None:
        """Start it, and return when it answers."""
        assert PROGRAM is not None
        self.socket.unlink(missing_ok=True)
        settings = [
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        how: dict[str, Any] = {"stdout": subprocess.DEVNULL, "preexec_fn": end_with_parent}
        command = [PROGRAM, *settings, "--dir", str(self._folder), *self._options]
        self._process = subprocess.Popen(command, **how)
        ticks = threading.Event()
        for _ in range(2_000):
            try:
                self.client.ping()
            except redis.RedisError:
                assert self._process.poll() is None, "it has ended"
                ticks.wait(0.005)
            else:
                return
        raise AssertionError("it does not answer")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it as a machine that fails does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def names(self, pattern: str = "*") -> list[bytes]:
        """Return the names of what it holds."""
        found: Any = self.client.keys(pattern)
        return list(found)


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """Have a server that is gone at the end; a socket's path must be short, so it lies in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="hr-redis-") as folder:
        server = RedisServer(Path(folder), *options)
        try:
            server.start()
            yield server
        finally:
            server.kill()
            server.client.close()
