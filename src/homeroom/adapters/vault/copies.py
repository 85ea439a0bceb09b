"""Copies of the vault's file: with two that are whole, the log need not hold all that was ever written.

Entries of documents hold attachments and whole statements, and would make the log as large as the file a second time.
The file alone is no reason to forget them: it is not synced at each commit, and one bad page would be the end. A copy
is. It is taken of one moment while the file is written, checked page by page, all that is sealed in it is opened
(`homeroom.adapters.vault.unsealing`), it is made durable, and only then named:

    documents.copies/000007.db     the file as of one commit
    documents.copies/000007.json   up to which entries it goes, its size and SHA-256; what has none does not count

As with snapshots two are kept, and the log keeps what comes after the older one: a start whose file is lost, damaged or
behind takes the newest copy that is whole, and the log after that. If there is a gap between the two, it says so and
does not start, since nobody would miss for long what is missing.

The way not taken is to fold the file into the snapshots of states: it is one for all tenants, is written in place, and
has ways of its own to be copied.
"""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from homeroom import limits
from homeroom.adapters.checking import Checked, Damage
from homeroom.adapters.vault.schema import SCHEMA, check_version, sqlite_errors, vault_error
from homeroom.adapters.vault.sealing import TenantKeys
from homeroom.adapters.vault.unsealing import check_seals
from homeroom.adapters.whole_files import PRIVATE, sync, whole_file
from homeroom.errors import SourceError, VaultError
from homeroom.log.origins import Vector

__all__ = ["Copy", "VaultCopies", "applied_in"]

_MARK: Final = "damaged"
_FRESH: Final = ".new"
_KEPT: Final = 2
_PAGE_BYTES: Final = 4_096


