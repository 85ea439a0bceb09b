"""A data directory: state and history of one data set, kept so that later loads add to it.

    homeroom.json          what belongs to the directory, replaced in one step: the only file that is ever replaced
    homeroom.json.before   of a node's directory, what the last one replaced; its files are kept too
    pseudonym.key          the key of the pseudonyms, mode 0600 (not needed to ask questions)
    history/N-I.parquet    segments of history, with N-I.index, .ids and .columns beside each
    state/N.tensors        the tables, as of load N
    state/N.dictionaries   texts behind the codes in it
    state/N.past           voids, edges between accounts, and which events of each segment they hide, if there are any
    state/N.base           what was cut out of history, as rows by raw key, if anything was: of the load that cut
    state/N-0000.parquet   the events of merged accounts under their common keys, if there are any, with the same
    rejects/N.ndjson       what load N did not take, if anything

A load writes new files beside the old ones and makes them durable; then it replaces ``homeroom.json``. Whatever kills
it before that leaves the directory as it was, whatever kills it after as it would be; files that no manifest names
are removed by the next load. One load at a time holds the lock; questions need none, since files never change.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from isal import isal_zlib

from homeroom.adapters.cuts import CutEntry, read_cut, write_cut
from homeroom.adapters.keyfile import open_key
from homeroom.adapters.past import read_past, write_past
from homeroom.adapters.rows import arrays_of_rows, lacks_owners, open_rows
from homeroom.adapters.segment_writing import write_merged, write_segment
from homeroom.adapters.segments import (
    SUFFIXES,
    SegmentEntry,
    StoredSegment,
    entries_of,
)
from homeroom.adapters.sources import MANIFEST_FILE
from homeroom.adapters.tensors import TensorFile, read_tensors, write_each
from homeroom.adapters.whole_files import sync
from homeroom.errors import DataDirectoryError, KeyFileError
from homeroom.events.columns import ATTRIBUTE_PREFIX, TEXT_COLUMNS
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import Int32s
from homeroom.state.history import Places, Segment
from homeroom.state.running import Run
from homeroom.state.state import State
from homeroom.state.veils import Veil
from homeroom.state.zones import load_zone

SHARDS_FOLDER: Final = "shards"
"""Where a directory has what is of its shards: all of it can be made anew from the log."""
SHARDS_JOURNAL: Final = "journal"
"""In there, what stands for a directory whose learners are in shards."""

__all__ = [
    "BEFORE_FILE",
    "FORMAT_NODE",
    "RESTORING",
    "SHARDS_FOLDER",
    "SHARDS_JOURNAL",
    "DataDirectory",
    "Manifest",
    "Under",
    "key_check",
]

BEFORE_FILE = f"{MANIFEST_FILE}.before"
"""What a node's manifest has replaced."""
RESTORING = ".restoring"
"""A folder in which a directory is put together from a backup; while it is there, the directory is not whole."""
FORMAT = 1
FORMAT_NODE = 3
"""Of a directory that a node writes: what it holds ends where the log goes on."""
FORMAT_CUT = 4
"""Of a directory in which history was cut: a version that knows of no bases must not answer from it."""
FORMAT_CONSENTS = 5
"""Of a directory in which people are withheld, or may be: a version without consents must not answer from it."""
FORMAT_PAST = 2
"""Of a directory in which the past has changed: a version that knows of no voids and edges must not answer from it."""
_REWRITTEN_FROM = 5_000
"""Segments that a load writes anew are numbered from here on, so as not to meet its own."""
_COMPACTED = 9_000
"""The segment into which a load or a node puts those before it has this number."""
_FOLDERS = ("history", "state", "rejects")
_OWN_NAME = re.compile(
    r"\d{6}(-\d{4})?\.(parquet|index|ids|columns|tensors|dictionaries|past|base|ndjson)"
)
_ADVICE = "Restore the directory from a backup, or load its files into a new one"


