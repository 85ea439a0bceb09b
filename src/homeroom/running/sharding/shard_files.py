"""The directory of a shard: the snapshots of its tenants, and to which portion of which life of the head they go.

A snapshot is of use in the life of the head in which it was written, and in no other: in another one texts may have got
their codes in another order. What a shard lacks is given to it from the log; so a snapshot that is missing, damaged or
of another life costs time and nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from homeroom.adapters.threads import ThreadRun
from homeroom.adapters.whole_files import whole_file
from homeroom.errors import KeyFileError
from homeroom.events.labels import Labels
from homeroom.log.control import Control
from homeroom.log.entries import Entry
from homeroom.log.origins import Vector
from homeroom.node.folding import Folding, TenantState
from homeroom.running.live import Live
from homeroom.running.sharding.tenants import Owns, owning
from homeroom.running.snapshots import Snapshots

__all__ = ["Begun", "ShardFiles"]

_FILE: Final = "shard.json"


class _Saved(msgspec.Struct, frozen=True):
    """What the snapshots of all tenants go to, and to which portion at most; it was folded while they were written."""

    life: str
    portion: int
    applied: dict[str, int]
    reached: int


@dataclass(frozen=True, slots=True)
class Begun:
    """What is folded when a snapshot is begun: the life of the head, the last portion, and the entries."""

    life: str
    portion: int
    applied: Vector


class ShardFiles:
    """A shard's directory.

    Parameters
    ----------
    path : the directory, made if there is none
    keys : the data directory whose tenants' keys are used
    """

    def __init__(self, path: Path, keys: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path, self._keys = path, keys
        self._snapshots = Snapshots(path, ThreadRun())

    def fresh(self, name: str, control: Control) -> TenantState:
        """Return the state of a tenant of whom nothing is known yet. Raises `KeyFileError`."""
        self._have_key(name)
        return self._snapshots.begun(name, control.tenants[name].timezone)

    def kept(self, name: str, control: Control) -> TenantState:
        """Return the state of a tenant as its snapshot has it. Raises `DataDirectoryError` and `KeyFileError`."""
        self._have_key(name)
        return self._snapshots.open(name, control.tenants[name].timezone).tenant

    def folding(
        self, life: str, last: int, stated: Sequence[Entry], owns: Owns
    ) -> tuple[Folding, int]:
        """Return what the snapshots of a life hold, and to which portion they go; nothing, and 0, where none is of use.

        Those of a portion after ``last`` are of no use. ``stated`` is all that was stated, later than that too.
        """
        saved = self._saved(life)
        if saved is not None and saved.reached > last:
            # It holds what the journal has lost in a crash; another portion will have that number.
            (self._path / _FILE).unlink()
            saved = None
        if saved is not None:
            folding, applied = Folding({}, owning(self.kept, owns)), Vector.from_json(saved.applied)
            folding.fold(stated)
            if not folding.troubles:  # else a snapshot is damaged
                folding.applied, folding.make = applied, owning(self.fresh, owns)
                return folding, saved.portion
        return Folding({}, owning(self.fresh, owns)), 0

    def labels(self, tenant: str) -> Labels:
        """Return the labels of a tenant's ids, as far as they were told here."""
        return self._snapshots.labels(tenant)

    def write(self, begun: "Begun", live: Live, reached: Callable[[], int]) -> int:
        """Write a snapshot of each tenant; return the portion to which all of them go at least.

        Entries may be folded meanwhile: a tenant's own snapshot says how many of them are in it already. ``reached``
        returns the last portion that may be.
        """
        # Until all are written there is none: a tenant's may be of another life.
        (self._path / _FILE).unlink(missing_ok=True)
        for name in live.tenants():
            self._snapshots.make_place(name)
            self._snapshots.write(name, live)
        saved = _Saved(begun.life, begun.portion, begun.applied.to_json(), reached())
        with whole_file(self._path / _FILE, 0o600) as file:
            file.write(msgspec.json.encode(saved))
        return begun.portion

    def _saved(self, life: str) -> _Saved | None:
        try:
            saved = msgspec.json.decode((self._path / _FILE).read_bytes(), type=_Saved)
        except (OSError, msgspec.MsgspecError):
            return None
        return saved if saved.life == life else None

    def _have_key(self, name: str) -> None:
        """Have the tenant's key where snapshots look for it: a link, so that it lies in one place alone."""
        there, here = (Snapshots(one, ThreadRun(1)).place(name) for one in (self._keys, self._path))
        if not there.key_path.exists():
            raise KeyFileError(
                f"{there.key_path} is missing, and with another key a shard would find nobody and nothing by name"
            )
        here.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not here.key_path.exists():
            here.key_path.symlink_to(there.key_path.resolve())
        self._snapshots.key(name)
