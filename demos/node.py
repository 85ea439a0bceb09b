"""A node, an ordinary xAPI client, and a kill in the middle: ``python -m demos.node``.

Real statements (where they are; made-up ones else) are sent to ``homeroom serve`` by TinCanPython, which knows nothing
of homeroom. When half of them have been acknowledged the node is killed without a word. It is started again, the rest
is sent, and what was not acknowledged once more. Then every statement that was ever acknowledged is asked for, and the
events are counted.
"""

import argparse
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tincan import RemoteLRS, Statement  # type: ignore[import-untyped]

from demos import saying
from homeroom.provers.programs import HOMEROOM, made_key

REAL_STATEMENTS = Path("../shared/data/ralph/statements.json.gz")
CLIENTS = 4
BATCH = 10


def main() -> int:
    """Run the demo; return 0 if nothing is missing."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("demo/node"))
    parser.add_argument("--statements", type=int, default=1_500)
    options = parser.parse_args()
    started = time.perf_counter()
    shutil.rmtree(options.folder, ignore_errors=True)
    say("a key for the record store, and a node")
    key = made_key(options.folder, "read,write,xapi")
    statements = list(read_statements(options.statements))
    node = Node(options.folder, key)
    sender = Sender(node, statements)
    say(f"{CLIENTS} clients send {len(statements):,} statements, {BATCH} a request")
    sender.send_until(len(statements) // 2)
    node.kill()
    before = set(sender.acknowledged)
    say(f"killed with SIGKILL, after {len(before):,} statements had been acknowledged")
    began = time.perf_counter()
    node.start()
    say(
        f"started again on the same directory: it answers after {time.perf_counter() - began:.1f} s"
    )
    missing = node.missing(before)
    say(f"of the {len(before):,} statements that were acknowledged, {len(missing)} are missing")
    sender.send_rest()
    missing |= node.missing(sender.acknowledged)
    status = node.status(len(statements))
    node.stop()
    say(
        f"sent the rest; now there are {len(sender.acknowledged):,} statements, {len(missing)} missing, and the node "
        f"counts {status['events']:,} events of {status['learners']:,} learners"
    )
    whole = not missing and status["events"] == len(statements)
    verdict = "nothing is missing, nothing counts twice" if whole else "THIS IS WRONG"
    say(f"{verdict}; {time.perf_counter() - started:.0f} s")
    return 0 if whole else 1


def say(text: str) -> None:
    """Say what happens."""
    saying.say("node", text)


def read_statements(count: int) -> Iterator[dict[str, Any]]:
    """Yield real statements, or made-up ones where the real ones are not."""
    if REAL_STATEMENTS.exists():
        with gzip.open(REAL_STATEMENTS, "rt") as lines:
            for _, line in zip(range(count), lines, strict=False):
                yield json.loads(line)
        return
    for number in range(count):
        yield {
            "id": f"00000000-0000-4000-8000-{number:012d}",
            "actor": {
                "account": {"homePage": "https://lms.example", "name": f"learner {number % 90}"}
            },
            "verb": {"id": "http://adlnet.gov/expapi/verbs/experienced"},
            "object": {"id": f"https://lms.example/pages/{number % 40}"},
            "timestamp": f"2024-03-{1 + number % 28:02d}T10:00:00Z",
        }


class Node:
    """``homeroom serve`` in a process of its own."""

    def __init__(self, folder: Path, key: str) -> None:
        self._folder, self._key = folder, key
        self.start()

    def start(self) -> None:
        """Start it, and wait until it says where it listens."""
        command = [*HOMEROOM, "serve", "--data", str(self._folder), "--port", "0"]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        if "listening on" not in line:
            raise SystemExit(f"the node did not start: {line}{self._process.stderr.read()}")
        self.address = line.split()[-1]

    def kill(self) -> None:
        """End it without a word."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end."""
        self._process.terminate()
        self._process.wait()

    def client(self) -> RemoteLRS:
        """Return an ordinary client."""
        return RemoteLRS(
            version="1.0.3", endpoint=f"{self.address}/xapi", username="demo", password=self._key
        )

    def missing(self, ids: set[str]) -> set[str]:
        """Return which statements it does not have."""

        def lacks(statement_id: str) -> bool:
            return not self.client().retrieve_statement(statement_id).success

        with ThreadPoolExecutor(CLIENTS) as pool:
            ordered = sorted(ids)
            return {
                one for one, gone in zip(ordered, pool.map(lacks, ordered), strict=True) if gone
            }

    def status(self, events: int) -> dict[str, Any]:
        """Return what it says of itself, when it has folded so many events, or nothing more comes."""
        said: dict[str, Any] = {}
        for _ in range(50):
            before = said
            request = urllib.request.Request(
                f"{self.address}/v1/status", headers={"Authorization": f"Bearer {self._key}"}
            )
            with urllib.request.urlopen(request) as answer:
                said = json.load(answer)
            if said["events"] == events or (
                before and said["vector"] == said["held"] == before["held"]
            ):
                break
        return said


class Sender:
    """Sends statements in batches, from several clients at once; what fails is sent again later."""

    def __init__(self, node: Node, statements: list[dict[str, Any]]) -> None:
        self._node = node
        self._waiting = [statements[n : n + BATCH] for n in range(0, len(statements), BATCH)]
        self._lock = threading.Lock()
        self.acknowledged: set[str] = set()

    def send_until(self, count: int) -> None:
        """Return when so many statements were acknowledged; more may be on their way."""
        enough = threading.Event()
        self._start(count, enough)
        enough.wait()

    def send_rest(self) -> None:
        """Return when all statements were acknowledged, or a client has failed."""
        for thread in self._start(
            len(self.acknowledged) + BATCH * len(self._waiting), threading.Event()
        ):
            thread.join()

    def _start(self, count: int, enough: threading.Event) -> list[threading.Thread]:
        threads = [
            threading.Thread(target=self._send, args=(count, enough)) for _ in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _send(self, count: int, enough: threading.Event) -> None:
        client = self._node.client()
        while True:
            with self._lock:
                if not self._waiting:
                    break
                batch = self._waiting.pop()
            try:
                sent = client.save_statements([Statement(one) for one in batch]).success
            except OSError:
                sent = False
            with self._lock:
                if sent:
                    self.acknowledged |= {one["id"] for one in batch}
                else:
                    self._waiting.append(batch)
                if len(self.acknowledged) >= count:
                    enough.set()
            if not sent:
                break
        enough.set()


if __name__ == "__main__":
    sys.exit(main())
