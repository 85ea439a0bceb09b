"""What a node holds, and what it knows that others hold.

Both are vectors with a digest: the sum of the first 8 bytes of each origin's head. A head covers its origin, its number
and all entries before it; so two nodes with equal sums hold the same, bit by bit, and a sum is kept true by a
subtraction and an addition. A fork shows as two sums for equal numbers.

A view of another node only grows, as long as that node lives: news that comes late or twice changes nothing. A new life
may begin with less (a disk was restored), so its view begins with nothing.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

from homeroom import limits
from homeroom.log.entries import Head
from homeroom.log.origins import Origin, Vector
from homeroom.regions.messages import Item, News

__all__ = ["Holdings", "View", "item_of"]

_BYTES: Final = 8
_MASK: Final = (1 << 64) - 1


def _weight(head: bytes) -> int:
    return int.from_bytes(head[:_BYTES], "little")


def item_of(origin: Origin, head: Head) -> Item:
    """Return what is told of an origin that is held up to an entry."""
    return Item(origin, head.number, head.digest[:_BYTES])


class Holdings:
    """What this node holds durably, without a gap.

    Attributes
    ----------
    heads : by origin the last entry
    version : grows by one with each change
    """

    def __init__(self, heads: Mapping[Origin, Head]) -> None:
        self.heads: dict[Origin, Head] = {}
        self.version = 0
        self._sum = 0
        # By origin the version with which it changed last; the last that changed stands last.
        self._changed: dict[Origin, int] = {}
        for origin, head in heads.items():
            self.advance(origin, head)

    def advance(self, origin: Origin, head: Head) -> None:
        """Take the next entries of an origin."""
        before = self.heads.get(origin)
        if before is not None:
            self._sum -= _weight(before.digest)
            del self._changed[origin]
        self._sum = (self._sum + _weight(head.digest)) & _MASK
        self.heads[origin] = head
        self.version += 1
        self._changed[origin] = self.version

    @property
    def total(self) -> bytes:
        """Sum of all heads."""
        return self._sum.to_bytes(_BYTES, "little")

    @property
    def vector(self) -> Vector:
        """By origin the last number."""
        return Vector({origin: head.number for origin, head in self.heads.items()})

    def since(self, version: int) -> list[Item]:
        """Return what has changed after a version, the oldest change first."""
        items = []
        for origin in reversed(self._changed):
            if self._changed[origin] <= version:
                break
            items.append(item_of(origin, self.heads[origin]))
        return items[::-1]


class View:
    """What another node has said that it holds.

    Attributes
    ----------
    life : its incarnation, empty if nothing was heard
    epoch : the latest control epoch at which all that it held is known here
    numbers : by origin the last number
    told : the version of this node's holdings that it was told of last
    times_whole : how often it has told all that it holds
    """

    def __init__(self) -> None:
        self.life = ""
        self.epoch = 0
        self.numbers: dict[Origin, int] = {}
        self.told = 0
        self.times_whole = 0
        self._weights: dict[Origin, int] = {}
        self._version = 0
        self._sum = 0
        self._asked_ms = -limits.GOSSIP_MS
        self._past: deque[str] = deque(maxlen=limits.LIVES_KNOWN_MAX)

    def is_past(self, life: str) -> bool:
        """Say whether a message is of an earlier life, and came late."""
        return life in self._past

    def take(self, news: News) -> bool:
        """Take news of this node; return whether something was missed before it."""
        if news.life != self.life:
            self._begin(news.life)
        numbers, weights = self.numbers, self._weights
        for item in news.items:
            origin, number = item.origin, item.number
            known = numbers.get(origin, 0)
            if number > known and (known or len(numbers) < limits.ORIGINS_TOLD_MAX):
                weight = _weight(item.head)
                self._sum += weight - weights.get(origin, 0)
                numbers[origin], weights[origin] = number, weight
        self._sum &= _MASK
        if news.version < self._version:
            return False
        self._version = news.version
        if not news.total:
            return False
        if _weight(news.total) != self._sum:
            return True
        self.epoch = max(self.epoch, news.epoch)
        self.times_whole += 1
        return False

    def may_ask(self, now_ms: int) -> bool:
        """Say whether it may be asked for all that it holds; not again at once, whatever is wrong between the two."""
        if now_ms - self._asked_ms < limits.GOSSIP_MS:
            return False
        self._asked_ms = now_ms
        return True

    def _begin(self, life: str) -> None:
        if self.life:
            self._past.append(self.life)
        self.life, self.epoch, self.told = life, 0, 0
        self.numbers, self._weights = {}, {}
        self._version = self._sum = 0
