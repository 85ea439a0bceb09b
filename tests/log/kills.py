"""Kills a node that writes to its log, again and again: ``python -m tests.log.kills KIND PLACE TIMES SEED``.

A process of its own, because it forks: each life runs in a child that says in a pipe what was acknowledged, and is
killed by ``kill -9`` some microseconds after a number of acknowledgements that chance settles. Then the store is
opened, and all that was ever said is looked for; the next life goes on from there. KIND is ``folder`` (PLACE is a
path) or ``postgres`` (PLACE is a URL). Goes out: a JSON line a life.
"""

import itertools
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from homeroom import limits
from homeroom.adapters.log_folder import SqliteLogFolder
from homeroom.adapters.log_postgres import PostgresStore
from homeroom.log.origins import Token, Vector
from homeroom.log.store import Store
from tests.log.lives import Lives, check_store

BODIES = ("x", "long", "nothing", "y")


def opened(kind: str, place: str, incarnation: int) -> Store:
    if kind == "folder":
        return SqliteLogFolder(Path(place))
    return PostgresStore(place, "here", f"{incarnation:032x}")


class Told(dict):
    """What was told, written to a pipe at the moment at which it is."""

    def __init__(self, pipe: int) -> None:
        super().__init__()
        self.pipe = pipe

    def setdefault(self, batch_id: str, said: Any) -> Any:
        body, accepted = said
        line = [batch_id, body, accepted.answer.decode(), accepted.token and str(accepted.token)]
        os.write(self.pipe, json.dumps(line).encode() + b"\n")
        return super().setdefault(batch_id, said)


def live(kind: str, place: str, incarnation: int, pipe: int) -> None:
    """Write for ever."""
    lives = Lives(first_incarnation=incarnation - 1)
    lives.told = Told(pipe)
    lives.begin(opened(kind, place, incarnation))
    held = lives.starts[f"{incarnation:032x}"].to_json()
    os.write(pipe, json.dumps(held).encode() + b"\n")
    for number in itertools.count():
        for part in range(1 + number % 3):
            lives.offer(f"{incarnation} {number} {part}", BODIES[(number + part) % 4])
        while lives.write is not None:
            lives.finish()


def killed(kind: str, place: str, incarnation: int, chance: np.random.Generator) -> list[Any]:
    """Let a child live until it is killed; return what it said."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            live(kind, place, incarnation, writing)
        except BaseException as error:  # noqa: BLE001 - the parent must hear of it
            os.write(writing, json.dumps({"error": repr(error)}).encode() + b"\n")
        os._exit(1)
    os.close(writing)
    wanted, said = int(chance.integers(1, 30)), b""
    while said.count(b"\n") < wanted and (more := os.read(reading, 1 << 16)):
        said += more
    until = time.perf_counter() + float(chance.random()) / 500
    while time.perf_counter() < until:
        pass
    os.kill(child, signal.SIGKILL)
    while more := os.read(reading, 1 << 16):
        said += more
    os.close(reading)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended == -signal.SIGKILL, said.decode()
    return [json.loads(line) for line in said.splitlines()]


def main(kind: str, place: str, times: str, seed: str) -> None:
    """Kill so often, and look each time."""
    limits.JOURNAL_BYTES = 100_000  # type: ignore[misc] - pages are moved often, so that this too is interrupted
    chance = np.random.default_rng(int(seed))
    starts: dict[str, Vector] = {}
    told: dict[str, tuple[str, bytes, Token | None]] = {}
    for life in range(1, int(times) + 1):
        held, *said = killed(kind, place, 2 * life, chance)
        starts[f"{2 * life:032x}"] = Vector.from_json(held)
        for batch_id, body, answer, token in said:
            told[batch_id] = (body, answer.encode(), token and Token.parse(token))
        store = opened(kind, place, 2 * life + 1)
        check_store(store, starts, told)
        held_after = sum(store.held().values())
        store.close()
        print(json.dumps({"said": len(said), "held": held_after}), flush=True)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
