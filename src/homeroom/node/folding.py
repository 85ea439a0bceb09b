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

from homeroom.errors import EntryError
from homeroom.log.control import Control, read_changes
from homeroom.log.entries import Entry
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

    Attributes
    ----------
    applied : by origin the last entry that is folded, or that needs no folding here
    control : what was stated
    troubles : by origin why its entries are not folded any further
    """

    def __init__(
        self, tenants: Mapping[str, TenantState], make: Callable[[str, Control], TenantState]
    ) -> None:
        self.tenants = dict(tenants)
        self.applied = Vector()
        self.control = Control()
        self.troubles: dict[Origin, str] = {}
        self._make = make

    def fold(self, entries: Sequence[Entry]) -> None:
        """Fold entries, those of each origin in order; what is folded already is passed over.

        Small entries of several commits are joined before they are folded: a fold costs a fixed amount a call.
        """
        parts: dict[str, list[Part]] = defaultdict(list)
        for entry in entries:
            origin = entry.origin
            if origin in self.troubles or entry.number <= self.applied[origin]:
                continue
            try:
                self._read(entry, parts)
            except (EntryError, KeyError) as error:
                why = (
                    str(error) if isinstance(error, EntryError) else f"no tenant is called {error}"
                )
                self.troubles[origin] = f"entry {entry.number} of {origin} is not folded: {why}"
                continue
            self.applied = self.applied.advanced(origin, entry.number)
        for tenant, mine in parts.items():
            _fold(self.tenants[tenant].state, mine)

    def _read(self, entry: Entry, parts: dict[str, list[Part]]) -> None:
        entry.check_payload()
        content = unpack(entry.payload).content
        if entry.origin.stream is Stream.CONTROL:
            self._state_facts(content)
        elif entry.origin.stream is Stream.ANALYTIC:
            known = {name: one.state.dictionaries for name, one in self.tenants.items()}
            for part in read_parts(content, known):
                tenant = self.tenants[part.tenant]
                if entry.number > tenant.applied[entry.origin]:
                    parts[part.tenant].append(part)
                    tenant.newest = max(tenant.newest, entry.hybrid)
            for tenant in self.tenants.values():
                tenant.applied = tenant.applied.joined({entry.origin: entry.number})

    def _state_facts(self, content: bytes) -> None:
        for change in read_changes(content):
            self.control = self.control.folded(change, self.control.epoch + 1)
        for name in self.control.tenants:
            if name not in self.tenants:
                self.tenants[name] = self._make(name, self.control)


def _fold(state: State, parts: Sequence[Part]) -> None:
    batches = [part.events for part in parts if part.events is not None]
    if batches:
        state.fold(joined_batches(batches))
        state.flush()
    for part in parts:
        if len(part.voids):
            state.void(part.voids)
