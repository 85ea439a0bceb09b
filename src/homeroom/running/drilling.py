"""A drill: restores a backup into a folder that nobody uses, opens it as a start would, and compares.

That every byte of a backup can be read does not say that a node could live on it. So a drill asks for the same answer
by three ways: what the backup noted when it was made, what the restored snapshot and the entries after it add up to,
and what comes out when all is folded from nothing. All must have one fingerprint.

From nothing means from the log, where that tells everything; where files were loaded or corrected by hand, or where the
log begins later, it is history that is folded anew.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path

from homeroom import limits
from homeroom.adapters.backup.choosing import Plan
from homeroom.adapters.backup.contents import LOG, MAIN, tenants
from homeroom.adapters.backup.repository import Repository
from homeroom.adapters.backup.restoring import Restored, restore
from homeroom.adapters.directory import DataDirectory
from homeroom.adapters.log_reading import LogView, viewed_log
from homeroom.adapters.threads import ThreadRun
from homeroom.events.dictionary import Dictionaries
from homeroom.log.control import Control
from homeroom.node.folding import Folding, TenantState
from homeroom.running.opening import opened_folding
from homeroom.state.state import State, rebuild
from homeroom.state.zones import load_zone

__all__ = ["Drilled", "DrilledTenant", "drill"]


@dataclass(frozen=True, slots=True)
class DrilledTenant:
    """What a tenant's state came to: its fingerprint after all entries, learners, events."""

    name: str
    fingerprint: str
    learners: int
    events: int


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill found; seconds for the restore, for the start, and for the rebuild from nothing."""

    restored: Restored
    tenants: tuple[DrilledTenant, ...]
    rebuilt_from: str
    restore_s: float
    start_s: float
    rebuild_s: float
    faults: tuple[str, ...]


def drill(repository: Repository, plan: Plan, folder: Path, now_s: Callable[[], float]) -> Drilled:
    """Restore a plan into an empty folder, and compare what comes of it.

    Raises
    ------
    BackupError, DamagedBackupError
        It cannot be restored.
    HomeroomError
        The restored directory does not open.
    """
    times = [now_s()]
    restored = restore(repository, plan, folder)
    times.append(now_s())
    faults = _compare_snapshots(plan, folder)
    if plan.backup.log is None:
        live, rebuilt, times = _without_log(folder, times, now_s)
        rebuilt_from = "history"
    else:
        with opened_folding(folder) as (folding, troubles):
            faults += [*(one.text for one in troubles), *folding.troubles.values()]
            live = _looks(folding.tenants)
            times.append(now_s())
            tells_all = not plan.backup.log.begins and not any(s.loaded for s in plan.snapshots)
            rebuilt_from = "log" if tells_all else "history"
            if not tells_all:
                rebuilt = _refolded(folding.tenants)
        if tells_all:
            with viewed_log(folder / LOG) as view:
                rebuilt = _looks(_from_log(view))
        times.append(now_s())
    faults += [
        f"tenant {one.name}: the state has fingerprint {one.fingerprint} after the start, and {other.fingerprint} when "
        f"it is folded anew from the {rebuilt_from}"
        for one, other in zip(live, rebuilt, strict=True)
        if one != other
    ]
    restore_s, start_s, rebuild_s = (b - a for a, b in pairwise(times))
    return Drilled(restored, live, rebuilt_from, restore_s, start_s, rebuild_s, tuple(faults))


def _compare_snapshots(plan: Plan, folder: Path) -> list[str]:
    """Say of which snapshots the fingerprint is not the one that was noted."""
    faults = []
    places = {tenant.folder: tenant for tenant in tenants(folder)} if plan.snapshots else {}
    for snapshot in plan.snapshots:
        tenant = places[snapshot.folder]
        manifest = tenant.place.manifest()
        found = None if manifest is None else tenant.look(manifest).fingerprint
        if found != snapshot.fingerprint:
            faults.append(
                f"tenant {snapshot.tenant}: the snapshot has fingerprint {found}, and had {snapshot.fingerprint} when "
                f"it was backed up"
            )
    return faults


def _looks(states: dict[str, TenantState]) -> tuple[DrilledTenant, ...]:
    return tuple(_look(name, one.state) for name, one in sorted(states.items()))


def _look(name: str, state: State) -> DrilledTenant:
    state.settle()
    return DrilledTenant(name, state.fingerprint(), state.learners.rows, state.events)


def _refolded(states: dict[str, TenantState]) -> tuple[DrilledTenant, ...]:
    return tuple(
        DrilledTenant(name, fresh.fingerprint(), fresh.learners.rows, one.state.events)
        for name, one in sorted(states.items())
        for fresh in (rebuild(one.state),)
    )


def _from_log(view: LogView) -> dict[str, TenantState]:
    """Fold all entries from nothing."""
    run = ThreadRun()

    def make(name: str, control: Control) -> TenantState:
        zone = load_zone(control.tenants[name].timezone)
        return TenantState(State(zone, Dictionaries.under(bytes(32)), run))

    folding = Folding({}, make)
    # In the order in which they were made: a cut of history comes after what it covers.
    streams = [chain.from_iterable(view.entries(origin, 1)) for origin in sorted(view.heads)]
    entries = heapq.merge(*streams, key=lambda entry: entry.hybrid)
    while several := list(islice(entries, limits.FOLD_ENTRIES_MAX)):
        folding.fold(several)
    return folding.tenants


def _without_log(
    folder: Path, times: list[float], now_s: Callable[[], float]
) -> tuple[tuple[DrilledTenant, ...], tuple[DrilledTenant, ...], list[float]]:
    """Open a directory that no node has written, and fold its history anew."""
    place = DataDirectory(folder)
    manifest = place.manifest()
    assert manifest is not None, "a directory without a log has a manifest"
    state = place.open(manifest, Dictionaries.under(bytes(32)), ThreadRun())
    live = {MAIN: TenantState(state)}
    looks = _looks(live)
    times = [*times, now_s()]
    rebuilt = _refolded(live)
    return looks, rebuilt, [*times, now_s()]
