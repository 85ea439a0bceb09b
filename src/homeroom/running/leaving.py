"""A node leaves: the home closes it at what the others have said that they hold, as soon as all of them have.

An operator fences it first. From then on what there is of its entries only spreads; the fact that it has left says up
to where, and is stated with these numbers by the home, which alone hears all (`homeroom.regions.leaving`). As long as a
member has not said what it holds, it is refused with its name: it may be the one that has what a client was promised.
By force it is stated nevertheless, and whom nobody waited for is written down with the reason.
"""

from collections.abc import Sequence

import msgspec

from homeroom.errors import ControlError, NotYetError
from homeroom.log.control import Control
from homeroom.log.members import MemberLeft
from homeroom.regions.leaving import closing, unheard
from homeroom.regions.member import Member

__all__ = ["closed_by"]


def closed_by(here: str, member: Member | None, fact: MemberLeft, control: Control) -> MemberLeft:
    """Return the fact that a node has left with the numbers at which it is closed; in the thread of the member.

    ``here`` is the node that states it.

    Raises
    ------
    ControlError
        It is not fenced.
    NotYetError
        Some members have not said what they hold of it, and it is not forced.
    """
    fence = control.members.fenced.get(fact.node)
    if fact.node not in control.members.nodes or (fence is None and not fact.forced):
        return fact  # whoever checks facts says what is wrong with it
    if fence is None:
        raise ControlError(f"{fact.node} is not fenced, so it may still write; fence it first")
    if member is None or fact.node not in member.members.fenced:
        raise NotYetError(f"this node has just heard that {fact.node} is fenced; ask again")
    views = member.replication.views
    missing = unheard(member.members, fence, here, views)
    if member.replication.epoch < fence:
        missing = sorted([*missing, here])
    if missing and not fact.forced:
        raise NotYetError(
            f"{', '.join(missing)} has not said yet what it holds of {fact.node}: wait until it is back, or force it "
            f"and lose what it alone has"
        )
    closed = closing(fact.node, member.members, member.held, views)
    return msgspec.structs.replace(
        fact,
        closed={str(origin): number for origin, number in closed.items()},
        forced=_why(fact.forced, missing),
    )


def _why(forced: str, missing: Sequence[str]) -> str:
    """Return why it was forced, with whom nobody waited for; nothing where nothing had to be forced."""
    return f"{forced} (not heard: {', '.join(missing)})" if missing else ""
