"""A node that answers over real sockets, in a thread of the test's own process."""

import asyncio
import queue
import threading
import time
from pathlib import Path

from homeroom.log.control import KeyCreated, Scope
from homeroom.running.hosting import host
from homeroom.running.stating import change_directory
from homeroom.serve.keys import draw_key
from homeroom.serve.settings import ServerSettings, Settings


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Served:
    """A node on a folder behind its HTTP interface, on a free port; it can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self._thread: threading.Thread | None = None

    def key(self, *scopes: str, name: str = "test") -> str:
        """Create a key while the node does not run, and return it."""
        assert self._thread is None, "a directory is one process's at a time"
        drawn = draw_key()
        fact = KeyCreated(
            prefix=drawn.prefix,
            name=name,
            digest=drawn.digest,
            tenant="main",
            owner=drawn.prefix,
            scopes=tuple(map(Scope, scopes)),
        )
        change_directory(self.folder, fact, now_ms)
        return drawn.text

    def start(self, port: int = 0) -> "Served":
        """Start, and return when it answers."""
        heard: queue.Queue[str | Exception] = queue.Queue()
        settings = Settings(server=ServerSettings(port=port, stop_seconds_max=5))

        async def run() -> None:
            self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
            await host(self.folder, settings, now_ms, self._stopping, heard.put)

        def work() -> None:
            try:
                asyncio.run(run())
            except Exception as error:  # noqa: BLE001 - raised in the thread that waits
                heard.put(error)

        self._thread = threading.Thread(target=work, name="served")
        self._thread.start()
        said = heard.get(timeout=60)
        if isinstance(said, Exception):
            raise said
        self.url = said
        return self

    def stop(self) -> None:
        """Stop as SIGTERM would."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._thread = None
