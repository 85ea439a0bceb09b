"""What the log need not hold any more is forgotten, some entries at a time, between two writes.

Events may go that two snapshots of every tenant hold and all members have. Documents may go that two copies of the
vault hold, in a node alone: in a world whoever joins reads them from logs, and none go. What was stated stays.
"""

import contextlib
from collections.abc import Callable

from homeroom.errors import StoreError
from homeroom.log.origins import Vector
from homeroom.log.store import Store

__all__ = ["Collecting"]


class Collecting:
    """Has a store forget.

    Parameters
    ----------
    store : the log
    work : has something done in the thread that writes
    bound : returns of a vector what nobody else needs either
    gone : is told when something was forgotten

    Attributes
    ----------
    snapshots, copies : by origin up to which entry nobody needs it; exchanged whole, by whoever knows
    """

    def __init__(
        self,
        store: Store,
        work: Callable[[Callable[[], None]], None],
        bound: Callable[[Vector], Vector],
        gone: Callable[[], None],
    ) -> None:
        self._store, self._work, self._bound, self._gone = store, work, bound, gone
        self.snapshots = Vector()
        self.copies = Vector()

    def begin(self) -> None:
        """Have all forgotten that may be, beside everything else."""
        self._work(self._some)

    def finish(self) -> None:
        """Forget all that may be; nobody writes any more."""
        while self._forgot():
            pass

    def _some(self) -> None:
        if self._forgot():
            self._work(self._some)

    def _forgot(self) -> int:
        with contextlib.suppress(StoreError):  # a later write says what is wrong with the store
            count = self._store.collect(self._bound(self.snapshots.joined(self.copies)))
            if count:
                self._gone()
            return count
        return 0
