"""Why a cell became other, asked of a running node and of a directory; both read the log beside what is folded.

A node answers from a frozen state, so that folding and other questions go on: an explanation may read a million events.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from homeroom.cohorts.live import Shows
from homeroom.errors import ControlError
from homeroom.log.control import Control
from homeroom.log.origins import Stream, Token, Vector
from homeroom.log.store import Store
from homeroom.node.explained import CellAsked, CellExplained, explained, span_of
from homeroom.running.asking import Asking
from homeroom.running.opening import open_all
from homeroom.state.state import State

__all__ = ["Explaining", "explain_directory"]


@dataclass(frozen=True, slots=True)
class Explaining:
    """Explains cells of a running node.

    Parameters
    ----------
    asking : what answers its questions
    store : the log
    regions : by node where it is, of those that the control stream does not name
    """

    asking: Asking
    store: Store
    regions: Mapping[str, str]

    async def explain(self, tenant: str, asked: CellAsked, shows: Shows) -> CellExplained:
        """Return why a cell became other.

        Raises `QuestionError` as `homeroom.node.explained` does, `NotYetError` where the end of what is asked has not
        come in time, and `StoreError`.
        """
        until = _vector(asked.until)
        if isinstance(asked.since, Vector):
            # What was in the earlier answer is folded here too before it is said what came since.
            until = until.joined(asked.since)
        until = Vector({o: n for o, n in until.items() if o.stream is not Stream.DOCUMENT})
        await self.asking.folds.covers(until, None)
        loop, pool = asyncio.get_running_loop(), self.asking.pool
        return await loop.run_in_executor(pool, self._explained, tenant, asked, shows, until)

    def _explained(
        self, tenant: str, asked: CellAsked, shows: Shows, until: Vector
    ) -> CellExplained:
        live, showing = self.asking.live, self.asking.showing.get(tenant)
        state, seen = live.still(tenant, until)
        span = span_of(asked, seen.applied, self.store.begins())

        def show(one: State) -> State:
            return one if showing is None else showing(one, shows)

        log = self.store, span, seen.applied
        change = explained(state, show, (tenant, live.control), asked, log)
        return CellExplained(change, span, {**self.regions, **_regions_of(live.control)})


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
        span = span_of(asked, found.applied, opened.store.begins())
        log = opened.store, span, found.applied
        change = explained(state, lambda one: one, (tenant, control), asked, log)
        return CellExplained(change, span, _regions_of(control))


def _regions_of(control: Control) -> dict[str, str]:
    """Return by node where it is, of all that belong to the world."""
    return {name: one.region for name, one in control.members.nodes.items()}


def _vector(until: Vector | Token | None) -> Vector:
    if isinstance(until, Token):
        return Vector({until.origin: until.number})
    return until or Vector()
