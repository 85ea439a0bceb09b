"""A disk in memory that forgets what was not synced: what a loss of power leaves, at any step, as chance would have it.

Between a program and its disk lies a cache. What is written is in the cache, is read back from there, and reaches the
disk when it pleases, page by page and in any order, unless `Disk.sync` returned. A loss of power leaves of each page
that was on its way the old bytes, the new ones, or a torn mixture, and of a file that grew the old or the new length.
The end of a *process* loses nothing: the next one reads the cache. And after a ``sync`` that failed, the cache still
shows what the disk never got, and a second ``sync`` says yes: that is what Linux does (Rebello et al., "Can
Applications Recover from fsync Failures?", 2020), and the reason why a log never asks twice.

Chance is a generator that is handed in, so a seed settles everything. The way not taken is to cut files off at the end:
it finds what a torn append does, and neither lost pages in the middle nor pages that a failed ``sync`` left out.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

__all__ = ["PAGE_BYTES", "Disk", "PowerLost"]

PAGE_BYTES: Final = 128
"""Small, so that a short record has several pages; a torn page is torn at any byte."""

_Watch: TypeAlias = Callable[[str], None]


def _nobody(_: str) -> None:
    """Look at a step of a disk that nobody watches."""


class PowerLost(BaseException):
    """The machine is off: no code of the program that wrote runs on."""


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    cached: bytearray = field(default_factory=bytearray)
    # Pages of `cached` of which the disk may have the old bytes.
    dirty: set[int] = field(default_factory=set)

    def copied(self) -> "_File":
        return _File(bytearray(self.durable), bytearray(self.cached), set(self.dirty))


class Disk:
    """Files of one machine.

    Parameters
    ----------
    chance : settles what is lost when the power is lost, or a ``sync`` fails
    watch : called with the name of each step before it is done, and once more after the last; it may raise `PowerLost`
    room_bytes : how much all files may hold together; more is a full disk

    Attributes
    ----------
    syncs_to_fail : how many of the next calls of ``sync`` fail
    is_lying : whether ``sync`` says yes and has done nothing
    is_misdirected : whether the next page that is synced falls upon another one
    """

    def __init__(
        self,
        chance: np.random.Generator,
        watch: _Watch = _nobody,
        room_bytes: int = 1 << 30,
    ) -> None:
        self.chance = chance
        self.watch = watch
        self.room_bytes = room_bytes
        self.syncs_to_fail = 0
        self.is_lying = self.is_misdirected = False
        self._files: dict[str, _File] = {}
        # Names as the disk has them; the renames since are lost or kept one after the other.
        self._durable_names: dict[str, _File] = {}
        self._renames: list[tuple[str, str]] = []

    # --- what a program does -----------------------------------------------------------------------------------------

    def exists(self, name: str) -> bool:
        """Say whether there is a file."""
        return name in self._files

    def read(self, name: str) -> bytes:
        """Return a file as the cache has it."""
        return bytes(self._files[name].cached)

    def create(self, name: str) -> None:
        """Make an empty file; one that is there is emptied. Its name lasts from `rename` on only."""
        self.watch(f"create {name}")
        self._files[name] = _File()

    def append(self, name: str, data: bytes) -> None:
        """Write at the end of a file. Raises `OSError` when the disk is full; a part may be there then."""
        file = self._files[name]
        room_bytes = self.room_bytes - sum(len(f.cached) for f in self._files.values())
        if self.watch is _nobody and len(data) <= room_bytes:
            self._append(file, data)
            return
        for start in range(0, len(data), PAGE_BYTES):
            self.watch(f"write {name}")
            piece = data[start : start + PAGE_BYTES]
            room_bytes -= len(piece)
            if room_bytes < 0:
                raise OSError(errno.ENOSPC, "no space left on device")
            self._append(file, piece)

    @staticmethod
    def _append(file: _File, piece: bytes) -> None:
        if piece:
            first = len(file.cached) // PAGE_BYTES
            file.cached += piece
            file.dirty.update(range(first, (len(file.cached) - 1) // PAGE_BYTES + 1))

    def sync(self, name: str) -> None:
        """Return when a file is durable. Raises `OSError` when it fails; what the disk has then, nobody knows."""
        file = self._files[name]
        if self.is_lying:
            return
        if self.is_misdirected and len(file.durable) > PAGE_BYTES and file.dirty:
            self._misdirect(file)
        if self.watch is _nobody and not self.syncs_to_fail and file.dirty:
            self._settle_all(file)
        for page in sorted(file.dirty):
            self.watch(f"sync {name}")
            if self.syncs_to_fail and self.chance.integers(2):
                continue
            self._settle(file, page)
        failed, self.syncs_to_fail = self.syncs_to_fail, max(0, self.syncs_to_fail - 1)
        # After a failure, too, the cache calls its pages clean: a second call has nothing to do, and succeeds.
        file.dirty.clear()
        if failed:
            raise OSError(errno.EIO, "input/output error")
        # What an earlier failure left out is still not there.
        file.durable += bytes(len(file.cached) - len(file.durable))

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in place of the file that had it; durable after `sync_names`."""
        self.watch(f"rename {old}")
        self._files[new] = self._files.pop(old)
        self._renames.append((old, new))

    def sync_names(self) -> None:
        """Return when the names of files are durable. Raises `OSError` when it fails."""
        self.watch("sync names")
        if self.is_lying:
            return
        if self.syncs_to_fail:
            self.syncs_to_fail -= 1
            raise OSError(errno.EIO, "input/output error")
        durable = {*self._durable_names, *(new for _, new in self._renames)}
        self._durable_names = {name: file for name, file in self._files.items() if name in durable}
        self._renames.clear()
        self.watch("synced names")

    # --- what a loss of power does -----------------------------------------------------------------------------------

    def after_power_loss(self, chance: np.random.Generator) -> "Disk":
        """Return a disk as the next start may find it; this one stays as it is."""
        found = Disk(chance, room_bytes=self.room_bytes)
        names = dict(self._durable_names)
        kept = int(chance.integers(len(self._renames) + 1))
        for _, new in self._renames[:kept]:
            if new in self._files:
                names[new] = self._files[new]
        for name, file in names.items():
            survived = self._survivor(file, chance)
            found._files[name] = survived
            found._durable_names[name] = survived
        return found

    @staticmethod
    def _survivor(file: _File, chance: np.random.Generator) -> _File:
        size = len(file.cached) if chance.integers(2) else len(file.durable)
        found = bytearray(file.durable[:size].ljust(size, b"\0"))
        for page, fate in zip(
            sorted(file.dirty), chance.integers(3, size=len(file.dirty)), strict=True
        ):
            start = page * PAGE_BYTES
            end = min(start + PAGE_BYTES, size)
            if fate and start < end:
                until = end if fate == 1 else start + int(chance.integers(end - start))
                found[start:until] = file.cached[start:until]
        return _File(found, bytearray(found))

    @staticmethod
    def _settle_all(file: _File) -> None:
        """Bring all pages to the disk; if nothing goes wrong, these are one stretch at the end."""
        first, last = min(file.dirty), max(file.dirty)
        if last - first + 1 == len(file.dirty):
            start, end = first * PAGE_BYTES, (last + 1) * PAGE_BYTES
            file.durable += bytes(max(0, start - len(file.durable)))
            file.durable[start:end] = file.cached[start:end]
            file.dirty.clear()

    def _misdirect(self, file: _File) -> None:
        """Let a page fall upon one that was written before; what the cache shows is as it should be."""
        self.is_misdirected = False
        page = max(file.dirty)
        piece = file.cached[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]
        start = int(self.chance.integers(len(file.durable) // PAGE_BYTES)) * PAGE_BYTES
        file.durable[start : start + len(piece)] = piece
        file.dirty.discard(page)
        file.durable += bytes(max(0, page * PAGE_BYTES + len(piece) - len(file.durable)))

    @staticmethod
    def _settle(file: _File, page: int) -> None:
        """Bring a page to the disk."""
        start = page * PAGE_BYTES
        piece = file.cached[start : start + PAGE_BYTES]
        if len(file.durable) < start:
            file.durable += bytes(start - len(file.durable))
        file.durable[start : start + len(piece)] = piece
