"""States that are asked while they are folded into.

Whatever takes long happens beside the questions: entries are read, events dealt out and sealed, rows copied to where
there is room and put in their places, all of it into arrays that nobody sees yet. What is left is to join some thousand
events into columns, and to put one array in the place of another; for these few milliseconds there is the guard
(`State.guard`), and whoever asks holds it too. So a question of columns, which takes milliseconds itself, waits for
milliseconds, and sees whole entries only. A second lock is for those who change anything: one at a time, for as long as
it takes. It is always taken before the guard.

Questions to history take seconds, and nobody must wait for them. They get a frozen state (`State.frozen`), which is
made in no time and copied by who reads it (`homeroom.state.still`); one serves all who ask within a while.

Which of the two a question needs is not foretold: it is asked of the columns, with history withheld, and asked again of
a frozen state if it reaches for it. It does so before it has done anything that takes long.

The way not taken is columns in chunks of which each version has its own: no question would wait at all, but every loop
over rows would become two, and a fold that touches rows everywhere would copy most chunks anyway.
"""

import copy
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar, overload

from homeroom.limits import FROZEN_MS_MAX
from homeroom.log.control import Control
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Vector
from homeroom.node.folding import Folding, TenantState
from homeroom.regions.stated import members_of
from homeroom.regions.steps import Members
from homeroom.state.cutting import Cut
from homeroom.state.history import Segment
from homeroom.state.keys import Keys
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
    """All tenants' states, behind one guard.

    Parameters
    ----------
    folding : folds entries; nobody else touches it
    now_ms : the clock of the machine
    """

    def __init__(self, folding: Folding, now_ms: Callable[[], int]) -> None:
        self._folding = folding
        self._now_ms = now_ms
        self._frozen: dict[str, _Frozen] = {}
        self._erased_told = folding.removals_folded
        # Held by who changes anything, and by who makes ready to.
        self._changing = threading.Lock()
        self._guard = threading.RLock()
        folding.guard = self._guard
        for tenant in folding.tenants.values():
            tenant.state.guard = self._guard

    # --- folding -----------------------------------------------------------------------------------------------------

    def fold(self, entries: Sequence[Entry]) -> None:
        """Fold entries; see `Folding.fold`."""
        with self._changing:
            known = self._folding.removals_folded
            self._folding.fold(entries)
            if self._folding.removals_folded != known:
                self._frozen.clear()  # nobody is told any more of who was erased
            for tenant, frozen in list(self._frozen.items()):
                if self._is_old(frozen):
                    del self._frozen[tenant]  # it may hold a copy of all rows

    def settle(self, until: Callable[[], bool]) -> bool:
        """Seal what has come and put rows in their places, where enough has come for it, a short step after the other.

        Returns whether all is done: it ends before as soon as ``until`` says so.
        """
        for tenant in list(self._folding.tenants.values()):
            steps = tenant.state.upkeep()
            while True:
                with self._changing:
                    if next(steps, self) is self:
                        break
                if until():
                    return False
        return True

    def cluster_some(self) -> None:
        """Put rows of one partition of each tenant in their places, if many are not."""
        for tenant in list(self._folding.tenants.values()):
            with self._changing:
                tenant.state.cluster_some()

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
    def refused(self) -> dict[str, str]:
        """By tenant that is left out of all that is folded, why."""
        return dict(self._folding.refused)

    @property
    def alarms(self) -> tuple[str, ...]:
        """What origins wrote that they should not have, in words."""
        return tuple(alarm.told(origin) for origin, alarm in dict(self._folding.alarms).items())

    @property
    def cut_events(self) -> int:
        """Events of all tenants that were folded since the start, and were of somebody who is erased."""
        return sum(one.state.cut_events for one in list(self._folding.tenants.values()))

    @property
    def removals(self) -> int:
        """How many facts by which less may be seen were folded since the start."""
        return self._folding.removals_folded

    def newly_erased(self) -> dict[str, Keys]:
        """Return by tenant who is erased, if anybody was since this was asked last; in one thread."""
        known, self._erased_told = self._erased_told, self._folding.removals_folded
        if known == self._erased_told:
            return {}
        tenants = list(self._folding.tenants.items())
        return {name: one.state.history.erased for name, one in tenants}

    @property
    def waiting(self) -> dict[Origin, str]:
        """By origin why its entries cannot be folded yet: they are to be given again when others have been."""
        return dict(self._folding.waiting)

    def members(self, before: Members, seeds: Members) -> Members:
        """Return who belongs to the world by what is folded (`homeroom.regions.stated.members_of`)."""
        with self._guard:
            return members_of(self._folding.stated, before, seeds)

    def erased(self) -> dict[str, frozenset[tuple[int, int]]]:
        """Return by tenant the raw keys of all who are erased, upper and lower half."""
        with self._guard:
            keys = {name: one.state.history.erased for name, one in self._folding.tenants.items()}
        return {
            name: frozenset(zip(hi.tolist(), lo.tolist(), strict=True))
            for name, (hi, lo) in keys.items()
        }

    def tenants(self) -> tuple[str, ...]:
        """Return the names of the tenants."""
        return tuple(self._folding.tenants)

    def cuts(self) -> dict[str, Cut]:
        """Return by tenant the last cut of its history."""
        found = {name: one.state.cut_made for name, one in list(self._folding.tenants.items())}
        return {name: cut for name, cut in found.items() if cut is not None}

    def read(self, tenant: str, look: Callable[[State], _T]) -> _T:
        """Return what ``look`` sees in a tenant's state, while nothing is joined: it must be quick."""
        with self._guard:
            return look(self._folding.tenants[tenant].state)

    def ask(
        self, tenant: str, ask: Callable[[State], _T], after: Vector | None = None
    ) -> tuple[_T, Seen]:
        """Return what ``ask`` makes of a tenant's state, and what was known by then.

        All of ``after`` has been folded; a state that was frozen before is not asked.
        """
        with self._guard, suppress(_HistoryNeededError):
            one = self._folding.tenants[tenant]
            return ask(_without_history(one.state)), self._seen(one)
        frozen = self._freeze(tenant, after)
        return ask(frozen.state), frozen.seen

    def still(self, tenant: str, after: Vector | None = None) -> tuple[State, Seen]:
        """Return a tenant's state as it is now, sealed, whatever is folded later; all of ``after`` is in it."""
        frozen = self._freeze(tenant, after)
        return frozen.state, frozen.seen

    def _seen(self, tenant: TenantState) -> Seen:
        return Seen(self._folding.applied, tenant.newest, self._folding.control.epoch)

    def _freeze(self, tenant: str, after: Vector | None) -> _Frozen:
        with self._changing:
            one, frozen = self._folding.tenants[tenant], self._frozen.get(tenant)
            seen = self._seen(one)
            if frozen is not None and frozen.seen != seen:
                lacks = after is not None and not frozen.seen.applied.covers(after)
                if lacks or self._is_old(frozen):
                    frozen = None
            if frozen is None:
                frozen = self._frozen[tenant] = _Frozen(one.state.frozen(), seen, self._now_ms())
            return frozen

    def _is_old(self, frozen: _Frozen) -> bool:
        return not 0 <= self._now_ms() - frozen.at_ms < FROZEN_MS_MAX

    def fingerprint(self) -> tuple[Vector, str]:
        """Return what is folded, and 64 hexadecimal digits that are equal wherever the same is.

        All tenants are in it, and what was stated. A tenth of a second for a million learners, in which questions to
        the columns are answered and nothing is folded.
        """
        with self._changing:
            told = hashlib.sha256(self._folding.stated.digest)
            for name, one in sorted(self._folding.tenants.items()):
                if one.state.has_waiting_voids:
                    one.state.seal()
                told.update(f"{name}\0{one.state.fingerprint()}\0".encode())
            return self._folding.applied, told.hexdigest()

    # --- beside the fold ---------------------------------------------------------------------------------------------

    @contextmanager
    def held(self, tenant: str) -> Iterator[TenantState]:
        """Have a tenant's state as it is: nobody else changes it meanwhile, and others may ask."""
        with self._changing:
            yield self._folding.tenants[tenant]


def _without_history(state: State) -> State:
    view = copy.copy(state)
    view.history = copy.copy(state.history)
    view.history.__dict__["shown"] = _Withheld()
    return view
