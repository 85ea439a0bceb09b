"""One backup: what a directory holds now, beside a node that may be running on it.

Snapshots and databases are copied first and the log after them, so that the log never ends before what was made from
it. Whatever is durable when the backup begins is in it: a snapshot may be older, but then the entries after it are
there.

A node may write snapshots faster than one can be read; then files vanish, and the backup takes the newest snapshot
instead. What it has sent by then is mostly in that one too, so it comes nearer with each turn.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from homeroom import limits
from homeroom.adapters.backup import contents
from homeroom.adapters.backup.copying import Copying, MovedOnError
from homeroom.adapters.backup.manifest import (
    FileCopy,
    HeadCopy,
    LogCopy,
    Manifest,
    SnapshotCopy,
)
from homeroom.adapters.backup.packs import Packing
from homeroom.adapters.backup.repository import Repository, Sent
from homeroom.adapters.directory import Manifest as DirectoryManifest
from homeroom.adapters.erasure_reports import read_reports
from homeroom.adapters.log_reading import ViewedLog, stated_keys, viewed_log
from homeroom.adapters.signing import open_node_key
from homeroom.adapters.sources import MANIFEST_FILE
from homeroom.adapters.vault.copies import applied_in
from homeroom.adapters.vault.places import VAULT_FILE
from homeroom.clock import hybrid_ms
from homeroom.errors import BackupError, DataDirectoryError, StoreError
from homeroom.log.certificates import Place
from homeroom.log.entries import Head
from homeroom.log.origins import Origin, Vector

__all__ = ["BackedUp", "back_up"]

_NODE_KEY: Final = "node.key"
_LOG_PLACE: Final = Place.LOG.value


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup did: its manifest, what was sent, new entries of the log, and what its owner should know."""

    manifest: Manifest
    sent: Sent
    entries: int
    notes: tuple[str, ...]


def back_up(
    directory: Path,
    repository: Repository,
    now_ms: Callable[[], int],
    release: str,
    store_url: str = "",
) -> BackedUp:
    """Back a directory up.

    Parameters
    ----------
    directory : of a node that may run, or of `homeroom load`
    repository : where to
    now_ms : the clock of the machine, milliseconds since 1970 UTC
    release : of homeroom, to be noted
    store_url : of the PostgreSQL database that holds the log; empty if it lies in the directory

    Raises
    ------
    BackupError
        The directory is none, is another one than that of the repository, or changes too fast; or the repository
        cannot be written, or is being pruned.
    DataDirectoryError, StoreError, EntryError, VaultError
        What is to be backed up is damaged.
    """
    began_ms = now_ms()
    with repository.backing_up(began_ms):
        before = repository.newest()
        _check_lineage(directory, repository, before)
        if before is not None:
            repository.trust(before)
        for _ in range(limits.BACKUP_TRIES_MAX):
            try:
                backed_up = _Backup(directory, repository, before, store_url).take(
                    began_ms, release
                )
            except MovedOnError:
                continue
            if now_ms() - began_ms > limits.BACKUP_MS_MAX:
                raise BackupError(
                    f"the backup took longer than {limits.BACKUP_MS_MAX // 3_600_000} hours and was not finished; run "
                    f"it again: what was sent is there, and is not sent again"
                )
            repository.finish(backed_up.manifest)
            return backed_up
    raise BackupError(
        f"{directory} was changed {limits.BACKUP_TRIES_MAX} times while it was read; have the node write snapshots "
        f"less often"
    )


def _check_lineage(directory: Path, repository: Repository, before: Manifest | None) -> None:
    mine = contents.lineage(contents.tenants(directory)[0])
    if before is not None and before.lineage != mine:
        raise BackupError(
            f"{repository.objects.shown} holds backups of another directory than {directory}: its pseudonyms have "
            f"another key. Name another repository; each directory has its own"
        )


