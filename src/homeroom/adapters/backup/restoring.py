"""A directory again, from a backup.

All is written below a folder of its own within the new directory and made durable, and takes its place at the end.
While that folder is there, no node and no load takes the directory: a restore that was ended is no smaller directory,
but none.

The log is not a copy of the files that there were. Its entries are checked one by one, each against the one before, and
written to a new log, as they were written to the old one. The node that starts on it begins a new life, as every start
does, whose first entry says what it found; so no number is used twice, although the old node may have gone on to give
some out after the backup.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from homeroom import limits
from homeroom.adapters.backup import contents
from homeroom.adapters.backup.choosing import Plan
from homeroom.adapters.backup.manifest import FileCopy, LogCopy, PackCopy
from homeroom.adapters.backup.packs import Pack, read_pack
from homeroom.adapters.backup.repository import Repository
from homeroom.adapters.directory import RESTORING
from homeroom.adapters.log_sqlite import SqliteStore, make_file
from homeroom.adapters.signing import checking_by
from homeroom.adapters.sources import MANIFEST_FILE
from homeroom.adapters.whole_files import sync
from homeroom.clock import hybrid_ms
from homeroom.errors import BackupError, DamagedBackupError, EntryError, StoreError
from homeroom.log.entries import Entry, Head
from homeroom.log.log import BatchRecord
from homeroom.log.origins import Origin, Vector

__all__ = ["Restored", "restore"]

_LOG_FILE: Final = "000001.db"


@dataclass(slots=True)
class Restored:
    """What a restore brought back.

    Parameters
    ----------
    files, size_bytes : beside the log
    entries, left_out : of the log, restored and (stamped later than asked) not
    unfolded : restored entries that no snapshot holds: the first start folds them
    newest_ms : milliseconds since 1970 UTC of the newest entry, None if there is none
    """

    files: int = 0
    size_bytes: int = 0
    entries: int = 0
    left_out: int = 0
    unfolded: int = 0
    newest_ms: int | None = None


def restore(repository: Repository, plan: Plan, directory: Path, store_url: str = "") -> Restored:
    """Restore into a folder that is empty or not there yet.

    With ``store_url`` the log is restored into that PostgreSQL database, which must hold none; else into the folder,
    whatever it was backed up from.

    Raises
    ------
    BackupError
        The folder is not empty or cannot be written.
    DamagedBackupError
        An object is missing or damaged, or the entries do not follow each other. The folder is as it was.
    StoreError
        The database does not answer, or holds a log already.
    """
    stage = _stage(directory)
    try:
        restored = Restored()
        with _writing(directory):
            _restore_files(repository, plan, stage, restored)
            if plan.backup.log is not None:
                _restore_log(repository, plan, plan.backup.log, (stage, store_url), restored)
            _sync_tree(stage)
            _take_places(stage, directory)
    except BaseException:
        if stage.exists():
            shutil.rmtree(stage, ignore_errors=True)
        raise
    return restored


def _restore_log(
    repository: Repository,
    plan: Plan,
    copy: LogCopy,
    place: tuple[Path, str],
    restored: Restored,
) -> None:
    stage, store_url = place
    log = _Log(repository, plan, copy, restored)
    if store_url:
        _restore_to_server(log, store_url)
        return
    (stage / contents.LOG).mkdir(mode=0o700)
    file = stage / contents.LOG / _LOG_FILE
    make_file(file, log.begins)
    store = SqliteStore(file)
    try:
        log.write(store)
    finally:
        store.close()


def _restore_to_server(log: "_Log", url: str) -> None:
    """Write a log to a database that holds none; if that fails, it holds none again."""
    from homeroom.adapters.log_postgres import PostgresStore

    store = PostgresStore(url, "restore", secrets.token_hex(16))
    try:
        store.begin(log.begins)
        try:
            log.write(store)
        except BaseException:
            with contextlib.suppress(StoreError):  # what went wrong first is told
                store.clear()
            raise
    finally:
        store.close()


def _stage(directory: Path) -> Path:
    with _writing(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = sorted(path.name for path in directory.iterdir())
        if RESTORING in found:
            raise BackupError(
                f"{directory} holds a restore that was ended half way; remove the folder and restore again"
            )
        if found:
            raise BackupError(
                f"{directory} is not empty, it holds {found[0]}; name an empty folder or one that is not there"
            )
        stage = directory / RESTORING
        stage.mkdir(mode=0o700)
    return stage


@contextlib.contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(
            f"{directory} cannot be written: {error.strerror or error}; make room, or name another folder"
        ) from error


# --- files -----------------------------------------------------------------------------------------------------------


def _restore_files(repository: Repository, plan: Plan, stage: Path, restored: Restored) -> None:
    copies = [*plan.files, *(copy for one in plan.snapshots for copy in one.files)]
    for copy in copies:
        _restore_file(repository, copy, stage)
        restored.files += 1
        restored.size_bytes += copy.size_bytes
    for snapshot in plan.snapshots:
        place = stage / snapshot.folder
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(place / MANIFEST_FILE, [snapshot.manifest])
        restored.files += 1


def _restore_file(repository: Repository, copy: FileCopy, stage: Path) -> None:
    path = stage / copy.path
    if not path.resolve().is_relative_to(stage.resolve()):
        raise DamagedBackupError(f"the backup names a file {copy.path!r} outside of its directory")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()

    def parts() -> Iterator[bytes]:
        for name in copy.parts:
            part = _named(repository, name, copy.path)
            digest.update(part)
            yield part

    _write(path, parts())
    if digest.digest() != copy.digest or path.stat().st_size != copy.size_bytes:
        raise DamagedBackupError(f"file {copy.path} of the backup does not have its checksum")


def _named(repository: Repository, name: str, what: str) -> bytes:
    """Read an object, and say in an error what it is a part of."""
    try:
        return repository.read(name)
    except DamagedBackupError as error:
        raise DamagedBackupError(f"{error}. It is a part of {what}") from error


def _write(path: Path, parts: Iterator[bytes] | list[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


# --- log -------------------------------------------------------------------------------------------------------------


class _Store(Protocol):
    """What takes a log."""

    def write(self, entries: Sequence[Entry], records: Sequence[BatchRecord]) -> None: ...
    def adopt(self, records: Sequence[BatchRecord]) -> None: ...


@dataclass(slots=True)
class _Log:
    """Writes the log that a plan names."""

    repository: Repository
    plan: Plan
    log: LogCopy
    restored: Restored
    heads: dict[Origin, Head] = field(default_factory=dict)
    folded: list[Vector] = field(default_factory=list)

    @property
    def begins(self) -> dict[Origin, Head]:
        """By origin the entry before the first."""
        return {Origin.parse(text): head.head for text, head in self.log.begins.items()}

    def write(self, store: "_Store") -> None:
        """Write all entries and records to a store that goes on from `begins`."""
        self.heads = self.begins
        self.folded = [Vector.from_json(one.applied) for one in self.plan.snapshots]
        ends = self.log.vector()
        for copy in self.log.packs:
            pack = self._read(copy)
            self._write_entries(store, pack, ends)
            self._write_records(store, pack, ends)
        if self.plan.as_of_ms is None:
            self._check_ends(ends)

    def _read(self, copy: PackCopy) -> Pack:
        try:
            return read_pack(self.repository, copy)
        except DamagedBackupError as error:
            raise DamagedBackupError(f"{error}. It is a part of the log") from error

    def _write_entries(self, store: "_Store", pack: Pack, ends: Vector) -> None:
        waiting: list[Entry] = []
        verify = checking_by(self.log.public, self.log.keys)
        for entry in pack.entries:
            head = self.heads.get(entry.origin, Head())
            if not head.number < entry.number <= ends[entry.origin]:
                continue  # there already, or of a life that the backup does not know to have gone on
            if self._is_later(entry.hybrid):
                self.restored.left_out += 1
                continue
            try:
                entry.check(head, verify)
            except EntryError as error:
                raise DamagedBackupError(f"the log of the backup is damaged: {error}") from error
            self.heads[entry.origin] = entry.head
            self._count(entry)
            waiting.append(entry)
            if len(waiting) >= limits.BACKUP_ENTRIES:
                store.write(waiting, [])
                waiting = []
        if waiting:
            store.write(waiting, [])

    def _count(self, entry: Entry) -> None:
        restored = self.restored
        restored.entries += 1
        restored.newest_ms = max(restored.newest_ms or 0, hybrid_ms(entry.hybrid))
        folded = min((one[entry.origin] for one in self.folded), default=0)
        restored.unfolded += entry.number > folded

    def _write_records(self, store: "_Store", pack: Pack, ends: Vector) -> None:
        """Write what clients were told of batches whose entries are restored."""
        records = [
            record
            for record in pack.records
            if record.token is None
            or (
                record.token.number <= ends[record.token.origin]
                and not self._is_later(record.token.hybrid)
            )
        ]
        for start in range(0, len(records), limits.BACKUP_ENTRIES):
            store.adopt(records[start : start + limits.BACKUP_ENTRIES])

    def _is_later(self, hybrid: int) -> bool:
        return self.plan.as_of_ms is not None and hybrid_ms(hybrid) > self.plan.as_of_ms

    def _check_ends(self, ends: Vector) -> None:
        for origin, number in ends.items():
            head = self.heads.get(origin, Head())
            if head.number != number or head.digest != self.log.heads[str(origin)].digest:
                raise DamagedBackupError(
                    f"the log of the backup ends at entry {head.number} of {origin}, must end at {number}"
                )


# --- at the end ------------------------------------------------------------------------------------------------------


def _sync_tree(stage: Path) -> None:
    for folder, _, _ in os.walk(stage):
        sync(Path(folder))


def _take_places(stage: Path, directory: Path) -> None:
    for path in sorted(stage.iterdir()):
        path.rename(directory / path.name)
    sync(directory)
    stage.rmdir()
    sync(directory)
