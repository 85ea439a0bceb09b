"""A fabric whose heartbeats go another way than all else that comes: they must not wait behind a disk.

What comes from other nodes is taken by the thread that writes, between two writes. A disk that hangs holds it up, and
then every other node would seem silent here, while it is this one that is ill. So heartbeats are told from the rest as
soon as they have come, in whichever thread that is, and only the newest of each node waits for the event loop: a
heartbeat says all of it again.
"""

import threading
from collections.abc import Callable
from dataclasses import replace

from homeroom.regions.fabric import Box, Carried, Fabric, FabricState
from homeroom.traffic.detection.heartbeats import is_heartbeat

__all__ = ["SortedFabric"]


class SortedFabric:
    """A fabric for a member of the world, which gets everything but heartbeats; see `Fabric`.

    Parameters
    ----------
    fabric : what carries everything

    Attributes
    ----------
    beating : is called when a heartbeat has come, from any thread; it must neither wait nor raise
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._lock = threading.Lock()
        self._newest: dict[str, bytes] = {}
        self._lost: dict[str, int] = {}
        self._rest = Box(self._dropped)
        self.beating: Callable[[], None] | None = None

    def _dropped(self, sender: str) -> None:
        self._lost[sender] = self._lost.get(sender, 0) + 1

    def start(self, wake: Callable[[], None]) -> None:
        """Begin to carry, once."""
        self._rest.wake = wake
        self._fabric.start(self._sort)

    def _sort(self) -> None:
        has_beaten = False
        for sender, body in self._fabric.receive():
            if is_heartbeat(body):
                has_beaten = True
                with self._lock:
                    self._newest[sender] = body
            else:
                self._rest.bring(sender, body)
        beating = self.beating
        if has_beaten and beating is not None:
            beating()

    def heartbeats(self) -> dict[str, bytes]:
        """Return by node the newest heartbeat that has come since the last call."""
        with self._lock:
            newest, self._newest = self._newest, {}
        return newest

    def send(self, to: str, body: bytes) -> None:
        """Take a message for a node; it may be lost. Raises `MessageError` if it is too long."""
        self._fabric.send(to, body)

    def receive(self) -> list[tuple[str, bytes]]:
        """Return what has come since the last call, but for heartbeats."""
        return self._rest.take()

    def state(self) -> FabricState:
        """Return how it is."""
        state = self._fabric.state()
        for sender, lost in list(self._lost.items()):
            carried = state.peers.get(sender, Carried())
            state.peers[sender] = replace(carried, dropped=carried.dropped + lost)
        return state

    def close(self) -> None:
        """End for good."""
        self._rest.wake = self.beating = None
        self._fabric.close()
