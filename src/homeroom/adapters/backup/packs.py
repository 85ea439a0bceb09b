"""Packs: entries of a log and records of batches, many to an object.

An object an entry would be far too many, so what has come since the last backup goes into packs of some megabytes.
Backups are made often and the log grows slowly; so a small pack is joined with the next one as soon as that is as
large, as in a log-structured merge tree (O'Neil et al., 1996). Each entry is so written a few times at most, and the
number of packs grows with the logarithm of that of the backups, until a pack is full.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from homeroom import limits
from homeroom.adapters import log_rows as rows
from homeroom.adapters.backup.manifest import PackCopy
from homeroom.adapters.backup.repository import Repository
from homeroom.errors import DamagedBackupError, StoreError
from homeroom.log.entries import Entry
from homeroom.log.log import BatchRecord

__all__ = ["Pack", "Packing", "read_pack"]

_ROW_BYTES = 400
"""What an entry or a record takes in a pack beside its payload or answer."""


class _Rows(msgspec.Struct, array_like=True, frozen=True):
    entries: list[list[Any]]
    records: list[list[Any]]


_decode = msgspec.msgpack.Decoder(_Rows).decode


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack holds: of each origin entries in order, and records in the order in which they came."""

    entries: list[Entry]
    records: list[BatchRecord]


def read_pack(repository: Repository, copy: PackCopy) -> Pack:
    """Read a pack. Raises `DamagedBackupError`."""
    content = repository.read(copy.name)
    try:
        found = _decode(content)
        entries = [rows.entry_of(row, copy.name) for row in found.entries]
        records = [rows.record_of(row, copy.name) for row in found.records]
    except (msgspec.MsgspecError, ValueError, StoreError) as error:
        raise DamagedBackupError(f"pack {copy.name} holds no entries of a log: {error}") from error
    return Pack(entries, records)


class Packing:
    """Packs what comes.

    Parameters
    ----------
    repository : where packs go
    packs : that are there, in order; small ones at the end are taken into new ones
    """

    def __init__(self, repository: Repository, packs: Iterable[PackCopy]) -> None:
        self.packs = list(packs)
        self.entries = 0
        self._repository = repository
        self._waiting = Pack([], [])
        self._waiting_bytes = 0

    def add(self, entry: Entry) -> None:
        """Pack an entry; those of one origin come in order."""
        self.entries += 1
        self._waiting.entries.append(entry)
        self._grow(len(entry.payload))

    def add_record(self, record: BatchRecord) -> None:
        """Pack a record."""
        self._waiting.records.append(record)
        self._grow(len(record.answer) + len(record.owner) + len(record.batch_id))

    def _grow(self, size_bytes: int) -> None:
        self._waiting_bytes += size_bytes + _ROW_BYTES
        if self._waiting_bytes >= limits.BACKUP_PACK_BYTES:
            self._write()

    def finish(self) -> list[PackCopy]:
        """Write what waits; return all packs, in order."""
        while self._waiting_bytes and self.packs and self._is_small(self.packs[-1]):
            before = read_pack(self._repository, self.packs[-1])
            self._waiting_bytes += self.packs.pop().size_bytes
            self._waiting = Pack(
                before.entries + self._waiting.entries, before.records + self._waiting.records
            )
        if self._waiting_bytes:
            self._write()
        return self.packs

    def _is_small(self, pack: PackCopy) -> bool:
        room = limits.BACKUP_PACK_BYTES - self._waiting_bytes
        return pack.size_bytes <= min(self._waiting_bytes, room)

    def _write(self) -> None:
        pack = self._waiting
        content = msgspec.msgpack.encode(
            _Rows([list(rows.entry_row(one)) for one in pack.entries],
                  [list(row) for row in rows.record_rows(pack.records)])
        )  # fmt: skip
        numbers: dict[str, list[int]] = defaultdict(list)
        for entry in pack.entries:
            numbers[str(entry.origin)].append(entry.number)
        self.packs.append(
            PackCopy(
                name=self._repository.keep(content),
                size_bytes=len(content),
                ranges={origin: (found[0], found[-1]) for origin, found in numbers.items()},
                records=len(pack.records),
            )
        )
        self._waiting, self._waiting_bytes = Pack([], []), 0
