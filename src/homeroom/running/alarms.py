"""Alarms of a node about the others, for as long as they are told.

An alarm of the core is raised once and the fault stays, so it is kept until the node starts again. Two end by
themselves: that states differed, when they are equal again because one was folded anew; and that a node speaks that is
no member, when it has become one, or is silent. Such a node often is one that is just being taken in, and has heard of
it before this one.
"""

from collections.abc import Collection
from typing import Final

from homeroom import limits
from homeroom.regions.steps import Alarm, Apart, Trouble

__all__ = ["Alarms"]

_ENTRIES: Final = "entries"
"""What an alarm is about that is over when fingerprints are equal again."""


class Alarms:
    """Alarms by what and whom they are about; put by one thread, looked at by all."""

    def __init__(self) -> None:
        self._raised: dict[tuple[str, str, str], tuple[int, Alarm]] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._raised)

    def put(self, alarm: Alarm, now_ms: int) -> None:
        """Keep an alarm, in place of one about the same; with too many the oldest goes."""
        about = _ENTRIES if alarm.apart is not None else str(alarm.origin or "")
        key = (alarm.trouble.value, alarm.node, about)
        if key not in self._raised and len(self._raised) >= limits.ALARMS_KEPT:
            del self._raised[min(self._raised, key=lambda one: self._raised[one][0])]
        self._raised[key] = (now_ms, alarm)

    def agreed(self, node: str) -> None:
        """Take that what this node and another one have folded is the same again."""
        self._raised.pop((Trouble.DIVERGED.value, node, _ENTRIES), None)

    def belong(self, nodes: Collection[str]) -> None:
        """Take that these nodes are members."""
        for node in nodes:
            self._raised.pop((Trouble.STRANGER.value, node, ""), None)

    def pass_by(self, now_ms: int) -> None:
        """Let go of nodes that are no members and have been silent: while they speak they are told again."""
        for key, (at_ms, alarm) in list(self._raised.items()):
            silent_ms = now_ms - at_ms
            if alarm.trouble is Trouble.STRANGER and silent_ms >= 2 * limits.STRANGER_AGAIN_MS:
                del self._raised[key]

    def all(self) -> list[tuple[int, Alarm]]:
        """Return each alarm with when it was raised last, milliseconds of the steady clock."""
        return list(self._raised.values())

    def apart(self) -> dict[str, Apart]:
        """Return by node whose state differs from this one's where it does, as far as that is known."""
        found = (alarm for _, alarm in self.all())
        return {one.node: one.apart for one in found if one.apart is not None}
