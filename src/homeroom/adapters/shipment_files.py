"""The files of snapshots that go from node to node: kept for whoever fetches them, and put together where they arrive.

    outgoing/NAME/          what another node may ask for: hard links, so that it stays whatever is written meanwhile
    incoming/               what is fetched from another node
    incoming/whole          all of it is here, durable and read back: it takes the place of this directory's state
    …/contents.json         which tenants, in order; heads of the log; what was stated by then
    …/N/homeroom.json       of the N-th tenant: as in its data directory, with ``history/`` and ``state/`` beside it

Files of a snapshot never change, so a link to them is a copy that costs nothing. Where they arrive they get numbers
that no file there has, lie beside what is there, and the manifest that names them takes the place of the other one in
one step, as after a load. Until then nothing has changed, and whoever asks questions of the directory meanwhile sees
one or the other.

The way not taken is to exchange whole folders: two of them cannot be exchanged in one step, nor those of several
tenants at all.
"""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from homeroom import limits
from homeroom.adapters.directory import BEFORE_FILE, DataDirectory, Manifest
from homeroom.adapters.membership_file import remove_membership
from homeroom.adapters.sources import MANIFEST_FILE
from homeroom.adapters.whole_files import PRIVATE, sync
from homeroom.errors import DataDirectoryError
from homeroom.log.entries import Head
from homeroom.log.origins import Origin
from homeroom.regions.shipments import ShippedFile

__all__ = ["Contents", "Incoming", "Outgoing"]

