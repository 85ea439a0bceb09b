"""Entries that came from others, follow what is here, and wait to be written: in order, and within bounds.

While one write is under way, what comes waits for the next and goes with it together. If too much waits, nothing more
is taken; it is asked for again when there is room, so a slow disk costs time and no memory.
"""

from collections import deque
from collections.abc import Callable, Iterator

from homeroom import limits
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin

__all__ = ["Arrivals"]


class Arrivals:
    """Entries that wait to be written; true if there are any."""

    def __init__(self) -> None:
        self._waiting: deque[Entry] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether so much waits that nothing more is taken."""
        return (
            len(self._waiting) >= limits.ARRIVED_ENTRIES_MAX
            or self._bytes > limits.ARRIVED_BYTES_MAX
        )

    def append(self, entry: Entry) -> None:
        """Let the next entry of its origin wait."""
        self._waiting.append(entry)
        self._bytes += len(entry.payload)

    def exchange(self, entry: Entry) -> bool:
        """Put a redacted entry in the place of the same one, if that waits here; return whether it does."""
        for place, waiting in enumerate(self._waiting):
            if waiting.digest == entry.digest:
                self._waiting[place] = entry
                self._bytes += len(entry.payload) - len(waiting.payload)
                return True
        return False

    def take(self) -> tuple[Entry, ...]:
        """Return what is to be written next; it waits no longer."""
        count = min(len(self._waiting), limits.MESSAGE_ENTRIES_MAX)
        taken = tuple(self._waiting.popleft() for _ in range(count))
        self._bytes -= sum(len(entry.payload) for entry in taken)
        return taken

    def forget(self, is_over: Callable[[Origin], bool]) -> None:
        """Let go of what nobody takes any more."""
        self._waiting = deque(entry for entry in self._waiting if not is_over(entry.origin))
        self._bytes = sum(len(entry.payload) for entry in self._waiting)

    def clear(self) -> None:
        """Let go of everything."""
        self._waiting.clear()
        self._bytes = 0

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        assert len(self._waiting) <= limits.ARRIVED_ENTRIES_MAX
        assert self._bytes == sum(len(entry.payload) for entry in self._waiting)
