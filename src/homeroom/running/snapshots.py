"""Snapshots: a tenant's state in its data directory, and up to which entries of the log it goes.

A start takes the newest whole snapshot and folds the entries after it. So a snapshot is never needed for anything but
time, and may be behind, or damaged: then the one before it is taken, and that is told. It is written from a frozen
state, while events go on to be folded into the live one.

The directory is that of `homeroom load`: whatever a node has written, ``homeroom query`` answers from.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from homeroom.adapters.directory import FORMAT_NODE, DataDirectory, Manifest, Under, key_check
from homeroom.adapters.segments import entries_of
from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts.answers import Source
from homeroom.corrections import source_of
from homeroom.errors import DataDirectoryError, KeyFileError
from homeroom.events.dictionary import Dictionaries
from homeroom.events.ids import IdHasher
from homeroom.events.labels import Labels, labelled_dictionaries, take_plain
from homeroom.log.control import MAIN, Control
from homeroom.log.origins import Vector
from homeroom.node.folding import TenantState
from homeroom.node.node import Node
from homeroom.running.live import Begun, Live
from homeroom.state.compacting import to_compact
from homeroom.state.cutting import Cut
from homeroom.state.forgetting import forget_texts, unused_texts
from homeroom.state.history import Segment
from homeroom.state.past import History
from homeroom.state.state import State
from homeroom.state.zones import load_zone

__all__ = ["Opened", "Snapshots"]

_CLEANED_FROM: Final = 7_000
"""Files that are written anew without what is erased or cut are numbered from here on."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A tenant's state as its newest whole snapshot has it, and what was wrong with a newer one.

    ``is_true`` says whether it was made under the facts of today.
    """

    tenant: TenantState
    trouble: str | None = None
    is_true: bool = True


@dataclass(slots=True)
class _Written:
    """What a snapshot has written of history.

    ``kept`` holds the events of the segments in memory, None if there were none; ``rewritten`` are files in the places
    of others that had events of those who are erased or from before a cut, None where nothing was left; ``compacted``
    holds the events of the ``small`` ones.
    """

    kept: Segment | None = None
    rewritten: list[tuple[Segment, Segment | None]] = field(default_factory=list)
    small: list[Segment] = field(default_factory=list)
    compacted: Segment | None = None

    @property
    def new(self) -> list[Segment]:
        """The files that are new, and stay."""
        found = [self.kept, *(new for _, new in self.rewritten), self.compacted]
        gone = {id(one) for one in self.small}
        return [one for one in found if one is not None and id(one) not in gone]

    def exchange(self, history: History, segments: list[Segment]) -> None:
        """Have history hold what was written; ``segments`` are those that were in memory."""
        history.release(self.kept)
        if self.kept is None:
            history.exchange(segments, None)
        for old, new in self.rewritten:
            history.rewrite(old, new)
        if self.compacted is not None:
            history.exchange(self.small, self.compacted)


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
        self._labels: dict[str, Labels] = {}
        # Ids that a directory had in clear, because they were loaded into it: labels that nobody has kept yet.
        self.found: dict[str, list[str]] = {}
        # Tenants of which a snapshot is written that leaves nothing of those who are erased.
        self._cleaning: set[str] = set()

    def place(self, tenant: str) -> DataDirectory:
        """Return the directory of a tenant."""
        return DataDirectory(self._path if tenant == MAIN else self._path / "tenants" / tenant)

    def make_place(self, tenant: str) -> DataDirectory:
        """Return the directory of a tenant, with the folders in it, made if there are none."""
        place = self.place(tenant)
        for folder in ("history", "state", "rejects"):
            (place.path / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        return place

    def key(self, tenant: str) -> bytes:
        """Return the key of a tenant's pseudonyms, made if there is none. Raises `KeyFileError`."""
        place = self.place(tenant)
        place.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        manifest = self._manifests.get(tenant) or self._newest(place) or Manifest()
        key = place.key(manifest, None)
        self._key_checks[tenant] = key_check(key)
        return key

    def unlogged(self, tenant: str) -> int:
        """Return the number of the last load into a tenant's directory that no log tells of, 0 if there was none."""
        manifest = self._newest(self.place(tenant))
        return 0 if manifest is None else manifest.unlogged

    def expect_key(self, tenant: str, control: Control) -> None:
        """Raise `KeyFileError` if the key of a tenant is not the one that all nodes of the world are to have."""
        wanted = control.members.key_checks.get(tenant)
        path = self.place(tenant).key_path
        if wanted is None:
            return
        if not path.exists():
            raise KeyFileError(
                f"{path} is missing, and the pseudonyms of {tenant} must be the same in all regions: copy it from the "
                f"home of the world, and start the node again. Until then nothing of {tenant} is folded here, this log "
                f"keeps all from the first entry with anything of it on, and no other node gets a snapshot of this one"
            )
        if key_check(self.key(tenant)) != wanted:
            raise KeyFileError(
                f"{path} is another key than the one of the world (its check is {wanted}), with which each learner of "
                f"{tenant} would be another one: copy it from the home of the world, and start the node again. Until "
                f"then nothing of {tenant} is folded here, this log keeps all from the first entry with anything of it "
                f"on, and no other node gets a snapshot of this one"
            )

    def labels(self, tenant: str) -> Labels:
        """Return the labels of a tenant's ids, as far as they are known."""
        known = self._labels.get(tenant)
        if known is None:
            made = Labels(IdHasher(lambda: self._key_there(tenant)))
            known = self._labels.setdefault(tenant, made)
        return known

    def _dictionaries(self, tenant: str) -> Dictionaries:
        return labelled_dictionaries(bytes(32), self.labels(tenant))

    def _key_there(self, tenant: str) -> bytes:
        """Return the key of a tenant that has one; a new one would be the hash of nothing that is there."""
        path = self.place(tenant).key_path
        if not path.exists():
            raise KeyFileError(
                f"{path} is missing, and the ids of {tenant} are hashed under it; restore it from a copy"
            )
        return self.key(tenant)

    def _newest(self, place: DataDirectory) -> Manifest | None:
        """Return the newest manifest that can be read."""
        for read in (place.manifest, place.manifest_before):
            with suppress(DataDirectoryError):
                manifest = read()
                if manifest is not None:
                    return manifest
        return None

    # --- reading -----------------------------------------------------------------------------------------------------

    def open(
        self,
        tenant: str,
        timezone: str,
        is_true: Callable[[Manifest], bool] = lambda _: True,
        first: Begun = Begun.NEWEST,
    ) -> Opened:
        """Open the newest whole snapshot of a tenant, or an empty state if there is none; or the one before it first.

        One that is true is taken before one that is not.

        Raises
        ------
        DataDirectoryError
            There are snapshots, and none of them is whole; or days in it were cut in another zone.
        """
        troubles: list[str] = []
        for manifest, truth in self._there(tenant, is_true, first, troubles):
            try:
                opened = self._opened(tenant, manifest, timezone)
            except DataDirectoryError as error:
                troubles.append(str(error))
                continue
            trouble = f"{troubles[0]} The snapshot before it was taken." if troubles else None
            self.sources[tenant] = source_of(manifest)
            self._manifests[tenant] = manifest
            return Opened(opened, trouble, truth)
        if troubles:
            raise DataDirectoryError(troubles[0])
        self.sources[tenant] = Source()
        return Opened(self.begun(tenant, timezone))

    def _there(
        self,
        tenant: str,
        is_true: Callable[[Manifest], bool],
        first: Begun,
        troubles: list[str],
    ) -> list[tuple[Manifest, bool]]:
        """Return the manifests that can be read, those first that are true."""
        place = self.place(tenant)
        found: list[Manifest] = []
        reads = (place.manifest, place.manifest_before)
        for read in reads[::-1] if first is Begun.BEFORE else reads:
            try:
                manifest = read()
            except DataDirectoryError as error:
                troubles.append(str(error))
                continue
            if manifest is not None and manifest.load:
                found.append(manifest)
        return sorted(((one, is_true(one)) for one in found), key=lambda one: not one[1])

    def begun(self, tenant: str, timezone: str) -> TenantState:
        """Return a tenant of whom nothing is known yet."""
        return TenantState(State(load_zone(timezone), self._dictionaries(tenant), self._run))

    def _opened(self, tenant: str, manifest: Manifest, timezone: str) -> TenantState:
        place = self.place(tenant)
        if manifest.timezone != timezone:
            raise DataDirectoryError(
                f"{place.path} cuts days in {manifest.timezone}, and its tenant in {timezone}; the zone of a tenant "
                f"lasts"
            )
        dictionaries = self._dictionaries(tenant)
        state = place.open(manifest, dictionaries, self._run)
        plain = take_plain(dictionaries)
        self.found[tenant] = sorted({text for texts in plain.values() for text in texts})
        tables = [state.learners, state.enrolments]
        if state.base is not None:
            tables += [state.base.learners, state.base.enrolments]
        for partition in (one for table in tables for one in table.partitions):
            # Damage must be found now, while there is a snapshot before this one.
            partition.words = dict(partition.words)
        applied = {} if manifest.applied is msgspec.UNSET else manifest.applied
        under = manifest.under
        if under is msgspec.UNSET:
            under = Under(epoch=0, order="", named=0)
        left_out = {name: Vector.from_json(some) for name, some in under.left_out.items()}
        return TenantState(
            state,
            Vector.from_json(applied),
            named=under.named,
            passed_over=frozenset(under.unknown),
            left_out=left_out,
        )

    def applied_of(self, tenant: str) -> Vector:
        """Return up to which entries the newest snapshot of a tenant goes that can be read, though it is left out."""
        manifest = self._newest(self.place(tenant))
        if manifest is None or manifest.applied is msgspec.UNSET:
            return Vector()
        return Vector.from_json(manifest.applied)

    def verified(self, tenant: str, is_true: Callable[[Manifest], bool] = lambda _: True) -> Vector:
        """Return up to which entries the snapshot before the newest goes, all of which has been read back.

        Both are kept; so entries that this one holds are needed no longer, if it is what they come to under the facts
        of today: no start takes it else. Raises `DataDirectoryError`.
        """
        place = self.place(tenant)
        manifest = place.manifest_before()
        if manifest is None or manifest.applied is msgspec.UNSET or not is_true(manifest):
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

    def clean(self, tenant: str, live: Live, columns: Collection[str] = ()) -> Vector:
        """Write a snapshot that leaves nothing of those who are erased, as `write` does otherwise."""
        self._cleaning.add(tenant)
        try:
            return self.write(tenant, live, columns)
        finally:
            self._cleaning.discard(tenant)

    def write(self, tenant: str, live: Live, columns: Collection[str] = ()) -> Vector:
        """Write what a tenant's state holds now; return up to which entries. Raises `DataDirectoryError`.

        ``columns`` are those of history that lie in memory, and go on to when the events lie in a file. Of a tenant
        that is none any more, because its home was none when it stated it, nothing is written.
        """
        with live.writing:
            return self._write_now(tenant, live, columns) if tenant in live.tenants() else Vector()

    def _write_now(self, tenant: str, live: Live, columns: Collection[str]) -> Vector:
        if tenant in self._cleaning:
            self._forget_rows(tenant, live)
        with live.held(tenant) as one:
            state, frozen, applied = one.state, one.state.frozen(), one.applied
            segments = one.state.history.reserve()
            under = live.under(one)
        written: _Written | None = None
        try:
            written = self._write(tenant, live, (frozen, applied, under), segments)
            for name in columns:
                for segment in written.new:
                    if not segment.is_mapped(name):
                        segment.columns.get(name)
        finally:
            with live.held(tenant):  # of which the state may be another one by now
                if written is None:
                    state.hold(lambda history: history.release(None))
                else:
                    state.hold(partial(written.exchange, segments=segments))
                if state.base is frozen.base:  # nothing was cut or erased meanwhile
                    state.base_file = frozen.base_file
        return applied

    @staticmethod
    def _forget_rows(tenant: str, live: Live) -> None:
        """Drop rows that hold nothing any more: those of people who are erased are among them."""
        with live.held(tenant) as one:
            steps = one.state.forget()
        while True:
            with live.held(tenant):
                if next(steps, live) is live:
                    return

    def _write(
        self, tenant: str, live: Live, now: tuple[State, Vector, Under], segments: list[Segment]
    ) -> _Written:
        """Write a frozen state, up to which entries it is, and under which facts; return what it has of history."""
        place, (frozen, applied, under) = self.place(tenant), now
        before = self._manifests.get(tenant)
        load, looked_at = place.next_load(), tuple(frozen.history.stored)
        written = self._write_history(place, load, frozen, segments)
        if tenant in self._cleaning:
            unused = unused_texts(frozen)
            with live.held(tenant) as one:
                if (
                    one.state.dictionaries is frozen.dictionaries
                ):  # it was not folded anew meanwhile
                    forget_texts(one.state, unused, looked_at)
        source = Node(frozen).summary(self.sources.get(tenant, Source()))
        manifest = Manifest(
            format=FORMAT_NODE,
            load=load,
            timezone=frozen.zone.name,
            key_check=self._key_checks[tenant],
            segments=entries_of(frozen.history.stored),
            summary=source.to_json(),
            applied=applied.to_json(),
            loaded=(before.unlogged if before is not None else 0) or msgspec.UNSET,
            under=under,
        )
        self._manifests[tenant] = place.commit(frozen, manifest, before)
        return written

    @staticmethod
    def _write_history(
        place: DataDirectory, load: int, frozen: State, segments: list[Segment]
    ) -> _Written:
        """Write what of history is in no file, must not stay in the one that it is in, or is to lie together."""
        history, written = frozen.history, _Written()
        if segments:
            merged = history.merged(segments)
            if merged is not None:
                _, written.kept = place.keep(load, 0, merged, frozen.dictionaries)
            history.exchange(segments, written.kept)
        for segment, places in history.to_rewrite():
            number = _CLEANED_FROM + len(written.rewritten)
            rest = place.keep_rest(load, number, (segment, places), frozen.dictionaries)
            history.rewrite(segment, rest)
            written.rewritten.append((segment, rest))
        written.small = place.that_fit(to_compact(history.stored, 1))
        if written.small:
            written.compacted = place.compact(load, written.small, frozen.dictionaries)
            history.exchange(written.small, written.compacted)
        return written
