"""The state of another node takes the place of a running node's own: who fetches it, and what must wait meanwhile.

While a snapshot is fetched, and until the start that puts it in place, the log forgets nothing: what the snapshot lacks
must still be there. Who is erased ends what is under way, in both directions.
"""

import asyncio
import contextlib
from collections.abc import Callable

from homeroom.log.origins import Vector
from homeroom.log.store import Store
from homeroom.running.belonging import Belonging
from homeroom.running.courier import Courier
from homeroom.running.in_world import InWorld
from homeroom.running.live import Live
from homeroom.running.snapshots import Snapshots

__all__ = ["Replacing"]


class Replacing:
    """Of one node; made in its event loop.

    Parameters
    ----------
    parts : snapshots, live and store of the node
    world : None for a node alone, which replaces nothing
    save : writes snapshots of all tenants
    belonging : returns the member of the node

    Attributes
    ----------
    renewal : is set once the node is to be stopped, and started again with another state in the place of its own
    courier : carries snapshots, None in a node alone
    """

    def __init__(
        self,
        parts: tuple[Snapshots, Live, Store],
        world: InWorld | None,
        save: Callable[[], None],
        belonging: Callable[[], Belonging | None],
    ) -> None:
        self.renewal = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._belonging = belonging
        self.courier: Courier | None = None
        if world is not None:
            told = self._fetched, self._not_fetched
            self.courier = Courier(parts, save, world.fabric, told, world.steady_ms)

    def needed_by_nobody(self, held: Vector) -> Vector:
        """Return what the log may forget of what snapshots hold: in a world what all others hold too."""
        belonging = self._belonging()
        if belonging is None:
            return held
        is_fetching = self.courier is not None and self.courier.is_fetching
        return Vector() if is_fetching else belonging.forgettable(held)

    def forgotten(self) -> None:
        """Take that the log has forgotten something."""
        belonging = self._belonging()
        if belonging is not None:
            belonging.forgotten()

    def erased(self) -> None:
        """Carry nothing on that was begun before: somebody in it was erased."""
        if self.courier is not None:
            self.courier.forget()

    def stop(self) -> None:
        """Return when nothing is carried any more."""
        if self.courier is not None:
            self.courier.stop()

    def _fetched(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self.renewal.set)

    def _not_fetched(self, why: str) -> None:
        belonging = self._belonging()
        if belonging is not None:
            belonging.not_fetched(why)
