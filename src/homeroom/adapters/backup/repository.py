"""A repository: objects that are sealed, manifests of backups, and marks of who is at work.

Everything is put under a name that is free, and read back before it is believed. Two backups at once therefore do each
other no harm: what both have to send is the same object under the same name, and each writes a manifest of its own.

Only pruning removes anything, and a backup counts on what is there. So each of them leaves a mark before it looks for
that of the other: whichever comes second sees the first, and if both come at once both see it and give way. A mark that
was left by a process that died counts for no longer than such a process could have lived.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from homeroom import limits
from homeroom.adapters.backup.manifest import Manifest, read_manifest, write_manifest
from homeroom.adapters.backup.sealing import (
    OVERHEAD_BYTES,
    Sealer,
    Secret,
    Wrapped,
    unwrap,
    wrap,
)
from homeroom.adapters.object_store import Objects, make_folder, open_objects
from homeroom.errors import BackupError, DamagedBackupError
from homeroom.events.instants import format_instant

__all__ = ["Repository", "Sent", "make_repository", "open_repository"]

_FORMAT: Final = 1
_FILE: Final = "repository.json"
_BACKUPS: Final = "backups"
_MARKS: Final = "marks"
_OBJECTS: Final = "objects"


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    """What ``repository.json`` says: nothing of it is secret."""

    homeroom_backups: int = _FORMAT
    id: str
    key: Wrapped


@dataclass(slots=True)
class Sent:
    """What one backup has put: objects and their bytes, and how many objects were there already."""

    objects: int = 0
    size_bytes: int = 0
    there: int = 0


class Repository:
    """A repository that is open.

    Parameters
    ----------
    objects : where it lies
    sealer : its key
    """

    def __init__(self, objects: Objects, sealer: Sealer) -> None:
        self.objects = objects
        self.sent = Sent()
        self._sealer = sealer
        self._trusted: set[str] = set()

    # --- objects -----------------------------------------------------------------------------------------------------

    def trust(self, manifest: Manifest) -> None:
        """Count on what a manifest names, where it is still there; what else is found will be read before use."""
        there = {found.name: found.size_bytes for found in self.objects.list(_OBJECTS)}
        self._trusted = {name for name in manifest.objects() if there.get(name, 0) > 0}
        sizes = {pack.name: pack.size_bytes for pack in manifest.log.packs} if manifest.log else {}
        for copy in manifest.copies():
            rest = copy.size_bytes
            for part in copy.parts:
                sizes[part] = min(rest, limits.BACKUP_PART_BYTES)
                rest -= sizes[part]
        self._trusted -= {
            name for name, n in sizes.items() if there.get(name) != n + OVERHEAD_BYTES
        }

    def has(self, names: tuple[str, ...]) -> bool:
        """Say whether all of these are there, and can be counted on."""
        return self._trusted.issuperset(names)

    def keep(self, content: bytes) -> str:
        """Put an object that is not there yet, read it back, and return its name."""
        name = self._sealer.name(content)
        if name in self._trusted:
            self.sent.there += 1
            return name
        sealed = self._sealer.seal(name, content)
        if self.objects.put_new(name, sealed):
            self.sent.objects += 1
            self.sent.size_bytes += len(sealed)
        elif not self._holds(name, content):
            # Left by a backup that was ended, and not whole. Whoever writes it writes the same.
            self.objects.replace(name, sealed)
        else:
            self.sent.there += 1
            self._trusted.add(name)
            return name
        if not self._holds(name, content):
            raise DamagedBackupError(
                f"object {name} of {self.objects.shown} does not come back as it was put there: the store cannot be "
                f"relied on. This backup was not finished; those before it are as they were"
            )
        self._trusted.add(name)
        return name

    def _holds(self, name: str, content: bytes) -> bool:
        try:
            return self._sealer.open(name, self.objects.get(name)) == content
        except DamagedBackupError:
            return False

    def read(self, name: str) -> bytes:
        """Return an object. Raises `DamagedBackupError` if it is not there, or is not what its name says."""
        content = self._sealer.open(name, self.objects.get(name))
        if self._sealer.name(content) != name:
            raise DamagedBackupError(f"object {name} is not what its name says")
        return content

    # --- backups -----------------------------------------------------------------------------------------------------

    def ids(self) -> list[str]:
        """Return the ids of all backups, the oldest first."""
        return sorted(found.name.rpartition("/")[2] for found in self.objects.list(_BACKUPS))

    def manifest(self, backup: str) -> Manifest:
        """Return a manifest. Raises `DamagedBackupError`."""
        name = f"{_BACKUPS}/{backup}"
        manifest = read_manifest(self._sealer.open(name, self.objects.get(name)), name)
        if manifest.id != backup:
            raise DamagedBackupError(f"manifest {name} is that of {manifest.id}")
        return manifest

    def manifests(self) -> Iterator[Manifest]:
        """Yield the manifests of all backups, the oldest first."""
        yield from map(self.manifest, self.ids())

    def newest(self) -> Manifest | None:
        """Return the manifest of the last backup, None before the first."""
        ids = self.ids()
        return self.manifest(ids[-1]) if ids else None

    def new_id(self, at_ms: int, last: Manifest | None) -> str:
        """Return an id for a backup: later than that of the last, and nobody else's."""
        at_ms = max(at_ms, 0 if last is None else last.at_ms + 1)
        when = format_instant(at_ms).translate(str.maketrans("", "", "-:."))
        return f"{when}-{secrets.token_hex(4)}"

    def finish(self, manifest: Manifest) -> None:
        """Put a manifest, which makes it a backup, and read it back."""
        name, content = f"{_BACKUPS}/{manifest.id}", write_manifest(manifest)
        if len(content) + OVERHEAD_BYTES > limits.BACKUP_OBJECT_BYTES_MAX:
            raise BackupError(
                f"the manifest has {len(content):,} bytes, at most {limits.BACKUP_OBJECT_BYTES_MAX:,} can be read "
                f"again; the directory has too many files"
            )
        self.objects.put_new(name, self._sealer.seal(name, content))
        if not self._holds(name, content):
            raise DamagedBackupError(f"manifest {name} does not come back as it was put there")

    def forget(self, backup: str) -> None:
        """Remove a manifest; its objects stay."""
        self.objects.remove(f"{_BACKUPS}/{backup}")

    def unnamed(self) -> list[str]:
        """Return the objects that no manifest names."""
        named = {name for manifest in self.manifests() for name in manifest.objects()}
        return [found.name for found in self.objects.list(_OBJECTS) if found.name not in named]

    # --- who is at work ----------------------------------------------------------------------------------------------

    @contextmanager
    def backing_up(self, now_ms: int) -> Iterator[None]:
        """Keep pruning away. Raises `BackupError` while it is under way."""
        with self._marked("backup"):
            self._check_marks("prune", limits.PRUNING_MS_MAX, now_ms)
            yield

    @contextmanager
    def pruning(self, now_ms: int) -> Iterator[None]:
        """Keep backups away. Raises `BackupError` while one is under way."""
        with self._marked("prune"):
            self._check_marks("backup", limits.BACKUP_MS_MAX, now_ms)
            yield

    @contextmanager
    def _marked(self, what: str) -> Iterator[None]:
        name = f"{_MARKS}/{what}-{secrets.token_hex(8)}"
        self.objects.put_new(name, b"")
        try:
            yield
        finally:
            self.objects.remove(name)

    def _check_marks(self, what: str, lasts_ms: int, now_ms: int) -> None:
        for found in self.objects.list(_MARKS):
            if not found.name.startswith(f"{_MARKS}/{what}-"):
                continue
            if found.modified_ms + lasts_ms < now_ms:
                self.objects.remove(found.name)
                continue
            doing = "being backed up to" if what == "backup" else "being pruned"
            raise BackupError(
                f"{self.objects.shown} is {doing} since {format_instant(found.modified_ms)}; try again later. If that "
                f"process has died, remove {found.name} there"
            )


