"""A store of the log on the simulated disk: small enough to be tried at every step of every write.

It keeps one file of frames, a frame a write: length, checksum, content. A write appends a frame and syncs. Opening
reads frames up to the first that is not whole, and writes them anew to a second file, which takes the name of the first
when it is durable: what a failed ``sync`` left in the cache only is durable then, or was not there.
"""

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from homeroom import limits
from homeroom.errors import StoreError
from homeroom.log.entries import Entry, Head
from homeroom.log.log import BatchRecord
from homeroom.log.origins import Origin, Vector
from homeroom.simulation.disk import Disk

__all__ = ["DiskStore"]

_NAME: Final = "log"
_FRESH: Final = "log.new"
_SIZE_BYTES: Final = 4
_CHECK_BYTES: Final = 8
_NOTHING: Final = Head()
_Frame: TypeAlias = tuple[list[Entry], list[BatchRecord], dict[str, int]]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Frame).decode


class DiskStore:
    """A log on a simulated disk; a `homeroom.log.store.Store`. Opening it raises `StoreError` if the disk fails.

    Parameters
    ----------
    disk : where it is; what is there already counts
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._failure: str | None = None
        self._lock = threading.Lock()
        self._entries: dict[Origin, list[Entry]] = {}
        self._heads: dict[Origin, Head] = {}
        self._records: dict[tuple[str, str], BatchRecord] = {}
        frames = list(_frames(disk.read(_NAME))) if disk.exists(_NAME) else []
        try:
            disk.create(_FRESH)
            for frame in frames:
                disk.append(_FRESH, _framed(frame))
            self._sync(_FRESH)
            disk.rename(_FRESH, _NAME)
            disk.sync_names()
        except OSError as error:
            raise StoreError(f"the log on the simulated disk cannot be opened: {error}") from error
        for frame in frames:
            self._take(_decode(frame))

    def _sync(self, name: str) -> None:
        self._disk.sync(name)

    def write(self, entries: Sequence[Entry], records: Sequence[BatchRecord]) -> None:
        """Keep all of these or none; return when they are durable. The entries follow those that are there."""
        heads: dict[Origin, Head] = {}
        for entry in entries:
            before = heads.get(entry.origin) or self.head(entry.origin)
            if (entry.number, entry.previous) != (before.number + 1, before.digest):
                self._failure = self._failure or f"{entry.number} does not follow"
                raise StoreError(f"entry {entry.number} does not follow number {before.number}")
            heads[entry.origin] = entry.head
        self._append((list(entries), list(records), {}))

    def _append(self, frame: _Frame) -> None:
        if self._failure is not None:
            raise StoreError(
                f"nothing is written since a write failed ({self._failure}); open the store anew"
            )
        known = [r for r in frame[1] if (r.owner, r.batch_id) in self._records]
        try:
            if known:
                raise StoreError(f"batch {known[0].batch_id} is there already")  # noqa: TRY301 - as any other failure
            self._disk.append(_NAME, _framed(_encode(frame)))
            self._sync(_NAME)
        except (OSError, StoreError) as error:
            self._failure = str(error)
            raise StoreError(f"the log on the simulated disk cannot be written: {error}") from error
        with self._lock:
            self._take(frame)

    def _take(self, frame: _Frame) -> None:
        entries, records, collected = frame
        for entry in entries:
            self._entries.setdefault(entry.origin, []).append(entry)
            self._heads[entry.origin] = entry.head
        self._records |= {(record.owner, record.batch_id): record for record in records}
        for text, number in collected.items():
            origin = Origin.parse(text)
            self._entries[origin] = [e for e in self._entries[origin] if e.number > number]

    def record(self, owner: str, batch_id: str) -> BatchRecord | None:
        """Return what is kept of a batch."""
        return self._records.get((owner, batch_id))

    def records_of(self, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], BatchRecord]:
        """Return what is kept of batches by owner and id; those of which nothing is kept are left out."""
        return {name: self._records[name] for name in names if name in self._records}

    def held(self) -> Vector:
        """Return by origin the last number."""
        with self._lock:
            return Vector({origin: head.number for origin, head in self._heads.items()})

    def head(self, origin: Origin) -> Head:
        """Return what the next entry of an origin follows; it stays when the entries before it are collected."""
        return self._heads.get(origin, _NOTHING)

    def begins(self) -> Vector:
        """Return by origin the number before the first entry that is kept."""
        with self._lock:
            return Vector(
                {
                    origin: (kept[0].number if kept else self._heads[origin].number + 1) - 1
                    for origin, kept in self._entries.items()
                }
            )

    def last_hybrid(self) -> int:
        """Return the latest hybrid stamp of all entries, 0 if there is none."""
        return max((head.hybrid for head in self._heads.values()), default=0)

    def read(self, origin: Origin, first: int, count: int) -> list[Entry]:
        """Return at most ``count`` entries in order, from number ``first`` on; payloads are not checked here."""
        with self._lock:
            kept = self._entries.get(origin, [])
            return [entry for entry in kept if first <= entry.number < first + count]

    def collect(self, up_to: Vector) -> int:
        """Forget some entries up to these numbers, but not that they were; return how many, 0 when none are left."""
        gone: dict[str, int] = {}
        room = limits.COLLECT_ENTRIES_MAX
        for origin, number in up_to.items():
            going = [e.number for e in self._entries.get(origin, []) if e.number <= number][:room]
            if going:
                gone[str(origin)] = going[-1]
                room -= len(going)
        if gone or self._failure is not None:
            self._append(([], [], gone))
        return limits.COLLECT_ENTRIES_MAX - room

    def redact(self, entries: Sequence[Entry]) -> None:
        """Put redacted entries in the places of those that are here; return when it is durable."""
        frames: list[_Frame] = [
            _redacted_frame(_decode(frame), {(e.origin, e.number): e for e in entries})
            for frame in _frames(self._disk.read(_NAME))
        ]
        if self._failure is not None:
            raise StoreError(f"nothing is written since a write failed ({self._failure})")
        try:
            self._disk.create(_FRESH)
            for frame in frames:
                self._disk.append(_FRESH, _framed(_encode(frame)))
            self._sync(_FRESH)
            self._disk.rename(_FRESH, _NAME)
            self._disk.sync_names()
        except OSError as error:
            self._failure = str(error)
            raise StoreError(f"the log on the simulated disk cannot be written: {error}") from error
        with self._lock:
            by_place = {(one.origin, one.number): one for one in entries}
            for origin, kept in self._entries.items():
                self._entries[origin] = [_in_its_place(one, by_place) for one in kept]

    def scrub(self) -> str | None:
        """Nothing is left: the file was written anew."""
        return None

    def close(self) -> None:
        """Let go of the disk."""


def _redacted_frame(frame: _Frame, redacted: Mapping[tuple[Origin, int], Entry]) -> _Frame:
    entries, records, collected = frame
    return [_in_its_place(entry, redacted) for entry in entries], records, collected


def _in_its_place(entry: Entry, redacted: Mapping[tuple[Origin, int], Entry]) -> Entry:
    left = redacted.get((entry.origin, entry.number), entry)
    return left if left.payload_digest == entry.payload_digest else entry


def _framed(content: bytes) -> bytes:
    check = hashlib.sha256(content).digest()[:_CHECK_BYTES]
    return len(content).to_bytes(_SIZE_BYTES, "little") + check + content


def _frames(data: bytes) -> Iterator[bytes]:
    """Return the contents of frames, up to the first that is not whole."""
    start = 0
    while start + _SIZE_BYTES + _CHECK_BYTES <= len(data):
        begin = start + _SIZE_BYTES + _CHECK_BYTES
        end = begin + int.from_bytes(data[start : start + _SIZE_BYTES], "little")
        content = data[begin:end]
        if not content or data[start:end] != _framed(content):
            return
        yield content
        start = end
