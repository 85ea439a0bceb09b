"""A PostgreSQL server of the tests' own: from a package, on a socket in a folder, gone at the end."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from homeroom.provers.postgres_server import PostgresServer


class Server(PostgresServer):
    """A server in a folder of its own, which runs."""

    def __init__(self) -> None:
        # A socket's path is short.
        super().__init__(Path(tempfile.mkdtemp(prefix="pg-")))
        self.start()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)


def served() -> Iterator[Server]:
    """Yield a server that runs."""
    server = Server()
    try:
        yield server
    finally:
        server.remove()


def emptied(server: Server) -> str:
    """Return the URL of a database without rows, whose tables may have been made before."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        names = [name for (name,) in connection.execute(tables)]
        kept = [name for name in names if name not in ("log_schema", "alembic_version")]
        if kept:
            connection.execute(f"TRUNCATE {', '.join(kept)}")
    return server.url()
