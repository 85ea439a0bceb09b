"""Entries that came before one that they follow, held in memory until it comes, within bounds.

A link that reorders brings the next entry first; to throw it away would cost a round trip. But an entry that is
missing for good (its node is cut off, and nobody else has it) must not fill the memory of all others: what does not
fit is dropped, and asked for again when the way to it is clear. So a full buffer costs time, and never an entry.
"""

from collections.abc import Callable

from homeroom import limits
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin

__all__ = ["Gaps"]


class Gaps:
    """Entries that wait for others before them.

    Attributes
    ----------
    dropped : how many did not fit, so far
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: dict[Origin, dict[int, Entry]] = {}
        self._entries = 0
        self._bytes = 0

    def __len__(self) -> int:
        return self._entries

    def add(self, entry: Entry) -> None:
        """Hold an entry, unless there is no room."""
        waiting = self._waiting.setdefault(entry.origin, {})
        known = waiting.get(entry.number)
        if known is not None:
            if entry.redaction is None or known.redaction is not None:
                return
            self._let_go(waiting.pop(entry.number))
        size_bytes = self._bytes + len(entry.payload)
        if self._entries >= limits.GAP_ENTRIES_MAX or size_bytes > limits.GAP_BYTES_MAX:
            self.dropped += 1
            if not waiting:
                del self._waiting[entry.origin]
            return
        waiting[entry.number] = entry
        self._entries, self._bytes = self._entries + 1, size_bytes

    def take(self, origin: Origin, number: int) -> Entry | None:
        """Return an entry and hold it no longer, with all before it; None if it is not there."""
        waiting = self._waiting.get(origin)
        if waiting is None:
            return None
        for old in [n for n in waiting if n < number]:
            self._let_go(waiting.pop(old))
        found = waiting.pop(number, None)
        if found is not None:
            self._let_go(found)
        if not waiting:
            del self._waiting[origin]
        return found

    def forget(self, is_over: Callable[[Origin], bool]) -> None:
        """Hold nothing any longer of origins that are over."""
        for origin in [origin for origin in self._waiting if is_over(origin)]:
            for entry in self._waiting.pop(origin).values():
                self._let_go(entry)

    def _let_go(self, entry: Entry) -> None:
        self._entries -= 1
        self._bytes -= len(entry.payload)

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        held = [entry for waiting in self._waiting.values() for entry in waiting.values()]
        assert self._entries == len(held) <= limits.GAP_ENTRIES_MAX
        assert self._bytes == sum(len(entry.payload) for entry in held) <= limits.GAP_BYTES_MAX
        assert all(self._waiting.values()), "nothing is kept of an origin that waits for nothing"
