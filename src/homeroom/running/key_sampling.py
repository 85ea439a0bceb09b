"""A log of some of the keys that a node's cache is asked for, from which `homeroom cache advise` tells what helps.

A line says which key and how many bytes, and names neither tenant nor question: it is a digest under a secret that is
drawn at the start and kept nowhere. So keys of two starts cannot be compared, and each start begins a new log.

An answer that something has touched since is another key: a larger cache could not have told it either. The way not
taken, keys without that, promises hits that no size gives.

Lines wait in a bounded list and are written by a thread. A disk that fails ends the log, and says so in the status.
"""

import asyncio
import secrets
from hashlib import blake2b
from pathlib import Path

import msgspec

from homeroom import limits
from homeroom.adapters.whole_files import PRIVATE
from homeroom.log.origins import Vector
from homeroom.traffic.caching.advisor import Sampler

__all__ = ["KeySampling"]


class KeySampling:
    """Writes which keys are asked for, those of a sample; one event loop owns it.

    Parameters
    ----------
    path : of the log; the one before it is kept beside it, with ``.1`` at its end
    share : of the keys, above 0 and at most 1

    Attributes
    ----------
    trouble : why nothing is written any more, None while it is
    """

    def __init__(self, path: Path, share: float) -> None:
        self.trouble: str | None = None
        self._path = path
        self._sampler = Sampler(secrets.token_bytes(32), share)
        self._lines: list[str] = []
        self._asked = 0  # since the log began
        self._size_bytes: int | None = None  # of the log, None before it has begun
        self._versions: dict[str, tuple[Vector, bytes]] = {}
        self._writing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Write now and then what has been noted."""
        self._writing = asyncio.get_running_loop().create_task(self._keep_writing())

    async def stop(self) -> None:
        """Write what waits, and end."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self.flush()

    def note(self, name: bytes, tenant: str, touched: Vector, size_bytes: int) -> None:
        """Take a request: the name of what was asked for, what has touched its tenant, and what the answer takes."""
        if self.trouble is not None or len(self._lines) >= limits.CACHE_KEY_LINES_MAX:
            return
        self._asked += 1
        line = self._sampler.line(name + self._version(tenant, touched), size_bytes)
        if line is not None:
            self._lines.append(line)

    def _version(self, tenant: str, touched: Vector) -> bytes:
        made = self._versions.get(tenant)
        if made is None or made[0] is not touched:
            said = msgspec.msgpack.encode(sorted(touched.to_json().items()))
            made = self._versions[tenant] = touched, blake2b(said, digest_size=16).digest()
        return made[1]

    async def _keep_writing(self) -> None:
        while self.trouble is None:
            await asyncio.sleep(limits.CACHE_KEY_LOG_MS / 1_000)
            await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        if self.trouble is not None or not self._lines:
            return
        asked = self._asked
        lines, self._lines = [*self._lines, f"# asked {asked}"], []
        try:
            await asyncio.to_thread(self._write, lines)
        except OSError as error:
            self.trouble = f"the log of keys {self._path} cannot be written: {error.strerror}"
            return
        if self._size_bytes is not None and self._size_bytes >= limits.CACHE_KEY_LOG_BYTES_MAX:
            self._size_bytes, self._asked = None, self._asked - asked

    def _write(self, lines: list[str]) -> None:
        if self._size_bytes is None:
            if self._path.exists():
                self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._path.touch(mode=PRIVATE)
            self._size_bytes, lines = 0, [self._sampler.head, *lines]
        content = "".join(f"{line}\n" for line in lines).encode()
        with self._path.open("ab") as file:
            file.write(content)
        self._size_bytes += len(content)
