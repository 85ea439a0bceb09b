"""What entries add up to: a state a tenant, and what was stated.

Entries of one origin are folded in order, whole ones only; which origin's come first makes no difference, because every
fact in them joins. A node folds its own entries the way in which it folds those of any other node: from their payloads.
So what a running node holds and what a rebuild of its log holds cannot differ.

An entry that makes the fold raise stops its origin here, and nothing else: it is told as a trouble, and the numbers
after it wait.

A retention cut waits until all is folded that its vector covers, and what was stated after it waits with it, as do
events that were admitted under that. Entries that wait are not kept here: whoever gives entries gives them again.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from homeroom.errors import HomeroomError, kind_and_places
from homeroom.events.model import EventBatch
from homeroom.limits import SEAL_EVENTS
from homeroom.log.control import Change, Control, Fact, read_changes
from homeroom.log.cuts import HistoryCut, folded_cut
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import Part, read_parts, unpack
from homeroom.state.batches import joined_batches
from homeroom.state.copies import Source, origin_codes
from homeroom.state.state import State

__all__ = ["Folding", "TenantState"]


@dataclass(slots=True)
class TenantState:
    """What one tenant's events add up to.

    Parameters
    ----------
    state : columns and history
    applied : by origin the last entry that is in it
    newest : hybrid stamp of the newest entry that is in it, 0 for none
    """

    state: State
    applied: Vector = field(default_factory=Vector)
    newest: int = 0


class Folding:
    """Folds entries.

    Parameters
    ----------
    tenants : the states that there are
    make : returns the state of a tenant that is new, given what is known of it
    applied : what is folded already into all of them

    Attributes
    ----------
    applied : by origin the last entry that is folded, or that needs no folding here
    control : what was stated
    stamps : by origin the hybrid stamp of the last entry that was folded
    waiting : by origin why entries that were given last could not be folded yet
    troubles : by origin why its entries are not folded any further
    """

    def __init__(
        self,
        tenants: Mapping[str, TenantState],
        make: Callable[[str, Control], TenantState],
        applied: Vector | None = None,
    ) -> None:
        self.tenants = dict(tenants)
        self.applied = applied or Vector()
        self.control = Control()
        self.stamps: dict[Origin, int] = {}
        self.waiting: dict[Origin, str] = {}
        self.troubles: dict[Origin, str] = {}
        self._make = make

    def fold(self, entries: Sequence[Entry]) -> None:
        """Fold entries, those of each origin in order; what is folded already is passed over.

        Entries are folded together, because a fold costs a fixed amount a call; if that raises, one by one, to find
        the one to stop at. Those that wait for others are tried again once these are folded.
        """
        left: Sequence[Entry] = entries
        while left:
            waiting = self._fold_some(left)
            if len(waiting) == len(left):
                break
            left = waiting

    def _fold_some(self, entries: Sequence[Entry]) -> list[Entry]:
        """Fold what can be folded; return what waits."""
        try:
            return self._fold_together(entries)
        except Exception:  # noqa: BLE001 - told as a trouble below
            return [one for entry in entries for one in self._fold_alone(entry)]

    def _fold_alone(self, entry: Entry) -> list[Entry]:
        if entry.origin in self.troubles:
            return []
        try:
            return self._fold_together([entry])
        except Exception as error:  # noqa: BLE001 - whatever it is, it stops this origin and is told
            why = (
                str(error)
                if isinstance(error, HomeroomError)
                else f"{kind_and_places(error)}; this is a fault of homeroom"
            )
            self.troubles[entry.origin] = (
                f"entry {entry.number} of {entry.origin} is not folded: {why}"
            )
            return []

    def _fold_together(self, entries: Sequence[Entry]) -> list[Entry]:
        """Fold entries and say so; if it raises, nothing is said, and to fold them again does no harm.

        Returns those that wait.
        """
        applied, control, parts, waiting = self.applied, self.control, _Parts(), []
        for entry in entries:
            if entry.origin in self.troubles or entry.number <= applied[entry.origin]:
                continue
            waits = self._waits_behind(entry, control, applied)
            after = None if waits else self._taken(entry, control, parts)
            if after is None:
                waiting.append(entry)
            else:
                control, applied = after, applied.advanced(entry.origin, entry.number)
        for name, mine in parts.by_tenant.items():
            _fold(self.tenants[name].state, mine)
        self.applied, self.control = applied, control
        self.stamps |= {e.origin: e.hybrid for e in entries if e.number <= applied[e.origin]}
        for name, tenant in self.tenants.items():
            tenant.applied = tenant.applied.joined(applied)
            tenant.newest = max(tenant.newest, parts.newest[name])
        return waiting

    def _taken(self, entry: Entry, control: Control, parts: "_Parts") -> Control | None:
        """Take what an entry says; return what is stated then, None if it waits."""
        entry.check_payload()
        content = unpack(entry.payload).content
        if entry.origin.stream is Stream.ANALYTIC:
            self._take(entry, content, parts)
        if entry.origin.stream is not Stream.CONTROL:
            return control
        changes = read_changes(content)
        if self._waits_for_events(entry, changes, control):
            return None
        return self._stated(control, changes)

    def _waits_behind(self, entry: Entry, control: Control, applied: Vector) -> bool:
        """Say whether an entry waits because of others that do; if none do, its turn has come."""
        if not self.waiting:
            return False
        if entry.number > applied[entry.origin] + 1:
            return entry.origin in self.waiting
        is_stopped = any(origin.stream is Stream.CONTROL for origin in self.waiting)
        is_analytic = entry.origin.stream is Stream.ANALYTIC
        if is_analytic and is_stopped and entry.epoch > control.epoch:
            self.waiting[entry.origin] = (
                f"entry {entry.number} of {entry.origin} waits for what was stated before it"
            )
            return True
        self.waiting.pop(entry.origin, None)
        return False

    def _waits_for_events(self, entry: Entry, changes: Sequence[Change], control: Control) -> bool:
        """Say whether changes hold a cut that covers entries which are not folded yet."""
        for epoch, change in enumerate(changes, control.epoch + 1):
            fact = change.fact
            tenant = self.tenants.get(fact.tenant) if isinstance(fact, HistoryCut) else None
            if tenant is None or not isinstance(fact, HistoryCut) or _is_made(tenant, epoch):
                continue
            after = folded_cut(control.cuts, fact, epoch)[fact.tenant]
            if not tenant.applied.covers(after.vector):
                self.waiting[entry.origin] = (
                    f"the cut of the history of {fact.tenant} in entry {entry.number} of {entry.origin} waits for "
                    f"entries that it covers"
                )
                return True
        return False

    def _take(self, entry: Entry, content: bytes, parts: "_Parts") -> None:
        known = {name: one.state.dictionaries for name, one in self.tenants.items()}
        for part in read_parts(content, known):
            if entry.number > self.tenants[part.tenant].applied[entry.origin]:
                parts.by_tenant[part.tenant].append((part, entry))
                parts.newest[part.tenant] = max(parts.newest[part.tenant], entry.hybrid)

    def _stated(self, control: Control, changes: Sequence[Change]) -> Control:
        for change in changes:
            control = control.folded(change, control.epoch + 1)
            for name in control.tenants:
                if name not in self.tenants:
                    self.tenants[name] = self._make(name, control)
            self._cut(control, change.fact)
        return control

    def _cut(self, control: Control, fact: Fact) -> None:
        """Make the cut that a fact has just stated, if it is one of a tenant that is there."""
        if isinstance(fact, HistoryCut) and fact.tenant in control.tenants:
            stated = control.cuts[fact.tenant]
            if stated.epoch == control.epoch:  # else it said nothing
                self.tenants[fact.tenant].state.cut(stated.day, stated.vector, stated.epoch)


def _is_made(tenant: TenantState, epoch: int) -> bool:
    made = tenant.state.cut_made
    return made is not None and epoch <= made.epoch


_Came: TypeAlias = tuple[Part, Entry]
"""What an entry says of a tenant, and the entry."""


@dataclass(slots=True)
class _Parts:
    """What is to be folded, and the newest hybrid stamp in it, by tenant."""

    by_tenant: dict[str, list[_Came]] = field(default_factory=lambda: defaultdict(list))
    newest: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def _fold(state: State, parts: Sequence[_Came]) -> None:
    origins = list({entry.origin for _, entry in parts})
    codes = dict(zip(origins, origin_codes(origins, state.dictionaries.origin), strict=True))
    batches = [
        _marked(part.events, codes[entry.origin], entry.number)
        for part, entry in parts
        if part.events is not None
    ]
    if batches:
        state.fold(joined_batches(batches))
        state.flush()
        if state.unsealed_events >= SEAL_EVENTS:
            state.seal()
    for part, entry in parts:
        if len(part.voids):
            state.void(part.voids, Source(codes[entry.origin], entry.number))


def _marked(batch: EventBatch, origin: int, number: int) -> EventBatch:
    """Return events with the entry that they came with."""
    count = len(batch)
    return replace(
        batch, origin=np.full(count, origin, np.int32), entry=np.full(count, number, np.int64)
    )