class Under(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Under which facts a node's state was made.

    Parameters
    ----------
    epoch : number of the last fact that counted
    order : digest of the entries that stated them, in their order; empty for a state that was in doubt
    named : the greatest epoch that an entry in it names
    unknown : tenants of which entries up to there say something, and that nobody had stated
    left_out : by tenant that was left out when it was made, by origin the first entry that said something of it since
    """

    epoch: int
    order: str
    named: int
    unknown: tuple[str, ...] = ()
    left_out: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)


class Manifest(msgspec.Struct, kw_only=True, frozen=True):
    """What belongs to a directory.

    ``key_check`` tells one pseudonym key from another without giving it away; ``summary`` is of all loads together.
    ``past`` and ``joined`` are not written where they are not set, nor are ``applied``, of a node's directory by origin
    the last entry of the log that is in it, and ``loaded``, the last load or correction that was made while no node
    ran, of which the log does not tell, and ``cut``, the last cut of history, and ``under``, the facts that a node had.
    """

    format: int = FORMAT
    load: int = 0
    timezone: str = "UTC"
    key_check: str = ""
    segments: tuple[SegmentEntry, ...] = ()
    state: str | None = None
    dictionaries: str | None = None
    summary: dict[str, Any] = {}
    dictionaries_crc: int = 0
    past: str | msgspec.UnsetType = msgspec.UNSET
    joined: SegmentEntry | msgspec.UnsetType = msgspec.UNSET
    applied: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    loaded: int | msgspec.UnsetType = msgspec.UNSET
    cut: CutEntry | msgspec.UnsetType = msgspec.UNSET
    under: Under | msgspec.UnsetType = msgspec.UNSET
    crc: int = 0

    def sealed(self) -> "Manifest":
        """Return the manifest with the checksum of its other fields."""
        bare = msgspec.structs.replace(self, crc=0)
        return msgspec.structs.replace(bare, crc=isal_zlib.crc32(msgspec.json.encode(bare)))

    @property
    def unlogged(self) -> int:
        """Number of the last load or correction that no log tells of, 0 if there was none."""
        if self.applied is msgspec.UNSET:
            return self.load
        return 0 if self.loaded is msgspec.UNSET else self.loaded

    def files(self) -> set[str]:
        """Return the paths of all files that belong to the directory, below it."""
        folders = {"history": self.segments, "state": (self.joined,) if self.joined else ()}
        named = {
            f"{folder}/{Path(entry.name).with_suffix(suffix)}"
            for folder, entries in folders.items()
            for entry in entries
            for suffix in entry.sizes or SUFFIXES
        }
        base = self.cut.base if self.cut else None
        whole = (self.state, self.dictionaries, self.past, base)
        return named | {f"state/{name}" for name in whole if name}


@dataclass(frozen=True)
class DataDirectory:
    """A data directory at a path."""

    path: Path

    def expect_one_state(self) -> None:
        """Raise `DataDirectoryError` where its node has its learners in shards: what else is there is behind these."""
        if (self.path / SHARDS_FOLDER / SHARDS_JOURNAL).exists():
            raise DataDirectoryError(
                f"the learners of {self.path} are in shards: ask its node while it runs (homeroom ask), or start it "
                f"once without [shards]"
            )

    @property
    def key_path(self) -> Path:
        """Where the pseudonym key lies."""
        return self.path / "pseudonym.key"

    def manifest(self) -> Manifest | None:
        """Read the manifest; None if nothing was ever loaded. Raises `DataDirectoryError`."""
        return self._manifest(MANIFEST_FILE)

    def manifest_before(self) -> Manifest | None:
        """Read the manifest that a node's last one replaced, whose files are kept; None if there is none.

        Raises `DataDirectoryError`.
        """
        return self._manifest(BEFORE_FILE)

    def _manifest(self, name: str) -> Manifest | None:
        file = self.path / name
        try:
            written = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataDirectoryError(f"{file} cannot be read: {error.strerror or error}") from error
        try:
            manifest = msgspec.json.decode(written, type=Manifest)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DataDirectoryError(f"{file} is damaged: {error}. {_ADVICE}") from error
        known = (FORMAT, FORMAT_PAST, FORMAT_NODE, FORMAT_CUT, FORMAT_CONSENTS)
        if manifest.format in known and manifest != manifest.sealed():
            raise DataDirectoryError(f"{file} is damaged: its checksum is wrong. {_ADVICE}")
        if manifest.format not in known:
            raise DataDirectoryError(
                f"{self.path} is of format {manifest.format}, this version reads {FORMAT} to {FORMAT_CONSENTS}; use "
                f"the version of homeroom that wrote it, or load its files into a new directory"
            )
        return manifest

    def rejects_path(self, load: int) -> Path:
        """Where the rejects of a load are listed."""
        return self.path / "rejects" / f"{load:06d}.ndjson"

    def key(self, manifest: Manifest, given: Path | None) -> bytes:
        """Return the pseudonym key, made if nothing was loaded yet.

        Raises `KeyFileError` if it is not the one that earlier loads used: the same learner would become two.
        """
        path = self.key_path if given is None else given
        if manifest.key_check and not path.exists():
            raise KeyFileError(
                f"{path} is missing, and {self.path} was loaded with it; restore it, or name it with --key"
            )
        key = open_key(path)
        if manifest.key_check not in ("", key_check(key)):
            raise KeyFileError(
                f"{path} is not the key that {self.path} was loaded with, so its learners would all count as new; "
                f"restore that key, or load into a new directory"
            )
        return key

    def open(self, manifest: Manifest, dictionaries: Dictionaries, run: Run) -> State:
        """Open the state and history of a manifest; arrays are mapped, columns of history read when asked for."""
        state = State(load_zone(manifest.timezone), dictionaries, run)
        restored = _Restored.AS_WRITTEN
        if manifest.dictionaries is not None:
            restored = self._restore(manifest, dictionaries)
        file: TensorFile | None = None
        if manifest.state is not None and restored is not _Restored.OTHER_CODES:
            file = TensorFile(self.path / "state" / manifest.state)
            open_rows(file, state.learners, state.enrolments)
        history, folder = self.path / "history", self.path / "state"
        stored = [_opened(history, entry, dictionaries) for entry in manifest.segments]
        if manifest.past:
            joined = [_opened(folder, manifest.joined, dictionaries)] if manifest.joined else []
            read_past(folder / manifest.past, state.history, stored, joined)
        else:
            state.history.restore(stored, [Veil.nothing(one) for one in stored], [])
        if manifest.cut:
            read_cut(folder, manifest.cut, state)
            if state.base is not None and restored is not _Restored.AS_WRITTEN:
                courses, attributes = self._codes_now(manifest, dictionaries)
                state.base, state.base_file = state.base.recoded(courses, attributes), None
        is_old = file is not None and lacks_owners(file)
        if is_old or restored is _Restored.OTHER_CODES:
            # Written before enrolments knew their learners and how they stand; or codes mean something else now.
            state.refold()
        elif restored is _Restored.OTHER_TEXTS:
            state.key_enrolments()
        return state

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for one load. Raises `DataDirectoryError` if another process holds it."""
        with self._held():
            self._begin()
            try:
                yield
            except BaseException:
                # What this load wrote belongs to nothing, and may be what fills the disk. Its rejects say why.
                with suppress(DataDirectoryError, OSError):
                    self._remove_strays(self.manifest() or Manifest(), rejects=False)
                raise

    @contextmanager
    def run_by_node(self) -> Iterator[None]:
        """Hold the directory for a node, which may find it damaged and go on from the manifest before the last.

        Raises `DataDirectoryError` if another process holds it.
        """
        with self._held():
            if not (self.path / MANIFEST_FILE).exists() and not any(self._own_files()):
                self._replace_manifest(Manifest())
            yield

    @contextmanager
    def _held(self) -> Iterator[None]:
        if (self.path / RESTORING).exists():
            raise DataDirectoryError(
                f"{self.path} is being restored, or its restore was ended half way; wait until it is done, or remove "
                f"the folder and restore again"
            )
        try:
            for folder in (self.path, *(self.path / name for name in _FOLDERS)):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("a")
        except OSError as error:
            raise DataDirectoryError(
                f"{self.path} cannot be written: {error.strerror or error}; choose a folder that is yours"
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataDirectoryError(
                    f"{self.path} is in use by another process, a load or a node; wait until it is done, or stop it"
                ) from None
            yield

    def _begin(self) -> None:
        """Have a manifest, and nothing beside it that belongs to no load."""
        manifest = self.manifest()
        if manifest is None:
            # It is there from the start, so that its absence beside files of ours can only be a loss.
            if any(self._own_files()):
                raise DataDirectoryError(f"{self.path / MANIFEST_FILE} is missing. {_ADVICE}")
            self._replace_manifest(Manifest())
            return
        lost = [name for name in sorted(manifest.files()) if not (self.path / name).is_file()]
        if lost:
            raise DataDirectoryError(f"{self.path / lost[0]} is missing. {_ADVICE}")
        self._remove_strays(manifest)

    def _own_files(self) -> Iterator[Path]:
        for folder in _FOLDERS:
            for file in (self.path / folder).iterdir():
                if _OWN_NAME.fullmatch(file.name) and file.is_file():
                    yield file

    def keep(
        self, load: int, number: int, segment: Segment, dictionaries: Dictionaries
    ) -> tuple[SegmentEntry, Segment]:
        """Write a segment of a load; return its entry and the segment as it lies on disk."""
        path = self.path / "history" / f"{load:06d}-{number:04d}.parquet"
        with self._writing():
            entry = write_segment(path, segment, dictionaries)
        return entry, StoredSegment(path, dictionaries, entry)

    def keep_rest(
        self, load: int, number: int, cut: tuple[Segment, Places], dictionaries: Dictionaries
    ) -> StoredSegment | None:
        """Write a segment anew without the events at some places; return it as it lies on disk, None for nothing."""
        segment, gone = cut
        kept = np.ones(len(segment), np.bool_)
        kept[gone] = False
        path = self.path / "history" / f"{load:06d}-{number:04d}.parquet"
        with self._writing():
            entry = write_merged(path, [segment], dictionaries, [kept])
        if entry is None:
            return None
        rest = StoredSegment(path, dictionaries, entry)
        rest.check_whole()  # soon it is the only place of these events
        return rest

    def that_fit(self, segments: list[Segment]) -> list[Segment]:
        """Return segments if the disk has room for all of their events once more, else none: then they stay many."""
        sizes = (entry.sizes.values() for entry in entries_of(segments))
        wanted = 2 * sum(map(sum, sizes))
        with self._writing():
            free = shutil.disk_usage(self.path).free
        return segments if wanted <= free else []

    def compact(
        self, load: int, segments: Sequence[Segment], dictionaries: Dictionaries
    ) -> StoredSegment:
        """Write the events of segments as one; these stay as long as a manifest names them."""
        path = self.path / "history" / f"{load:06d}-{_COMPACTED:04d}.parquet"
        with self._writing():
            entry = write_merged(path, segments, dictionaries)
        assert entry is not None, "segments hold events"
        compacted = StoredSegment(path, dictionaries, entry)
        compacted.check_whole()  # soon it is the only place of these events
        return compacted

    def verify(self, manifest: Manifest, known: set[str]) -> None:
        """Read everything that a manifest names; segments that are ``known`` to be whole only once.

        Raises `DataDirectoryError` for what is missing or damaged.
        """
        dictionaries = self.check_state(manifest)
        for entry in manifest.segments:
            if entry.name not in known:
                _opened(self.path / "history", entry, dictionaries).check_whole()
                known.add(entry.name)

    def check_state(self, manifest: Manifest) -> Dictionaries:
        """Read what a manifest names beside segments; return its texts. Raises `DataDirectoryError`."""
        dictionaries = Dictionaries.under(bytes(32))
        self._restore(manifest, dictionaries)
        base = manifest.cut.base if manifest.cut else None
        for name in (manifest.state, manifest.past, base):
            if name:
                read_tensors(self.path / "state" / name)
        return dictionaries

    def next_load(self) -> int:
        """Return a number that no file here has, whatever became of the manifest that named it."""
        return 1 + max((int(file.name[:6]) for file in self._own_files()), default=0)

    def commit(self, state: State, manifest: Manifest, before: Manifest | None = None) -> Manifest:
        """Write the state, then make it and the manifest's segments the directory's content, in one step; return it.

        The files of ``before`` are kept, and a node can go on from them if the new ones turn out to be damaged.
        """
        with self._writing():
            manifest = self._without_refused(state, manifest)
            manifest = self._with_past(state, manifest)
            manifest = self._with_cut(state, manifest)
        values = msgspec.json.encode(_values(state.dictionaries))
        manifest = msgspec.structs.replace(
            manifest,
            state=f"{manifest.load:06d}.tensors",
            dictionaries=f"{manifest.load:06d}.dictionaries",
            dictionaries_crc=isal_zlib.crc32(values),
        )
        folder = self.path / "state"
        with self._writing():
            rows = arrays_of_rows(state.learners, state.enrolments)
            write_each(folder / str(manifest.state), rows)
            _write_whole(folder / str(manifest.dictionaries), values)
            sync(self.path / "history")
            sync(folder)
            self._keep(before)
            self._replace_manifest(manifest)
            self._remove_strays(manifest)
        return manifest

    def _keep(self, before: Manifest | None) -> None:
        if before is None:
            (self.path / BEFORE_FILE).unlink(missing_ok=True)
        else:
            self._write_manifest(before, BEFORE_FILE)

    def _without_refused(self, state: State, manifest: Manifest) -> Manifest:
        """Write segments anew that hold an attribute which, as is known by now, could identify people."""
        refused = {f"{ATTRIBUTE_PREFIX}{name}" for name in state.dictionaries.identifying()}
        entries = list(manifest.segments)
        stored = list(state.history.stored)
        for place, segment in enumerate(stored if refused else ()):
            if not refused.isdisjoint(segment.columns):
                name = f"{manifest.load:06d}-{_REWRITTEN_FROM + place:04d}.parquet"
                entry = write_merged(self.path / "history" / name, [segment], state.dictionaries)
                assert entry is not None, "a segment holds events"
                entries[place] = entry
                stored[place] = StoredSegment(
                    self.path / "history" / name, state.dictionaries, entry
                )
        state.history.restore(stored, state.history.veils, state.history.joined)
        return msgspec.structs.replace(manifest, segments=tuple(entries))

    def _with_past(self, state: State, manifest: Manifest) -> Manifest:
        """Write what has changed the past, if anything has."""
        history, folder = state.history, self.path / "state"
        if not history.has_changed_past:
            return manifest
        past = f"{manifest.load:06d}.past"
        write_past(folder / past, history)
        joined = history.joined_whole()
        entry: SegmentEntry | msgspec.UnsetType = msgspec.UNSET
        refused = {f"{ATTRIBUTE_PREFIX}{name}" for name in state.dictionaries.identifying()}
        if isinstance(joined, StoredSegment) and refused.isdisjoint(joined.columns):
            entry = joined.entry
        elif joined is not None:
            path = folder / f"{manifest.load:06d}-0000.parquet"
            entry = write_segment(path, joined, state.dictionaries)
        is_consented = history.withheld.may_change(history.consents)
        form = max(manifest.format, FORMAT_CONSENTS if is_consented else FORMAT_PAST)
        return msgspec.structs.replace(manifest, format=form, past=past, joined=entry)

    def _with_cut(self, state: State, manifest: Manifest) -> Manifest:
        """Write the base of what was cut, if anything was and it is not written down yet."""
        if state.cut_made is None:
            return manifest
        entry = write_cut(self.path / "state", manifest.load, state)
        return msgspec.structs.replace(manifest, format=max(manifest.format, FORMAT_CUT), cut=entry)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Name the directory in what the system says of a full or failing disk."""
        try:
            yield
        except OSError as error:
            raise DataDirectoryError(
                f"{self.path} cannot be written: {error.strerror or error}; the load was not kept. Make room, and "
                f"load again"
            ) from error

    def _replace_manifest(self, manifest: Manifest) -> None:
        self._write_manifest(manifest, MANIFEST_FILE)

    def _write_manifest(self, manifest: Manifest, name: str) -> None:
        fresh = self.path / f"{name}.new"
        fresh.unlink(missing_ok=True)
        _write_whole(fresh, msgspec.json.format(msgspec.json.encode(manifest.sealed())))
        fresh.replace(self.path / name)
        sync(self.path)

    def _remove_strays(self, manifest: Manifest, *, rejects: bool = True) -> None:
        """Remove files of ours that do not belong: what a load left that was killed, and older states."""
        before = self.manifest_before()
        named = manifest.files() | (set() if before is None else before.files())
        for file in self._own_files():
            kept = f"{file.parent.name}/{file.name}" in named
            if file.parent.name == "rejects":
                kept = not rejects or int(file.stem) <= manifest.load
            if not kept:
                file.unlink()

    def _restore(self, manifest: Manifest, dictionaries: Dictionaries) -> "_Restored":
        """Have dictionaries learn the texts of a manifest, and say what became of them."""
        file = self.path / "state" / str(manifest.dictionaries)
        try:
            written = file.read_bytes()
        except OSError as error:
            raise DataDirectoryError(
                f"{file} cannot be read: {error.strerror or error}. {_ADVICE}"
            ) from error
        if isal_zlib.crc32(written) != manifest.dictionaries_crc:
            raise DataDirectoryError(f"{file} is damaged: its checksum is wrong. {_ADVICE}")
        values = json.loads(written)
        dictionaries.refused.update(values["refused"])
        # A directory of before may not have all kinds.
        named = [(getattr(dictionaries, kind), values.get(kind, [])) for kind in TEXT_COLUMNS]
        named += [
            (dictionaries.attribute(name), some) for name, some in values["attributes"].items()
        ]
        restored = _Restored.AS_WRITTEN
        for dictionary, texts in named:
            codes = dictionary.codes(texts, len(texts))
            if not np.array_equal(codes, np.arange(len(texts))):
                return _Restored.OTHER_CODES
            if dictionary.stored != texts:
                restored = _Restored.OTHER_TEXTS
        return restored

    def _codes_now(
        self, manifest: Manifest, dictionaries: Dictionaries
    ) -> tuple[Int32s, dict[str, Int32s]]:
        """Return what the codes of courses and those of each attribute, as they were written, have become."""
        values = json.loads((self.path / "state" / str(manifest.dictionaries)).read_bytes())
        courses, attributes = values["course"], values["attributes"]
        return dictionaries.course.codes(courses, len(courses)), {
            name: dictionaries.attribute(name).codes(texts, len(texts))
            for name, texts in attributes.items()
        }


class _Restored(Enum):
    """What dictionaries made of texts that were written down.

    Ids that were loaded as texts become hashes where a node goes on; then enrolments, which are keyed by them, have
    other keys. Where a directory has an id in both forms, since files were loaded into it after a node had run, the two
    get one code, and columns of codes are of no use any more.
    """

    AS_WRITTEN = auto()
    OTHER_TEXTS = auto()
    OTHER_CODES = auto()


def _opened(folder: Path, entry: SegmentEntry, dictionaries: Dictionaries) -> StoredSegment:
    """Return a segment on disk. Raises `DataDirectoryError` if a file of it is missing or cut off."""
    entry.check(folder)
    return StoredSegment(folder / entry.name, dictionaries, entry)


def key_check(key: bytes) -> str:
    """Return what tells a key from others and does not help to find it."""
    return hashlib.blake2s(key=key, person=b"homechek", digest_size=8).hexdigest()


def _values(dictionaries: Dictionaries) -> Mapping[str, Any]:
    return {
        **{kind: getattr(dictionaries, kind).stored for kind in TEXT_COLUMNS},
        "attributes": {name: one.stored for name, one in dictionaries.shown_attributes.items()},
        "refused": sorted(dictionaries.identifying()),
    }


def _write_whole(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
