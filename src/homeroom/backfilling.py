"""Years of events, in Parquet files, into a node that runs: a row group at a time, by many at once.

Each row group is read by whoever is free, a thread here or a task of Ray anywhere, and is sent as batches whose ids are
made of the file, the row group and its events. So it makes no difference how often that is done, or by whom: the node
counts each batch once, and a task that was lost is simply done again.

A journal has a line for each row group that is durable. A run that was broken off goes on with the others; without the
journal it sends all of them again, and the node says that it has them.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeAlias

import msgspec

from homeroom import limits
from homeroom.adapters.mappings import load_mapping
from homeroom.adapters.rejects import RejectsWriter
from homeroom.adapters.row_groups import RowGroup, find_row_groups, read_row_group
from homeroom.adapters.whole_files import sync
from homeroom.client import Client, ClientOptions, KnownWorld
from homeroom.errors import SourceError
from homeroom.events.model import Reject
from homeroom.forwarding import Forwarded, Progress, forward_table

__all__ = ["Backfill", "Backfilled", "Reached", "backfill"]


@dataclass(frozen=True, slots=True)
class Reached:
    """How a node is reached, by whoever does it: addresses, a key, seconds of patience, certificates, its world."""

    urls: tuple[str, ...]
    key: str | None = None
    patience_s: float = 60.0
    certificates: str | None = None
    regions: str | None = None

    def client(self) -> Client:
        """Return a client. Raises `SettingsError`."""
        world = None if self.regions is None else KnownWorld.read(self.regions)
        options = ClientOptions(
            time_s_max=self.patience_s, certificates=self.certificates, world=world
        )
        return Client(self.urls, self.key, options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """How events are read and sent.

    Parameters
    ----------
    mapping : how tables are read: a TOML file, or the name of a ready mapping; by their columns if absent
    journal : a file that says what is durable; None for none
    rejects : a file that will list what was not taken; None for none
    workers : row groups at once, in threads here
    ray : address of a cluster of Ray that does it, empty to start one on this machine; None for threads
    progress : is told bytes done, bytes in all, events and rejects
    """

    mapping: str | None = None
    journal: Path | None = None
    rejects: Path | None = None
    workers: int = 2
    ray: str | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfilled:
    """What became of a place: its row groups, how many of them an earlier run had sent, and what of the others."""

    row_groups: int
    before: int
    sent: Forwarded

    @property
    def is_whole(self) -> bool:
        """Whether everything that was read has been taken."""
        return self.sent.is_whole


class _Begins(msgspec.Struct, frozen=True):
    """The first line of a journal: of which place and node it is, and how tables were read."""

    place: str
    node: str
    mapping: str | None


class _Line(msgspec.Struct, frozen=True):
    """A row group that is durable, of a file with this stamp."""

    file: str
    stamp: str
    group: int


@dataclass(frozen=True, slots=True)
class _Sent:
    """A row group that is durable, what became of it, and some of what was not taken."""

    group: RowGroup
    sent: Forwarded
    rejects: tuple[Reject, ...]


_Work: TypeAlias = Callable[[RowGroup], _Sent]


class _Kept(RejectsWriter):
    """Keeps the first rejects, and counts them all."""

    def __init__(self) -> None:
        super().__init__(None)
        self.kept: list[Reject] = []

    def write(self, rejects: Iterable[Reject]) -> None:
        some = list(rejects)
        self.kept += some[: limits.BACKFILL_REJECTS_MAX - len(self.kept)]
        super().write(some)


def backfill(place: str, reached: Reached, how: Backfill | None = None) -> Backfilled:
    """Send the events of all Parquet files of a place to a node; return when all of them are durable there.

    Parameters
    ----------
    place : a directory, or ``s3://bucket/prefix``
    reached : how the node is reached
    how : to read and send

    Raises
    ------
    SourceError, MappingError
        Something cannot be read, or the journal is of another backfill.
    NodeError
        The node does not take events, or was not reached in time. What was sent stays, and is not sent again.
    """
    how = how or Backfill()
    if how.mapping is not None:
        load_mapping(how.mapping)
    groups = find_row_groups(place, os.environ)
    begins = _Begins(place, ",".join(reached.urls), how.mapping)
    with ExitStack() as stack:
        rejects = stack.enter_context(RejectsWriter(how.rejects))
        journal = stack.enter_context(_Journal(how.journal, begins))
        due = [one for one in groups if one not in journal]
        done = _Done(how.progress, groups, due)
        work = partial(_send, place, reached, how.mapping)
        for sent in _worked(work, due, how):
            rejects.write(sent.rejects)
            journal.add(sent.group)
            done.add(sent)
    return Backfilled(row_groups=len(groups), before=len(groups) - len(due), sent=done.sent)


def _send(place: str, reached: Reached, mapping: str | None, group: RowGroup) -> _Sent:
    """Read a row group and send it, wherever this runs."""
    rejects = _Kept()
    table = read_row_group(place, group, os.environ)
    with reached.client() as client:
        sent = forward_table(client, table, group.name, mapping, rejects)
    return _Sent(group, sent, tuple(rejects.kept))


def _worked(work: _Work, items: Sequence[RowGroup], how: Backfill) -> Iterator[_Sent]:
    if how.ray is None or not items:
        return _in_threads(work, items, how.workers)
    from homeroom.adapters.ray_tasks import ray_tasks

    return ray_tasks(how.ray, work, items)


def _in_threads(work: _Work, items: Sequence[RowGroup], workers: int) -> Iterator[_Sent]:
    """Yield what comes of each item, in the order in which it comes."""
    waiting, under_way = list(reversed(items)), set[Future[_Sent]]()
    with ThreadPoolExecutor(workers, "homeroom-backfill") as pool:
        while waiting or under_way:
            while waiting and len(under_way) < workers:
                under_way.add(pool.submit(work, waiting.pop()))
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for one in done:
                yield one.result()


class _Done:
    """What has been done so far, and who is told."""

    def __init__(
        self, progress: Progress | None, groups: Sequence[RowGroup], due: Sequence[RowGroup]
    ) -> None:
        self.sent = Forwarded()
        self._progress = progress
        self._bytes_total = sum(one.size_bytes for one in groups)
        self._bytes_done = self._bytes_total - sum(one.size_bytes for one in due)

    def add(self, one: _Sent) -> None:
        before, more = self.sent, one.sent
        self.sent = replace(
            before,
            accepted=before.accepted + more.accepted,
            refused=before.refused + more.refused,
            unread=before.unread + more.unread,
            batches=before.batches + more.batches,
            repeats=before.repeats + more.repeats,
            voids=before.voids + more.voids,
            notes=tuple(dict.fromkeys((*before.notes, *more.notes))),
            token=more.token or before.token,
        )
        self._bytes_done += one.group.size_bytes
        if self._progress is not None:
            left_out = self.sent.refused + self.sent.unread
            self._progress(self._bytes_done, self._bytes_total, self.sent.accepted, left_out)


class _Journal:
    """What is durable, in a file; a context manager. Raises `SourceError` if it is none, or another backfill's."""

    def __init__(self, path: Path | None, begins: _Begins) -> None:
        self._path, self._begins = path, begins
        self._known: set[_Line] = set()
        self._file: BinaryIO | None = None

    def __enter__(self) -> "_Journal":
        if self._path is None:
            return self
        try:
            size = self._read(self._path) if self._path.exists() else 0
            self._file = self._path.open("ab")
            self._file.truncate(size)
        except OSError as error:
            raise SourceError(f"{self._path} cannot be used: {error.strerror or error}") from error
        if not size:
            self._write(self._begins)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def __contains__(self, group: RowGroup) -> bool:
        return _Line(group.file, group.stamp, group.number) in self._known

    def add(self, group: RowGroup) -> None:
        self._write(_Line(group.file, group.stamp, group.number))

    def _write(self, line: msgspec.Struct) -> None:
        if self._file is not None and self._path is not None:
            self._file.write(msgspec.json.encode(line) + b"\n")
            self._file.flush()
            sync(self._path)

    def _read(self, path: Path) -> int:
        """Take what a file says, as far as its lines are whole; return how many bytes these are."""
        *lines, _ = path.read_bytes().split(b"\n")
        size = 0
        for number, line in enumerate(lines):
            try:
                if number:
                    self._known.add(msgspec.json.decode(line, type=_Line))
                elif msgspec.json.decode(line, type=_Begins) != self._begins:
                    raise SourceError(
                        f"{path} is the journal of another backfill: of another place, node or mapping; name another "
                        f"file"
                    )
            except msgspec.MsgspecError:
                if not number:
                    raise SourceError(
                        f"{path} is no journal of a backfill; name another file"
                    ) from None
                break
            size += len(line) + 1
        return size
