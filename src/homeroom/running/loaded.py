"""What was loaded with files into the directory of a world's home: others get it, though no log tells of it.

Entries are what nodes exchange, and files that were loaded are in none. So the load stands in the log as one entry that
the log has forgotten: an origin of its own, named after the load, of which the home holds one entry. Whoever lacks it
asks for it, hears that it is forgotten, and takes the snapshot of the home, in which it is. Like a life that is over it
collapses once all hold it.

Only the home may begin with such a directory, and with each load it was given before: a second node would hold what the
first one's snapshot does not have, and neither could ever take that of the other.

The way not taken is to write the events into the log: a load of years would be sent, checked and folded by every node.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from homeroom.errors import DataDirectoryError
from homeroom.log.control import MAIN
from homeroom.log.entries import Head
from homeroom.log.origins import Origin, Stream
from homeroom.node.folding import Folding
from homeroom.running.committing import LastingStore
from homeroom.running.snapshots import Snapshots

__all__ = ["adopt_loads", "check_loads"]


def _heads(node: str, snapshots: Snapshots, tenants: Iterable[str]) -> dict[Origin, Head]:
    """Return by origin the entry that stands for what was loaded into a tenant's directory."""
    found = {}
    for tenant in tenants:
        load = snapshots.unlogged(tenant)
        if load:
            told = f"{node}\0{tenant}\0{load}".encode()
            incarnation = hashlib.blake2s(told, digest_size=16, person=b"homeload").hexdigest()
            digest = hashlib.sha256(told).digest()
            found[Origin(node, incarnation, Stream.ANALYTIC)] = Head(1, digest, 0)
    return found


def check_loads(
    path: Path, names: tuple[str, str], parts: tuple[LastingStore, Snapshots], folding: Folding
) -> None:
    """Refuse to be a member with loads that no snapshot of the home can have; ``names`` are the node and the home.

    Raises `DataDirectoryError`.
    """
    store, snapshots = parts
    heads = _heads(names[0], snapshots, _tenants(folding))
    staying = sorted(
        name
        for name in folding.tenants
        if folding.control.pins_events(name) and snapshots.unlogged(name)
    )
    if staying:
        raise DataDirectoryError(
            f"{path} was loaded with files of {', '.join(staying)}, whose events stay in a jurisdiction; no snapshot "
            f"takes them to the other nodes there. Send them with homeroom send"
        )
    unknown = [origin for origin in heads if not store.held()[origin]]
    if unknown and names[0] != names[1]:
        raise DataDirectoryError(
            f"{path} was loaded with files, and no other node of the world could ever get that. Load them at "
            f"{names[1]}, the home, while its node is stopped; or begin this node with an empty directory, and send "
            f"them with homeroom send"
        )


def adopt_loads(node: str, parts: tuple[LastingStore, Snapshots], folding: Folding) -> None:
    """Have the log stand for what was loaded, and what is folded hold it. Raises `StoreError`."""
    store, snapshots = parts
    heads = _heads(node, snapshots, _tenants(folding))
    held = store.held()
    store.pass_over({origin: head for origin, head in heads.items() if not held[origin]})
    numbers = {origin: head.number for origin, head in heads.items()}
    folding.applied = folding.applied.joined(numbers)
    for tenant in folding.tenants.values():
        tenant.applied = tenant.applied.joined(numbers)


def _tenants(folding: Folding) -> list[str]:
    return sorted({MAIN, *folding.tenants})
