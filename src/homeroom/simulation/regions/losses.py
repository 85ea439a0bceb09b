"""What disasters may have taken: a disk that was put back, a store that failed over, a node that is destroyed.

What a client was told yes for may be gone then, as its level allows, and a check must know it: both what was promised
when it was said, and what is there in the end.
"""

from dataclasses import dataclass, field

from homeroom.regions.steps import Level
from homeroom.simulation.regions.clients import Acknowledged

__all__ = ["Losses"]


@dataclass(slots=True)
class Losses:
    """What a disaster may have taken: by node, from when to when what only it held may be gone."""

    spans: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def add(self, node: str, from_ms: int, until_ms: int) -> None:
        """Say that a node has lost what it held alone and was told in this time."""
        self.spans.setdefault(node, []).append((from_ms, until_ms))

    def may_have_taken(self, acknowledged: Acknowledged) -> bool:
        """Say whether what was acknowledged may be gone, under the promise of its level."""
        if acknowledged.level > Level.LOCAL and len(self.spans) < 2:
            return False
        return self.is_in_doubt(acknowledged)

    def is_in_doubt(self, acknowledged: Acknowledged) -> bool:
        """Say whether the node that acknowledged something may have lost it."""
        spans = self.spans.get(acknowledged.node, ())
        return any(start <= acknowledged.at_ms <= end for start, end in spans)
