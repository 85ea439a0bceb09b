"""A node as people run it, in a process of its own, for the benchmarks of what it takes and answers over HTTP."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["SETTINGS", "ServedNode", "processor_s_of", "served"]

SETTINGS: Final = """\
[limits]
requests_per_second = 1000000.0
requests_burst = 10000000
events_per_second = 100000000.0
events_burst = 1000000000
"""
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_FOLDED_S_MAX: Final = 120.0


@dataclass(frozen=True, slots=True)
class ServedNode:
    """A node that listens at ``address`` and opens for ``key``."""

    address: str
    key: str
    pid: int

    def get(self, path: str) -> dict[str, Any]:
        """Return what it answers to a GET."""
        return self._answer(urllib.request.Request(self.address + path))

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return its answer to a question."""
        return self.send("POST", "/v1/query", question)

    def send(self, method: str, path: str, content: dict[str, Any]) -> dict[str, Any]:
        """Return what it answers to a JSON object."""
        request = urllib.request.Request(
            self.address + path,
            data=json.dumps(content).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        return self._answer(request)

    def _answer(self, request: urllib.request.Request) -> dict[str, Any]:
        request.add_header("Authorization", f"Bearer {self.key}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{request.selector}: {error.read().decode()}") from error

    def processor_s(self) -> float:
        """Return how long its threads have used a processor."""
        return processor_s_of(self.pid)

    def folded(self, events: int) -> float:
        """Return after how many seconds so many events were folded."""
        begun_s, pause = time.perf_counter(), threading.Event()
        while (found := self.get("/v1/status")["events"]) < events:
            took_s = time.perf_counter() - begun_s
            if took_s > _FOLDED_S_MAX:
                raise SystemExit(
                    f"the node has folded {found:,} of {events:,} events in {took_s:.0f} s"
                )
            pause.wait(0.05)
        return time.perf_counter() - begun_s


def processor_s_of(pid: int) -> float:
    """Return how long the threads of a process have used a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def served(folder: Path) -> Iterator[ServedNode]:
    """Have a node on a directory, and a key of all scopes; stop it at the end."""
    homeroom = [sys.executable, "-m", "homeroom"]
    data = ["--data", str(folder)]
    scopes = ["--scopes", "read,write,admin,persons,xapi"]
    made = subprocess.run(
        [*homeroom, "keys", "create", "bench", *scopes, *data],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    settings = folder.with_suffix(".toml")
    settings.write_text(SETTINGS)
    process = subprocess.Popen(
        [*homeroom, "serve", *data, "--port", "0", "--config", str(settings)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None, "its standard error is a pipe"
        said = process.stderr.readline()
        if "listening on" not in said:
            raise SystemExit(f"the node did not start: {said}{process.stderr.read()}")
        yield ServedNode(said.split()[-1], made.stdout.strip(), process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
