"""Snapshots: a tenant's state in its data directory, and up to which entries of the log it goes.

A start takes the newest whole snapshot and folds the entries after it. So a snapshot is never needed for anything but
time, and may be behind, or damaged: then the one before it is taken, and that is told. It is written from a frozen
state, while events go on to be folded into the live one.

The directory is that of `homeroom load`: whatever a node has written, ``homeroom query`` answers from.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from homeroom.adapters.directory import FORMAT_NODE, DataDirectory, Manifest, key_check
from homeroom.adapters.segments import StoredSegment
from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts.answers import Source
from homeroom.corrections import source_of
from homeroom.errors import DataDirectoryError
from homeroom.events.dictionary import Dictionaries
from homeroom.log.origins import Vector
from homeroom.node.folding import TenantState
from homeroom.node.node import Node
from homeroom.running.live import Live
from homeroom.state.cutting import Cut
from homeroom.state.history import Segment
from homeroom.state.past import History
from homeroom.state.state import State
from homeroom.state.zones import load_zone

__all__ = ["Opened", "Snapshots"]

MAIN = "main"
"""The tenant whose directory is the node's own."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A tenant's state as its newest whole snapshot has it, and what was wrong with a newer one."""

    tenant: TenantState
    trouble: str | None = None


class Snapshots:
    """The data directories of a node's tenants.

    Parameters
    ----------
    path : the node's directory, which it holds
    run : runs tasks in threads
    """

    def __init__(self, path: Path, run: ThreadRun) -> None:
        self._path = path
        self._run = run
        self.sources: dict[str, Source] = {}
        # What the directories hold that the states began from, by tenant.
        self._manifests: dict[str, Manifest] = {}
        self._key_checks: dict[str, str] = {}
        # Segments that have been read back, by tenant.
        self._known: dict[str, set[str]] = {}

    def place(self, tenant: str) -> DataDirectory:
        """Return the directory of a tenant."""
        return DataDirectory(self._path if tenant == MAIN else self._path / "tenants" / tenant)

    def key(self, tenant: str) -> bytes:
        """Return the key of a tenant's pseudonyms, made if there is none. Raises `KeyFileError`."""
        place = self.place(tenant)
        place.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        manifest = self._manifests.get(tenant) or self._newest(place) or Manifest()
        key = place.key(manifest, None)
        self._key_checks[tenant] = key_check(key)
        return key

    def _newest(self, place: DataDirectory) -> Manifest | None:
        """Return the newest manifest that can be read."""
        for read in (place.manifest, place.manifest_before):
            with suppress(DataDirectoryError):
                manifest = read()
                if manifest is not None:
                    return manifest
        return None

    # --- reading -----------------------------------------------------------------------------------------------------

    def open(self, tenant: str, timezone: str) -> Opened:
        """Open the newest whole snapshot of a tenant, or an empty state if there is none.

        Raises
        ------
        DataDirectoryError
            There are snapshots, and none of them is whole; or days in it were cut in another zone.
        """
        place = self.place(tenant)
        troubles: list[str] = []
        for read in (place.manifest, place.manifest_before):
            try:
                manifest = read()
                if manifest is None or manifest.load == 0:
                    continue
                opened = self._opened(place, manifest, timezone)
            except DataDirectoryError as error:
                troubles.append(str(error))
                continue
            trouble = f"{troubles[0]} The snapshot before it was taken." if troubles else None
            self.sources[tenant] = source_of(manifest)
            self._manifests[tenant] = manifest
            return Opened(opened, trouble)
        if troubles:
            raise DataDirectoryError(troubles[0])
        state = State(load_zone(timezone), Dictionaries.under(bytes(32)), self._run)
        self.sources[tenant] = Source()
        return Opened(TenantState(state))

    def _opened(self, place: DataDirectory, manifest: Manifest, timezone: str) -> TenantState:
        if manifest.timezone != timezone:
            raise DataDirectoryError(
                f"{place.path} cuts days in {manifest.timezone}, and its tenant in {timezone}; the zone of a tenant "
                f"lasts"
            )
        state = place.open(manifest, Dictionaries.under(bytes(32)), self._run)
        applied = {} if manifest.applied is msgspec.UNSET else manifest.applied
        return TenantState(state, Vector.from_json(applied))

    def verified(self, tenant: str) -> Vector:
        """Return up to which entries the snapshot before the newest goes, all of which has been read back.

        Both are kept; so entries that this one holds are needed no longer. Raises `DataDirectoryError`.
        """
        place = self.place(tenant)
        manifest = place.manifest_before()
        if manifest is None or manifest.applied is msgspec.UNSET:
            return Vector()
        place.verify(manifest, self._known.setdefault(tenant, set()))
        return Vector.from_json(manifest.applied)

    def holds_what_was_cut(self, tenant: str, cut: Cut) -> bool:
        """Say whether the snapshot before the newest is from before a cut, so that its events are still on the disk.

        Raises `DataDirectoryError` if it cannot be read.
        """
        before = self.place(tenant).manifest_before()
        return before is not None and (not before.cut or before.cut.epoch < cut.epoch)

    # --- writing -----------------------------------------------------------------------------------------------------

    def write(self, tenant: str, live: Live, columns: Collection[str] = ()) -> Vector:
        """Write what a tenant's state holds now; return up to which entries. Raises `DataDirectoryError`.

        ``columns`` are those of history that lie in memory, and go on to when the events lie in a file.
        """
        with live.held(tenant) as one:
            frozen, applied = one.state.frozen(), one.applied
            segments = one.state.history.reserve()
        written = _Written(None)
        try:
            written = self._write(tenant, frozen, applied, segments)
            if written.kept is not None:
                for name in columns:
                    written.kept.columns.get(name)
        finally:
            with live.held(tenant) as one:
                history = one.state.history
                history.release(written.kept)
                for segment, rest in written.cut_off:
                    history.exchange([segment], rest)
                if one.state.base is frozen.base:  # no other cut has been made meanwhile
                    one.state.base_file = frozen.base_file
        return applied

    def _write(
        self, tenant: str, frozen: State, applied: Vector, segments: list[Segment]
    ) -> "_Written":
        """Write a frozen state, the events of ``segments`` to one file, and anew what a cut has taken events out of."""
        place = self.place(tenant)
        before = self._manifests.get(tenant)
        load, kept = place.next_load(), None
        if segments:
            merged = frozen.history.merged(segments)
            _, kept = place.keep(load, 0, merged, frozen.dictionaries)
            frozen.history.exchange(segments, kept)
        cut_off = self._cut_off(place, load, frozen)
        source = Node(frozen).summary(self.sources.get(tenant, Source()))
        manifest = Manifest(
            format=FORMAT_NODE,
            load=load,
            timezone=frozen.zone.name,
            key_check=self._key_checks[tenant],
            segments=tuple(one.entry for one in _files(frozen.history)),
            summary=source.to_json(),
            applied=applied.to_json(),
            loaded=(before.unlogged if before is not None else 0) or msgspec.UNSET,
        )
        self._manifests[tenant] = place.commit(frozen, manifest, before)
        return _Written(kept, cut_off)

    def _cut_off(
        self, place: DataDirectory, load: int, frozen: State
    ) -> list[tuple[Segment, Segment | None]]:
        """Write files anew of which events are gone; return each old one with the new one, None if nothing is left."""
        done: list[tuple[Segment, Segment | None]] = []
        for segment in list(_files(frozen.history)):
            rest, kept = frozen.history.rest(segment), None
            if rest is segment:
                continue
            if rest is not None:
                _, kept = place.keep(load, 1 + len(done), rest, frozen.dictionaries)
            frozen.history.exchange([segment], kept)
            done.append((segment, kept))
        return done


@dataclass(frozen=True, slots=True)
class _Written:
    """The file that now holds the events that were in memory, and those that take the place of others after a cut."""

    kept: Segment | None
    cut_off: Sequence[tuple[Segment, Segment | None]] = ()


def _files(history: History) -> Iterator[StoredSegment]:
    """Yield the stored segments that lie in files."""
    for segment in history.stored:
        if isinstance(segment, StoredSegment):
            yield segment
