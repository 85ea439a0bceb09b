"""A log in a folder of SQLite files, of which the last is written: how a node goes on after its disk said no.

    log/lock         held by the process that writes
    log/000001.db    a file of `homeroom.adapters.log_sqlite`, with its journal beside it
    log/000002.db    begun when a write to the one before had failed

What a file holds after a failed write is not known: the kernel may have dropped what it could not write. What is known
is what was durable before. So a new file begins with that, by origin, and of the older file nothing counts beyond it,
neither entries nor records of batches, whatever it shows later.

The way not taken is to open the same file again and look. It may show, from the kernel's memory, what the disk never
got; and whoever was told "yes" on the strength of that has lost it after the next loss of power.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from homeroom import limits
from homeroom.adapters.locked_files import open_alone
from homeroom.adapters.log_rows import REMEDY
from homeroom.adapters.log_sqlite import Aside, SqliteStore, make_file, remove_file
from homeroom.errors import StoreError
from homeroom.log.entries import Entry, Head
from homeroom.log.log import BatchRecord
from homeroom.log.origins import Origin, Vector

__all__ = ["SqliteLogFolder"]

_NAME: Final = re.compile(r"(\d{6})\.db")


class SqliteLogFolder:
    """A log in a folder; a `homeroom.log.store.Store`.

    Parameters
    ----------
    path : the folder, made if there is none
    aside : see `SqliteStore`

    Raises
    ------
    StoreError
        The folder cannot be made, another process has it, or a file is damaged, missing or of a newer release.
    """

    def __init__(self, path: Path, aside: Aside | None = None) -> None:
        self.path = path
        self._aside = aside
        self._files: list[SqliteStore] = []
        self._lock = self._locked()
        try:
            if not self._numbers():
                make_file(self._file(1), {})
            for number in self._numbers():
                self._files.append(self._opened(self._file(number)))
            self._check_ends()
        except BaseException:
            self.close()
            raise

    def _locked(self) -> int:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return open_alone(self.path / "lock")
        except BlockingIOError:
            raise StoreError(
                f"the log's folder {self.path} is in use by another process; end that one, or name another folder"
            ) from None
        except OSError as error:
            raise StoreError(
                f"the log's folder {self.path} cannot be used: {error.strerror}; make it writable for this user"
            ) from error

    def _check_ends(self) -> None:
        for store, last in self._spans():
            if last is not None and not store.held().covers(last):
                raise StoreError(
                    f"the log's file {store.path} lacks entries at its end, which were durable when the next file "
                    f"began. {REMEDY}"
                )

    def _numbers(self) -> list[int]:
        found = sorted(int(m[1]) for p in self.path.iterdir() if (m := _NAME.fullmatch(p.name)))
        wanted = range(found[0], found[0] + len(found)) if found else range(0)
        gaps = [
            number for number, expected in zip(found, wanted, strict=True) if number != expected
        ]
        if gaps:
            raise StoreError(
                f"the log's folder {self.path} lacks a file before {self._file(gaps[0]).name}; restore it from a backup"
            )
        return found

    def _file(self, number: int) -> Path:
        return self.path / f"{number:06}.db"

    def _opened(self, path: Path) -> SqliteStore:
        return SqliteStore(path) if self._aside is None else SqliteStore(path, self._aside)

    # --- writing -----------------------------------------------------------------------------------------------------

    @property
    def failure(self) -> str | None:
        """Why nothing more can be written before `go_on`, None if it can."""
        return self._files[-1].failure

    def write(self, entries: Sequence[Entry], records: Sequence[BatchRecord]) -> None:
        """Keep all of these or none; return when they are durable. The entries follow those that are there."""
        self._files[-1].write(entries, records)

    def go_on(self) -> None:
        """Leave the file to which a write has failed, and write to a new one; a new life of the log begins.

        Raises
        ------
        StoreError
            The new file cannot be made, as while the disk is full. What was there can be read, and this called again.
        """
        number = int(self._files[-1].path.stem) + 1
        if number > limits.STORE_FILES_MAX:
            raise StoreError(
                f"the log's folder {self.path} has {limits.STORE_FILES_MAX:,} files, no more are allowed: its disk "
                f"fails again and again. Restore the log on another disk"
            )
        make_file(self._file(number), self._files[-1].heads())
        self._files.append(self._opened(self._file(number)))

    def collect(self, up_to: Vector) -> int:
        """Forget some entries up to these numbers, but not that they were; return how many, 0 when none are left.

        An older file, to which nothing can be written, goes as a whole, when all that counts in it may go; and the
        files after it wait for that. The records of its batches move to the newest.
        """
        gone = 0
        while len(self._files) > 1 and up_to.covers(self._files[1].begins()):
            gone += self._drop(self._files[0], self._files[1].begins())
        return gone + (self._files[0].collect(up_to) if len(self._files) == 1 else 0)

    def _drop(self, old: SqliteStore, last: Vector) -> int:
        after = ("", "")
        while records := old.records(after, limits.COLLECT_ENTRIES_MAX):
            self._files[-1].adopt([record for record in records if _counts(record, last)])
            after = (records[-1].owner, records[-1].batch_id)
        gone = sum(last.values()) - sum(old.begins().values())
        self._files.remove(old)
        old.close()
        remove_file(old.path)
        return gone

    def pass_over(self, heads: Mapping[Origin, Head]) -> None:
        """Have origins go on from these heads, as though all up to there had been held and collected.

        Each must lie beyond what is held of its origin; what is here of it goes. If this ends half way, it can be done
        once more.
        """
        ahead = {o: head for o, head in heads.items() if head.number > self.head(o).number}
        # The newest comes last: what it says of an origin is what is held.
        for store in self._files if ahead else ():
            store.pass_over(ahead)

    def redact(self, entries: Sequence[Entry]) -> None:
        """Put redacted entries in the places of those that are here, in whichever file; return when it is durable.

        Raises
        ------
        StoreError
            One of them is in a file that a write has failed to since the start: the next start can write there again.
        """
        for store, last in self._spans():
            begun = store.begins()
            mine = [
                entry
                for entry in entries
                if begun[entry.origin] < entry.number
                and (last is None or entry.number <= last[entry.origin])
            ]
            if mine:
                store.redact(mine)

    def scrub(self) -> str | None:
        """Have nothing left of what was redacted or collected; return why something may be, None if nothing is.

        What an older file holds beyond what counts goes too: nobody reads it, and nobody knows what is in it.
        """
        why = []
        for store, last in self._spans():
            if last is not None and store.failure is None:
                store.blank_after(last)
            why.append(store.scrub())
        return next((one for one in why if one is not None), None)

    # --- reading -----------------------------------------------------------------------------------------------------

    def held(self) -> Vector:
        """Return by origin the last number."""
        return self._files[-1].held()

    def head(self, origin: Origin) -> Head:
        """Return what the next entry of an origin follows; it stays when the entries before it are collected."""
        return self._files[-1].head(origin)

    def begins(self) -> Vector:
        """Return by origin the number before the first entry that is kept."""
        return self._files[0].begins()

    def last_hybrid(self) -> int:
        """Return the latest hybrid stamp of all entries, 0 if there is none."""
        return self._files[-1].last_hybrid()

    def read(self, origin: Origin, first: int, count: int) -> list[Entry]:
        """Return at most ``count`` entries in order, from number ``first`` on; payloads are not checked here."""
        found: list[Entry] = []
        for store, last in self._spans():
            number = store.head(origin).number if last is None else last[origin]
            room = min(count, number - first + 1)
            if room > 0:
                found += store.read(origin, first, room)
                first, count = first + room, count - room
        return found

    def record(self, owner: str, batch_id: str) -> BatchRecord | None:
        """Return what is kept of a batch."""
        for store, last in reversed(self._spans()):
            record = store.record(owner, batch_id)
            if record is not None and _counts(record, last):
                return record
        return None

    def records_of(self, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], BatchRecord]:
        """Return what is kept of batches by owner and id; those of which nothing is kept are left out."""
        found: dict[tuple[str, str], BatchRecord] = {}
        for store, last in reversed(self._spans()):
            asked = [name for name in names if name not in found]
            kept = store.records_of(asked) if asked else {}
            found |= {name: record for name, record in kept.items() if _counts(record, last)}
        return found

    def verify(self) -> None:
        """Read all files, which takes long, and see that they are whole. Raises `StoreError`."""
        for store in self._files:
            store.verify()

    def _spans(self) -> list[tuple[SqliteStore, Vector | None]]:
        """Return the files, and what counts of each: up to which numbers, None for all."""
        ends = [store.begins() for store in self._files[1:]]
        return list(zip(self._files, [*ends, None], strict=True))

    def close(self) -> None:
        """Let go of the folder."""
        for store in self._files:
            store.close()
        os.close(self._lock)


def _counts(record: BatchRecord, last: Vector | None) -> bool:
    """Say whether a record was durable before a write to its file failed; without an entry there is nothing to lose."""
    return last is None or record.token is None or record.token.number <= last[record.token.origin]