class _Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is written beside a copy: by origin the last entry in it, its size, the SHA-256 of its bytes in hex."""

    format: int = 1
    applied: dict[str, int]
    size_bytes: int
    digest: str


_read_note: Final = msgspec.json.Decoder(_Note).decode


class _DamagedError(Exception):
    """A file is no whole database; in words why."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that has its note.

    Parameters
    ----------
    path : of the copy
    applied : by origin the last entry in it
    size_bytes, digest : of its bytes; SHA-256 in hex
    """

    path: Path
    applied: Vector
    size_bytes: int
    digest: str

    def check(self) -> Iterator[None]:
        """Read it, and stop after each piece. Raises `VaultError` where it is not what was written."""
        digest = hashlib.sha256()
        for piece in _pieces(self.path):
            digest.update(piece)
            yield
        if digest.hexdigest() != self.digest:
            raise VaultError(
                f"{self.path} is damaged or cut off: it does not have its checksum. Remove it with its .json; the node "
                f"makes another one"
            )


@dataclass(slots=True)
class VaultCopies:
    """The copies of one file. One thread at a time makes them.

    Parameters
    ----------
    file : of the vault
    folder : where copies lie, made with the first one
    keys_of : returns the keys of a tenant, None for one whose seals are not to be opened
    """

    file: Path
    folder: Path
    keys_of: Callable[[str], TenantKeys | None] = lambda _: None
    _making: threading.Lock = field(default_factory=threading.Lock)
    _whole: set[str] = field(default_factory=set)

    def copies(self) -> list[Copy]:
        """Return the copies that have a note, the newest first; those whose note cannot be read are left out."""
        found = []
        for path in sorted(self.folder.glob("*.json"), reverse=True):
            with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError):
                note = _read_note(path.read_bytes())
                applied = Vector.from_json(note.applied)
                found.append(Copy(path.with_suffix(".db"), applied, note.size_bytes, note.digest))
        return found

    def collectable(self) -> Vector:
        """Return by origin up to which entry two copies go that have been read back."""
        whole = [one.applied for one in self.copies() if self._is_whole(one)]
        if len(whole) < _KEPT:
            return Vector()
        kept = whole[:_KEPT]
        origins = {origin for one in kept for origin in one if origin.stream.has_documents}
        return Vector({origin: min(one[origin] for one in kept) for origin in origins})

    def _is_whole(self, copy: Copy) -> bool:
        """Say whether this process has read a copy back, and nobody has removed it since."""
        return copy.path.name in self._whole and copy.path.exists()

    # --- making ------------------------------------------------------------------------------------------------------

    def make(self, rest: Callable[[], None]) -> Copy:
        """Make a copy of what the file holds now, and let go of the oldest; the file is written meanwhile.

        Parameters
        ----------
        rest : is called after each piece; what it raises ends the making, and no copy is left of it

        Raises
        ------
        VaultError
            The file is damaged, which is noted for the next start; or the copy cannot be written.
        """
        with self._making, self._writing():
            self._check_older()
            self._keep_newest()  # what was left of those that were ended would fill the disk
            copy = self._made(rest)
            self._keep_newest()
            return copy

    def renew(self, rest: Callable[[], None]) -> None:
        """Have nothing left in any copy that the file does not hold any more: all are made anew, if there are any.

        Raises `VaultError`, and then they are as they were, or some are.
        """
        with self._making, self._writing():
            if not self.copies():
                self._remove(set())
                return
            copy = self._made(rest)
            for _ in range(_KEPT - 1):
                self._repeat(copy)
            self._keep_newest()

    def wait(self) -> None:
        """Return when no copy is being made."""
        with self._making:
            pass

    def _made(self, rest: Callable[[], None]) -> Copy:
        rest()
        self.folder.mkdir(mode=PRIVATE | 0o100, exist_ok=True)
        sync(self.folder.parent)
        fresh = self._fresh()
        try:
            _copy_database(self.file, fresh, rest)
            try:
                applied = _looked_through(fresh, self.keys_of, rest)
            except _DamagedError as error:
                self._mark()
                raise VaultError(
                    f"vault {self.file} is damaged: {error}. Start the node anew: it is made again from the copy "
                    f"before and the log"
                ) from None
            return self._named(fresh, applied, rest)
        except BaseException:
            _unlink_database(fresh)
            raise

    def _repeat(self, copy: Copy) -> None:
        fresh = self._fresh()
        shutil.copyfile(copy.path, fresh)
        self._named(fresh, copy.applied, lambda: None)

    def _fresh(self) -> Path:
        fresh = self.folder / f"{self._next():06d}.db{_FRESH}"
        _unlink_database(fresh)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        os.close(descriptor)
        return fresh

    def _next(self) -> int:
        numbers = (int(p.name[:6]) for p in self.folder.iterdir() if p.name[:6].isdigit())
        return 1 + max(numbers, default=0)

    def _named(self, fresh: Path, applied: Vector, rest: Callable[[], None]) -> Copy:
        """Make a copy durable, read it back and give it its name; it counts from when its note has one."""
        sync(fresh)
        digest, size_bytes = hashlib.sha256(), 0
        for piece in _pieces(fresh):
            digest.update(piece)
            size_bytes += len(piece)
            rest()
        path = fresh.with_suffix("")
        fresh.replace(path)
        sync(self.folder)
        copy = Copy(path, applied, size_bytes, digest.hexdigest())
        note = _Note(applied=applied.to_json(), size_bytes=size_bytes, digest=copy.digest)
        with whole_file(path.with_suffix(".json"), PRIVATE) as file:
            file.write(msgspec.json.format(msgspec.json.encode(note)))
        sync(self.folder)
        self._whole.add(path.name)
        return copy

    def _check_older(self) -> None:
        """Read back those copies that this process has not read; one that is not whole goes."""
        for copy in self.copies()[:_KEPT]:
            if self._is_whole(copy):
                continue
            try:
                for _ in copy.check():
                    pass
                self._whole.add(copy.path.name)
            except (VaultError, OSError):
                # The one that is made now takes its place; what it held is in the log still, or in the other one.
                copy.path.with_suffix(".json").unlink()

    def _keep_newest(self) -> None:
        self._remove({one.path.stem for one in self.copies()[:_KEPT]})

    def _remove(self, kept: set[str]) -> None:
        """Remove all copies but some, and what was left of making one; notes first, so that none lacks its copy."""
        if not self.folder.exists():
            return
        for path in sorted(self.folder.iterdir(), key=lambda one: one.suffix != ".json"):
            if path.name != _MARK and path.name.removesuffix(path.suffix) not in kept:
                path.unlink()
                self._whole.discard(path.name)
        sync(self.folder)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, SourceError) as error:
            why = getattr(error, "strerror", None) or error
            raise VaultError(
                f"no copy of the vault can be written in {self.folder}: {why}; make room, or check the disk. The log "
                f"is kept meanwhile"
            ) from error

    # --- starting ----------------------------------------------------------------------------------------------------

    def ready(self, begins: Vector) -> tuple[str, ...]:
        """Have the file there as a start needs it; return what was wrong, and what was done about it.

        Parameters
        ----------
        begins : by origin the number before the first entry that the log holds

        Raises
        ------
        VaultError
            The file is lost, damaged or behind the log, and so are all copies; or it is of a newer release.
        """
        wanted = Vector({o: number for o, number in begins.items() if o.stream.has_documents})
        why = self._fault(wanted)
        if why is None:
            return ()
        with self._writing():
            return self._restored(wanted, why)

    def _fault(self, wanted: Vector) -> str | None:
        """Return why the file is not what the log goes on from, None if it is."""
        if not self.file.exists():
            is_new = not len(wanted) and not self.copies()
            return None if is_new else f"vault {self.file} was lost"
        if (self.folder / _MARK).exists():
            return f"vault {self.file} was damaged"
        try:
            applied = _applied_in(self.file, "rw")
        except _DamagedError as error:
            return f"vault {self.file} was damaged ({error})"
        if not applied.covers(wanted):
            return f"vault {self.file} was behind what the log still holds"
        return None

    def _restored(self, wanted: Vector, why: str) -> tuple[str, ...]:
        troubles = []
        for copy in self.copies():
            try:
                for _ in copy.check():
                    pass
            except (VaultError, OSError) as error:
                troubles.append(str(error))
                continue
            if copy.applied.covers(wanted):
                self._take(copy.path)
                return (*troubles, f"{why}; it was made again from {copy.path.name} and the log")
        if len(wanted):
            raise VaultError(
                f"{why}, the log no longer holds all of it, and there is no whole copy in {self.folder} that the log "
                f"goes on from. Restore the directory from a backup"
            )
        self._take(None)
        return (*troubles, f"{why}; it was made again from the log")

    def _take(self, copy: Path | None) -> None:
        """Put a copy in the place of the file, or nothing; whatever ends this, the next start does it again."""
        if self.file.exists():
            self._mark()
        fresh = self.file.with_name(self.file.name + _FRESH)
        fresh.unlink(missing_ok=True)  # of a start that was ended; who is in it may be erased since
        if copy is not None:
            shutil.copyfile(copy, fresh)
            fresh.chmod(PRIVATE)
            sync(fresh)
        # A journal of the old file would be taken for one of the new.
        for suffix in ("-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        if copy is None:
            self.file.unlink(missing_ok=True)
        else:
            fresh.replace(self.file)
        sync(self.file.parent)
        (self.folder / _MARK).unlink(missing_ok=True)
        if self.folder.exists():
            sync(self.folder)

    def _mark(self) -> None:
        """Note for the next start that the file is not to be used."""
        self.folder.mkdir(mode=PRIVATE | 0o100, exist_ok=True)
        with whole_file(self.folder / _MARK, PRIVATE) as file:
            file.write(b"the next start takes a copy in place of the file\n")
        sync(self.folder)

    # --- checking ----------------------------------------------------------------------------------------------------

    def check(self) -> Iterator[Checked | Damage]:
        """Read all copies, and stop after each piece; one that is gone when it is missed is passed over."""
        for copy in self.copies():
            try:
                for _ in copy.check():
                    yield Checked()
            except FileNotFoundError:
                if copy.path.with_suffix(".json").exists():
                    yield Damage(
                        f"{copy.path} is missing; remove its .json, and the node makes another one"
                    )
                continue
            except (VaultError, OSError) as error:
                yield Damage(str(error))
            yield Checked(files=1)

    def check_file(self) -> Iterator[Checked | Damage]:
        """Look through the pages of the vault's file itself, and open its seals; stop after each piece."""
        if not self.file.exists():
            return
        try:
            with contextlib.closing(_connected(self.file, "ro")) as connection:
                for _ in _looked_into(connection, self.file, self.keys_of):
                    yield Checked()
        except _DamagedError as error:
            yield Damage(
                f"vault {self.file} is damaged: {error}. Stop the node and remove the file: the next start makes it "
                f"again from a copy and the log"
            )
        yield Checked(files=1)