_CONTENTS: Final = "contents.json"
_WHOLE: Final = "whole"
_PATH: Final = re.compile(rf"{_CONTENTS}|\d{{1,4}}/({MANIFEST_FILE}|(history|state)/[0-9a-z.-]+)")
_BESIDE: Final = 1_000
"""Files that arrive get numbers so far beyond those that are there: snapshots may be written meanwhile."""


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot of a whole node is.

    Parameters
    ----------
    tenants : their names, in the order of their folders
    heads : by origin number, digest and stamp of the last entry that is in it, in all tenants
    stated : by origin of the control stream the last entry that was folded by then
    """

    tenants: list[str]
    heads: dict[str, tuple[int, bytes, int]]
    stated: dict[str, int]

    @property
    def by_origin(self) -> dict[Origin, Head]:
        """The heads."""
        return {Origin.parse(text): Head(*head) for text, head in self.heads.items()}


@contextlib.contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataDirectoryError(
            f"{path} cannot be {what}: {error.strerror or error}; make room, or check the permissions"
        ) from error


class Outgoing:
    """Snapshots that other nodes may fetch from a directory.

    Parameters
    ----------
    path : the data directory of the node
    """

    def __init__(self, path: Path) -> None:
        self._folder = path / "outgoing"
        self._files: dict[str, tuple[ShippedFile, ...]] = {}
        self._written: dict[str, int] = {}

    def clear(self) -> None:
        """Keep none."""
        self._files.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def drop(self, name: str) -> None:
        """Keep one no more."""
        self._files.pop(name, None)
        shutil.rmtree(self._folder / name, ignore_errors=True)

    def files(self, name: str) -> tuple[ShippedFile, ...]:
        """Return the files of one, none if it is not kept."""
        return self._files.get(name, ())

    def keep(self, contents: Contents, places: Sequence[tuple[DataDirectory, Manifest]]) -> str:
        """Keep a snapshot, given the directory of each tenant and what of it; return its name.

        Raises `DataDirectoryError`; a file that a newer snapshot has removed meanwhile is one reason.
        """
        name = secrets.token_hex(16)
        folder = self._folder / name
        files: list[str] = [_CONTENTS]
        with _told(folder, "written"):
            for number, (place, manifest) in enumerate(places):
                for part in ("history", "state"):
                    (folder / str(number) / part).mkdir(mode=0o700, parents=True)
                for file in sorted(manifest.files()):
                    os.link(place.path / file, folder / str(number) / file)
                    files.append(f"{number}/{file}")
                written = msgspec.json.encode(manifest.sealed())
                (folder / str(number) / MANIFEST_FILE).write_bytes(written)
                files.append(f"{number}/{MANIFEST_FILE}")
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / _CONTENTS).write_bytes(msgspec.json.encode(contents))
            found = (ShippedFile(file, (folder / file).stat().st_size) for file in files)
            self._files[name] = tuple(found)
        return name

    def part(self, name: str, file: int, first: int) -> bytes | None:
        """Return a piece of a file from a byte on; None if there is no such file. Raises `DataDirectoryError`."""
        files = self._files.get(name, ())
        if file >= len(files):
            return None
        path = self._folder / name / files[file].path
        with _told(path, "read"), path.open("rb") as opened:
            opened.seek(first)
            return opened.read(limits.SHIPPED_PART_BYTES)


class Incoming:
    """A snapshot that is fetched into a directory.

    Parameters
    ----------
    path : the data directory of the node
    """

    def __init__(self, path: Path) -> None:
        self._path, self._folder = path, path / "incoming"
        self._files: tuple[ShippedFile, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all of it is here, and is to take the place of what the directory has."""
        return (self._folder / _WHOLE).exists()

    def clear(self) -> None:
        """Have none. Raises `DataDirectoryError`."""
        self._files = ()
        if self._folder.exists():
            with _told(self._folder, "removed"):
                (self._folder / _WHOLE).unlink(missing_ok=True)
                sync(self._folder)  # what is half removed must not look whole
                shutil.rmtree(self._folder)

    # --- fetched -----------------------------------------------------------------------------------------------------

    def begin(self, files: Sequence[ShippedFile]) -> None:
        """Make room for files. Raises `DataDirectoryError` for names that are none of ours, and on a full disk."""
        self.clear()
        strange = [file.path for file in files if not _PATH.fullmatch(file.path)]
        if strange or len({file.path for file in files}) < len(files):
            raise DataDirectoryError(
                f"the snapshot of another node names files that it cannot have ({(strange or ['one twice'])[0]!r}); "
                f"nothing of it is taken"
            )
        size_bytes = sum(file.size_bytes for file in files)
        with _told(self._folder, "written"):
            self._folder.mkdir(mode=0o700)
            free_bytes = shutil.disk_usage(self._folder).free
            if size_bytes + limits.SHIPPED_FREE_BYTES > free_bytes:
                raise DataDirectoryError(
                    f"the snapshot of another node has {size_bytes:,} bytes, and {self._folder} has room for "
                    f"{free_bytes:,}; make room for it"
                )
            for file in files:
                path = self._folder / file.path
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
        self._files = tuple(files)

    def put(self, file: int, first: int, content: bytes) -> None:
        """Write a piece of a file. Raises `DataDirectoryError`."""
        path = self._folder / self._files[file].path
        with _told(path, "written"), path.open("r+b") as opened:
            opened.seek(first)
            opened.write(content)

    def contents(self) -> Contents:
        """Return what it is. Raises `DataDirectoryError`."""
        path = self._folder / _CONTENTS
        try:
            return msgspec.json.decode(path.read_bytes(), type=Contents)
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            raise DataDirectoryError(f"{path} cannot be read ({type(error).__name__})") from error

    def place(self, number: int) -> DataDirectory:
        """Return the directory of a tenant in it."""
        return DataDirectory(self._folder / str(number))

    def verify(self, count: int) -> list[Manifest]:
        """Make all of it durable and read it back; return what each tenant's directory holds.

        Raises `DataDirectoryError` for what is missing or damaged.
        """
        with _told(self._folder, "written"):
            for file in self._files:
                sync(self._folder / file.path)
        found = []
        for place in map(self.place, range(count)):
            manifest = place.manifest()
            if manifest is None:
                raise DataDirectoryError(f"{place.path} has no manifest")
            place.verify(manifest, set())
            found.append(manifest)
        return found

    def finish(self, places: Sequence[tuple[DataDirectory, Manifest]]) -> None:
        """Give its files numbers that are free in the directories that they go to, and have it count as whole.

        ``places`` are by tenant where it goes to, and its manifest. Raises `DataDirectoryError`.
        """
        with _told(self._folder, "written"):
            for number, (place, manifest) in enumerate(places):
                here, more = self.place(number), place.next_load() + _BESIDE
                moved = _renumbered(manifest, more)
                for file in manifest.files():
                    (here.path / file).rename(here.path / _later_path(file, more))
                (here.path / MANIFEST_FILE).write_bytes(msgspec.json.encode(moved.sealed()))
                for file_or_folder in (MANIFEST_FILE, "history", "state", ""):
                    if (here.path / file_or_folder).exists():
                        sync(here.path / file_or_folder)
            sync(self._folder)
            loads = [_unlogged(place) for place, _ in places]
            fresh = self._folder / f"{_WHOLE}.new"
            fresh.write_bytes(msgspec.json.encode(loads))
            sync(fresh)
            fresh.rename(self._folder / _WHOLE)
            sync(self._folder)

    def is_of_other_loads(self, loads: Sequence[int]) -> bool:
        """Say whether files were loaded since it was made ready into a directory whose state it is to replace.

        ``loads`` are by tenant the last load that no log tells of. Raises `DataDirectoryError`.
        """
        path = self._folder / _WHOLE
        try:
            then = msgspec.json.decode(path.read_bytes(), type=list[int])
        except (OSError, msgspec.MsgspecError) as error:
            raise DataDirectoryError(f"{path} cannot be read ({type(error).__name__})") from error
        return any(
            before != now and (self.place(number).path / MANIFEST_FILE).exists()
            for number, (before, now) in enumerate(zip(then, loads, strict=True))
        )

    # --- installed ---------------------------------------------------------------------------------------------------

    def install(self, places: Sequence[DataDirectory]) -> None:
        """Put each tenant's state in the place of what is in its directory; done half, it can be done once more.

        Raises `DataDirectoryError`.
        """
        for number, place in enumerate(places):
            here = self.place(number)
            if (here.path / MANIFEST_FILE).exists():
                with _told(place.path, "written"):
                    _move(here.path, place.path)


