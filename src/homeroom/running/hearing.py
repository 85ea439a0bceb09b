"""What each node has written by its own words, as word of it comes: what freshness is reckoned from.

A member keeps a view of each other node: all origins that it has told of, those of third nodes too. Of these only its
own say how far it has written, and they are noted when it has just told of them. A view may name hundreds of origins
and word comes with every message, so which are its own is found once for as many as there are.
"""

from collections.abc import Callable, Mapping, Sequence

from homeroom.log.entries import Entry, Head
from homeroom.log.origins import Origin, Vector
from homeroom.regions.holdings import View
from homeroom.running.freshness import Freshness

__all__ = ["Hearing"]


class Hearing:
    """Notes what nodes have written. One thread writes, any may ask.

    Parameters
    ----------
    node : this node
    now_ms : a clock that nobody sets
    """

    def __init__(self, node: str, now_ms: Callable[[], int]) -> None:
        self._node, self._now_ms = node, now_ms
        self.freshness = Freshness()
        # Of each other node its own origins, and with how many origins of its view these were found.
        self._own: dict[str, tuple[int, list[Origin]]] = {}
        # By node how often it had told all, and what it had written by then.
        self._told: dict[str, tuple[int, Mapping[Origin, int]]] = {}
        # By its own origins the last number that this node has written.
        self._written: Mapping[Origin, int] = {}

    def begin(self, heads: Mapping[Origin, Head]) -> None:
        """Begin with what a life of this node finds; nobody has said anything to it yet."""
        self._written = {o: h.number for o, h in heads.items() if o.node == self._node}
        self._own.clear()
        self._told.clear()

    def wrote(self, entries: Sequence[Entry]) -> None:
        """Take what this node has written."""
        self._written = {**self._written, **{one.origin: one.number for one in entries}}
        self.freshness.heard(self._node, self._written, self._now_ms())

    def heard(self, sender: str, view: View | None) -> None:
        """Note up to where a node has written, if it has just said so: with that, or with all that it holds."""
        if view is None:
            return
        known, own = self._own.get(sender, (0, []))
        if known != len(view.numbers):
            own = [origin for origin in view.numbers if origin.node == sender]
            self._own[sender] = len(view.numbers), own
        numbers = {origin: view.numbers[origin] for origin in own if origin in view.numbers}
        told = view.times_whole, numbers
        if numbers and self._told.get(sender) != told:
            self._told[sender] = told
            self.freshness.heard(sender, numbers, self._now_ms())

    def age_ms(self, node: str, applied: Vector) -> int | None:
        """Return how long ago a node had written no more than what is applied; None if that is not known."""
        if node == self._node and applied.covers(self._written):
            return 0
        return self.freshness.age_ms(node, applied, self._now_ms())