# --- opening ---------------------------------------------------------------------------------------------------------


def open_repository(location: str, environment: Mapping[str, str], secret: Secret) -> Repository:
    """Open a repository.

    Parameters
    ----------
    location : a folder, or ``s3://bucket/prefix``
    environment : the variables of the process
    secret : what its key is wrapped with

    Raises
    ------
    BackupError, KeyFileError
        There is no repository, or its place cannot be used, or the key file.
    DamagedBackupError
        The key is another one.
    """
    return _opened(open_objects(location, environment), secret)


def make_repository(location: str, environment: Mapping[str, str], secret: Secret) -> Repository:
    """Open a repository, made if there is none and nothing else lies there; raises as `open_repository`."""
    make_folder(location)
    objects = open_objects(location, environment)
    names = {found.name for found in objects.list("")}
    if _FILE not in names:
        if names:
            raise BackupError(
                f"{objects.shown} holds other things, {min(names)} for one; name an empty place"
            )
        made = secrets.token_hex(16)
        key = wrap(secrets.token_bytes(32), secret, made)
        # Another process may have been quicker; then its key counts.
        objects.put_new(_FILE, msgspec.json.format(msgspec.json.encode(_Written(id=made, key=key))))
    return _opened(objects, secret)


def _opened(objects: Objects, secret: Secret) -> Repository:
    try:
        content = objects.get(_FILE)
    except DamagedBackupError:
        raise BackupError(
            f"{objects.shown} is no repository of backups: it has no {_FILE}"
        ) from None
    try:
        form = json.loads(content)["homeroom_backups"]
        if form != _FORMAT:
            raise BackupError(
                f"{objects.shown} is of format {form}, this release reads {_FORMAT}; use the one that made it"
            )
        written = msgspec.json.decode(content, type=_Written)
    except (ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
        raise DamagedBackupError(
            f"{_FILE} of {objects.shown} is damaged ({type(error).__name__}): without it no backup there can be read. "
            f"Restore it from a copy of the repository"
        ) from error
    key = unwrap(written.key, secret, written.id, objects.shown)
    return Repository(objects, Sealer(key, written.id))