def applied_in(file: Path) -> Vector:
    """Return by origin the last entry in a vault's file.

    Raises `VaultError` where it is damaged, cannot be read, or is of a newer release.
    """
    try:
        return _applied_in(file, "ro")
    except _DamagedError as error:
        raise VaultError(
            f"vault {file} is damaged: {error}; start its node, which makes it again"
        ) from None


def _applied_in(file: Path, mode: str) -> Vector:
    with contextlib.closing(_connected(file, mode)) as connection, _telling(file):
        return _applied(connection, file)


def _looked_through(
    copy: Path, keys_of: Callable[[str], TenantKeys | None], rest: Callable[[], None]
) -> Vector:
    """Look through all pages of a copy, and open its seals; return by origin the last entry in it."""
    with contextlib.closing(_connected(copy, "ro&immutable=1")) as connection:
        for _ in _looked_into(connection, copy, keys_of):
            rest()
        with _telling(copy):
            return _applied(connection, copy)


def _looked_into(
    connection: sqlite3.Connection, file: Path, keys_of: Callable[[str], TenantKeys | None]
) -> Iterator[None]:
    _check_pages(connection, file)
    yield
    with _telling(file):
        if check_version(connection, file) < SCHEMA:  # the next start looks at it
            return
        try:
            yield from check_seals(connection, keys_of)
        except VaultError as error:
            raise _DamagedError(str(error)) from None


