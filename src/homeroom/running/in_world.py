"""What a running node is told of the world that it belongs to, and which of its entries the others get.

Operators write the world down in a file (`homeroom.regions.world`), a fabric carries messages; both come from outside.
A node without them is a node alone, and pays nothing for the possibility.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from homeroom.log.origins import Origin, Vector
from homeroom.regions.fabric import Fabric
from homeroom.regions.world import World

__all__ = ["InWorld", "is_shared", "shared_digest"]


def is_shared(origin: Origin) -> bool:
    """Say whether entries of an origin go to all other nodes: documents go to those of their jurisdiction alone."""
    return origin.stream.is_shared


@dataclass(frozen=True, slots=True, kw_only=True)
class InWorld:
    """What makes a node a member of a world.

    Parameters
    ----------
    world : all regions, as the operators wrote them down
    fabric : carries messages between nodes; it is started and closed with the node
    steady_ms : a clock that nobody sets, milliseconds
    draw : returns a whole number from 0 up to its argument, excluded, by chance
    ack_wait_ms : how long a client waits for other regions at most
    reread : reads again what the operators have written: a node may have been added. None where nothing is written
    source : the address of this machine from which the node asks others over HTTP; None leaves that to the system
    """

    world: World
    fabric: Fabric
    steady_ms: Callable[[], int]
    draw: Callable[[int], int]
    ack_wait_ms: int = 5_000
    reread: Callable[[], World] | None = None
    source: str | None = None

    @property
    def home(self) -> str:
        """The node that writes what is stated until one has said that it does: the first by name of the home region."""
        return self.world.home_node


def shared_digest(applied: Mapping[Origin, int], refused: Iterable[str]) -> bytes:
    """Return 32 bytes that are equal where the same is folded: entries that go everywhere, and the same tenants."""
    shared = Vector({origin: number for origin, number in applied.items() if is_shared(origin)})
    told = repr((shared.to_json(), sorted(refused)))
    return hashlib.sha256(told.encode()).digest()
