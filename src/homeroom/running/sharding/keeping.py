"""Shards are made anew where they were lost, moved to other machines, and saved, while questions go on.

A shard that is lost, or is to be elsewhere, begins in a new process with its snapshot, and is given what came after it,
in the portions of the journal and with the entries that the log has. All but the last of it happens beside questions
and new entries; for the last the turn is taken. Then the new process stands in the place of the old one, which had been
answering until then if it could. Nobody is answered from a shard that lacks anything.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from homeroom import limits
from homeroom.errors import ShardsAwayError
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream
from homeroom.running.sharding.region import ShardedEngine, Worker
from homeroom.scaling.journal import Portion
from homeroom.scaling.placing import Machine, Move, plan

__all__ = ["Cluster", "Keeper", "Read"]

Read = Callable[[Origin, int, int], Sequence[Entry]]
"""Returns entries of an origin, from a number on, at most so many: those of the log."""
_CLOSE: Final = 2
"""So few portions before the end the turn is taken."""


class Cluster(Protocol):
    """Where shards run."""

    def start(self, number: int, node: str) -> Worker:
        """Start the process of a shard, on a machine or wherever there is room. Raises `ShardsAwayError`."""
        ...

    def machines(self) -> tuple[Machine, ...]:
        """Return the machines that are there."""
        ...


class Keeper:
    """Keeps the shards of an engine; one thread calls it.

    Parameters
    ----------
    engine : whose shards these are
    cluster : where they run
    read : reads the log
    """

    def __init__(self, engine: ShardedEngine, cluster: Cluster, read: Read) -> None:
        self._engine, self._cluster, self._read = engine, cluster, read

    def mend(self) -> dict[int, str]:
        """Have all shards that are away made anew; return why those are still away for which that did not work."""
        for number in sorted(self._engine.lost):
            self._try(number, "")
        return dict(self._engine.lost)

    def move(self, number: int, node: str) -> None:
        """Have a shard go to a machine, without a pause. Raises `ShardsAwayError`; it stays where it was then."""
        self._put(number, node)

    def planned(self) -> tuple[Move, ...]:
        """Return the moves after which shards lie evenly on the machines that are there."""
        places = dict.fromkeys(self._engine.lost, "")
        places |= {number: one.node for number, one in self._engine.present.items()}
        return plan(self._cluster.machines(), places)

    def balance(self) -> tuple[Move, ...]:
        """Have shards lie evenly on the machines that are there; return the moves that were made."""
        return tuple(one for one in self.planned() if self._try(one.number, one.target))

    def save(self) -> dict[int, int]:
        """Have all shards write a snapshot; return by shard to which portion it goes."""
        saved = self._engine.each(lambda worker: worker.save(self._engine.life))
        return {number: portion for number, portion in saved.items() if isinstance(portion, int)}

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
        worker = self._cluster.start(number, node)
        try:
            begun = worker.open(engine.life, self._stated()).result(limits.SHARD_APPLY_LATE_MS)
            assert isinstance(begun, int), "it says to which portion its snapshot goes"
            while engine.journal.last - begun > _CLOSE:
                begun = self._give(worker, begun, engine.journal.last - _CLOSE)
            with engine.turn:
                self._give(worker, begun, engine.journal.last)
                engine.take(worker)
        except BaseException:
            worker.stop()
            raise

    def _give(self, worker: Worker, begun: int, end: int) -> int:
        """Give a worker the portions after one, up to another; return the last."""
        for number, portion in self._engine.journal.after(begun):
            if number > end:
                break
            worker.apply(number, self._entries(portion)).result(limits.SHARD_APPLY_LATE_MS)
        return end

    def _entries(self, portion: Portion) -> list[Entry]:
        found: list[Entry] = []
        for origin, first, last in portion:
            some = self._read(origin, first, last - first + 1)
            if len(some) != last - first + 1:
                raise ShardsAwayError(
                    f"the log has forgotten entries {first} to {last} of {origin}, which the shard lacks: have all "
                    f"shards write snapshots before it does"
                )
            found += some
        return found

    def _stated(self) -> list[Entry]:
        """Return what was stated, in the order in which shards got it."""
        stretches = (one for _, portion in self._engine.journal.after(0) for one in portion)
        stated = tuple(one for one in stretches if one[0].stream is Stream.CONTROL)
        return self._entries(stated)
