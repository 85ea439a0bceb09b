"""What of a data directory is to be backed up, and in which form.

    homeroom.json, history/, state/     of each tenant: what its manifest names, nothing else that lies there
    log/                                not as files; `homeroom.adapters.log_reading`
    documents.copies/                   not at all: they are of a file that is copied
    everything else                     keys, rejects, settings, databases, the audit log: as files

Files that a manifest names never change, and a node keeps those of the last but one too. So nobody need be locked out:
who finds a file gone reads the manifest again.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from homeroom.adapters import directory as data
from homeroom.adapters.backup.copying import PASSING_PREFIX
from homeroom.adapters.erasure_reports import REPORT_FILE
from homeroom.adapters.keyfile import open_key
from homeroom.adapters.sources import MANIFEST_FILE
from homeroom.adapters.threads import ThreadRun
from homeroom.adapters.vault.places import VAULT_COPIES
from homeroom.errors import BackupError
from homeroom.events.dictionary import Dictionaries
from homeroom.log.origins import Vector

__all__ = [
    "AUDIT",
    "LOG",
    "MAIN",
    "Look",
    "Tenant",
    "applied_of",
    "documents_of",
    "is_empty",
    "lineage",
    "names_of",
    "other_files",
    "tenants",
]

LOG: Final = "log"
AUDIT: Final = "audit.ndjson"
MAIN: Final = "main"
_TENANTS: Final = "tenants"
_PASSING: Final = re.compile(r".*(\.new|\.part|-wal|-shm|-journal)")
_NOT_COPIED: Final = {".lock", MANIFEST_FILE, data.BEFORE_FILE, REPORT_FILE}
_STATE_FOLDERS: Final = {"history", "state"}
_NODE_FOLDERS: Final = {LOG, VAULT_COPIES}
"""Folders of a node: the log is not copied as files; copies of the vault are not copied, since the vault is."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the state behind a manifest is: fingerprint, learners, events."""

    fingerprint: str
    learners: int
    events: int


@dataclass(frozen=True, slots=True)
class Tenant:
    """The part of a directory that is one tenant's.

    Parameters
    ----------
    name : of the tenant
    folder : below the directory, empty for the first one
    place : the folder as a data directory
    """

    name: str
    folder: str
    place: data.DataDirectory

    def path(self, name: str) -> str:
        """Return a path of the tenant as one below the directory."""
        return f"{self.folder}/{name}" if self.folder else name

    def look(self, manifest: data.Manifest, before: bytes | None = None) -> Look:
        """Read what a manifest names, but for the segments that an older manifest, of which all was read, names too.

        Raises `DataDirectoryError` if anything is damaged, or gone by now.
        """
        known = () if before is None else msgspec.json.decode(before, type=data.Manifest).segments
        self.place.verify(manifest, {entry.name for entry in known})
        state = self.place.open(manifest, Dictionaries.under(bytes(32)), ThreadRun(1))
        return Look(state.fingerprint(), state.learners.rows, state.events)


def tenants(directory: Path) -> list[Tenant]:
    """Return the tenants of a directory, those without a snapshot too.

    Raises `BackupError` if it is no data directory.
    """
    if not (directory / MANIFEST_FILE).is_file() and not (directory / LOG).is_dir():
        raise BackupError(
            f"{directory} is no data directory: it has neither {MANIFEST_FILE} nor a log; name one that homeroom load "
            f"or homeroom serve has made"
        )
    others = directory / _TENANTS
    paths = sorted(path for path in others.iterdir() if path.is_dir()) if others.is_dir() else []
    return [
        Tenant(MAIN, "", data.DataDirectory(directory)),
        *(Tenant(path.name, f"{_TENANTS}/{path.name}", data.DataDirectory(path)) for path in paths),
    ]


def lineage(first: Tenant) -> str:
    """Return what tells this directory from others and stays: the check of the first tenant's pseudonym key.

    Raises `BackupError` if it has none, which is so before anything was loaded or sent.
    """
    manifest = first.place.manifest()
    if manifest is not None and manifest.key_check:
        return manifest.key_check
    if not first.place.key_path.exists():
        raise BackupError(f"{first.place.path} holds nothing yet that could be backed up")
    return data.key_check(open_key(first.place.key_path))


def other_files(directory: Path) -> Iterator[str]:
    """Yield the paths below a directory of the files that are copied as they are."""
    for folder, folders, names in os.walk(directory):
        place = Path(folder)
        below = place.relative_to(directory)
        is_tenant = below == Path() or below.parent == Path(_TENANTS)
        folders[:] = sorted(
            name
            for name in folders
            if not (name in _NODE_FOLDERS and below == Path())
            and not (is_tenant and name in _STATE_FOLDERS)
            and not name.startswith(".")
        )
        for name in sorted(names):
            is_passing = name.startswith(PASSING_PREFIX) or _PASSING.fullmatch(name)
            if name not in _NOT_COPIED and not is_passing and (place / name).is_file():
                yield (below / name).as_posix()


def names_of(manifest: data.Manifest) -> list[str]:
    """Return the files that a manifest names, in order."""
    return sorted(manifest.files())


def documents_of(vector: Vector) -> Vector:
    """Return what of a vector is of documents: these a vault holds, and the log may have forgotten them."""
    return Vector({o: number for o, number in vector.items() if o.stream.has_documents})


def is_empty(manifest: data.Manifest | None) -> bool:
    """Say whether nothing was ever kept under a manifest."""
    return manifest is None or manifest.load == 0


def applied_of(manifest: data.Manifest) -> dict[str, int]:
    """Return up to which entries a manifest goes; nothing for a directory of no node."""
    return {} if manifest.applied is msgspec.UNSET else manifest.applied
