"""A data directory: state and history of one data set, kept so that later loads add to it.

    homeroom.json          what belongs to the directory, replaced in one step: the only file that is ever replaced
    pseudonym.key          the key of the pseudonyms, mode 0600 (not needed to ask questions)
    history/N-I.parquet    segments of history, with N-I.index beside each
    state/N.tensors        the tables, as of load N
    state/N.dictionaries   texts behind the codes in it

A load writes new files beside the old ones and makes them durable; then it replaces ``homeroom.json``. Whatever kills
it before that leaves the directory as it was, whatever kills it after as it would be; files that no manifest names
are removed by the next load. One load at a time holds the lock; questions need none, since files never change.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from homeroom.adapters.segments import open_segment, write_segment
from homeroom.adapters.tensors import read_tensors, write_tensors
from homeroom.cohorts.answers import Source
from homeroom.errors import DataDirectoryError
from homeroom.events.dictionary import Dictionaries
from homeroom.state.history import Segment
from homeroom.state.running import Run
from homeroom.state.state import State
from homeroom.state.table import Partition, SubjectTable
from homeroom.state.zones import load_zone

__all__ = ["DataDirectory", "Manifest"]

FORMAT = 1
_MANIFEST = "homeroom.json"


class Manifest(msgspec.Struct, kw_only=True, frozen=True):
    """What belongs to a directory. ``summary`` is of all loads together."""

    format: int = FORMAT
    load: int = 0
    timezone: str = "UTC"
    segments: tuple[str, ...] = ()
    state: str | None = None
    dictionaries: str | None = None
    summary: dict[str, Any] = {}


@dataclass(frozen=True)
class DataDirectory:
    """A data directory at a path."""

    path: Path

    @property
    def key_path(self) -> Path:
        """Where the pseudonym key lies."""
        return self.path / "pseudonym.key"

    def manifest(self) -> Manifest | None:
        """Read the manifest; None if nothing was ever loaded. Raises `DataDirectoryError`."""
        file = self.path / _MANIFEST
        try:
            written = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataDirectoryError(f"{file} cannot be read: {error.strerror or error}") from error
        try:
            manifest = msgspec.json.decode(written, type=Manifest)
        except msgspec.MsgspecError as error:
            raise DataDirectoryError(
                f"{file} is damaged: {error}. Restore it from a backup"
            ) from error
        if manifest.format != FORMAT:
            raise DataDirectoryError(
                f"{self.path} is of format {manifest.format}, this version reads {FORMAT}; use the version of "
                f"homeroom that wrote it, or load its files into a new directory"
            )
        return manifest

    def open(self, manifest: Manifest, dictionaries: Dictionaries, run: Run) -> State:
        """Open the state and history of a manifest; arrays are mapped, columns of history read when asked for."""
        state = State(load_zone(manifest.timezone), dictionaries, run)
        if manifest.dictionaries is not None:
            self._restore(manifest.dictionaries, dictionaries)
        if manifest.state is not None:
            arrays = read_tensors(self.path / "state" / manifest.state)
            for kind, table in (("learner", state.learners), ("enrolment", state.enrolments)):
                for number in range(len(table.partitions)):
                    table.partitions[number] = _partition(arrays, f"{kind}/{number}/")
        state.segments = [
            open_segment(self.path / "history" / name, dictionaries) for name in manifest.segments
        ]
        return state

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for one load. Raises `DataDirectoryError` if another load holds it."""
        for folder in (self.path, self.path / "history", self.path / "state"):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise DataDirectoryError(
                    f"{folder} cannot be made: {error.strerror or error}"
                ) from error
        with (self.path / ".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataDirectoryError(
                    f"{self.path} is being loaded by another process; wait until it is done"
                ) from None
            self._remove_strays()
            yield

    def keep(
        self, load: int, number: int, segment: Segment, dictionaries: Dictionaries
    ) -> tuple[str, Segment]:
        """Write a segment of a load; return its name and the segment as it lies on disk."""
        name = f"{load:06d}-{number:04d}.parquet"
        write_segment(self.path / "history" / name, segment, dictionaries)
        return name, open_segment(self.path / "history" / name, dictionaries)

    def commit(self, load: int, state: State, segments: tuple[str, ...], summary: Source) -> None:
        """Write the state, then make it and the segments the directory's content, in one step."""
        named = {
            f"{kind}/{number}/{name}": array
            for kind, table in (("learner", state.learners), ("enrolment", state.enrolments))
            for number, partition in enumerate(table.partitions)
            for name, array in _arrays(partition).items()
        }
        state_name, dictionaries_name = f"{load:06d}.tensors", f"{load:06d}.dictionaries"
        write_tensors(self.path / "state" / state_name, named)
        _write_whole(
            self.path / "state" / dictionaries_name,
            msgspec.json.encode(_values(state.dictionaries)),
        )
        manifest = Manifest(
            load=load,
            timezone=state.zone.name,
            segments=segments,
            state=state_name,
            dictionaries=dictionaries_name,
            summary=summary.to_json(),
        )
        _sync_folder(self.path / "history")
        _sync_folder(self.path / "state")
        fresh = self.path / f"{_MANIFEST}.new"
        fresh.unlink(missing_ok=True)
        _write_whole(fresh, msgspec.json.format(msgspec.json.encode(manifest)))
        fresh.replace(self.path / _MANIFEST)
        _sync_folder(self.path)
        self._remove_strays()

    def _remove_strays(self) -> None:
        """Remove files that the manifest does not name: what a load left that was killed, and older states."""
        manifest = self.manifest() or Manifest()
        named = {manifest.state, manifest.dictionaries, *manifest.segments}
        named |= {str(Path(name).with_suffix(".index")) for name in manifest.segments}
        for folder in ("history", "state"):
            for file in (self.path / folder).iterdir():
                if file.name not in named:
                    file.unlink()

    def _restore(self, name: str, dictionaries: Dictionaries) -> None:
        file = self.path / "state" / name
        try:
            values = json.loads(file.read_bytes())
        except (OSError, ValueError) as error:
            raise DataDirectoryError(
                f"{file} is missing or damaged: {error}. Restore it from a backup"
            ) from error
        for kind in ("verb", "activity", "course"):
            getattr(dictionaries, kind).codes(values[kind], len(values[kind]))
        for attribute, texts in values["attributes"].items():
            dictionaries.attribute(attribute).codes(texts, len(texts))


