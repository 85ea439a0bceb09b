"""Reads backups as a restore would, and says of everything that is wrong what it is.

Every object is read and decrypted once, however many backups name it. Files must have their checksums; entries must
have their signatures and follow each other, within a pack and from one pack to the next.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from homeroom.adapters.backup.manifest import FileCopy, LogCopy, Manifest, PackCopy
from homeroom.adapters.backup.packs import read_pack
from homeroom.adapters.backup.repository import Repository
from homeroom.adapters.signing import checking_by
from homeroom.errors import DamagedBackupError, EntryError
from homeroom.log.entries import Entry, Head, Verify
from homeroom.log.origins import Origin

__all__ = ["Verified", "verify"]


@dataclass(slots=True)
class Verified:
    """What was read, and what is wrong with it, in words."""

    backups: int = 0
    files: int = 0
    entries: int = 0
    objects: int = 0
    size_bytes: int = 0
    damages: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of entries of one origin that follow each other: what the first follows, its number, the last."""

    previous: bytes
    first: int
    last: Head


def verify(repository: Repository, ids: Sequence[str]) -> Verified:
    """Verify backups; what is damaged is told, and does not keep the rest from being looked at."""
    verifying = _Verifying(repository)
    for backup in ids:
        try:
            manifest = repository.manifest(backup)
        except DamagedBackupError as error:
            verifying.verified.damages.append(str(error))
            continue
        verifying.take(manifest)
    return verifying.verified


class _Verifying:
    def __init__(self, repository: Repository) -> None:
        self.verified = Verified()
        self._repository = repository
        self._files: dict[tuple[str, ...], bytes | None] = {}
        self._packs: dict[str, dict[Origin, list[_Piece]] | None] = {}

    def take(self, manifest: Manifest) -> None:
        """Verify a backup."""
        self.verified.backups += 1
        for copy in manifest.copies():
            self._take_file(copy, manifest.id)
        if manifest.log is not None:
            for pack in manifest.log.packs:
                self._take_pack(pack, manifest.log, manifest.id)
            self.verified.damages += self._gaps(manifest.log, manifest.id)

    # --- files -------------------------------------------------------------------------------------------------------

    def _take_file(self, copy: FileCopy, backup: str) -> None:
        if copy.parts not in self._files:
            self._files[copy.parts] = self._digest(copy, backup)
        digest = self._files[copy.parts]
        if digest is not None and digest != copy.digest:
            self.verified.damages.append(
                f"file {copy.path} of backup {backup} does not have its checksum"
            )

    def _digest(self, copy: FileCopy, backup: str) -> bytes | None:
        digest = hashlib.sha256()
        self.verified.files += 1
        for name in copy.parts:
            try:
                part = self._repository.read(name)
            except DamagedBackupError as error:
                self.verified.damages.append(
                    f"{error}. It is a part of {copy.path} of backup {backup}"
                )
                return None
            self._count(part)
            digest.update(part)
        return digest.digest()

    def _count(self, content: bytes) -> None:
        self.verified.objects += 1
        self.verified.size_bytes += len(content)

    # --- log ---------------------------------------------------------------------------------------------------------

    def _take_pack(self, copy: PackCopy, log: LogCopy, backup: str) -> None:
        if copy.name in self._packs:
            return
        self._packs[copy.name] = None
        try:
            entries = read_pack(self._repository, copy).entries
            self._packs[copy.name] = _pieces(entries, checking_by(log.public, log.keys))
        except (DamagedBackupError, EntryError) as error:
            self.verified.damages.append(f"{error}. It is a part of the log of backup {backup}")
            return
        self.verified.entries += len(entries)
        self.verified.objects += 1
        self.verified.size_bytes += copy.size_bytes

    def _gaps(self, log: LogCopy, backup: str) -> Iterator[str]:
        """Yield where the entries of a backup do not follow each other, in so far as its packs could be read."""
        packs = [self._packs[copy.name] for copy in log.packs]
        if None in packs:
            return
        for text, wanted in log.heads.items():
            origin = Origin.parse(text)
            head = log.begins[text].head if text in log.begins else Head()
            for piece in (p for pack in packs if pack is not None for p in pack.get(origin, ())):
                if head.number >= wanted.number or piece.last.number <= head.number:
                    continue
                if piece.first > head.number + 1:
                    break
                if piece.first == head.number + 1 and piece.previous != head.digest:
                    break
                head = piece.last
            is_other = head.number == wanted.number and head.digest != wanted.digest
            if head.number < wanted.number or is_other:
                yield (
                    f"the log of backup {backup} is whole up to entry {head.number} of {origin} only, must be up to "
                    f"{wanted.number}"
                )


def _pieces(entries: Sequence[Entry], verify: Verify) -> dict[Origin, list[_Piece]]:
    """Check entries of a pack; return the runs that they make. Raises `EntryError`."""
    found: dict[Origin, list[_Piece]] = {}
    for entry in entries:
        runs = found.setdefault(entry.origin, [])
        if runs and runs[-1].last.number + 1 == entry.number:
            entry.check(runs[-1].last, verify)
            runs[-1] = _Piece(runs[-1].previous, runs[-1].first, entry.head)
        else:
            entry.check(Head(entry.number - 1, entry.previous, entry.hybrid - 1), verify)
            runs.append(_Piece(entry.previous, entry.number, entry.head))
    return found