class _Backup:
    """One turn."""

    def __init__(
        self, directory: Path, repository: Repository, before: Manifest | None, store_url: str
    ) -> None:
        self._directory, self._store_url = directory, store_url
        self._repository = repository
        self._before = before
        self._copying = Copying(directory, repository, before)
        self._notes: list[str] = []

    def take(self, at_ms: int, release: str) -> BackedUp:
        tenants = contents.tenants(self._directory)
        found = [(tenant, self._snapshot(tenant)) for tenant in tenants]
        others = list(contents.other_files(self._directory))
        # The log says how long the audit log was: it must not be longer than the copy.
        late = [path for path in others if path == contents.AUDIT]
        records = self._records()
        files = [self._copying.copy(path) for path in others if path not in late]
        with self._viewed() as view:
            snapshots = tuple(
                self._dated(tenant, snapshot, view) for tenant, snapshot in found if snapshot
            )
            entries, log = self._log(view)
        files += map(self._copying.copy, late)
        for snapshot in snapshots:
            self._check_joins(snapshot, log)
        if log is not None:
            self._check_records(records, contents.documents_of(log.starts()))
        self._check_key(tenants[0])
        manifest = Manifest(
            id=self._repository.new_id(at_ms, self._before),
            at_ms=at_ms if self._before is None else max(at_ms, self._before.at_ms + 1),
            lineage=contents.lineage(tenants[0]),
            release=release,
            snapshots=snapshots,
            files=tuple(files),
            log=log,
            records=records.to_json(),
        )
        return BackedUp(manifest, self._repository.sent, entries, tuple(self._notes))

    def _records(self) -> Vector:
        """Return up to which entries the vault goes that is copied next: at least."""
        file = self._directory / VAULT_FILE
        return applied_in(file) if file.exists() else Vector()

    def _check_records(self, records: Vector, starts: Vector) -> None:
        """See that the log goes on where the vault ends."""
        if records.covers(starts):
            return
        if not (self._directory / VAULT_FILE).exists():
            raise BackupError(
                f"{self._directory / VAULT_FILE} is missing, and the log no longer holds all of it; start the node, "
                f"which makes it again from a copy"
            )
        raise MovedOnError("the log")  # what a newer vault has was collected meanwhile

    def _viewed(self) -> AbstractContextManager[ViewedLog]:
        if not self._store_url:
            return viewed_log(self._directory / contents.LOG)
        from homeroom.adapters.log_postgres_reading import viewed_postgres

        return viewed_postgres(self._store_url)

    def _check_key(self, first: contents.Tenant) -> None:
        if not first.place.key_path.exists():
            self._notes.append(
                f"the key of the pseudonyms does not lie in {self._directory}, so it is not in the backup: keep a copy"
            )

    # --- snapshots ---------------------------------------------------------------------------------------------------

    def _snapshot(self, tenant: contents.Tenant) -> SnapshotCopy | None:
        """Copy the newest snapshot of a tenant; None before the first."""
        manifest = tenant.place.manifest()
        if manifest is None or contents.is_empty(manifest):
            return None
        file = tenant.place.path / MANIFEST_FILE
        try:
            written, written_ms = file.read_bytes(), file.stat().st_mtime_ns // 1_000_000
        except FileNotFoundError:
            raise MovedOnError(str(file)) from None
        before = self._known(tenant)
        if before is not None and before.manifest == written and self._has(before.files):
            look = contents.Look(before.fingerprint, before.learners, before.events)
        else:
            look = self._look(tenant, manifest, before)
        if tenant.place.manifest() != manifest:
            raise MovedOnError(str(file))
        files = tuple(self._copying.copy(tenant.path(name)) for name in contents.names_of(manifest))
        loaded = manifest.unlogged
        if before is not None and before.loaded == loaded:
            written_ms = before.loaded_ms
        return SnapshotCopy(
            folder=tenant.folder,
            tenant=tenant.name,
            manifest=written,
            files=tuple(files),
            applied=contents.applied_of(manifest),
            newest_ms=0,
            loaded=loaded,
            loaded_ms=written_ms if loaded else 0,
            fingerprint=look.fingerprint,
            learners=look.learners,
            events=look.events,
        )

    def _known(self, tenant: contents.Tenant) -> SnapshotCopy | None:
        snapshots = () if self._before is None else self._before.snapshots
        return next((one for one in snapshots if one.folder == tenant.folder), None)

    def _has(self, copies: tuple[FileCopy, ...]) -> bool:
        return all(self._repository.has(copy.parts) for copy in copies)

    def _look(
        self, tenant: contents.Tenant, manifest: DirectoryManifest, before: SnapshotCopy | None
    ) -> contents.Look:
        known = before.manifest if before is not None and self._has(before.files) else None
        try:
            return tenant.look(manifest, known)
        except DataDirectoryError:
            if tenant.place.manifest() == manifest:
                raise
            raise MovedOnError(tenant.name) from None  # a snapshot has ended between the two

    def _dated(
        self, tenant: contents.Tenant, snapshot: SnapshotCopy, view: ViewedLog
    ) -> SnapshotCopy:
        """Note of when the newest is in a snapshot."""
        newest = snapshot.loaded_ms
        for text, number in snapshot.applied.items():
            hybrid = view.hybrid(Origin.parse(text), number)
            if hybrid is None:
                # Collected since, so its time is not known; it cannot be later than the file that tells of it.
                file = tenant.place.path / MANIFEST_FILE
                newest = max(newest, file.stat().st_mtime_ns // 1_000_000)
            else:
                newest = max(newest, hybrid_ms(hybrid))
        return msgspec.structs.replace(snapshot, newest_ms=newest)

    def _check_joins(self, snapshot: SnapshotCopy, log: LogCopy | None) -> None:
        """See that the log goes on where a snapshot ends."""
        applied = Vector.from_json(snapshot.applied)
        if log is None:
            if len(applied):
                raise StoreError(
                    f"{self._directory / contents.LOG} is missing or empty, and the state goes up to entries of it. "
                    f"Restore the directory from an older backup"
                )
            return
        if not applied.covers(log.starts()):
            raise MovedOnError("the log")  # what a newer snapshot has was collected meanwhile
        if not log.vector().covers(applied):
            raise StoreError(
                f"the log of {self._directory} lacks entries at its end that its snapshot has: it was restored to an "
                f"earlier time. Start the node: it says which, and what to do"
            )

    # --- log ---------------------------------------------------------------------------------------------------------

    def _log(self, view: ViewedLog) -> tuple[int, LogCopy | None]:
        """Pack what has come since the last backup; return how many entries that was, and the log."""
        if not view.heads:
            if (self._directory / _NODE_KEY).exists():
                raise StoreError(
                    f"a node has run on {self._directory}, and no log lies in it; if it lies in a database, name the "
                    f"settings of the node with --config, else restore it from an older backup"
                )
            return 0, None
        before = None if self._before is None else self._before.log
        erased = self._erased()
        if before is not None and before.erased != erased:
            # Packs of before hold entries that have been redacted since; they go with the backups that name them.
            before = None
            self._notes.append(
                "people were erased since the last backup, so the log was sent anew; older backups hold what they held "
                "until they are removed"
            )
        if before is not None and not self._repository.has(tuple(p.name for p in before.packs)):
            before = None
            self._notes.append(
                "entries of the log that earlier backups had are missing in the repository; what the node still has "
                "was sent again. Run homeroom verify with --all"
            )
        held = view.held()
        packs = [
            pack
            for pack in (() if before is None else before.packs)
            if not pack.ranges or any(first <= held[Origin.parse(text)] for text, (first, _) in pack.ranges.items())
        ]  # fmt: skip
        packing = Packing(self._repository, packs)
        begins: dict[str, HeadCopy] = {}
        for origin, head in sorted(view.heads.items()):
            start = self._pack(origin, head, view, packing, before)
            if start.number:
                begins[str(origin)] = HeadCopy.of(start)
        cursors = {} if before is None else dict(before.cursors)
        for file, cursor, record in view.records(cursors):
            packing.add_record(record)
            cursors[file] = cursor
        return packing.entries, LogCopy(
            heads={str(origin): HeadCopy.of(head) for origin, head in view.heads.items()},
            begins=begins,
            packs=tuple(packing.finish()),
            cursors=cursors,
            public=self._public(),
            erased=erased,
            keys=stated_keys(view),
        )

    def _erased(self) -> int:
        """Return for how many erasures the log has been redacted."""
        reports = read_reports(self._directory)
        return sum(_LOG_PLACE in places for places in reports.values())

    def _pack(
        self, origin: Origin, last: Head, view: ViewedLog, packing: Packing, before: LogCopy | None
    ) -> Head:
        """Pack the entries of an origin that are new; return the one before the first of all that are packed."""
        name = str(origin)
        known = Head() if before is None or name not in before.heads else before.heads[name].head
        start = Head() if before is None or name not in before.begins else before.begins[name].head
        if known.number == last.number and known.digest != last.digest:
            raise StoreError(
                f"entry {last.number} of {origin} is another one than the last backup has: the log of "
                f"{self._directory} was changed, or two nodes write under one name"
            )
        head = known
        for several in view.entries(origin, known.number + 1):
            for entry in several:
                if entry.number > last.number:
                    break
                if entry.number > head.number + 1:
                    # Those between were collected: the log of this origin begins here.
                    start = head = Head(entry.number - 1, entry.previous, entry.hybrid - 1)
                entry.check(head, _unasked)
                packing.add(entry)
                head = entry.head
        if head.number < last.number:
            return last  # all were collected
        return start

    def _public(self) -> bytes:
        key = self._directory / _NODE_KEY
        if not key.exists():
            raise BackupError(
                f"{key} is missing, and the log beside it was signed with it; restore it"
            )
        return open_node_key(key).public


def _unasked(_node: str, _digest: bytes, _signature: bytes) -> bool:
    """Take a signature as it is: the chain of digests is checked here, signatures are by `homeroom verify`."""
    return True
