"""Whether facts may be stated now, or would stand before others that this node holds.

Facts count in the order of their stamps. If those that a home has stated were stamped ahead, or its clock was put back
since, others hold them back until their time, and what it states meanwhile is stamped earlier: it would count at once,
and be undone by what was said before it. So nothing is stated until then, but for what helps: that they count
now, or for nothing, and that another node is the home.

The way not taken is to stamp on from the facts that wait: all nodes would hold the new ones back as well.
"""

from homeroom import limits
from homeroom.events.instants import format_instant
from homeroom.log.control import Fact
from homeroom.log.members import HomeMoved
from homeroom.log.rulings import EntriesLost, Restamped
from homeroom.regions.member import Member

__all__ = ["always_in_turn", "facts_that_wait"]


def always_in_turn(fact: Fact) -> bool:
    """Say whether a fact may be stated at any time: a ruling, or that a node is the home."""
    return isinstance(fact, HomeMoved | Restamped | EntriesLost)


def facts_that_wait(member: Member | None, now_ms: int) -> str | None:
    """Say which facts are of the future, and until when; None if none are. ``now_ms`` is the time of day.

    In the thread in which the member lives.
    """
    found = None if member is None else member.facts_ahead(now_ms)
    if found is None:
        return None
    origin, until_ms = found
    until = format_instant(min(until_ms, limits.TIME_MS_MAX))
    return f"the last of {origin} is of {until}"
