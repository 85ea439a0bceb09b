"""What entries add up to: a state a tenant, and what was stated.

Entries of one origin are folded in order, whole ones only; which origin's come first makes no difference, because every
fact in them joins. A node folds its own entries the way in which it folds those of any other node: from their payloads.
So what a running node holds and what a rebuild of its log holds cannot differ.

Whoever asks does so while he holds the guard, and what takes long is done outside of it: entries are unpacked, looked
at and coded, their events dealt out, room made for them. Under the guard they are joined, some at a time, and whoever
asks sees all of each of these or nothing. Texts that nobody has used so far are the exception: they get their codes
under the guard, because a question may tell what texts there are.

An entry that makes the fold raise stops its origin here, and nothing else: it is told as a trouble, and the numbers
after it wait.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np

from homeroom.errors import HomeroomError, kind_and_places
from homeroom.limits import JOINED_BYTES, SEAL_EVENTS
from homeroom.log.control import Control, read_changes
from homeroom.log.entries import Entry
from homeroom.log.erasures import erased_keys
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import OpenPart, open_parts, unpack
from homeroom.node.arrival import Alarm, arrived
from homeroom.state.batches import joined_batches
from homeroom.state.state import ReadyBatch, State

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
    troubles : by origin why its entries are not folded any further
    alarms : by origin what should not have been in its entries, and was left out of what was folded
    erasures_folded : how many erasures were folded since the start
    guard : is held while anything that questions see becomes other (`State.guard`), of all tenants
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
        self.troubles: dict[Origin, str] = {}
        self.alarms: dict[Origin, Alarm] = {}
        self.erasures_folded = 0
        self.guard: AbstractContextManager[object] = nullcontext()
        self._make = make

    def fold(self, entries: Sequence[Entry]) -> None:
        """Fold entries, those of each origin in order; what is folded already is passed over.

        Entries are folded together, because a fold costs a fixed amount a call, but not too many, because questions
        wait while they are joined. If that raises they are folded one by one, to find the one to stop at.
        """
        for some in _portions(entries):
            try:
                self._fold_together(some)
            except Exception:  # noqa: BLE001 - told as a trouble below
                for entry in some:
                    self._fold_alone(entry)
            self._seal(some)

    def _seal(self, entries: Sequence[Entry]) -> None:
        """Seal what has come, where it is enough; what goes wrong there is told of the last entries."""
        try:
            for tenant in self.tenants.values():
                if tenant.state.unsealed_events >= SEAL_EVENTS:
                    tenant.state.seal()
        except Exception as error:  # noqa: BLE001 - it stops these origins and is told
            for entry in entries:
                self.troubles.setdefault(
                    entry.origin,
                    f"after entry {entry.number} of {entry.origin} nothing is folded, since what it is in cannot be "
                    f"sealed: {kind_and_places(error)}; this is a fault of homeroom",
                )

    def _fold_alone(self, entry: Entry) -> None:
        if entry.origin in self.troubles:
            return
        try:
            self._fold_together([entry])
        except Exception as error:  # noqa: BLE001 - whatever it is, it stops this origin and is told
            why = (
                str(error)
                if isinstance(error, HomeroomError)
                else f"{kind_and_places(error)}; this is a fault of homeroom"
            )
            self.troubles[entry.origin] = (
                f"entry {entry.number} of {entry.origin} is not folded: {why}"
            )

    def _fold_together(self, entries: Sequence[Entry]) -> None:
        """Fold entries and say so; if it raises, nothing is said, and to fold them again does no harm."""
        read = self._read(entries)
        for name, mine in read.parts.items():
            if any(len(part.voids) or part.erasures for part in mine):
                # What is voided is sealed first; then it is only these events that are sealed under the guard.
                read.tenants[name].state.seal()
            erasures = [erasure for part in mine for erasure in part.erasures]
            if erasures:
                # Before all else, so that what comes with them is cut as what came before.
                read.tenants[name].state.erase(erased_keys(erasures))
                self.erasures_folded += len(erasures)
        ready = {name: _ready(read.tenants[name].state, mine) for name, mine in read.parts.items()}
        # Held on to until nobody waits: to give back the memory of large arrays takes milliseconds.
        _before = [self.tenants[name].state.partitions() for name in ready if name in self.tenants]
        with self.guard:
            self.tenants = read.tenants
            for name, mine in read.parts.items():
                _join(self.tenants[name].state, mine, ready[name])
            self.applied, self.control = read.applied, read.control
            for origin, alarm in read.alarms:
                self.alarms[origin] = self.alarms.get(origin, Alarm()).joined(alarm)
            self.stamps |= {
                entry.origin: entry.hybrid for entry in entries if entry.origin in read.applied
            }
            for name, tenant in self.tenants.items():
                tenant.applied = tenant.applied.joined(read.applied)
                tenant.newest = max(tenant.newest, read.newest.get(name, 0))

    def _read(self, entries: Sequence[Entry]) -> "_Read":
        """Return what entries say, all of them known to be whole."""
        read = _Read(dict(self.tenants), self.applied, self.control)
        for entry in entries:
            if entry.origin in self.troubles or entry.number <= read.applied[entry.origin]:
                continue
            entry.check_payload()
            content = unpack(entry.payload).content
            if entry.origin.stream is Stream.CONTROL:
                self._take_stated(content, read)
            elif entry.origin.stream is Stream.ANALYTIC:
                _take(entry, content, read)
            read.applied = read.applied.advanced(entry.origin, entry.number)
        return read

    def _take_stated(self, content: bytes, read: "_Read") -> None:
        for change in read_changes(content):
            read.control = read.control.folded(change, read.control.epoch + 1)
        for name in read.control.tenants:
            if name not in read.tenants:
                read.tenants[name] = self._make(name, read.control)
                read.tenants[name].state.guard = self.guard


@dataclass(slots=True)
class _Read:
    """What some entries say.

    Parameters
    ----------
    tenants, applied, control : those of the folding, with what the entries add
    parts : by tenant what is to be joined
    newest : by tenant the newest hybrid stamp in it
    alarms : what should not have been in entries, with their origins
    """

    tenants: dict[str, TenantState]
    applied: Vector
    control: Control
    parts: dict[str, list[OpenPart]] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    alarms: list[tuple[Origin, Alarm]] = field(default_factory=list)


def _take(entry: Entry, content: bytes, read: _Read) -> None:
    for written in open_parts(content):
        part, alarm = arrived(entry, written, read.control)
        if alarm is not None:
            read.alarms.append((entry.origin, alarm))
        if entry.number > read.tenants[part.tenant].applied[entry.origin]:
            read.parts.setdefault(part.tenant, []).append(part)
            read.newest[part.tenant] = max(read.newest.get(part.tenant, 0), entry.hybrid)


def _ready(state: State, parts: Sequence[OpenPart]) -> ReadyBatch | None:
    """Make ready to join what parts say; only room for it, and None, where they have texts that have no code yet."""
    batches = []
    for part in parts:
        known = part.known(state.dictionaries)
        if known is None:
            keys, times = zip(*(part.keys_and_times() for part in parts), strict=True)
            state.make_room(np.concatenate(keys), np.concatenate(times))
            return None
        if known.events is not None:
            batches.append(known.events)
    return state.ready(joined_batches(batches))


def _join(state: State, parts: Sequence[OpenPart], ready: ReadyBatch | None) -> None:
    """Join what parts say, with what was made ready of it."""
    if ready is None:
        coded = [part.coded(state.dictionaries).events for part in parts]
        ready = state.ready(joined_batches([batch for batch in coded if batch is not None]))
    if len(ready.batch):
        state.take(ready)
    voids = [part.voids for part in parts if len(part.voids)]
    if voids:
        state.void_at_once(np.concatenate(voids))


def _portions(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Cut entries into portions that are joined at once."""
    portion: list[Entry] = []
    size_bytes = 0
    for entry in entries:
        if portion and size_bytes + len(entry.payload) > JOINED_BYTES:
            yield portion
            portion, size_bytes = [], 0
        portion.append(entry)
        size_bytes += len(entry.payload)
    if portion:
        yield portion