def _move(here: Path, there: Path) -> None:
    for folder in ("history", "state"):
        if (here / folder).exists():
            for file in (here / folder).iterdir():
                file.rename(there / folder / file.name)
            sync(there / folder)
    # What it replaces is no way back: the log has no entries between the two.
    (there / BEFORE_FILE).unlink(missing_ok=True)
    remove_membership(there)
    sync(there)
    (here / MANIFEST_FILE).rename(there / MANIFEST_FILE)
    sync(there)


def _unlogged(place: DataDirectory) -> int:
    manifest = place.manifest()
    return 0 if manifest is None else manifest.unlogged


def _later(name: str, more: int) -> str:
    return f"{int(name[:6]) + more:06d}{name[6:]}"


def _later_path(path: str, more: int) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/{_later(name, more)}"


def _renumbered(manifest: Manifest, more: int) -> Manifest:
    """Return a manifest whose files have later numbers."""
    named: Mapping[str, str | msgspec.UnsetType | None] = {
        "state": manifest.state,
        "dictionaries": manifest.dictionaries,
        "past": manifest.past,
    }
    fields: dict[str, object] = {field: _later(name, more) for field, name in named.items() if name}
    if manifest.joined:
        joined = manifest.joined
        fields["joined"] = msgspec.structs.replace(joined, name=_later(joined.name, more))
    if manifest.cut:
        fields["cut"] = msgspec.structs.replace(manifest.cut, base=_later(manifest.cut.base, more))
    segments = (
        msgspec.structs.replace(one, name=_later(one.name, more)) for one in manifest.segments
    )
    return msgspec.structs.replace(
        manifest, load=manifest.load + more, segments=tuple(segments), **fields
    )
