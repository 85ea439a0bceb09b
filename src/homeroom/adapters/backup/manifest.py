"""What one backup is made of: a manifest names every object that it needs, and what must come out of them.

It is written last and never changed. What it promises stands in it in numbers: up to which entry of each origin, from
when, with which fingerprint; so a restore, a verification and a drill need nothing else to compare with.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from homeroom.adapters.log_reading import Cursor
from homeroom.errors import DamagedBackupError
from homeroom.log.entries import Head
from homeroom.log.origins import Origin, Vector

__all__ = [
    "FileCopy",
    "HeadCopy",
    "LogCopy",
    "Manifest",
    "PackCopy",
    "SnapshotCopy",
    "read_manifest",
    "write_manifest",
]

_FORMAT: Final = 1


class FileCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the directory.

    Parameters
    ----------
    path : below the directory, with slashes
    size_bytes, mtime_ns : as it was when it was read; a file that is still so is not read again
    digest : SHA-256 of its content
    parts : the objects that are its content, in order
    """

    path: str
    size_bytes: int
    mtime_ns: int
    digest: bytes
    parts: tuple[str, ...]


class SnapshotCopy(msgspec.Struct, frozen=True, kw_only=True):
    """The state and history of one tenant.

    Parameters
    ----------
    folder : of the tenant below the directory, empty for the first one
    tenant : its name
    manifest : content of its ``homeroom.json``
    files : that this names
    applied : by origin the last entry that is in it
    newest_ms : milliseconds since 1970 UTC of the newest entry in it, or of the load that made it
    loaded : number of the last load or correction by hand in it, which no entry of the log tells of; 0 for none
    loaded_ms : by when that had been done
    fingerprint : of its state
    learners, events : in it
    """

    folder: str
    tenant: str
    manifest: bytes
    files: tuple[FileCopy, ...]
    applied: dict[str, int]
    newest_ms: int
    loaded: int
    loaded_ms: int
    fingerprint: str
    learners: int
    events: int


class PackCopy(msgspec.Struct, frozen=True, kw_only=True):
    """An object with entries and records; ``ranges`` has by origin the first and the last number in it."""

    name: str
    size_bytes: int
    ranges: dict[str, tuple[int, int]]
    records: int


class HeadCopy(msgspec.Struct, frozen=True):
    """The last entry of an origin, or the one before its first that is kept: number, digest, hybrid stamp."""

    number: int
    digest: bytes
    hybrid: int

    @classmethod
    def of(cls, head: Head) -> "HeadCopy":
        """Note a head."""
        return cls(head.number, head.digest, head.hybrid)

    @property
    def head(self) -> Head:
        """What was noted."""
        return Head(self.number, self.digest, self.hybrid)


class LogCopy(msgspec.Struct, frozen=True, kw_only=True):
    """The log.

    Parameters
    ----------
    heads : by origin its last entry; packs may hold later ones, which do not count
    begins : by origin the entry before the first that the packs hold, where that is not the first of all
    packs : in the order in which they were written
    cursors : by file of the node's log how far the records of batches were read
    public : the key that the entries' signatures are checked with, 32 bytes
    erased : how many erasures the log had been redacted for when the packs were begun
    keys : by name of other nodes of the world the public keys that they were said to have, as text
    """

    heads: dict[str, HeadCopy]
    begins: dict[str, HeadCopy]
    packs: tuple[PackCopy, ...]
    cursors: dict[str, Cursor]
    public: bytes
    erased: int = 0
    keys: dict[str, tuple[str, ...]] = {}

    def vector(self) -> Vector:
        """Return by origin the last number."""
        return Vector({Origin.parse(text): head.number for text, head in self.heads.items()})

    def starts(self) -> Vector:
        """Return by origin the number before the first entry."""
        return Vector({Origin.parse(text): head.number for text, head in self.begins.items()})


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One backup.

    Parameters
    ----------
    id : its name in the repository
    at_ms : when it began, milliseconds since 1970 UTC: what was durable before is in it
    lineage : tells whose directory it is of; one repository holds those of one
    release : of homeroom that made it
    snapshots : of all tenants
    files : what else lies in the directory
    log : None for a directory without one
    records : by origin the last entry that is in the vault's file; not known of backups of older releases
    """

    format: int = _FORMAT
    id: str
    at_ms: int
    lineage: str
    release: str
    snapshots: tuple[SnapshotCopy, ...]
    files: tuple[FileCopy, ...]
    log: LogCopy | None
    records: dict[str, int] | None = None

    def copies(self) -> Iterator[FileCopy]:
        """Yield every file."""
        yield from self.files
        for snapshot in self.snapshots:
            yield from snapshot.files

    def objects(self) -> set[str]:
        """Return the names of all objects that the backup needs."""
        packs = () if self.log is None else self.log.packs
        parts = {part for copy in self.copies() for part in copy.parts}
        return parts | {pack.name for pack in packs}


def write_manifest(manifest: Manifest) -> bytes:
    """Return a manifest as bytes."""
    return msgspec.msgpack.encode(manifest)


def read_manifest(content: bytes, name: str) -> Manifest:
    """Return what `write_manifest` wrote; ``name`` is for errors. Raises `DamagedBackupError`."""
    try:
        manifest = msgspec.msgpack.decode(content, type=Manifest)
        if manifest.log is not None:
            manifest.log.vector(), manifest.log.starts()
        Vector.from_json(manifest.records or {})
    except (msgspec.MsgspecError, ValueError) as error:
        raise DamagedBackupError(
            f"manifest {name} cannot be read ({error}); it was written by another release, or is damaged"
        ) from error
    if manifest.format != _FORMAT:
        raise DamagedBackupError(
            f"manifest {name} is of format {manifest.format}, this release reads {_FORMAT}; use the one that wrote it"
        )
    return manifest
