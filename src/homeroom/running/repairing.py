"""Folds a node's log anew, says what of its state was not so, and has what is right in its place.

Checksums find what a disk has done to a file. They do not find what was wrong before it was written: a bit that flipped
in memory, a fault of ours. Other nodes find that, or somebody who does not believe an answer. So state and history are
folded once more from the log and compared with what there was, row by row.

The newest snapshot is what may be wrong, so where the log has forgotten its beginning, the one before it is begun with,
and its rows are made anew from its history: events lie in files that are written once, when they come. Afterwards both
are written anew, since a start takes the one before where the newest is damaged.

The way not taken mends the rows that differ. What has made them differ may have made others so that nobody counts.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from homeroom.errors import DataDirectoryError
from homeroom.node.folding import Folding, TenantState
from homeroom.running.control_socket import ask_of_upkeep
from homeroom.running.live import Begun, Live
from homeroom.running.opening import NodeOptions, Opened, open_all
from homeroom.running.upkeep_requests import RepairAsked, Repaired, ShardApart, TenantRepaired
from homeroom.state.shards import rows_apart

__all__ = ["compared", "repair_directory"]


def repair_directory(path: Path, now_ms: Callable[[], int], store_url: str = "") -> Repaired:
    """Repair a data directory, by the node that runs on it or in its place.

    Parameters
    ----------
    path : the directory
    now_ms : the clock of the machine
    store_url : of the PostgreSQL database that holds the log; empty for files in the directory

    Raises
    ------
    DataDirectoryError
        The directory is in use, or its log has forgotten its beginning and no snapshot is of use.
    StoreError, KeyFileError, ControlError
        The log, or a key, cannot be read.
    """
    told = ask_of_upkeep(path, RepairAsked())
    if told is not None:
        assert isinstance(told, Repaired), "that was asked"
        return told
    if not store_url and not (path / "log").is_dir():
        raise DataDirectoryError(
            f"{path} has no log, so there is nothing that its state could be made from: no node has run on it. "
            f"homeroom verify reads its files"
        )
    options = NodeOptions(now_ms=now_ms, store_url=store_url, is_serving=False, is_repair=True)
    opened = open_all(path, options)
    try:
        return _repaired(opened, now_ms)
    finally:
        opened.stack.close()


def _repaired(opened: Opened, now_ms: Callable[[], int]) -> Repaired:
    before, refolding = opened.folding, opened.refolding
    after = refolding.fold(before.applied, before.make, Begun.BEFORE)
    found = msgspec.structs.replace(
        compared(before, after),
        begun=refolding.begun.value,
        unread=tuple(one.text for one in opened.troubles),
    )
    if found.was_wrong:
        live = Live(after, now_ms)
        for tenant in after.tenants:
            opened.snapshots.key(tenant)
            for _ in range(2):  # the one before the newest is kept too
                opened.snapshots.write(tenant, live)
    return found


def compared(before: Folding, after: Folding) -> Repaired:
    """Return in what two foldings of the same entries differ; nobody folds into either meanwhile."""
    lacking = [
        f"{o} is folded up to entry {after.applied[o]:,} alone"
        for o, n in before.applied.items()
        if after.applied[o] < n
    ]
    return Repaired(
        tenants=tuple(
            _tenant(name, before.tenants.get(name), one)
            for name, one in sorted(after.tenants.items())
        ),
        entries=sum(after.applied.values()),
        troubles=(*lacking, *after.troubles.values(), *after.refused.values()),
    )


def _tenant(name: str, before: TenantState | None, after: TenantState) -> TenantRepaired:
    state = after.state
    state.settle()
    found = TenantRepaired(name=name, learners=state.learners.rows, events=state.events)
    if before is None:
        return msgspec.structs.replace(found, others=("nothing of it was there",))
    old = before.state
    old.settle()
    shards = tuple(
        ShardApart(place, count, tuple(keys))
        for place, (count, keys) in rows_apart(old, state).items()
    )
    others = []
    if old.events != state.events:
        others.append(f"history had {old.events:,} events, and there are {state.events:,}")
    if not shards and old.fingerprint() != state.fingerprint():
        others.append("who is erased, or what people have said, was not what the log says")
    return msgspec.structs.replace(found, shards=shards, others=tuple(others))
