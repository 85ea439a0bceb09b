"""A node in a process of its own, for the tests that kill it: sends batches for ever, and says which were acknowledged.

Run as ``python -m tests.running.serving_process DIRECTORY CLIENTS``. Every line of its output is the name of a batch
that was acknowledged, written at once.
"""

import asyncio
import sys
from pathlib import Path

from homeroom.log.log import Accepted
from homeroom.running.node import RunningNode
from tests.running.nodes import batch, event, options

EVENTS = 3


def events_of(name: str) -> list[dict[str, object]]:
    """Return the events of the batch of a name, which is ``client-number``."""
    client, number = map(int, name.split("-"))
    base = client * 1_000_000 + number * EVENTS
    return [event(base + n, id=f"{name}-{n}", account=f"a{(base + n) % 50}") for n in range(EVENTS)]


async def send(node: RunningNode, client: int, first: int) -> None:
    number = first
    while True:
        name = f"{client}-{number}"
        outcome = await node.offer("main", "key", batch(name, *events_of(name)))
        if isinstance(outcome, Accepted):
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()
        number += 1


async def main(path: Path, clients: int, first: int) -> None:
    node = await RunningNode.open(path, options(snapshot_ms=50))
    await asyncio.gather(*(send(node, client, first) for client in range(clients)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
