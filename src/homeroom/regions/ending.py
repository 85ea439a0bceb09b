"""When a life of a node is over for all, and its origins can collapse into the epoch.

Every start is a new life with numbers of its own; a world in which something is started again each minute would have
vectors of half a million origins after a year. So what is over must go from them, and it may only if nobody can be
misled by that: whoever does not find an origin in a vector takes it that all of it is held.

It goes as with a node that leaves (`homeroom.regions.leaving`). A life is *over* if its node is heard in another one
and has said nothing in this one for a while. Once that is stated, no member takes anything more out of messages of that
life, though members go on exchanging what they have of it. When each has said, at that epoch or later, that it holds
the same number with the same digest, there can never be more: from whom should it come?

The way not taken is to let lives end by a clock: a process that was paused for an hour goes on where it stood. It is
asked to begin anew instead, and what it wrote meanwhile is written once more under its new life.
"""

from collections.abc import Mapping

from homeroom import limits
from homeroom.log.entries import Head
from homeroom.log.members import LifeName
from homeroom.log.origins import Origin
from homeroom.regions.holdings import View
from homeroom.regions.steps import Members

__all__ = ["closable", "over"]


def over(
    members: Members,
    mine: Mapping[Origin, Head],
    views: Mapping[str, View],
    here: tuple[LifeName, int],
    now_ms: int,
) -> list[LifeName]:
    """Return lives that are over and were not stated to be, in order.

    ``here`` is the life of this node, and when it began: what was said before that it has not heard.
    """
    (node, life), begun_ms = here
    # Of which lives there are, entries alone tell, which their nodes have signed: not what others say that they hold.
    known = {(of.node, of.incarnation) for of in mine} - members.ended.keys()
    return sorted(
        (of, incarnation)
        for of, incarnation in known
        if (of == node and incarnation != life)
        or (of in views and _is_over(views[of], incarnation, begun_ms, now_ms))
    )


def _is_over(view: View, incarnation: str, begun_ms: int, now_ms: int) -> bool:
    # Of who is cut off only what others brought is known: that may be of a life that followed the one heard last.
    is_another = view.life not in ("", incarnation) and view.speaks(now_ms)
    return is_another and now_ms - view.spoke_ms(incarnation, begun_ms) >= limits.LIFE_SILENT_MS


def closable(
    members: Members, mine: Mapping[Origin, Head], views: Mapping[str, View]
) -> dict[Origin, int]:
    """Return by origin that is over, and that all members hold alike, the last number of it."""
    waiting = [view for node, view in views.items() if node not in members.fenced]
    leaving = [view for node, view in views.items() if node in members.fenced]
    found = {}
    for origin, head in sorted(mine.items()):
        since = _over_since(origin, members)
        # What is sealed for another jurisdiction is named to nobody else, whoever happens to hold it.
        if since is None or origin in members.collapsed or origin.stream.home:
            continue
        # Who is to leave says no more at an epoch; what it has said that it holds can still be fetched.
        most = max((view.numbers.get(origin, 0) for view in leaving), default=0)
        is_whole = head.number == members.closed.get(origin, max(head.number, most))
        if is_whole and all(view.epoch >= since and view.holds(origin, head) for view in waiting):
            found[origin] = head.number
    return found


def _over_since(origin: Origin, members: Members) -> int | None:
    """Return the epoch since which nothing more can come of an origin, None if more can."""
    if origin in members.closed:
        return 0
    return members.ended.get((origin.node, origin.incarnation))
