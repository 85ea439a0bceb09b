"""How far a batch is to have come before its client hears yes: what that means in a node alone, and among others."""

from collections.abc import Awaitable, Callable

from homeroom.log.log import Accepted, Refusal, Refused
from homeroom.regions.steps import Level
from homeroom.running.belonging import Belonging

__all__ = ["held_at"]


async def held_at(
    belonging: Belonging | None,
    level: Level,
    offer: Callable[[], Awaitable[Accepted | Refused]],
) -> tuple[Accepted | Refused, Level]:
    """Offer something; return when it is held at a level, or the time for that is over, and the level that it has.

    A node alone is all that there is. Where there is no other region, ``remote`` is not to be had, and that is said
    before anything is written. A node that cannot say whether there is one, because its log has failed or it has just
    begun, says that instead: clients send to another node then, and do not give up.
    """
    if level is Level.REMOTE and belonging is not None and not belonging.looks.members.regions:
        why = "this node does not know at the moment which regions there are; send it again, or to another node"
        return Refused(Refusal.UNAVAILABLE, why), Level.LOCAL
    is_alone = belonging is None or not belonging.has_other_regions()
    if level is Level.REMOTE and is_alone:
        why = "there is no node in another region; ask for ack=local, or for ack=all"
        return Refused(Refusal.UNATTAINABLE, why), Level.LOCAL
    if belonging is None:
        return await offer(), Level.ALL
    return await belonging.acknowledging.at(level, offer)
