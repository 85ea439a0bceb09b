"""Why a cell became other, asked of a running node and of a directory; both read the log beside what is folded.

A node answers from a frozen state, so that folding and other questions go on: an explanation may read a million events.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from homeroom.cohorts.live import Shows
from homeroom.errors import ControlError
from homeroom.log.control import Control, read_changes
from homeroom.log.origins import Origin, Vector
from homeroom.log.payloads import unpack
from homeroom.log.store import Store
from homeroom.node.explained import CellAsked, CellExplained, Folded, explained, span_of
from homeroom.running.asking import answered_by
from homeroom.running.live import Live
from homeroom.running.opening import open_all
from homeroom.running.refolding import stated_entries
from homeroom.state.state import State

__all__ = ["Around", "explain_directory", "explain_node"]


@dataclass(frozen=True, slots=True)
class Around:
    """What an explanation needs of a node.

    Parameters
    ----------
    live : what is folded
    store : the log
    showing : returns a state as its asker may see it, None for as it is
    regions : by node where it is, of those that the control stream does not name
    """

    live: Live
    store: Store
    showing: Callable[[State, Shows], State] | None
    regions: Mapping[str, str]


def explain_node(around: Around, tenant: str, asked: CellAsked, shows: Shows) -> CellExplained:
    """Return why a cell became other; what the ends of it held is folded.

    Raises `QuestionError` as `homeroom.node.explained` does, and `StoreError`.
    """
    state, seen = around.live.still(tenant, answered_by(asked.held()))
    control, showing = around.live.control, around.showing

    def show(one: State) -> State:
        return one if showing is None else showing(one, shows)

    folded = _folded(seen.applied, control, around.store)
    span = span_of(asked, folded)
    change = explained(state, show, (tenant, control), asked, (around.store, span, seen.applied))
    return CellExplained(change, span, {**around.regions, **_regions_of(control)})


def _folded(applied: Vector, control: Control, store: Store) -> Folded:
    def collapsed_at(epoch: int) -> frozenset[Origin]:
        then = Control()
        for entry in stated_entries(store):
            for change in read_changes(unpack(entry.payload).content):
                if then.epoch < epoch:
                    then = then.folded(change, then.epoch + 1)
        return then.members.collapsed

    of = control.members
    lacks_collapsed = any(applied[origin] < of.closed[origin] for origin in of.collapsed)
    return Folded(applied, store.begins(), of.collapsed, collapsed_at, lacks_collapsed)


def explain_directory(path: Path, tenant: str, asked: CellAsked) -> CellExplained:
    """Return why a cell of a tenant of a data directory became other; no node runs on it meanwhile.

    Raises `QuestionError` as `homeroom.node.explained` does, `ControlError` for a tenant that is not there,
    `DataDirectoryError`, `StoreError` and `KeyFileError`.
    """
    opened = open_all(path, None)
    with contextlib.closing(opened.stack):
        found = opened.folding.tenants.get(tenant)
        if found is None:
            raise ControlError(f"there is no tenant {tenant!r} in {path}")
        state, control = found.state, opened.folding.control
        state.settle()
        span = span_of(asked, _folded(found.applied, control, opened.store))
        log = opened.store, span, found.applied
        change = explained(state, lambda one: one, (tenant, control), asked, log)
        return CellExplained(change, span, _regions_of(control))


def _regions_of(control: Control) -> dict[str, str]:
    """Return by node where it is, of all that belong to the world."""
    return {name: one.region for name, one in control.members.nodes.items()}
