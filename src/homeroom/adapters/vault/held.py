"""What was used last is held in memory, and no more than a bound."""

from typing import Generic, TypeVar

__all__ = ["Held"]

K = TypeVar("K")
V = TypeVar("V")


class Held(Generic[K, V]):
    """A mapping that forgets what was added first when it is full: the common case is that nothing is forgotten.

    The way not taken, forgetting what was used longest ago, moves an entry at every look, and looks are what is quick
    here.

    Parameters
    ----------
    entries_max : how many
    """

    def __init__(self, entries_max: int) -> None:
        self._entries: dict[K, V] = {}
        self._entries_max = entries_max
        self.get = self._entries.get

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, key: K, value: V) -> None:
        """Hold a value."""
        if len(self._entries) >= self._entries_max:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = value

    def pop(self, key: K) -> None:
        """Forget a value, if it is held."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
