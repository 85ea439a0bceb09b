"""The states of tenants that are cut into shards: how they are made, counted and shown."""

import resource
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.live import Shows
from homeroom.events.model import UInt64s
from homeroom.events.vocabulary import VerbTable
from homeroom.log.control import Control
from homeroom.node.folding import TenantState
from homeroom.node.showing import Showing
from homeroom.running.live import Live
from homeroom.state.state import State

__all__ = ["Make", "Owns", "Shown", "counts_of", "memory_bytes", "owning"]

Make: TypeAlias = Callable[[str, Control], TenantState]
Owns: TypeAlias = Callable[[UInt64s, UInt64s], npt.NDArray[np.bool_]]


def owning(make: Make, owns: Owns) -> Make:
    """Return what makes the states of tenants as ``make`` does, of those learners alone."""

    def made(name: str, control: Control) -> TenantState:
        tenant = make(name, control)
        tenant.state.owns = owns
        return tenant

    return made


def counts_of(live: Live) -> dict[str, tuple[int, int]]:
    """Return by tenant how many learners there are, and how many events."""

    def count(state: State) -> tuple[int, int]:
        return state.learners.rows, state.events + state.unsealed_events

    return {name: live.read(name, count) for name in live.tenants()}


class Shown:
    """Shows states by what is stated of ids, the same wherever the same was stated."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[str, Showing]] = {}

    def __call__(self, tenant: str, control: Control, state: State, shows: Shows) -> State:
        """Return a tenant's state as whoever asks may see it."""
        verbs, catalogue = control.tenants[tenant].verbs, control.catalogue(tenant)
        made = self._made.get(tenant)
        if made is None or (made[0], made[1].catalogue) != (verbs, catalogue):
            table = VerbTable.standard()
            if verbs:
                table = table.extended(verbs, f"the verb table of {tenant}")
            made = self._made[tenant] = verbs, Showing(catalogue, table)
        return made[1](state, shows)


def memory_bytes() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
