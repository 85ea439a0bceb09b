"""How far each node's share of an answer lies behind, in time.

A vector says it exactly, and nobody can read it. So whenever another node tells what it has just written, or all that
it holds, it is noted when that was and up to which numbers that node itself had written. What is folded covers some of
these notes, the latest of which is the answer: all that the node had written by then is in there.

It is reckoned from when word came, on this node's steady clock. So it is too good by what the message was under way
(and for the home by a fact whose message was lost, until the next gossip); and an idle world looks as old as its last
gossip: nobody can know better.

The way not taken is the stamp of the newest entry: of a node that nothing comes to it would grow for ever, and of one
that is cut off it would look as if nothing came to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from homeroom.log.origins import Origin, Vector

__all__ = ["Freshness"]

_NOTES_MAX: Final = 64
_APART_MS: Final = 100


@dataclass(frozen=True, slots=True)
class _Note:
    at_ms: int
    numbers: Mapping[Origin, int]


class Freshness:
    """What nodes have told of themselves. One thread writes, any may ask."""

    def __init__(self) -> None:
        # Each value is exchanged whole, so that whoever asks sees one or the other.
        self._notes: dict[str, tuple[_Note, ...]] = {}
        self._covered: dict[str, _Note] = {}

    def heard(self, node: str, numbers: Mapping[Origin, int], now_ms: int) -> None:
        """Take what a node has written by its own words, all of it, and when word of that came."""
        notes, note = self._notes.get(node, ()), _Note(now_ms, dict(numbers))
        is_near = notes and notes[-1].at_ms // _APART_MS == now_ms // _APART_MS
        is_same = notes and notes[-1].numbers == note.numbers
        kept = notes[:-1] if is_near or is_same else notes[1 - _NOTES_MAX :]
        self._notes[node] = (*kept, note)

    def folded(self, applied: Vector) -> None:
        """Remember the latest notes that are covered, however many come before the next one is."""
        for node in list(self._notes):
            note = self._latest(node, applied)
            if note is not None:
                self._covered[node] = note

    def keep(self, nodes: Mapping[str, object]) -> None:
        """Forget all other nodes."""
        for known in (self._notes, self._covered):
            for node in known.keys() - nodes.keys():
                del known[node]

    def age_ms(self, node: str, applied: Vector, now_ms: int) -> int | None:
        """Return how long ago a node had written no more than what is applied; None if that is not known."""
        note = self._latest(node, applied)
        return None if note is None else max(now_ms - note.at_ms, 0)

    def _latest(self, node: str, applied: Vector) -> _Note | None:
        for note in reversed(self._notes.get(node, ())):
            if applied.covers(note.numbers):
                return note
        covered = self._covered.get(node)
        return covered if covered is not None and applied.covers(covered.numbers) else None
