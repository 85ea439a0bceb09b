"""Who else could decide what stays: other policies, written plainly, and the one that knows the future.

Each keeps keys alone, all of one size, and says of each request whether it hit. The shipped policy is not written
anew here: `Shipped` is `homeroom.traffic.caching.resident` itself.
"""

import heapq
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from homeroom.traffic.caching.resident import Held, Resident

__all__ = ["POLICIES", "Lru", "Policy", "Shipped", "hits_of", "optimum"]

_HELD: Final = Held(1, 0, 0, 1 << 60, 1 << 60)
_UNBOUNDED_BYTES: Final = 1 << 50


class Policy(Protocol):
    """Keeps so many keys."""

    def hit(self, key: bytes) -> bool:
        """Say whether the key is held, and count that it was asked for."""
        ...

    def fill(self, key: bytes) -> None:
        """Take in a key that is not held."""
        ...


class Shipped:
    """S3-FIFO as homeroom has it."""

    def __init__(self, entries_max: int) -> None:
        self._resident: Resident[bytes, int] = Resident(entries_max, _UNBOUNDED_BYTES)

    def hit(self, key: bytes) -> bool:
        """Say whether the key is held."""
        return self._resident.get(key, 0) is not None

    def fill(self, key: bytes) -> None:
        """Take in a key."""
        self._resident.put(key, _HELD)


class Lru:
    """The least recently used key leaves."""

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self._keys: OrderedDict[bytes, None] = OrderedDict()

    def hit(self, key: bytes) -> bool:
        """Say whether the key is held, and make it the newest."""
        if key not in self._keys:
            return False
        self._keys.move_to_end(key)
        return True

    def fill(self, key: bytes) -> None:
        """Take in a key."""
        self._keys[key] = None
        if len(self._keys) > self._entries_max:
            self._keys.popitem(last=False)


class Sieve:
    """A hand goes from the oldest key to the newest and takes the first that was not asked for (NSDI 2024)."""

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self._asked: dict[bytes, bool] = {}
        self._newer: dict[bytes | None, bytes | None] = {None: None}
        self._older: dict[bytes | None, bytes | None] = {None: None}
        self._hand: bytes | None = None

    def hit(self, key: bytes) -> bool:
        """Say whether the key is held, and mark it."""
        if key not in self._asked:
            return False
        self._asked[key] = True
        return True

    def fill(self, key: bytes) -> None:
        """Take in a key."""
        if len(self._asked) >= self._entries_max:
            self._evict()
        newest = self._older[None]
        self._newer[newest], self._older[None] = key, key
        self._older[key], self._newer[key] = newest, None
        self._asked[key] = False

    def _evict(self) -> None:
        hand = self._hand if self._hand is not None else self._newer[None]
        while hand is not None and self._asked[hand]:
            self._asked[hand] = False
            hand = self._newer[hand] or self._newer[None]
        assert hand is not None
        older, newer = self._older.pop(hand), self._newer.pop(hand)
        self._newer[older], self._older[newer] = newer, older
        del self._asked[hand]
        self._hand = newer


class Arc:
    """Two LRU lists, for keys asked for once and more often, that learn their sizes (FAST 2003)."""

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self._once: OrderedDict[bytes, None] = OrderedDict()
        self._often: OrderedDict[bytes, None] = OrderedDict()
        self._left_once: OrderedDict[bytes, None] = OrderedDict()
        self._left_often: OrderedDict[bytes, None] = OrderedDict()
        self._wanted_once = 0.0

    def hit(self, key: bytes) -> bool:
        """Say whether the key is held."""
        if key in self._once:
            del self._once[key]
            self._often[key] = None
            return True
        if key in self._often:
            self._often.move_to_end(key)
            return True
        return False

    def fill(self, key: bytes) -> None:
        """Take in a key."""
        once, often = self._left_once, self._left_often
        if key in once:
            more = max(len(often) / len(once), 1)
            self._wanted_once = min(self._wanted_once + more, self._entries_max)
            self._leave(0)
            del once[key]
            self._often[key] = None
        elif key in often:
            self._wanted_once = max(self._wanted_once - max(len(once) / len(often), 1), 0)
            self._leave(1)
            del often[key]
            self._often[key] = None
        else:
            self._fill_new(key)

    def _fill_new(self, key: bytes) -> None:
        first = len(self._once) + len(self._left_once)
        if first == self._entries_max:
            if self._left_once:
                self._left_once.popitem(last=False)
                self._leave(0)
            else:
                self._once.popitem(last=False)
        elif first + len(self._often) + len(self._left_often) >= self._entries_max:
            if first + len(self._often) + len(self._left_often) >= 2 * self._entries_max:
                self._left_often.popitem(last=False)
            self._leave(0)
        self._once[key] = None

    def _leave(self, favour_often: int) -> None:
        if len(self._once) + len(self._often) < self._entries_max:
            return
        if self._once and len(self._once) + favour_often > self._wanted_once:
            self._left_once[self._once.popitem(last=False)[0]] = None
        else:
            self._left_often[self._often.popitem(last=False)[0]] = None


