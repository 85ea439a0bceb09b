"""What a simulated node does beside its work: snapshots, what its log forgets, looks into it, and what it writes again.

A running node has threads of its own for these; here they happen between two steps, at times that chance gives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from homeroom import limits
from homeroom.errors import StoreError
from homeroom.log.origins import Origin, Vector
from homeroom.regions.counting import goes_beyond, lacks_state, lost
from homeroom.regions.steps import Collected, Event, Found, Look, NotInstalled, Saved
from homeroom.simulation.regions.erasing import Redact
from homeroom.simulation.regions.ledger import read_happenings
from homeroom.simulation.regions.rows import Happening
from homeroom.simulation.regions.snapshots import Snapshot, packed, write_snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homeroom.log.entries import Entry
    from homeroom.simulation.regions.folding import Folding
    from homeroom.simulation.regions.machine import Machine

__all__ = ["TAIL", "Hands", "Upkeep"]

TAIL: Final = "tail"
"""How the ids of batches begin that are written once more: there is a record of each, so that it is done once."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What a node lets its upkeep do: take a step, wait, give up this life, begin another, write a batch, redact."""

    step: Callable[[Event], None]
    later: Callable[..., None]
    fail: Callable[[str], None]
    begin_anew: Callable[[str], None]
    write: Callable[[str, tuple[Happening, ...]], None]
    redact: Callable[[Redact], None]


class Upkeep:
    """The upkeep of one life of a node.

    Parameters
    ----------
    machine : the node
    folding : what it folds
    tail : what an earlier life wrote after the world had given it up
    hands : what it may do
    """

    def __init__(
        self, machine: Machine, folding: Folding, tail: Sequence[Entry], hands: Hands
    ) -> None:
        self._machine, self._folding, self._hands = machine, folding, hands
        self._tail = deque(tail)

    def begin(self) -> None:
        """Write snapshots from now on."""
        machine = self._machine
        self._hands.later(machine.chance.randrange(*machine.outside.save_ms), self._keep_saving)

    # --- snapshots ---

    def _keep_saving(self) -> None:
        self._save()
        self.begin()

    def _save(self) -> None:
        machine = self._machine
        heads = self._folding.saved()
        if write_snapshot(machine.disk, packed(machine.ledger, heads)):
            self._hands.step(Saved({origin: head.number for origin, head in heads.items()}))

    def collect(self, numbers: Mapping[Origin, int]) -> None:
        """Have the log forget what nobody needs any more."""
        try:
            while self._machine.store.collect(Vector(numbers)):
                pass
        except StoreError as error:
            self._hands.fail(str(error))
            return
        self._machine.outside.watch.collected(self._machine, numbers)
        self._hands.step(Collected(numbers))

    def fetch(self, of: str) -> None:
        """Fetch the snapshot of another node."""
        machine = self._machine

        def install(snapshot: Snapshot | None) -> None:
            self._hands.later(0, self._install, snapshot)

        machine.outside.courier.fetch(of, machine.name, install)

    def _install(self, snapshot: Snapshot | None) -> None:
        """Put a snapshot of another node in place of this one's state, and begin anew from there."""
        machine, store = self._machine, self._machine.store
        applied = {} if snapshot is None else snapshot.applied
        closed = machine.member.members.closed
        covers = not lacks_state(store.begins(), applied, closed) and not goes_beyond(
            applied, closed
        )
        goes_on = any(head.number > store.head(o).number for o, head in applied.items())
        if snapshot is None or not covers or not goes_on:
            self._hands.step(NotInstalled("it did not come, or is of no use"))
        elif not write_snapshot(machine.disk, snapshot.content()):
            self._hands.fail("a snapshot could not be written")
        else:
            self._hands.begin_anew("it has a snapshot of another node")

    # --- what others ask for ---

    def look(self, look: Look) -> None:
        """Look up in the log what another node asks for."""
        machine = self._machine
        found: list[Entry] = []
        size_bytes = 0
        for wanted in look.ranges:
            for entry in machine.store.read(
                wanted.origin, wanted.first, limits.MESSAGE_ENTRIES_MAX
            ):
                if len(found) >= limits.MESSAGE_ENTRIES_MAX or size_bytes > limits.PULL_BYTES:
                    break
                found.append(entry)
                size_bytes += len(entry.payload)
        gone = lost(look.ranges, found, machine.store)
        self._hands.step(Found(look.to, look.pull, tuple(found), machine.wall_ms(), gone))

    # --- who is erased ---

    def state_erasures(self) -> None:
        """State erasures that the log has not, though the register has; the node takes batches."""
        machine = self._machine
        for erasure in machine.register.missing(machine.ledger.erased, machine.life):
            self._hands.write(f"{erasure.id} {machine.life}", (erasure,))

    def clean(self) -> None:
        """Have nothing on the disk of who is erased, if something may be: neither in the snapshot nor in the log."""
        machine = self._machine
        if not (machine.cleaning.is_due and machine.ledger.erased):
            return
        self._save()
        self._hands.redact(machine.cleaning.due())

    # --- what is written once more ---

    def write_tail(self) -> None:
        """Write once more what an earlier life wrote after the world had given it up; the node takes batches."""
        while self._tail:
            entry = self._tail.popleft()
            events = tuple(read_happenings(entry.payload))
            self._hands.write(f"{TAIL} {entry.origin} {entry.number}", events)
