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

Where facts put what is folded in doubt (`Folding.is_in_doubt`), the log is folded anew beside the questions, into
states that nobody sees yet, and these take the place of the others at once (`Live.fold_anew`).

The way not taken is columns in chunks of which each version has its own: no question would wait at all, but every loop
over rows would become two, and a fold that touches rows everywhere would copy most chunks anyway.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeVar

from homeroom import limits
from homeroom.adapters.directory import Under
from homeroom.errors import HomeroomError, TenantElsewhereError, TenantLeftOutError
from homeroom.limits import FROZEN_MS_MAX
from homeroom.log.control import Control
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Vector
from homeroom.node.folding import Folding, TenantState
from homeroom.node.overview import Overview
from homeroom.node.touched_parts import PartRead
from homeroom.node.touching import Touch, Touches
from homeroom.regions.messages import Part
from homeroom.regions.stated import Stated, members_of
from homeroom.regions.steps import Covered, Members
from homeroom.state.columns_alone import HistoryNeededError, without_history
from homeroom.state.cutting import Cut
from homeroom.state.keys import Keys
from homeroom.state.shards import children, fingerprint_of, root_sums
from homeroom.state.state import State

__all__ = ["Begun", "Fingerprint", "Live", "Seen"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was known when a question was asked: what had been folded, and the newest hybrid stamp in it."""

    applied: Vector
    newest: int
    epoch: int


class Begun(StrEnum):
    """With what a fold begins: with the log, or where that has forgotten its beginning with one of two snapshots."""

    LOG = "log"
    NEWEST = "newest snapshot"
    BEFORE = "snapshot"


class Fingerprint(NamedTuple):
    """What is folded, 64 hexadecimal digits of it, sums of parts by path, and of which parts smaller ones are told.

    ``pinned`` are the digits of tenants whose events stay in the jurisdiction of this node, which are not in the
    others; empty if there is none.
    """

    applied: Vector
    digits: str
    sums: Mapping[bytes, int]
    expanded: tuple[bytes, ...]
    pinned: str = ""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The sums, as they are told to other nodes."""
        return tuple(Part(path, one.to_bytes(8, "little")) for path, one in self.sums.items())


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
    anew : folds the log anew, up to the last entry of each origin that is given; None where nobody can

    Attributes
    ----------
    writing : is held while snapshots are written, and while all is folded anew
    doubt : why what is in doubt cannot be folded anew, None if it can
    times_anew : how often all was folded anew since the start
    """

    def __init__(
        self,
        folding: Folding,
        now_ms: Callable[[], int],
        anew: Callable[[Vector, Callable[[str, Control], TenantState], Begun], Folding]
        | None = None,
    ) -> None:
        self._folding, self._anew = folding, anew
        folding.touches = Touches(folding.applied)
        self.doubt: str | None = None
        self.times_anew = 0
        self._again_ms = 0
        self._now_ms = now_ms
        self._frozen: dict[str, _Frozen] = {}
        self._erased_told = folding.removals_folded
        # Held by who writes snapshots, and by who begins with one: else its files could go meanwhile. Taken first.
        self.writing = threading.Lock()
        # Held by who changes anything, and by who makes ready to.
        self._changing = threading.Lock()
        self._guard = threading.RLock()
        self._put_guard(folding)

    def _put_guard(self, folding: Folding) -> None:
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

    @property
    def is_in_doubt(self) -> bool:
        """Whether all has to be folded anew."""
        return self._folding.is_in_doubt

    @property
    def is_to_be_folded_anew(self) -> bool:
        """Whether this is in doubt, and it is time to try: what hindered it before may be over after a while."""
        left_ms = self._again_ms - self._now_ms()
        is_early = (
            0 < left_ms <= limits.DOUBT_AGAIN_MS
        )  # a clock that is set back is no reason to wait
        return self.is_in_doubt and not (self.doubt is not None and is_early)

    def cannot_be_folded_anew(self, error: HomeroomError) -> None:
        """Take what hinders it; it is told."""
        self.doubt = f"what is folded has to be folded anew, and cannot be: {error}"
        self._again_ms = self._now_ms() + limits.DOUBT_AGAIN_MS

    def fold_anew(self, begun: Begun = Begun.NEWEST) -> tuple[Folding, Folding]:
        """Fold the log anew as far as it is folded, and have what comes of it; return what there was, and what is now.

        Only the thread that folds may do this. Raises `StoreError`, `DataDirectoryError` and `KeyFileError`; all stays
        as it was then.
        """
        assert self._anew is not None, "whoever is in doubt can fold anew"
        with self.writing:
            old = self._folding
            new = self._anew(old.applied, old.make, begun)
            with self._changing, self._guard:
                self._take(old, new)
        return old, new

    def _take(self, old: Folding, new: Folding) -> None:
        self._put_guard(new)
        for name, tenant in new.tenants.items():
            before = old.tenants.get(name)
            tenant.state.cut_events = 0 if before is None else before.state.cut_events
            tenant.newest = tenant.newest or (0 if before is None else before.newest)
        new.removals_folded += old.removals_folded
        new.stamps = {**old.stamps, **new.stamps}
        # At equal entries it may be another state now.
        new.touches = Touches(new.applied)
        self._folding = new
        self._frozen.clear()
        self.times_anew += 1
        self.doubt = None

    def under(self, tenant: TenantState) -> Under:
        """Return the facts under which a tenant's state was made; it is held."""
        folding = self._folding
        order = "" if folding.is_in_doubt else folding.stated.order.digest
        unknown = tuple(sorted(self.unknown))
        return Under(
            epoch=folding.control.epoch,
            order=order,
            named=tenant.named,
            unknown=unknown,
            left_out={name: Vector(some).to_json() for name, some in folding.left_out.items()},
        )

    def wanted(self) -> dict[Origin, int]:
        """Return by origin the first entry that a tenant will want which is left out here: the log keeps it.

        Those whose events stay in a jurisdiction have a stream of which nothing is forgotten.
        """
        folding, found = self._folding, dict[Origin, int]()
        for name, numbers in list(folding.left_out.items()):
            for origin, number in dict(numbers).items():
                if not folding.control.pins_events(name):
                    found[origin] = min(number, found.get(origin, number))
        return found

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

    def _of(self, tenant: str) -> TenantState:
        """Return what a tenant's events add up to. Raises `TenantElsewhereError` and `TenantLeftOutError`."""
        folding = self._folding
        found = folding.tenants.get(tenant)
        if found is not None:
            return found
        if tenant in folding.elsewhere:
            raise TenantElsewhereError(tenant, folding.control.regions_of(tenant))
        why = folding.refused.get(tenant, f"{tenant} is not known here yet")
        raise TenantLeftOutError(why)

    def touch(self, tenant: str) -> Touch:
        """Return which entries said something of a tenant, of those that are folded."""
        return self._folding.touches.of(tenant)

    def touched_part(self, tenant: str, part: PartRead) -> Vector:
        """Return which entries said something of a part of a tenant, or more of them, of those that are folded."""
        return self._folding.touches.part_of(tenant, part)

    def overview(self, tenant: str) -> tuple[Overview, State]:
        """Return what was noted of a tenant's state when it was folded into last, and the state; waits for nobody.

        Counts become exact in a pause, when what came is sealed. Then it is noted once more, unless somebody is at it.
        """
        one = self._of(tenant)
        found = one.overview
        is_old = found is None or found.numbers.counts is not one.state.counts
        if is_old and self._guard.acquire(blocking=found is None):
            try:
                found = one.look_over(self._folding.applied)
            finally:
                self._guard.release()
        assert found is not None, "the first time is waited for"
        return found, one.state

    def is_settled(self, tenant: str) -> bool:
        """Say whether all of a tenant's events that are folded are sealed; one that is not there has none."""
        one = self._folding.tenants.get(tenant)
        return one is None or not one.state.unsealed_events

    def named(self, numbers: Vector) -> Vector:
        """Return what is still named of a vector: without origins that have collapsed into the epoch.

        What has collapsed is held whole by all who know of the epoch; so a vector and its epoch say the same without.
        """
        members = self._folding.control.members
        if not members.collapsed:
            return numbers
        closed = members.closed
        is_gone = members.collapsed.__contains__
        return Vector({o: n for o, n in numbers.items() if not (is_gone(o) and n >= closed[o])})

    def lacks_collapsed(self, applied: Vector) -> bool:
        """Say whether something is missing that no vector names any more: a node that joins has to get it first."""
        members = self._folding.control.members
        return any(applied[origin] < members.closed[origin] for origin in members.collapsed)

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
    def elsewhere(self) -> frozenset[str]:
        """Tenants of which nothing is here, because their events stay in another jurisdiction."""
        return frozenset(self._folding.elsewhere)

    @property
    def unknown(self) -> frozenset[str]:
        """Tenants of which entries say something that is passed over, because nobody has stated them."""
        folding = self._folding
        return frozenset(folding.unknown) - folding.control.tenants.keys()

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

    def covered(self) -> Covered:
        """Return what cuts cover that cannot be made yet, because not all of it is folded."""
        numbers: dict[Origin, int] = {}
        for vector in list(self._folding.covered.values()):
            numbers |= {o: max(n, numbers.get(o, 0)) for o, n in vector.items()}
        return Covered(numbers)

    def members(self, before: Members, seeds: Members) -> Members:
        """Return who belongs to the world by what is folded (`homeroom.regions.stated.members_of`)."""
        with self._guard:
            return members_of(self._folding.stated, before, seeds)

    def judged(self, judge: Callable[[Stated], _T]) -> _T:
        """Return what somebody says of all that was stated; nothing is folded meanwhile."""
        with self._guard:
            return judge(self._folding.stated)

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

    def days_cut(self) -> dict[str, int]:
        """Return by tenant the day at which its history begins, of those of which some was cut."""
        return {name: cut.day for name, cut in self.cuts().items()}

    def read(self, tenant: str, look: Callable[[State], _T]) -> _T:
        """Return what ``look`` sees in a tenant's state, while nothing is joined: it must be quick."""
        with self._guard:
            return look(self._of(tenant).state)

    def ask(
        self, tenant: str, ask: Callable[[State], _T], after: Vector | None = None
    ) -> tuple[_T, Seen]:
        """Return what ``ask`` makes of a tenant's state, and what was known by then.

        All of ``after`` has been folded; a state that was frozen before is not asked.
        """
        with self._guard, suppress(HistoryNeededError):
            one = self._of(tenant)
            return ask(without_history(one.state)), self._seen(one)
        frozen = self._freeze(tenant, after)
        return ask(frozen.state), frozen.seen

    def seen(self, tenant: str) -> Seen:
        """Return what is known of a tenant now. Raises `KeyError` for one that is not there."""
        return self._seen(self._folding.tenants[tenant])

    def still(self, tenant: str, after: Vector | None = None) -> tuple[State, Seen]:
        """Return a tenant's state as it is now, sealed, whatever is folded later; all of ``after`` is in it."""
        frozen = self._freeze(tenant, after)
        return frozen.state, frozen.seen

    def _seen(self, tenant: TenantState) -> Seen:
        return Seen(self._folding.applied, tenant.newest, self._folding.control.epoch)

    def _freeze(self, tenant: str, after: Vector | None) -> _Frozen:
        with self._changing:
            one, frozen = self._of(tenant), self._frozen.get(tenant)
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

    def fingerprint(self, expand: Sequence[bytes] = ()) -> Fingerprint:
        """Return what is folded, and 64 hexadecimal digits that are equal wherever the same is.

        All tenants that every node has are in it, and what was stated; those whose events stay in a jurisdiction have
        one of their own. A tenth of a second for a million learners, in which questions to the columns are answered
        and nothing is folded. Of parts whose paths are given, as long again for each.
        """
        with self._changing:
            folding = self._folding
            told, pinned = hashlib.sha256(folding.stated.digest), hashlib.sha256()
            shards, states, has_pinned = [], [], False
            for name, one in sorted(folding.tenants.items()):
                if one.state.has_waiting_voids:
                    one.state.seal()
                some, is_pinned = one.state.tables.shards(), folding.control.pins_events(name)
                into = pinned if is_pinned else told
                into.update(f"{name}\0{fingerprint_of(one.state, some)}\0".encode())
                has_pinned |= is_pinned
                if not is_pinned:
                    shards.append(some)
                    states.append(one.state)
            sums = root_sums(shards)
            expanded: list[bytes] = []
            for path in expand:
                more = children(states, path)
                if len(sums) + len(more) <= limits.SUMS_TOLD_MAX:
                    sums |= more
                    expanded.append(path)
            digits = pinned.hexdigest() if has_pinned else ""
            return Fingerprint(folding.applied, told.hexdigest(), sums, tuple(expanded), digits)

    # --- beside the fold ---------------------------------------------------------------------------------------------

    @contextmanager
    def held(self, tenant: str) -> Iterator[TenantState]:
        """Have a tenant's state as it is: nobody else changes it meanwhile, and others may ask."""
        with self._changing:
            yield self._of(tenant)
