"""Shards are made anew where they were lost, moved to other machines, and saved, while questions go on.

A shard that is lost, or is to be elsewhere, begins in a new process with its snapshot, and is given what came after it,
in the portions of the journal and with the entries that the log has. All but the last of it happens beside questions
and new entries; for the last the turn is taken. Then the new process stands in the place of the old one, which had been
answering until then if it could. Nobody is answered from a shard that lacks anything.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from homeroom import limits
from homeroom.errors import ShardsAwayError
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream
from homeroom.running.sharding.region import ShardedEngine, Worker
from homeroom.scaling.journal import Journal, Portion
from homeroom.scaling.placing import Gain, Machine, Move, gain_of, plan
from homeroom.scaling.slots import Slots, slots_of

__all__ = ["Cluster", "Keeper", "Read", "entries_of", "stated_in"]

Read = Callable[[Origin, int, int], Sequence[Entry]]
"""Returns entries of an origin, from a number on, at most so many: those of the log."""
_CLOSE: Final = 2
"""So few portions before the end the turn is taken."""


class Cluster(Protocol):
    """Where shards run."""

    def start(self, slots: Slots, node: str) -> Worker:
        """Start the process of a shard, on a machine or wherever there is room. Raises `ShardsAwayError`."""
        ...

    def machines(self) -> tuple[Machine, ...]:
        """Return the machines that are there."""
        ...

    def share(self, value: object) -> object:
        """Return what stands for something that all shards get, so that it is sent once."""
        ...


class Keeper:
    """Keeps the shards of an engine; any thread may call it, and one does something at a time.

    A shard that is elsewhere has the directory of the one before it, so nothing is written while shards begin.

    Parameters
    ----------
    engine : whose shards these are
    cluster : where they run
    read : reads the log
    """

    def __init__(self, engine: ShardedEngine, cluster: Cluster, read: Read) -> None:
        self._engine, self._cluster, self._read = engine, cluster, read
        self._one = threading.Lock()

    def mend(self) -> dict[int, str]:
        """Have all shards that are away made anew; return why those are still away for which that did not work."""
        with self._one:
            self._engine.is_to_be_mended.clear()
            self._each([Move(number, "", "") for number in sorted(self._engine.lost)])
            return dict(self._engine.lost)

    def move(self, number: int, node: str) -> None:
        """Have a shard go to a machine, without a pause. Raises `ShardsAwayError`; it stays where it was then."""
        with self._one:
            self._put(number, node)

    def planned(self) -> tuple[Move, ...]:
        """Return the moves after which shards lie evenly on the machines that are there."""
        return plan(self._cluster.machines(), self._places())

    def gain(self, memory_bytes: Mapping[int, int]) -> Gain | None:
        """Return what one more machine like the largest one there is would cost and bring, by the memory of shards."""
        machines = self._cluster.machines()
        if not machines:
            return None
        largest = max(machines, key=lambda one: one.processors)
        more = Machine("one more", largest.processors, largest.memory_bytes)
        return gain_of(more, machines, self._places(), memory_bytes)

    def balance(self) -> tuple[Move, ...]:
        """Have shards lie evenly on the machines that are there; return the moves that were made."""
        with self._one:
            return self._each(self.planned())

    def resize(self, shards: int) -> None:
        """Cut the region into another number of shards; those that there are answer until the others can.

        Raises `ShardsAwayError` where one of these cannot begin; all stays as it was then.
        """
        with self._one:
            self._resize(shards)

    def _resize(self, shards: int) -> None:
        engine, begun = self._engine, list[tuple[Worker, int]]()
        with ThreadPoolExecutor(shards, "homeroom-shards") as pool:
            made = [pool.submit(self._begin, slots, "") for slots in slots_of(shards)]
        try:
            begun += [one.result() for one in made if one.exception() is None]
            _ = [one.result() for one in made]  # raises what hindered one
            with engine.turn:
                for worker, portion in begun:
                    self._give(worker, portion, engine.journal.last)
                engine.take_all([worker for worker, _ in begun])
        except BaseException:
            for worker, _ in begun:
                worker.stop()
            raise

    def save(self) -> dict[int, int]:
        """Have all shards write a snapshot; return by shard to which portion it goes."""
        journal = self._engine.journal
        with self._one:
            saved = self._engine.each(lambda worker: worker.save(journal.life))
        journal.sync()  # after a crash, a snapshot of a portion that nobody knows is of no use
        return {number: portion for number, portion in saved.items() if isinstance(portion, int)}

    def _places(self) -> dict[int, str]:
        present = list(self._engine.present.items())
        return dict.fromkeys(self._engine.lost, "") | {n: one.node for n, one in present}

    def _each(self, moves: Sequence[Move]) -> tuple[Move, ...]:
        """Make moves, all at once; return those that were made."""
        if not moves:
            return ()
        with ThreadPoolExecutor(len(moves), "homeroom-shards") as pool:
            made = pool.map(lambda one: self._try(one.number, one.target), moves)
            return tuple(one for one, is_made in zip(moves, made, strict=True) if is_made)

    def _try(self, number: int, node: str) -> bool:
        try:
            self._put(number, node)
        except ShardsAwayError as error:
            if number in self._engine.lost:
                self._engine.lost[number] = str(error)
            return False
        return True

    def _put(self, number: int, node: str) -> None:
        """Have a new process stand in the place of a shard's."""
        engine = self._engine
        worker, begun = self._begin(Slots(number, engine.shards), node)
        try:
            with engine.turn:
                self._give(worker, begun, engine.journal.last)
                engine.take(worker)
        except BaseException:
            worker.stop()
            raise

    def _begin(self, slots: Slots, node: str) -> tuple[Worker, int]:
        """Start a process, and give it all but the last of what it lacks; return to which portion it has come."""
        journal = self._engine.journal
        worker = self._cluster.start(slots, node)
        try:
            # One that was apart from the others would be so again, out of the same snapshot.
            last = 0 if slots.number in self._engine.apart else journal.last
            opened = worker.open(journal.life, last, stated_in(self._read, journal))
            begun = opened.result(limits.SHARD_APPLY_LATE_MS)
            assert isinstance(begun, int), "it says to which portion its snapshot goes"
            while journal.last - begun > _CLOSE:
                begun = self._give(worker, begun, journal.last - _CLOSE)
        except BaseException:
            worker.stop()
            raise
        return worker, begun

    def _give(self, worker: Worker, begun: int, end: int) -> int:
        """Give a worker the portions after one, up to another; return the last."""
        for number, portion in self._engine.journal.after(begun):
            if number > end:
                break
            worker.apply(number, entries_of(self._read, portion)).result(limits.SHARD_APPLY_LATE_MS)
        return end


def entries_of(read: Read, portion: Portion) -> list[Entry]:
    """Return the entries of a portion. Raises `ShardsAwayError` if the log lacks some."""
    found: list[Entry] = []
    for origin, first, last in portion:
        some = read(origin, first, last - first + 1)
        if len(some) != last - first + 1:
            raise ShardsAwayError(
                f"the log has forgotten entries {first} to {last} of {origin}, which the shard lacks"
            )
        found += some
    return found


def stated_in(read: Read, journal: Journal) -> list[Entry]:
    """Return what was stated in all portions, in the order in which shards got it. Raises `ShardsAwayError`."""
    stretches = (one for _, portion in journal.after(0) for one in portion)
    return entries_of(read, tuple(one for one in stretches if one[0].stream is Stream.CONTROL))
