"""What the head of shards begins with, in the data directory of its node: a snapshot, and the journal of portions.

The journal is a file of lines, a portion each. It is on the disk before any snapshot counts that holds a portion, so
after a crash all snapshots are of portions that are known, and what the file has lost is given again from the log. A
journal that cannot be gone on with, because it is damaged, too long, or of another log, costs time alone: a new life
begins, and all shards are made anew from the log.
"""

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from homeroom import limits
from homeroom.adapters.directory import SHARDS_FOLDER, SHARDS_JOURNAL
from homeroom.adapters.whole_files import sync, whole_file
from homeroom.errors import ShardsAwayError
from homeroom.log.entries import Entry
from homeroom.log.store import Store
from homeroom.node.folding import Folding
from homeroom.running.following import next_unread
from homeroom.running.sharding.keeping import entries_of, stated_in
from homeroom.running.sharding.shard_files import ShardFiles
from homeroom.scaling.journal import Journal, Portion, portion_of, read_portion, written_portion
from homeroom.scaling.slots import Slots, nobody

__all__ = ["Head", "JournalFile", "open_head", "place_of"]

_COUNT: Final = "count"


class _Begins(msgspec.Struct, frozen=True):
    """The first line of a journal."""

    life: str


class JournalFile(Journal):
    """A journal that is on the disk too.

    Parameters
    ----------
    life : names it
    portions : those that the file has
    file : to which further ones are added
    """

    def __init__(self, life: str, portions: Sequence[Portion], file: BinaryIO) -> None:
        super().__init__(life, portions)
        self._file = file

    def note(self, entries: Sequence[Entry]) -> int:
        """Note a portion; return its number."""
        line = msgspec.json.encode(written_portion(portion_of(entries)))
        self._file.write(line + b"\n")
        return super().note(entries)

    def sync(self) -> None:
        """Return when all that was noted is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Have the file closed."""
        self._file.close()

    @classmethod
    def begin(cls, path: Path) -> "JournalFile":
        """Begin a journal of a new life."""
        life = secrets.token_hex(16)
        with whole_file(path, 0o600) as file:
            file.write(msgspec.json.encode(_Begins(life)) + b"\n")
        return cls(life, (), path.open("ab"))

    @classmethod
    def open(cls, path: Path) -> "JournalFile | None":
        """Open a journal, as far as its lines are whole; None if there is none that can be gone on with."""
        try:
            if path.stat().st_size > limits.SHARD_JOURNAL_BYTES_MAX:
                return None
            begins, *lines = path.read_bytes().split(b"\n")
            life = msgspec.json.decode(begins, type=_Begins).life
        except (OSError, msgspec.MsgspecError):
            return None
        portions, size = list[Portion](), len(begins) + 1
        for line in lines[:-1]:  # what follows the last end of a line was not written whole
            try:
                written = msgspec.json.decode(line, type=list[tuple[str, int, int]])
                portions.append(read_portion(written))
            except (msgspec.MsgspecError, ValueError):
                break
            size += len(line) + 1
        file = path.open("ab")
        file.truncate(size)
        return cls(life, portions, file)


@dataclass(frozen=True, slots=True)
class Head:
    """What a node with shards begins with: its folder, the journal, what it has folded, its files, how many shards."""

    folder: Path
    journal: JournalFile
    folding: Folding
    files: ShardFiles
    count: int

    def keep_count(self, count: int) -> None:
        """Have the next start begin with so many shards, and what others have kept go."""
        with whole_file(self.folder / _COUNT, 0o600) as file:
            file.write(str(count).encode())
        for place in self.folder.glob("of-*"):
            if place.name != f"of-{count}":
                shutil.rmtree(place, ignore_errors=True)


def place_of(data: Path, slots: Slots) -> Path:
    """Return the directory of a shard of the node whose data directory is ``data``."""
    return data / SHARDS_FOLDER / f"of-{slots.shards}" / str(slots.number)


def open_head(data: Path, store: Store, stated: Sequence[Entry], count: int) -> Head:
    """Return what a node begins with: all that the log has is folded, in the portions of the journal and further ones.

    ``count`` is how many shards there are to be at first; a directory that had others goes on with these.
    """
    folder = data / SHARDS_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    count, files = _count(folder, count), ShardFiles(folder / "head", data)
    journal = JournalFile.open(folder / SHARDS_JOURNAL)
    folding = None if journal is None else _gone_on(journal, files, store)
    if journal is None or folding is None:
        for place in (folder / "head", *folder.glob("of-*")):
            shutil.rmtree(place)
        files = ShardFiles(folder / "head", data)
        journal = JournalFile.begin(folder / SHARDS_JOURNAL)
        folding, _ = files.folding(journal.life, 0, (), nobody)
        if stated:
            journal.note(stated)
            folding.fold(stated)
    _fold_on(journal, folding, store)
    head = Head(folder, journal, folding, files, count)
    head.keep_count(count)
    journal.sync()
    sync(folder)
    return head


def _gone_on(journal: JournalFile, files: ShardFiles, store: Store) -> Folding | None:
    """Return what all portions of a journal come to; None where the log lacks some: it is another log's."""
    try:
        stated = stated_in(store.read, journal)
        folding, last = files.folding(journal.life, journal.last, stated, nobody)
        for _, portion in journal.after(last):
            folding.fold(entries_of(store.read, portion))
    except ShardsAwayError:
        return None
    return folding


def _fold_on(journal: JournalFile, folding: Folding, store: Store) -> None:
    """Fold what the log has beyond the journal, and note it."""
    before = None
    while before != (folding.applied, len(folding.troubles)):
        before = folding.applied, len(folding.troubles)
        entries = next_unread(store, folding, limits.SHARD_PORTION_ENTRIES_MAX)
        if entries:
            journal.note(entries)
            folding.fold(entries)


def _count(folder: Path, count: int) -> int:
    try:
        kept = int((folder / _COUNT).read_bytes())
    except (OSError, ValueError):
        return count
    return kept if 0 < kept <= limits.SHARDS_MAX else count
