"""The directory of a shard: the snapshots of its tenants, and to which portion of which life of the head they go.

A snapshot is of use in the life of the head in which it was written, and in no other: in another one texts may have got
their codes in another order. What a shard lacks is given to it from the log; so a snapshot that is missing, damaged or
of another life costs time and nothing else.
"""

from pathlib import Path
from typing import Final

import msgspec

from homeroom.adapters.threads import ThreadRun
from homeroom.adapters.whole_files import whole_file
from homeroom.errors import KeyFileError
from homeroom.log.control import Control
from homeroom.log.origins import Vector
from homeroom.node.folding import TenantState
from homeroom.running.live import Live
from homeroom.running.snapshots import Snapshots

__all__ = ["ShardFiles"]

_FILE: Final = "shard.json"


class _Saved(msgspec.Struct, frozen=True):
    """What the snapshots of all tenants go to."""

    life: str
    portion: int
    applied: dict[str, int]


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

    def portion(self, life: str) -> int:
        """Return to which portion of a life the snapshots go, 0 if there are none that are whole."""
        saved = self._saved(life)
        return 0 if saved is None else saved.portion

    def applied(self, life: str) -> Vector:
        """Return up to which entries the snapshots go."""
        saved = self._saved(life)
        return Vector() if saved is None else Vector.from_json(saved.applied)

    def write(self, life: str, portion: int, live: Live) -> int:
        """Write a snapshot of each tenant, and that all of them go to a portion; nothing is folded meanwhile."""
        # Until all are written there is none: a tenant's may be newer than that of another.
        (self._path / _FILE).unlink(missing_ok=True)
        for name in live.tenants():
            self._snapshots.make_place(name)
            self._snapshots.write(name, live)
        saved = _Saved(life, portion, live.applied.to_json())
        with whole_file(self._path / _FILE, 0o600) as file:
            file.write(msgspec.json.encode(saved))
        return portion

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
