"""Programs that run as processes beside a test: the command of homeroom, and servers that others made.

A server is started in one way here, with its words in a file, and it is there when it listens; it may be killed as by
a power cut, held up by a signal, and started again. Demos, tests and benchmarks have theirs by the same class.
"""

import contextlib
import ctypes
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from homeroom.errors import ProvingError

__all__ = ["HOMEROOM", "Address", "ServerProcess", "end_with_parent", "made_key"]

HOMEROOM: Final = (sys.executable, "-m", "homeroom")
_POLL_S: Final = 0.025
_POLLS_MAX: Final = 400
_SIGNAL_AT_PARENTS_END: Final = 1
_LIBRARY: Final = ctypes.CDLL(None) if platform.system() == "Linux" else None

Address: TypeAlias = tuple[str, int] | str
"""Host and port, or the path of a socket."""


def end_with_parent() -> None:
    """Have this process stop when the one that started it is killed, where the system can do that (Linux)."""
    if _LIBRARY is not None:
        _LIBRARY.prctl(_SIGNAL_AT_PARENTS_END, signal.SIGINT)


def made_key(data: Path, scopes: str) -> str:
    """Have a node state a key of these scopes; return it."""
    command = [*HOMEROOM, "keys", "create", "demo", "--scopes", scopes, "--data", str(data)]
    made = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own
    return made.stdout.strip()


class ServerProcess:
    """A server of this machine as a process, which keeps nothing that it would have to write at its end.

    Parameters
    ----------
    command : starts it
    address : where it listens
    log : takes what it says
    """

    def __init__(self, command: Sequence[str], address: Address, log: Path) -> None:
        self._command, self._address, self._log = command, address, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it listens. Raises `ProvingError` with its last words if it does not."""
        assert self._process is None, "a server is started once at a time"
        with self._log.open("ab") as log:
            self._process = process = subprocess.Popen(self._command, **self._how(log))  # noqa: S603
        for _ in range(_POLLS_MAX):
            # It is waited for first: a stranger may listen there, and then it ends.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)
                break
            if self._is_open():
                return
        self.kill()
        said = self._log.read_text(errors="replace")[-500:]
        raise ProvingError(f"{self._command[0]} does not listen at {self._address}: {said}")

    def _how(self, log: IO[bytes]) -> dict[str, Any]:
        return {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}

    def _is_open(self) -> bool:
        is_path = isinstance(self._address, str)
        with socket.socket(socket.AF_UNIX if is_path else socket.AF_INET) as one:
            return one.connect_ex(self._address) == 0

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None, "it runs"
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
