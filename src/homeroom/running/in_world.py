"""What a running node is told of the world that it belongs to, and which of its entries the others get.

Operators write the world down in a file (`homeroom.regions.world`), a fabric carries messages; both come from outside.
A node without them is a node alone, and pays nothing for the possibility.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from homeroom.log.origins import Origin, Stream, Vector
from homeroom.regions.fabric import Fabric
from homeroom.regions.steps import Printed
from homeroom.regions.world import World
from homeroom.running.live import Fingerprint, Live

__all__ = ["InWorld", "is_shared", "printed"]


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


def printed(check: int, taken: Fingerprint, live: Live, documents: tuple[bytes, str]) -> Printed:
    """Return what a node says of what it has folded, to all others and to those of its jurisdiction.

    ``documents`` are what its vault was made of, and the fingerprint of that.
    """
    pinned = {name for name in live.refused if live.control.pins_events(name)}
    shared = {origin: number for origin, number in taken.applied.items() if is_shared(origin)}
    staying = {o: number for o, number in taken.applied.items() if o.stream is Stream.PINNED}
    return Printed(
        check=check,
        applied=_digest(shared, live.refused.keys() - pinned),
        fingerprint=taken.digits,
        documents_applied=documents[0],
        documents=documents[1],
        parts=taken.parts,
        expanded=taken.expanded,
        pinned_applied=_digest(staying, pinned) if taken.pinned else b"",
        pinned=taken.pinned,
    )


def _digest(applied: Mapping[Origin, int], refused: Iterable[str]) -> bytes:
    """Return 32 bytes that are equal where the same is folded: entries, and the same tenants."""
    told = repr((Vector(applied).to_json(), sorted(refused)))
    return hashlib.sha256(told.encode()).digest()
