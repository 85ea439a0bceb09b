"""Carries snapshots between running nodes: one thread, which gives (`shipping`) and fetches (`fetching`).

What comes for it comes to the thread that writes, like all messages; it only hands it on here, because files are read
and written for each. Whether a node may have anything is settled there: it must belong to the world.
"""

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from homeroom.cohorts.live import Trouble
from homeroom.errors import HomeroomError, MessageError, kind_and_places
from homeroom.log.store import Store
from homeroom.regions.fabric import Fabric
from homeroom.regions.shipments import (
    AskPart,
    AskShipment,
    ShipmentMessage,
    read_shipment,
    write_shipment,
)
from homeroom.running.fetching import Fetching
from homeroom.running.live import Live
from homeroom.running.shipping import Shipping
from homeroom.running.snapshots import Snapshots

__all__ = ["Courier"]


class Courier:
    """Carries snapshots; all methods may be called from any thread, and return at once.

    Parameters
    ----------
    snapshots, live, store : parts of the node
    save : writes snapshots of all tenants
    fabric : carries messages
    told : are told that a snapshot is ready to take the place of this node's state, and why none is
    now_ms : a clock that nobody sets
    """

    def __init__(
        self,
        parts: tuple[Snapshots, Live, Store],
        save: Callable[[], None],
        fabric: Fabric,
        told: tuple[Callable[[], None], Callable[[str], None]],
        now_ms: Callable[[], int],
    ) -> None:
        self._fabric = fabric
        self._told = told
        self.trouble: str | None = None
        self._shipping = Shipping(parts, save, self._send, now_ms)
        self._fetching = Fetching(parts, self._send, (told[0], self._failed), now_ms)
        self._thread = ThreadPoolExecutor(1, "homeroom-courier")
        self._do(self._shipping.clear)

    def troubles(self) -> Sequence[Trouble]:
        """Return what is wrong."""
        return () if self.trouble is None else (Trouble(self.trouble),)

    @property
    def is_fetching(self) -> bool:
        """Whether a snapshot is being fetched, or waits for the next start: the log must forget nothing."""
        return self._fetching.is_busy

    def fetch(self, of: str) -> None:
        """Fetch the snapshot of a node."""
        self.trouble = None
        self._do(lambda: self._fetching.begin(of))

    def came(self, sender: str, body: bytes) -> None:
        """Take a message of a node that belongs to the world."""
        self._do(lambda: self._take(sender, body))

    def tick(self) -> None:
        """Take that time has passed."""
        self._do(self._fetching.tick)
        self._do(self._shipping.tick)

    def forget(self) -> None:
        """Keep and take nothing that was begun before: somebody in it was erased."""
        self._do(self._shipping.clear)
        self._do(self._fetching.forget)

    def stop(self) -> None:
        """Return when nothing is carried any more."""
        self._do(self._shipping.clear)
        self._thread.shutdown()

    def _take(self, sender: str, body: bytes) -> None:
        match read_shipment(body):
            case AskShipment() as asking:
                self._shipping.asked(sender, asking.forgotten)
            case AskPart() as asked:
                self._shipping.part(sender, asked)
            case message:
                self._fetching.came(sender, message)

    def _send(self, to: str, message: ShipmentMessage) -> None:
        with contextlib.suppress(MessageError):  # it is asked again
            self._fabric.send(to, write_shipment(message))

    def _failed(self, trouble: str | None) -> None:
        self.trouble = trouble
        self._told[1](trouble or "it is not needed")

    def _do(self, work: Callable[[], None]) -> None:
        def done() -> None:
            try:
                work()
            except HomeroomError as error:
                self.trouble = str(error)
            except Exception as error:  # noqa: BLE001 - this thread must go on, and the trouble is told
                self.trouble = f"a snapshot could not be carried: {kind_and_places(error)}; this is a fault of homeroom"

        with contextlib.suppress(RuntimeError):  # it is stopping
            self._thread.submit(done)
