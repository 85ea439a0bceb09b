"""The thread that follows, in a node of a world: it folds what may be folded, and takes fingerprints in between.

Among others durable is not enough. An entry from the future waits, and so does what lies beyond a mark until the other
nodes' marks are there (`homeroom.regions.gate`). So this follower is told by number how far each origin is open, in
order with the fingerprints that are to be taken: at each of these it has folded exactly what was open before, and
nothing else, or two nodes would compare what cannot be equal.

What waits may be much, and for long: a node whose clock was a year ahead has written for a year. Memory holds payloads
within a bound and forgets them beyond it; where the next entry is not in memory it is read from the log, so nothing is
ever lost by that. How far is open is a number an origin.

The way not taken is a queue of entries that are let through: it would have to be in memory, or be a second log.
"""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import TypeAlias

from homeroom import limits
from homeroom.errors import StoreError, kind_and_places
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.store import Store
from homeroom.running.following import Follower
from homeroom.running.live import Fingerprint, Live
from homeroom.running.seconding import Seconding

__all__ = ["GatedFollower", "Numbers"]

Numbers: TypeAlias = Sequence[tuple[Origin, int]]
"""By origin the last number that may be folded."""


class GatedFollower(Follower):
    """Folds what is durable as far as it is open.

    Parameters
    ----------
    node : this one
    live, store : as of `homeroom.running.following.Follower`
    told : is called with the entries of every fold, as its ``folded``; and with the number of a check, and the
        fingerprint of what is folded then; in this thread

    Attributes
    ----------
    seconding : which of this node's own entries others must hold first
    """

    def __init__(
        self,
        node: str,
        live: Live,
        store: Store,
        told: tuple[
            Callable[[Sequence[Entry]], None],
            Callable[[int, Fingerprint], None],
        ],
    ) -> None:
        super().__init__(live, store, told[0])
        self._printed = told[1]
        self.seconding = Seconding(node, live.days_cut)
        # Payloads in memory, by origin in order; how far each origin is open; and what comes after the next print.
        self._held: dict[Origin, deque[Entry]] = {}
        self._open: dict[Origin, int] = {}
        self._later: deque[dict[Origin, int] | int] = deque()
        # Of checks, which parts are to be told in smaller ones.
        self._expand: dict[int, tuple[bytes, ...]] = {}
        self._is_changed = True
        # What had been folded when entries that wait for others were tried last.
        self._tried = live.applied

    def durable(self, entries: Sequence[Entry]) -> None:
        """Take entries that are durable, in order by origin; they are folded once they are open."""
        size_bytes = sum(len(entry.payload) for entry in entries)
        with self._changed:
            if self._waiting_bytes + size_bytes > limits.FOLLOWED_BYTES_MAX:
                self._held.clear()
                self._waiting_bytes = 0
                return
            for entry in entries:
                self._held.setdefault(entry.origin, deque()).append(entry)
            self._waiting_bytes += size_bytes

    def open_up(self, numbers: Numbers) -> None:
        """Let entries up to these numbers be folded, after all that was said before."""
        with self._changed:
            last = self._later[-1] if self._later else self._open
            if isinstance(last, int):
                last = {}
                self._later.append(last)
            last.update(numbers)
            self._is_changed = True
            self._changed.notify()

    def take_fingerprint(self, check: int, expand: tuple[bytes, ...] = ()) -> None:
        """Take the fingerprint of what is folded when all is folded that is open now; not if too many wait already.

        ``expand`` are paths of parts of which those are told that they are made of.
        """
        with self._changed:
            if sum(isinstance(one, int) for one in self._later) < limits.CHECKS_KEPT:
                self._later.append(check)
                self._expand[check] = expand
            self._is_changed = True
            self._changed.notify()

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _look_again(self, before: Vector) -> None:
        with self._changed:
            self._open |= before
            self._is_changed = True

    def _counting(self) -> dict[Origin, int]:
        """Return how far each origin is open of which not all is folded: not beyond where the world has closed it."""
        applied, closed = self._live.applied, self._live.control.members.closed
        found = {o: min(n, closed.get(o, n)) for o, n in self._open.items()}
        return {origin: number for origin, number in found.items() if number > applied[origin]}

    def _is_busy(self) -> bool:
        with self._changed:
            if not self._is_changed and not self._stopping.is_set():
                self._changed.wait(limits.GATHER_MS / 1_000)
            return self._is_changed

    def _has_more(self) -> bool:
        return self._is_changed

    def _next(self, is_idle: bool) -> list[Entry] | None:  # noqa: FBT001 - private
        with self._changed:
            if not self._is_changed and not self._stopping.is_set():
                self._changed.wait((limits.TICK_MS if is_idle else limits.PAUSE_MS) / 1_000)
            self._is_changed = False
        while True:
            try:
                entries = self._opened()
                self.trouble = None
            except StoreError as error:
                return self._away(str(error))
            if entries:
                self._is_changed = True  # there may be more
                return entries
            if self._stopping.is_set():
                return None
            if not self._go_on():
                return []

    def _away(self, why: str) -> list[Entry] | None:
        """Wait for a log that does not answer; at the end do not: the next start folds the rest."""
        self.trouble = why
        if self._stopping.is_set():
            return None
        with self._changed:
            self._changed.wait(limits.TICK_MS / 1_000)
            self._is_changed = True
        return []

    def _opened(self) -> list[Entry]:
        """Return some entries that may be folded now, what was stated before all else: the rest may need it."""
        applied, stopped = self._live.applied, set(self._live.troubles)
        if applied == self._tried:
            stopped |= set(self._live.waiting)
        self._tried = applied
        found: list[Entry] = []
        with self._changed:
            self._open = self._counting()
            wanted = [one for one in self._open.items() if one[0] not in stopped]
        for origin, last in sorted(wanted, key=_control_first):
            room = limits.FOLD_ENTRIES_MAX - len(found)
            if room > 0:
                some = self._some(origin, applied[origin] + 1, min(last, applied[origin] + room))
                found += takewhile(lambda one: not self.seconding.waits(one), some)
        return found

    def _some(self, origin: Origin, first: int, last: int) -> list[Entry]:
        """Return entries of an origin from memory, or from the log where memory does not have the first."""
        found: list[Entry] = []
        with self._changed:
            held = self._held.get(origin, deque())
            while held and held[0].number <= last and (held[0].number <= first or found):
                entry = held.popleft()
                self._waiting_bytes -= len(entry.payload)
                if entry.number >= first:
                    found.append(entry)
            if not held:
                self._held.pop(origin, None)
        return found or self._store.read(origin, first, last - first + 1)

    def _go_on(self) -> bool:
        """Take the next fingerprint or open what comes after it; return whether there was anything."""
        with self._changed:
            if not self._later:
                return False
            step = self._later.popleft()
            if not isinstance(step, int):
                self._open.update(step)
                return True
        expand = self._expand.pop(step, ())
        if self._live.is_in_doubt:
            return True  # it would be compared with what others are certain of
        try:
            self._printed(step, self._live.fingerprint(expand))
        except Exception as error:  # noqa: BLE001 - this thread must go on, and the trouble is told
            self.trouble = f"no fingerprint could be taken: {kind_and_places(error)}; this is a fault of homeroom"
        return True


def _control_first(one: tuple[Origin, int]) -> tuple[bool, Origin]:
    return one[0].stream is not Stream.CONTROL, one[0]
