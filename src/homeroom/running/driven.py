"""What a member of a world drives in its node: the thread that writes, and the thread that folds.

The member is told of these two by what they do for it, so that a test can give it others and neither has to know it.
The way not taken is to hand it the node: it would then reach whatever is there.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from homeroom.log.entries import Entry
from homeroom.running.gated_following import Numbers
from homeroom.running.seconding import Seconding

__all__ = ["Driven", "Gate"]


class Driven(Protocol):
    """The thread that writes, as a member sees it."""

    def work(self, do: Callable[[], None]) -> None:
        """Have something done in the thread that writes, between two writes."""

    def end_life(self, why: str) -> None:
        """Take nothing more in this life of the log; in that thread."""

    def begin_life(self) -> None:
        """Begin a new life of the log, if this one has ended and the store is ready; in that thread."""

    def renew_life(self) -> None:
        """Begin a new life of the log though nothing has failed; in that thread."""


class Gate(Protocol):
    """The thread that folds, as a member sees it."""

    seconding: Seconding

    def durable(self, entries: Sequence[Entry]) -> None:
        """Take entries that are durable."""

    def open_up(self, numbers: Numbers) -> None:
        """Let entries up to these numbers be folded."""

    def take_fingerprint(self, check: int, expand: tuple[bytes, ...] = ()) -> None:
        """Take the fingerprint of what is folded then, and of what some parts of it are made of."""
