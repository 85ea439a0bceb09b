"""When a node that was fenced can be closed, and at which numbers.

After the fence, what there is of a node's entries can only spread among the others, and not grow. So when each of them
has said, at the epoch of the fence or later, what it holds, the most that any has is all that there will ever be; and
it can be fetched, because whoever has it belongs to the world.

Documents are left out. Who closes a node may not know of them (`homeroom.regions.residency`), and they need no number:
since all members have said that they know of the fence, none takes any from the node itself, so those who may have them
exchange what there is until they have the same.

A member that does not say it blocks the removal: it may be the one that holds what a client was promised. An operator
can go on without it, and then says so.
"""

from collections.abc import Mapping

from homeroom.log.origins import Origin
from homeroom.regions.holdings import View
from homeroom.regions.steps import Members

__all__ = ["closing", "unheard"]


def unheard(members: Members, fence_epoch: int, here: str, views: Mapping[str, View]) -> list[str]:
    """Return the members that have not said what they hold since a fence, in order."""
    others = set(members.regions) - members.fenced - {here}
    return sorted(node for node in others if node not in views or views[node].epoch < fence_epoch)


def closing(
    node: str, members: Members, mine: Mapping[Origin, int], views: Mapping[str, View]
) -> dict[Origin, int]:
    """Return by origin of a fenced node the most that any other member holds, once `unheard` names nobody.

    Origins of documents are left out.
    """
    closed: dict[Origin, int] = {}
    others = set(members.regions) - members.fenced
    for held in (mine, *(views[other].numbers for other in others if other in views)):
        for origin, number in held.items():
            if origin.node == node and origin.stream.is_shared:
                closed[origin] = max(number, closed.get(origin, 0))
    return dict(sorted(closed.items()))
