"""An erasure in a process of its own that ends itself without a word: ``python -m tests.running.erasing_process``.

Words: the folder, and the point at which it ends, one of ``POINTS``. It says ``confirmed`` when the erasure is.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from homeroom.adapters.directory import DataDirectory
from homeroom.adapters.erasure_register import ErasureRegister
from homeroom.adapters.log_folder import SqliteLogFolder
from homeroom.running import erasing as erasing_module
from homeroom.running.live import Live
from homeroom.running.memberships import Memberships
from homeroom.running.recording import RecordReader
from tests.running.erasures import ADA, erase, erasing

POINTS: dict[str, tuple[Any, str, str, int]] = {
    "before it is registered": (ErasureRegister, "append", "before", 1),
    "registered": (ErasureRegister, "append", "after", 1),
    "written": (SqliteLogFolder, "write", "after", 1),
    "folded": (Live, "fold", "after", 1),
    "destroyed": (RecordReader, "erase", "after", 1),
    "before anything is redacted": (SqliteLogFolder, "redact", "before", 1),
    "half redacted": (SqliteLogFolder, "redact", "after", 1),
    "scrubbed": (SqliteLogFolder, "scrub", "after", 1),
    "segments written": (DataDirectory, "commit", "before", 1),
    "one snapshot": (DataDirectory, "commit", "after", 1),
    "two snapshots": (DataDirectory, "commit", "after", 2),
    "membership": (Memberships, "forget", "after", 1),
    "records": (RecordReader, "scrub", "after", 1),
    "reported": (erasing_module, "write_reports", "after", 1),
    "all reported": (erasing_module, "write_reports", "after", 5),
}
"""What is called, whether it ends before or after that, and at which call."""


def end_at(point: str) -> None:
    holder, name, when, count = POINTS[point]
    plain = getattr(holder, name)
    calls = 0

    def called(*arguments: Any, **fields: Any) -> Any:
        nonlocal calls
        calls += 1
        if when == "before" and calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        result = plain(*arguments, **fields)
        if when == "after" and calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(holder, name, called)


async def main(folder: Path, point: str) -> None:
    async with erasing(folder, snapshot_ms=3_600_000) as node:
        end_at(point)
        await erase(node, ADA)
        sys.stdout.write("confirmed\n")
        sys.stdout.flush()
        await node.erasures.settled()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
