"""What a node keeps of routes in its data directory: the last table, as it was handed out, and the orders of operators.

Both are there whole or not at all, and neither is needed: without its table a node begins as a new one does, and
without its orders it hears them from the others. So one that cannot be read is a trouble that is told, and no reason
not to start.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from homeroom import limits
from homeroom.adapters.whole_files import PRIVATE, whole_file
from homeroom.client.routes import RoutingTable, Verify, decode
from homeroom.errors import HomeroomError
from homeroom.traffic.routing.orders import Orders, read_orders, write_orders

__all__ = ["RouteFiles"]

_TABLE: Final = "routes.json"
_ORDERS: Final = "routes.orders"


class RouteFiles:
    """The files of a data directory.

    Attributes
    ----------
    trouble : why something cannot be read or kept, None if all was
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.trouble: str | None = None

    def table(self, verify: Verify, world: str) -> tuple[RoutingTable | None, bytes]:
        """Return the last table and its document; None if there is none that counts."""
        body = self._read(_TABLE, limits.ROUTES_BYTES_MAX)
        if not body:
            return None, b""
        try:
            return decode(body, verify, world), body
        except HomeroomError as error:
            self.trouble = f"{self._folder / _TABLE} does not count: {error}"
            return None, b""

    def orders(self) -> Orders:
        """Return the orders that were kept."""
        body = self._read(_ORDERS, limits.ORDERS_BYTES_MAX)
        if not body:
            return Orders()
        try:
            return read_orders(body, None)
        except HomeroomError as error:
            self.trouble = f"{self._folder / _ORDERS} does not count: {error}"
            return Orders()

    def _read(self, name: str, size_bytes_max: int) -> bytes:
        try:
            with (self._folder / name).open("rb") as file:
                return file.read(size_bytes_max + 1)
        except FileNotFoundError:
            return b""
        except OSError as error:
            self.trouble = f"{self._folder / name} cannot be read: {error.strerror}"
            return b""

    def keep_table(self, document: bytes) -> None:
        """Keep a table as it is handed out."""
        self._keep(_TABLE, lambda: document)

    def keep_orders(self, orders: Orders) -> None:
        """Keep orders. They count here though they cannot be kept."""
        self._keep(_ORDERS, lambda: write_orders(orders))

    def _keep(self, name: str, made: Callable[[], bytes]) -> None:
        try:
            with whole_file(self._folder / name, PRIVATE) as file:
                file.write(made())
        except HomeroomError as error:
            self.trouble = str(error)
        else:
            self.trouble = None
