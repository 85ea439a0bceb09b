"""What a log may forget, and how a node that needs what others have forgotten gets it nevertheless.

A log that keeps everything is read for a day by whoever joins. So entries go when nobody needs them: up to the lesser
of what all members hold and what this node's newest verified snapshot has applied. A member that is away holds back all
others' logs for as long as it belongs to the world; that is the price of its coming back with nothing lost.

Who asks for what is gone is new, or was put back from an old copy. It hears so, and takes a snapshot of whoever said
it: state and heads as they were there, in place of what it had; then it begins anew, and asks for the tail. A snapshot
replaces state and never joins it, because what was cut, voided or erased in it cannot be joined away.

The control stream is never forgotten: it is small, and says who belongs to the world in the first place. The way not
taken is to let snapshots be asked for by age or distance: a node that can still be given entries has its own state, and
proves by it that both agree.
"""

from collections.abc import Mapping, Sequence

from homeroom import limits
from homeroom.log.origins import Origin, Stream
from homeroom.regions.holdings import View
from homeroom.regions.messages import Range
from homeroom.regions.steps import Members

__all__ = ["Collecting"]


class Collecting:
    """What is forgotten here, and the snapshot that is fetched from another node.

    Parameters
    ----------
    begins : by origin the number up to which the log has forgotten its entries

    Attributes
    ----------
    begins : the same, as it is now
    """

    def __init__(self, begins: Mapping[Origin, int]) -> None:
        self.begins = dict(begins)
        self._fetching_until_ms = 0

    # --- forgotten ---

    def collectable(
        self,
        saved: Mapping[Origin, int],
        members: Members,
        here: str,
        views: Mapping[str, View],
    ) -> dict[Origin, int]:
        """Return by origin up to which number entries may go, once a snapshot has applied ``saved``."""
        others = [
            views.get(node)
            for node in members.regions
            if node != here and node not in members.fenced
        ]
        found = {}
        for origin, number in sorted(saved.items()):
            if origin.stream is not Stream.ANALYTIC:
                continue
            up_to = number if origin in members.collapsed else _least(origin, number, others)
            if up_to > self.begins.get(origin, 0):
                found[origin] = up_to
        return found

    def collected(self, numbers: Mapping[Origin, int]) -> None:
        """Take that the log has forgotten entries up to these numbers."""
        for origin, number in numbers.items():
            self.begins[origin] = max(number, self.begins.get(origin, 0))

    def split(self, ranges: Sequence[Range]) -> tuple[tuple[Range, ...], bool]:
        """Return which ranges can be read from the log, and whether some begin before what it has."""
        there = tuple(one for one in ranges if one.first > self.begins.get(one.origin, 0))
        return there, len(there) < len(ranges)

    # --- fetched ---

    def may_fetch(self, now_ms: int) -> bool:
        """Say whether a snapshot is to be fetched: one at a time, and another one if it does not come."""
        if now_ms < self._fetching_until_ms:
            return False
        self._fetching_until_ms = now_ms + limits.SNAPSHOT_WAIT_MS_MAX
        return True

    def not_installed(self) -> None:
        """Take that the snapshot that was asked for is of no use, or did not come."""
        self._fetching_until_ms = 0


def _least(origin: Origin, number: int, others: Sequence[View | None]) -> int:
    held = (0 if view is None else view.numbers.get(origin, 0) for view in others)
    return min((number, *held))
