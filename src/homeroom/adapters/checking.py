"""Reads again what lies on disk, piece by piece, and says of everything that is wrong what it is.

A flipped bit is seen when somebody reads it: perhaps in a year, when the last backup from before is gone. So all that
a directory and its log hold is read now and then, whether anybody asks for it or not. What reads here stops after each
piece, a column of a row group or a few entries: whoever drives it can rest in between, so that nobody who waits for an
answer waits for this.

Entries are compared with the one before, with the digest of their payload, and with their signature. A start does not
wait for that: it takes a tenth of a millisecond an entry.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from homeroom.adapters.directory import DataDirectory, Manifest
from homeroom.adapters.segments import SegmentEntry, check_segment
from homeroom.errors import DataDirectoryError, EntryError, StoreError
from homeroom.limits import CHECKED_ENTRIES
from homeroom.log.entries import Entry, Head, Verify
from homeroom.log.origins import Origin

__all__ = ["Checked", "Damage", "ReadEntries", "check_entries", "check_files"]

ReadEntries: TypeAlias = Callable[[int, int], list[Entry]]
"""Returns entries of an origin: from a number on (first), at most so many (second). Raises `StoreError`."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something on disk is not what was written: in words what, and what to do."""

    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A piece was read: so many entries or files are done with it."""

    entries: int = 0
    files: int = 0


# --- files -----------------------------------------------------------------------------------------------------------


def check_files(place: DataDirectory) -> Iterator[Checked | Damage]:
    """Read all that the manifests of a directory name.

    A node may go on meanwhile: what no manifest names any more when it is missed is passed over.
    """
    seen: set[str] = set()
    for read in (place.manifest, place.manifest_before):
        try:
            manifest = read()
        except DataDirectoryError as error:
            yield Damage(str(error))
            continue
        for name, pieces in _pieces(place, manifest).items():
            if name not in seen:
                seen.add(name)
                yield from _read(place, name, pieces)


def _read(place: DataDirectory, name: str, pieces: Iterator[None]) -> Iterator[Checked | Damage]:
    try:
        for _ in pieces:
            yield Checked()
    except DataDirectoryError as error:
        if not _is_named(place, name):
            return
        yield Damage(str(error))
    yield Checked(files=1)


def _is_named(place: DataDirectory, name: str) -> bool:
    for read in (place.manifest, place.manifest_before):
        with suppress(DataDirectoryError):  # it is told of where it is read first
            if name in _pieces(place, read()):
                return True
    return False


def _pieces(place: DataDirectory, manifest: Manifest | None) -> dict[str, Iterator[None]]:
    """Return by name how everything is read that a manifest names."""
    if manifest is None or manifest.load == 0:
        return {}

    def state() -> Iterator[None]:
        place.check_state(manifest)
        yield

    def of(folder: str, entry: SegmentEntry) -> tuple[str, Iterator[None]]:
        return f"{folder}/{entry.name}", check_segment(place.path / folder, entry)

    found = dict(of("history", entry) for entry in manifest.segments)
    if manifest.joined:
        found |= dict([of("state", manifest.joined)])
    found[f"load {manifest.load}"] = state()
    return found


# --- entries ---------------------------------------------------------------------------------------------------------


def check_entries(
    read: ReadEntries, origin: Origin, numbers: range, verify: Verify
) -> Iterator[Checked | Damage]:
    """Read entries of an origin; what follows one that is damaged is read all the same.

    Parameters
    ----------
    read : reads them
    origin : whose they are
    numbers : of the entries that are kept; the first follows what was collected
    verify : verifies their signatures
    """
    bad: list[tuple[int, str]] = []
    before: Head | None = None if numbers.start > 1 else Head()
    first = numbers.start
    while first in numbers:
        several, why = _some(read, first, min(CHECKED_ENTRIES, numbers.stop - first))
        if why is not None:
            bad.append((first, why))
            before, first = None, first + 1
            continue
        if not several:
            return  # they were collected meanwhile
        for entry in several:
            fault = _fault(entry, before, verify)
            bad += [] if fault is None else [(entry.number, fault)]
            before = entry.head
        first = several[-1].number + 1
        yield Checked(entries=len(several))
    yield from _told(origin, bad)


def _some(read: ReadEntries, first: int, count: int) -> tuple[list[Entry], str | None]:
    """Return some entries; or why the first of them cannot be read."""
    while True:
        try:
            return read(first, count), None
        except StoreError as error:
            if count == 1:
                return [], str(error)
            count //= 2


def _fault(entry: Entry, before: Head | None, verify: Verify) -> str | None:
    try:
        entry.check(before or Head(entry.number - 1, entry.previous, entry.hybrid - 1), verify)
    except EntryError as error:
        return str(error)
    return None


def _told(origin: Origin, bad: list[tuple[int, str]]) -> Iterator[Damage]:
    """Yield a line a run of entries that follow each other."""
    start = 0
    for place in range(len(bad)):
        if place + 1 < len(bad) and bad[place + 1][0] == bad[place][0] + 1:
            continue
        (first, why), last = bad[start], bad[place][0]
        named = f"entry {first}" if first == last else f"entries {first} to {last}"
        yield Damage(
            f"the log is damaged at {named} of {origin}: {why}. What is folded stays; restore the directory from a "
            f"backup before it is folded anew"
        )
        start = place + 1
