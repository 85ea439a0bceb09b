"""The thread that follows: it folds what is durable, keeps states in shape, and writes snapshots.

It is told of entries as soon as they are durable, and folds whatever has come since the last time together. A fold
costs a fixed amount, and a busy log writes hundreds of entries a second: so if some have come while it folded, or
right afterwards, it waits a moment for more. If more comes than memory should hold, it forgets the payloads and reads
them from the log again: the log is the queue.

Where facts put in doubt what is folded already, the log is folded anew before anything else is.

While nothing comes, it seals what it has folded, so that counts are exact, and puts rows in their places, until
something comes. Where something comes all the time, the rows of one partition are put in their places between two folds
once many are not. Whoever must know that time passes is called all the same. Snapshots are written in a thread of their
own, one at a time.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from homeroom import limits
from homeroom.errors import HomeroomError, StoreError
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Vector
from homeroom.log.store import Store
from homeroom.node.folding import Folding
from homeroom.running.live import Begun, Live

_T = TypeVar("_T")

__all__ = ["Follower", "next_unread", "unread"]


def next_unread(
    store: Store, folding: Folding | Live, count: int, early: Collection[Origin] = ()
) -> list[Entry]:
    """Return some entries that are to be folded next: those that wait for others only when there are no others.

    Those of origins in ``early`` may not be folded yet, and are left out.
    """
    stopped = {*folding.troubles, *early}
    return unread(store, folding.applied, {*stopped, *folding.waiting}, count) or unread(
        store, folding.applied, stopped, count
    )


def unread(store: Store, applied: Vector, stopped: Collection[Origin], count: int) -> list[Entry]:
    """Return some entries that a store holds beyond what is applied, in order by origin; none if there are none.

    Those of ``stopped`` origins are not folded any further, and are left out.
    """
    found: list[Entry] = []
    for origin, number in store.held().items():
        if number > applied[origin] and origin not in stopped and len(found) < count:
            found += store.read(origin, applied[origin] + 1, count - len(found))
    return found


class Follower:
    """Folds what is durable.

    Parameters
    ----------
    live : the states
    store : from which entries are read that memory did not hold
    folded : is called with the entries of every fold, and now and then with none, in this thread
    fold : folds entries, here and wherever else they are to be folded; None is the states alone
    """

    def __init__(
        self,
        live: Live,
        store: Store,
        folded: Callable[[Sequence[Entry]], None],
        fold: Callable[[Sequence[Entry]], None] | None = None,
    ) -> None:
        self.trouble: str | None = None
        self._live, self._store, self._folded = live, store, folded
        self._fold = fold or live.fold
        self._waiting: deque[Entry] = deque()
        self._waiting_bytes = 0
        self._is_behind = False
        # Asked of this thread by others.
        self._to_do: deque[tuple[Future[Any], Callable[[], None]]] = deque()
        self._stopping = threading.Event()
        # Somebody waits for what is folded next.
        self._urgent = threading.Event()
        # Guards what waits.
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="homeroom-fold", daemon=True)

    def start(self) -> None:
        """Begin to fold."""
        self._thread.start()

    def durable(self, entries: Sequence[Entry]) -> None:
        """Take entries that are durable, in order by origin."""
        size_bytes = sum(len(entry.payload) for entry in entries)
        with self._changed:
            if self._waiting_bytes + size_bytes > limits.FOLLOWED_BYTES_MAX:
                self._is_behind = True
                self._waiting.clear()
                self._waiting_bytes = 0
            if not self._is_behind:
                self._waiting += entries
                self._waiting_bytes += size_bytes
            self._changed.notify()

    def hurry(self) -> None:
        """Gather no longer than is needed: somebody waits; from any thread."""
        self._urgent.set()

    def stop(self) -> None:
        """Fold all that is durable, and end."""
        with self._changed:
            self._stopping.set()
            self._urgent.set()
            self._changed.notify()
        self._thread.join()
        while self._to_do:
            self._to_do.popleft()[0].cancel()

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        is_idle = False
        while True:
            entries = self._next(is_idle)
            if entries is None:
                return
            if entries:
                before = self._live.applied
                self._fold(entries)
                self._mend()
                self._folded(entries)
                if self._live.waiting and self._live.applied != before:
                    with self._changed:  # what waits may have its turn, and memory has forgotten it
                        self._is_behind = True
                self._live.cluster_some()
                is_idle = False
                if self._is_busy():
                    self._gather()
            else:
                self._mend()
                if not is_idle:
                    is_idle = self._live.settle(self._has_more)
                self._folded(())

    def anew(self, look: Callable[[Folding, Folding], _T]) -> "Future[_T]":
        """Have the log folded anew; return what ``look`` makes of what there was and what is now, in this thread.

        It raises what hinders it.
        """
        found: Future[_T] = Future()

        def do() -> None:
            if not found.set_running_or_notify_cancel():
                return
            before = self._live.applied
            try:
                found.set_result(look(*self._live.fold_anew(Begun.BEFORE)))
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
                found.set_exception(error)
            if self._live.applied != before:
                self._look_again(before)

        with self._changed:
            if self._thread.is_alive():
                self._to_do.append((found, do))
            else:
                found.cancel()
            self._changed.notify()
        return found

    def _mend(self) -> None:
        """Fold the log anew if what is folded is in doubt; what hinders that is told, and tried again in a pause."""
        while self._to_do:
            self._to_do.popleft()[1]()
        live = self._live
        if not live.is_to_be_folded_anew:
            return
        before = live.applied
        try:
            live.fold_anew()
        except HomeroomError as error:
            live.cannot_be_folded_anew(error)
        if live.applied != before:
            self._look_again(before)

    def _look_again(self, _before: Vector) -> None:
        """Fold once more from the log what was folded before and is not now."""
        with self._changed:
            self._is_behind = True

    def _is_busy(self) -> bool:
        """Say whether more has come during a fold, or comes right after it."""
        with self._changed:
            if not self._waiting and not self._stopping.is_set():
                self._changed.wait(limits.GATHER_MS / 1_000)
            return bool(self._waiting)

    def _gather(self) -> None:
        """Let more come, for a shorter while where somebody waits for it."""
        if not self._stopping.wait(limits.GATHER_AWAITED_MS / 1_000):
            self._urgent.wait((limits.GATHER_MS - limits.GATHER_AWAITED_MS) / 1_000)
        self._urgent.clear()

    def _has_more(self) -> bool:
        """Say whether anything waits to be folded."""
        return bool(self._waiting) or self._is_behind

    def _next(self, is_idle: bool) -> list[Entry] | None:  # noqa: FBT001 - private
        """Return what is to be folded next; nothing once there is a pause, None at the end."""
        with self._changed:
            if not self._waiting and not self._is_behind and not self._stopping.is_set():
                self._changed.wait((limits.TICK_MS if is_idle else limits.PAUSE_MS) / 1_000)
            if self._is_behind:
                return self._from_log()
            if not self._waiting and self._stopping.is_set():
                return None
            count = min(len(self._waiting), limits.FOLD_ENTRIES_MAX)
            entries = [self._waiting.popleft() for _ in range(count)]
            self._waiting_bytes -= sum(len(entry.payload) for entry in entries)
            return entries

    def _from_log(self) -> list[Entry]:
        """Read what memory did not hold; with the last of it, memory is enough again. The lock is held."""
        try:
            entries = next_unread(self._store, self._live, limits.FOLD_ENTRIES_MAX)
        except StoreError as error:
            self.trouble = str(error)
            if self._stopping.is_set():
                self._is_behind = False  # the next start folds the rest from the log
            else:
                self._changed.wait(limits.TICK_MS / 1_000)
            return []
        self.trouble = None
        if len(entries) < limits.FOLD_ENTRIES_MAX:
            self._is_behind = False
        return entries