class TinyLfu:
    """W-TinyLFU with a window of a fifth, and exact counts in the place of a sketch: its best case (TOS 2017)."""

    def __init__(self, entries_max: int) -> None:
        self._window_max = max(entries_max // 5, 1)
        self._main_max = max(entries_max - self._window_max, 1)
        self._proven_max = self._main_max * 4 // 5
        self._window: OrderedDict[bytes, None] = OrderedDict()
        self._trial: OrderedDict[bytes, None] = OrderedDict()
        self._proven: OrderedDict[bytes, None] = OrderedDict()
        self._asked: dict[bytes, int] = {}
        self._counted = 0
        self._counted_max = 10 * entries_max

    def hit(self, key: bytes) -> bool:
        """Say whether the key is held, and count it."""
        self._count(key)
        for keys in (self._window, self._proven):
            if key in keys:
                keys.move_to_end(key)
                return True
        if key not in self._trial:
            return False
        del self._trial[key]
        self._proven[key] = None
        if len(self._proven) > self._proven_max:
            self._trial[self._proven.popitem(last=False)[0]] = None
        return True

    def fill(self, key: bytes) -> None:
        """Take in a key; what the window lets go must be asked for more often than what it would displace."""
        self._window[key] = None
        if len(self._window) <= self._window_max:
            return
        coming = self._window.popitem(last=False)[0]
        if len(self._trial) + len(self._proven) < self._main_max:
            self._trial[coming] = None
            return
        keys = self._trial or self._proven
        if self._asked.get(coming, 0) > self._asked.get(next(iter(keys)), 0):
            keys.popitem(last=False)
            self._trial[coming] = None

    def _count(self, key: bytes) -> None:
        self._asked[key] = min(self._asked.get(key, 0) + 1, 15)
        self._counted += 1
        if self._counted >= self._counted_max:
            self._asked = {one: count >> 1 for one, count in self._asked.items() if count > 1}
            self._counted //= 2


POLICIES: Final[Mapping[str, Callable[[int], Policy]]] = {
    "shipped (S3-FIFO)": Shipped,
    "LRU": Lru,
    "SIEVE": Sieve,
    "ARC": Arc,
    "W-TinyLFU": TinyLfu,
}
"""How each is made for so many keys."""


def hits_of(policy: Policy, keys: Sequence[bytes]) -> int:
    """Return how many of the requests hit; what misses is filled."""
    hits = 0
    hit, fill = policy.hit, policy.fill
    for key in keys:
        if hit(key):
            hits += 1
        else:
            fill(key)
    return hits


def optimum(keys: Sequence[bytes], entries_max: int) -> int:
    """Return how many hit if whatever is asked for last leaves (Belady 1966): no policy can do better."""
    never = len(keys) + 1
    coming = [never] * len(keys)
    seen: dict[bytes, int] = {}
    for place in range(len(keys) - 1, -1, -1):
        coming[place] = seen.get(keys[place], never)
        seen[keys[place]] = place
    held: dict[bytes, int] = {}
    latest: list[tuple[int, bytes]] = []
    hits = 0
    for key, following in zip(keys, coming, strict=True):
        if key in held:
            hits += 1
        elif following == never:
            continue  # asked for never again: not to take it in is the best
        held[key] = following
        heapq.heappush(latest, (-following, key))
        while len(held) > entries_max:
            when, key_out = heapq.heappop(latest)
            if held.get(key_out) == -when:
                del held[key_out]
    return hits