def _applied(connection: sqlite3.Connection, file: Path) -> Vector:
    if not check_version(connection, file):
        raise _DamagedError("it has no tables")
    row = connection.execute("SELECT value FROM positions WHERE name = 'applied'").fetchone()
    return Vector.from_json(msgspec.json.decode(row[0] if row else "{}"))


def _check_pages(connection: sqlite3.Connection, file: Path) -> None:
    with _telling(file):
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    if found != ["ok"]:
        raise _DamagedError(" ".join("; ".join(found).split()))


def _connected(file: Path, mode: str) -> sqlite3.Connection:
    with _telling(file):
        return sqlite3.connect(
            f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None
        )


@contextlib.contextmanager
def _telling(file: Path) -> Iterator[None]:
    """Tell a file that is damaged from one that cannot be read now."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise vault_error(file, error) from error
    except (sqlite3.DatabaseError, ValueError, msgspec.MsgspecError) as error:
        raise _DamagedError(str(error)) from error


def _copy_database(source: Path, target: Path, rest: Callable[[], None]) -> None:
    """Copy a database as of one commit, some pages at a time; others write to it meanwhile."""
    with (
        sqlite_errors(source),
        contextlib.closing(_connected(source, "rw")) as reader,
        contextlib.closing(sqlite3.connect(target, isolation_level=None)) as writer,
    ):
        # What the first query sees, all see, and so does the copying: it need not begin again when somebody writes.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM positions").fetchone()
        reader.backup(
            writer, pages=limits.RECORD_COPY_PIECE_BYTES // _PAGE_BYTES, progress=lambda *_: rest()
        )
        reader.execute("ROLLBACK")


def _unlink_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(limits.RECORD_COPY_PIECE_BYTES):
            yield piece
