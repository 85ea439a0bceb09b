"""Which backups a restore takes what from.

Without a time it is simple: all of one backup. To a point in time it is a snapshot that holds nothing later, and then
the log up to that time; the log is taken from the first backup after it, which has all that was durable by then. A
snapshot cannot be cut, so it is taken from an older backup; and if none is old enough, the state is folded from the log
alone, where that tells everything. A directory that was itself restored to an earlier time in between has lost what
came after that; then the last backup before the time is taken as it is.

The time of an entry is its hybrid stamp, as the node gave it. That of files beside the log is the time of the backup
which they are taken from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from homeroom.adapters.backup.contents import documents_of
from homeroom.adapters.backup.manifest import FileCopy, Manifest, SnapshotCopy
from homeroom.adapters.vault.places import VAULT_FILE
from homeroom.errors import BackupError
from homeroom.events.instants import format_instant
from homeroom.log.origins import Vector

__all__ = ["Plan", "choose", "choose_as_of"]

_FOLLOWING: Final = (".db", ".tensors")
"""Endings of files that a node makes from its log and can make again: none may be ahead of the log."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restore takes.

    Parameters
    ----------
    backup : whose log is taken
    snapshots : of the tenants that have one
    files : what else
    as_of_ms : entries that are stamped later are left out; None: none is
    """

    backup: Manifest
    snapshots: tuple[SnapshotCopy, ...]
    files: tuple[FileCopy, ...]
    as_of_ms: int | None = None


def choose(manifests: Sequence[Manifest], shown: str) -> Plan:
    """Return the plan to restore the last of some backups as it is. Raises `BackupError` if there is none."""
    if not manifests:
        raise BackupError(f"{shown} holds no backup yet")
    last = manifests[-1]
    return Plan(last, last.snapshots, last.files)


def choose_as_of(manifests: Sequence[Manifest], shown: str, as_of_ms: int) -> Plan:
    """Return the plan to restore what there was at a time; ``manifests`` are in order, the oldest first.

    Raises
    ------
    BackupError
        There is no backup, or what there was at that time is in none.
    """
    last = choose(manifests, shown).backup
    place = _place(manifests, as_of_ms)
    backup, older = manifests[place], manifests[: place + 1]
    snapshots = []
    for folder in sorted({one.folder for manifest in older for one in manifest.snapshots}):
        all_known = [s for manifest in manifests for s in manifest.snapshots if s.folder == folder]
        found = _snapshot(older, folder, backup, as_of_ms)
        if found is not None:
            snapshots.append(found)
        else:
            _check_log_tells_all(all_known, backup, shown, as_of_ms)
    if backup.log is None and not snapshots:
        raise BackupError(
            f"{shown} holds nothing from before {format_instant(as_of_ms)}; its first backup is of "
            f"{format_instant(manifests[0].at_ms)}, its last of {format_instant(last.at_ms)}"
        )
    return Plan(backup, tuple(snapshots), _files(older, backup, (shown, as_of_ms)), as_of_ms)


def _files(
    older: Sequence[Manifest], backup: Manifest, asked: tuple[str, int]
) -> tuple[FileCopy, ...]:
    """Return the files of the last backup before a time, and of later ones those that are new and cannot be ahead."""
    files = {copy.path: copy for copy in backup.files if not copy.path.endswith(_FOLLOWING)}
    before = [one for one in older if one.at_ms <= asked[1]]
    if before:
        files |= {copy.path: copy for copy in before[-1].files}
    files.pop(VAULT_FILE, None)
    vault = _vault(before, backup, asked)
    return (*files.values(), *(() if vault is None else (vault,)))


def _vault(before: Sequence[Manifest], backup: Manifest, asked: tuple[str, int]) -> FileCopy | None:
    """Return the newest vault from before a time that the log goes on from; None where the log tells all.

    Raises `BackupError` if neither is so.
    """
    starts, ends = Vector(), Vector()
    if backup.log is not None:
        starts, ends = documents_of(backup.log.starts()), backup.log.vector()
    for manifest in reversed(before):
        applied = Vector.from_json(manifest.records or {})
        found = next((copy for copy in manifest.files if copy.path == VAULT_FILE), None)
        if found is not None and applied.covers(starts) and ends.covers(applied):
            return found
    if len(starts):
        raise BackupError(
            f"{asked[0]} holds no records from before {format_instant(asked[1])} that its log goes on from, since the "
            f"node had forgotten entries when the log was sent; name a later time"
        )
    return None


def _place(manifests: Sequence[Manifest], as_of_ms: int) -> int:
    """Return which backup holds all that was there at a time, or of those before it the last."""
    after = next((i for i, one in enumerate(manifests) if one.at_ms > as_of_ms), len(manifests))
    if after == 0:
        return 0
    if after < len(manifests):
        before, later = manifests[after - 1].log, manifests[after].log
        is_longer = before is None or (later is not None and later.vector().covers(before.vector()))
        return after if is_longer else after - 1
    return after - 1


def _snapshot(
    older: Sequence[Manifest], folder: str, backup: Manifest, as_of_ms: int
) -> SnapshotCopy | None:
    """Return the newest snapshot of a tenant that holds nothing later, and that the log goes on from."""
    starts, ends = Vector(), Vector()
    if backup.log is not None:
        starts, ends = backup.log.starts(), backup.log.vector()
    for manifest in reversed(older):
        for one in manifest.snapshots:
            applied = Vector.from_json(one.applied)
            is_joined = applied.covers(starts) and ends.covers(applied)
            if one.folder == folder and one.newest_ms <= as_of_ms and is_joined:
                return one
    return None


def _check_log_tells_all(
    known: Sequence[SnapshotCopy], backup: Manifest, shown: str, as_of_ms: int
) -> None:
    """Raise `BackupError` if a state cannot be had from the log alone."""
    first = min(one.newest_ms for one in known)
    if backup.log is None or backup.log.begins or any(one.loaded for one in known):
        why = (
            "and what was loaded into it is not in the log"
            if any(one.loaded for one in known)
            else "and the log that is there begins later"
        )
        raise BackupError(
            f"{shown} holds no state of tenant {known[0].tenant} from before {format_instant(as_of_ms)}, {why}; the "
            f"first that it holds is of {format_instant(first)}: name a time from then on"
        )
