"""The doors of a running node's tenants, made as they are stated and when that changes.

What a tenant's door needs comes from several places: its key from the data directory, its verbs and what may be kept of
attributes from the control stream, what was kept so far from its state. All of it comes together here, so that a node
asks for a tenant and nothing else.

The way not taken is a new door with each change: a door counts what has come through it, and knows which labels are
kept.
"""

import hashlib
from typing import Final

from homeroom import limits
from homeroom.errors import KeyFileError
from homeroom.events.door import Door
from homeroom.events.projection import Projection
from homeroom.events.sent import SentBatch
from homeroom.events.sent_columns import uuid7_ms
from homeroom.events.vocabulary import VerbTable
from homeroom.log.control import Control
from homeroom.node.admission import Doors, SentReader
from homeroom.node.showing import Showing
from homeroom.running.live import Live
from homeroom.running.recording import LabelsFound, LabelsReader, RecordReader, RecordRequest
from homeroom.running.snapshots import Snapshots
from homeroom.state.state import State

__all__ = ["TenantDoors"]

_TIME_DIGITS: Final = 12
"""Hexadecimal digits of the milliseconds in a UUID of version 7."""


class TenantDoors:
    """Opens doors; ``follow`` is called in the thread that writes, or before it has begun.

    Parameters
    ----------
    snapshots : have the keys and the labels of tenants
    live : has their states
    recorder : prepares what comes for the record store
    node : which member of a world this is, None for a node alone: it takes all tenants

    Attributes
    ----------
    doors : of all tenants
    showing : by tenant who sees which labels
    """

    def __init__(
        self, snapshots: Snapshots, live: Live, recorder: RecordReader, node: str | None
    ) -> None:
        self._snapshots, self._live, self._node = snapshots, live, node
        self.doors = Doors(
            {
                SentBatch: SentReader(),
                RecordRequest: recorder,
                LabelsFound: LabelsReader(recorder),
            },
            Control(),
            recorder.keep_labels,
        )
        self.showing: dict[str, Showing] = {}
        self._batch_keys: dict[str, bytes] = {}
        # What a former home stated is none any more, and its door stays shut.
        self._stated: frozenset[str] = frozenset()
        self._verbs: dict[str, str] = {}
        self._tables: dict[str, VerbTable] = {}
        self._projections: dict[str, Projection] = {}

    def is_open(self, tenant: str) -> bool:
        """Say whether a tenant has a door."""
        return tenant in self._batch_keys and tenant in self._stated

    def follows(self, name: str, control: Control) -> bool:
        """Say whether a tenant's ids are shown by what is stated there; doors follow it a moment later."""
        showing, tenant = self.showing.get(name), control.tenants.get(name)
        if showing is None or tenant is None:
            return False
        return self._verbs.get(name) == tenant.verbs and showing.catalogue == control.catalogue(
            name
        )

    def kept_name(self, tenant: str, batch: SentBatch) -> str:
        """Return what stands for the name of a tenant's batch to whoever has the key.

        Where the id is a UUID of version 7, it begins with the time in it. Else the names of batches that come together
        lie all over the table of those that were taken, and each costs a page of the disk. When a batch was made is no
        secret, since the entry that it comes with has a time too; what is no time of any event is not taken for one.
        """
        hashed = _keyed(self._batch_keys[tenant], batch.name.encode()).hex()
        time_ms = uuid7_ms(batch.batch_id)
        if time_ms is None or not limits.TIME_MS_MIN <= time_ms < limits.TIME_MS_MAX:
            return hashed
        return f"{time_ms:0{_TIME_DIGITS}x}{hashed[_TIME_DIGITS:]}"

    def kept_digest(self, tenant: str, batch: SentBatch) -> bytes:
        """Return what stands for the content of a tenant's batch to whoever has the key."""
        return _keyed(self._batch_keys[tenant], batch.digest)

    def follow(self, control: Control) -> None:
        """Open the doors that there must be."""
        self._stated = frozenset(control.tenants)
        for name, tenant in control.tenants.items():
            # Before it is folded here that a tenant is elsewhere, its door must not open.
            is_elsewhere = self._node is not None and control.is_elsewhere(name, self._node)
            if is_elsewhere or name in self._live.refused or not self._has_key(name, control):
                continue
            if self._verbs.get(name) != tenant.verbs:
                # Else not: a door counts what has come through it, and goes on doing so.
                self._open_door(name, tenant.verbs)
            catalogue = control.catalogue(name)
            before = self.showing.get(name)
            if before is None or (before.verbs, before.catalogue) != (
                self._tables[name],
                catalogue,
            ):
                showing = self.showing[name] = Showing(catalogue, self._tables[name])
                self._projections[name].allow(catalogue.allowed)
                self._snapshots.labels(name).know(showing.known)
        self.doors.follow(control)

    def _has_key(self, name: str, control: Control) -> bool:
        """Say whether a tenant's door can be opened; why not is told by who folds."""
        if name in self._verbs:
            return True
        try:
            self._snapshots.expect_key(name, control)
            self._snapshots.key(name)
        except KeyFileError:
            return False
        return True

    def _open_door(self, name: str, written: str) -> None:
        verbs = VerbTable.standard()
        if written:
            verbs = verbs.extended(written, f"the verb table of {name}")
        key = self._snapshots.key(name)
        self._verbs[name], self._tables[name] = written, verbs
        self._batch_keys[name] = _keyed(key, b"batches")
        if name not in self._projections:
            self._projections[name] = projection = Projection(key)
            if name in self._live.tenants():
                projection.resume(*self._live.read(name, _attributes_of))
        self.doors.open(name, Door(key, verbs, projection=self._projections[name]))


def _attributes_of(state: State) -> tuple[dict[str, list[str]], frozenset[str]]:
    """Return the values of attributes that a state holds, and the attributes that have too many."""
    known = state.dictionaries
    values = {name: list(one.stored) for name, one in known.attributes.items()}
    return values, frozenset(known.identifying())


def _keyed(key: bytes, content: bytes) -> bytes:
    """Return what stands for some content to whoever has the key, and is nothing to others (RFC 7693)."""
    return hashlib.blake2s(content, key=key).digest()
