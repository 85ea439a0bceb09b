"""States that are asked while they are folded into.

Questions that columns answer take milliseconds: they and the fold take turns, under one lock. Questions to history take
seconds, and the fold must not wait for them. They get a frozen state (`State.frozen`), which is made in no time and
costs a copy of whatever is folded into afterwards; so one frozen state serves all who ask within a while.

Which of the two a question needs is not foretold: it is asked of the columns, with history withheld, and asked again of
a frozen state if it reaches for it. It does so before it has done anything that takes long.
"""

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, overload

from homeroom.limits import FROZEN_MS_MAX
from homeroom.log.control import Control
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Token, Vector
from homeroom.node.folding import Folding, TenantState
from homeroom.state.history import Segment
from homeroom.state.state import State

__all__ = ["Live", "Seen"]

_T = TypeVar("_T")


class _HistoryNeededError(Exception):
    """A question reached for history."""


class _Withheld(Sequence[Segment]):
    """Segments that are not to be looked at here."""

    @overload
    def __getitem__(self, place: int) -> Segment: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Segment]: ...
    def __getitem__(self, place: int | slice) -> Segment | Sequence[Segment]:
        raise _HistoryNeededError

    def __len__(self) -> int:
        raise _HistoryNeededError

    def __iter__(self) -> Iterator[Segment]:
        raise _HistoryNeededError


@dataclass(frozen=True, slots=True)
class Seen:
    """What was known when a question was asked: what had been folded, and the newest hybrid stamp in it."""

    applied: Vector
    newest: int
    epoch: int


@dataclass(frozen=True, slots=True)
class _Frozen:
    state: State
    seen: Seen
    at_ms: int


class Live:
    """All tenants' states, behind one lock.

    Parameters
    ----------
    folding : folds entries; nobody else touches it
    now_ms : the clock of the machine
    """

    def __init__(self, folding: Folding, now_ms: Callable[[], int]) -> None:
        self._folding = folding
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._frozen: dict[str, _Frozen] = {}

    # --- folding -----------------------------------------------------------------------------------------------------

    def fold(self, entries: Sequence[Entry]) -> None:
        """Fold entries; see `Folding.fold`."""
        with self._lock:
            known = self._folding.erasures_folded
            self._folding.fold(entries)
            if self._folding.erasures_folded != known:
                self._frozen.clear()  # nobody is told any more of who was erased

    def settle(self) -> None:
        """Seal what has come and put rows in their places, where enough has come for it; others get in between."""
        for tenant in list(self._folding.tenants.values()):
            steps = tenant.state.upkeep()
            while True:
                with self._lock:
                    if next(steps, self) is self:
                        break

    # --- asking ------------------------------------------------------------------------------------------------------

    @property
    def applied(self) -> Vector:
        """By origin the last entry that is folded."""
        return self._folding.applied

    @property
    def stamps(self) -> dict[Origin, int]:
        """By origin the hybrid stamp of the last entry that was folded since the start."""
        return dict(self._folding.stamps)

    @property
    def control(self) -> Control:
        """What was stated."""
        return self._folding.control

    @property
    def troubles(self) -> dict[Origin, str]:
        """By origin why its entries are not folded any further."""
        return dict(self._folding.troubles)

    @property
    def cut_events(self) -> int:
        """Events of all tenants that were folded since the start, and were of somebody who is erased."""
        return sum(one.state.cut_events for one in list(self._folding.tenants.values()))

    def tenants(self) -> tuple[str, ...]:
        """Return the names of the tenants."""
        return tuple(self._folding.tenants)

    def read(self, tenant: str, look: Callable[[State], _T]) -> _T:
        """Return what ``look`` sees in a tenant's state, while nothing is folded: it must be quick."""
        with self._lock:
            return look(self._folding.tenants[tenant].state)

    def ask(
        self, tenant: str, ask: Callable[[State], _T], after: Token | None = None
    ) -> tuple[_T, Seen]:
        """Return what ``ask`` makes of a tenant's state, and what was known by then.

        ``after`` has been folded; a state that was frozen before is not asked.
        """
        with self._lock:
            one = self._folding.tenants[tenant]
            try:
                return ask(_without_history(one.state)), self._seen(one)
            except _HistoryNeededError:
                frozen = self._freeze(tenant, one, after)
        return ask(frozen.state), frozen.seen

    def _seen(self, tenant: TenantState) -> Seen:
        return Seen(self._folding.applied, tenant.newest, self._folding.control.epoch)

    def _freeze(self, tenant: str, one: TenantState, after: Token | None) -> _Frozen:
        frozen, seen, now_ms = self._frozen.get(tenant), self._seen(one), self._now_ms()
        if frozen is not None and frozen.seen != seen:
            is_old = not 0 <= now_ms - frozen.at_ms < FROZEN_MS_MAX
            if is_old or (after is not None and frozen.seen.applied[after.origin] < after.number):
                frozen = None
        if frozen is None:
            frozen = self._frozen[tenant] = _Frozen(one.state.frozen(), seen, now_ms)
        return frozen

    # --- snapshots ---------------------------------------------------------------------------------------------------

    @contextmanager
    def held(self, tenant: str) -> Iterator[TenantState]:
        """Have a tenant's state to oneself; nothing is folded and nobody asks meanwhile."""
        with self._lock:
            yield self._folding.tenants[tenant]


def _without_history(state: State) -> State:
    view = copy.copy(state)
    view.history = copy.copy(state.history)
    view.history.__dict__["shown"] = _Withheld()
    return view
