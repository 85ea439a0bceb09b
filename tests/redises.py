"""Redis servers that really run, on sockets in a folder of their own, gone at the end."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
import redis

from homeroom.provers.programs import end_with_parent
from homeroom.provers.redis_server import RedisServer, redis_program

needs_redis = pytest.mark.skipif(
    redis_program() is None, reason="redis-server is not installed: apt-get install redis-server"
)
"""Skips where there is no server."""


class Server(RedisServer):
    """A server that ends when the tests are killed, with a client that looks into it."""

    def __init__(self, folder: Path, *options: str) -> None:
        program = redis_program()
        assert program is not None, "`needs_redis` skips where it is not installed"
        super().__init__(program, folder, *options)
        self.client = redis.Redis.from_url(self.url, socket_timeout=10)

    def start(self) -> None:
        """Start it, and return when it answers."""
        super().start()
        self.client.ping()

    def _how(self, log: IO[bytes]) -> dict[str, Any]:
        return {**super()._how(log), "preexec_fn": end_with_parent}

    def names(self, pattern: str = "*") -> list[bytes]:
        """Return the names of what it holds."""
        found: Any = self.client.keys(pattern)
        return list(found)


@contextmanager
def redis_server(*options: str) -> Iterator[Server]:
    """Have a server that is gone at the end; a socket's path must be short, so it lies in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="hr-redis-") as folder:
        server = Server(Path(folder), *options)
        try:
            server.start()
            yield server
        finally:
            server.kill()
            server.client.close()
