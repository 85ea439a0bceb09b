"""What entries add up to: a state a tenant, and what was stated.

Entries of one origin are folded in order, whole ones only; which origin's come first makes no difference, because every
fact in them joins. A node folds its own entries the way in which it folds those of any other node: from their payloads.
So what a running node holds and what a rebuild of its log holds cannot differ.

An entry that makes the fold raise stops its origin here, and nothing else: it is told as a trouble, and the numbers
after it wait.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from homeroom.errors import HomeroomError, kind_and_places
from homeroom.limits import SEAL_EVENTS
from homeroom.log.control import Control, read_changes
from homeroom.log.entries import Entry
from homeroom.log.erasures import erased_keys
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import Part, read_parts, unpack
from homeroom.state.batches import joined_batches
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
    troubles : by origin why its entries are not folded any further
    erasures_folded : how many erasures were folded since the start
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
        self.erasures_folded = 0
        self._make = make

    def fold(self, entries: Sequence[Entry]) -> None:
        """Fold entries, those of each origin in order; what is folded already is passed over.

        Entries are folded together, because a fold costs a fixed amount a call; if that raises, one by one, to find
        the one to stop at.
        """
        try:
            self._fold_together(entries)
        except Exception:  # noqa: BLE001 - told as a trouble below
            for entry in entries:
                self._fold_alone(entry)

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
        applied, control, parts = self.applied, self.control, _Parts()
        for entry in entries:
            if entry.origin in self.troubles or entry.number <= applied[entry.origin]:
                continue
            entry.check_payload()
            content = unpack(entry.payload).content
            if entry.origin.stream is Stream.CONTROL:
                control = self._stated(control, content)
            elif entry.origin.stream is Stream.ANALYTIC:
                self._take(entry, content, parts)
            applied = applied.advanced(entry.origin, entry.number)
        for name, mine in parts.by_tenant.items():
            _fold(self.tenants[name].state, mine)
            self.erasures_folded += sum(len(part.erasures) for part in mine)
        self.applied, self.control = applied, control
        self.stamps |= {entry.origin: entry.hybrid for entry in entries if entry.origin in applied}
        for name, tenant in self.tenants.items():
            tenant.applied = tenant.applied.joined(applied)
            tenant.newest = max(tenant.newest, parts.newest[name])

    def _take(self, entry: Entry, content: bytes, parts: "_Parts") -> None:
        known = {name: one.state.dictionaries for name, one in self.tenants.items()}
        for part in read_parts(content, known):
            if entry.number > self.tenants[part.tenant].applied[entry.origin]:
                parts.by_tenant[part.tenant].append(part)
                parts.newest[part.tenant] = max(parts.newest[part.tenant], entry.hybrid)

    def _stated(self, control: Control, content: bytes) -> Control:
        for change in read_changes(content):
            control = control.folded(change, control.epoch + 1)
        for name in control.tenants:
            if name not in self.tenants:
                self.tenants[name] = self._make(name, control)
        return control


@dataclass(slots=True)
class _Parts:
    """What is to be folded, and the newest hybrid stamp in it, by tenant."""

    by_tenant: dict[str, list[Part]] = field(default_factory=lambda: defaultdict(list))
    newest: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def _fold(state: State, parts: Sequence[Part]) -> None:
    erasures = [erasure for part in parts for erasure in part.erasures]
    if erasures:
        # First of all, so that what comes with them is cut as what came before.
        state.erase(erased_keys(erasures))
    batches = [part.events for part in parts if part.events is not None]
    if batches:
        state.fold(joined_batches(batches))
        state.flush()
        if state.unsealed_events >= SEAL_EVENTS:
            state.seal()
    for part in parts:
        if len(part.voids):
            state.void(part.voids)