def _values(dictionaries: Dictionaries) -> Mapping[str, Any]:
    return {
        "verb": dictionaries.verb.values,
        "activity": dictionaries.activity.values,
        "course": dictionaries.course.values,
        "attributes": {name: one.values for name, one in dictionaries.attributes.items()},
    }


def _arrays(partition: Partition) -> dict[str, npt.NDArray[Any]]:
    rows = partition.rows
    arrays: dict[str, npt.NDArray[Any]] = {
        "first_word": np.array([partition.first_word], np.int64),
        "key_hi": partition.key_hi[:rows],
        "key_lo": partition.key_lo[:rows],
        "start_day": partition.start_day[:rows],
        "last_day": partition.last_day[:rows],
        "run_days": partition.run_days,
        "run_starts": partition.run_starts,
    }
    arrays |= {f"words/{name}": words[:, :rows] for name, words in partition.words.items()}
    arrays |= {f"codes/{name}": codes[:rows] for name, codes in partition.codes.items()}
    arrays |= {f"set_ms/{name}": set_ms[:rows] for name, set_ms in partition.set_ms.items()}
    return arrays


def _partition(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> Partition:
    mine = {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
    partition = Partition(int(mine["first_word"][0]), 0)
    partition.rows = len(mine["key_hi"])
    for name in ("key_hi", "key_lo", "start_day", "last_day", "run_days", "run_starts"):
        setattr(partition, name, mine[name])
    for name, array in mine.items():
        kind, _, column = name.partition("/")
        if column:
            getattr(partition, kind)[column] = array
    partition.slots = None
    return partition


def _write_whole(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
