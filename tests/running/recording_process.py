"""A node that keeps statements, copies its vault and forgets documents all the time; run as a process, to be killed.

It says the number of each statement when that is acknowledged.
"""

import asyncio
import sys
from pathlib import Path

from homeroom.running.node import RunningNode
from tests.running.erasures import BOB, record, statement
from tests.running.nodes import options


async def keep(path: Path, first: int) -> None:
    node = await RunningNode.open(path, options(record_copy_ms=1, snapshot_ms=50))
    number = first
    while True:
        answer = await record(node, "POST", "statements", json=statement(BOB, number))
        assert answer.status_code == 200, answer.text
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    asyncio.run(keep(Path(sys.argv[1]), int(sys.argv[2])))
