"""A node that is killed over and over on one directory: nothing that it acknowledged is lost or doubled."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.running.nodes import batch, on, question
from tests.running.serving_process import EVENTS, events_of

CLIENTS = 8


def killed(path, first, acknowledgements):
    """Run a node until it has acknowledged so many batches, kill it; return what it said yes to."""
    command = [
        sys.executable,
        "-m",
        "tests.running.serving_process",
        str(path),
        str(CLIENTS),
        str(first),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline().strip() for _ in range(acknowledgements)]
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
    lines = rest.splitlines(keepends=True)
    return said + [line.strip() for line in lines if line.endswith("\n")]


def check(path, acknowledged, tried):
    """Start again, and compare with what was said."""

    async def look(node):
        door = node._doors._doors["main"]
        ids = {name: door.id_hashes([one["id"] for one in events_of(name)]) for name in tried}

        def read(state):
            state.settle()
            have = {name: state.history.have_ids(hashes) for name, hashes in ids.items()}
            return have, state.events

        have, events = node._live.read("main", read)
        for name in acknowledged:
            assert have[name].all(), f"{name} was acknowledged and is not there"
        assert all(found.all() or not found.any() for found in have.values()), "batches are whole"
        assert events == sum(int(found.sum()) for found in have.values()), "nothing counts twice"
        repeats = [await node.offer("main", "key", batch(n, *events_of(n))) for n in acknowledged]
        assert all(one.is_repeat for one in repeats)
        await node.ask("main", question("active"), repeats[-1].token)
        assert node.status("main").events == events
        assert node.troubles == ()

    on(path, look)


def go_through(path, rounds):
    acknowledged, tried = [], set()
    for number, count in enumerate(rounds):
        first = number * 10_000
        said = killed(path, first, count)
        assert len(said) >= count
        acknowledged += said
        for client in range(CLIENTS):
            mine = [int(n.split("-")[1]) for n in said if n.startswith(f"{client}-")]
            tried |= {f"{client}-{n}" for n in range(first, max(mine, default=first - 1) + 3)}
        check(path, acknowledged, sorted(tried))
    assert EVENTS * len(acknowledged) > 0


def test_nothing_acknowledged_is_lost_or_doubled_by_two_kills(tmp_path):
    go_through(tmp_path, [40, 200])


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_by_many_kills(tmp_path, rng):
    go_through(tmp_path, np.sort(rng.integers(1, 600, 12)).tolist())
