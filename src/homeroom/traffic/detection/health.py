"""What is known of the health of each node, in the form in which it is handed on.

Whoever makes a routing table, draws a page or sets a metric needs the judgement and its reasons, and nothing of how it
was reached. So these types stand alone: they import no detector, and one can be written by hand in a test.

Two judgements are kept apart on purpose. One node's suspicion is enough to send requests elsewhere, because that costs
little and is taken back in a moment; only what a quorum of regions has confirmed may take a node out of the world, or
evacuate its region. One number between 0 and 1 for both was not taken: everybody would draw his own line in it.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import TypeAlias

import msgspec

__all__ = ["Health", "NodeHealth", "Readiness", "Verdict"]


class Verdict(IntEnum):
    """How ill a node is thought to be; the greater, the worse.

    ``FINE``: requests may go there. ``SUSPECTED``: they should go elsewhere, as long as there is an elsewhere.
    ``CONFIRMED``: a majority of the other regions says so too, each by what it saw itself, for long enough.
    """

    FINE = 0
    SUSPECTED = 1
    CONFIRMED = 2


class Readiness(StrEnum):
    """What a node last said of itself: that it serves, that it does not (a disk failed), or nothing yet."""

    READY = "ready"
    NOT_READY = "not ready"
    UNKNOWN = "unknown"


class NodeHealth(msgspec.Struct, frozen=True):
    """What one node thinks of another one, or of itself.

    Parameters
    ----------
    verdict : how ill it is
    since_ms : time of the steady clock of the node that thinks so at which the verdict became this one; no other node
        can compare it with anything
    why : reasons, in words for people, the weightiest first; none if it is fine
    load : how busy it said it is: 0 idle, 1 as much as it can do, above 1 it turns requests away
    draining : whether it said that it is being emptied
    readiness : what it last said of itself
    """

    verdict: Verdict
    since_ms: int
    why: tuple[str, ...] = ()
    load: float = 0.0
    draining: bool = False
    readiness: Readiness = Readiness.UNKNOWN


Health: TypeAlias = Mapping[str, NodeHealth]
"""By name of the node, every member of the world, the one that thinks so included."""
