"""What a node holds, and what it knows that others hold.

Both are vectors with a digest: the sum of the first 8 bytes of each origin's head. A head covers its origin, its number
and all entries before it; so two nodes with equal sums hold the same, bit by bit, and a sum is kept true by a
subtraction and an addition. A fork shows as two sums for equal numbers. Documents have a sum of their own by the node
that wrote them, and by where they go if they are sealed, because not everybody may know of them
(`homeroom.regions.residency`).

A view of another node only grows, as long as that node lives: news that comes late or twice changes nothing. Only
origins that have collapsed into the epoch leave it, when the node tells all that it holds. A new life may begin with
less (a disk was restored), so its view begins with nothing.
"""

from collections.abc import Callable, Mapping
from typing import Final

from homeroom import limits
from homeroom.log.entries import Head
from homeroom.log.origins import Origin, Stream, Vector
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
        # By node and stream the sum of the documents that it wrote.
        self._documents: dict[tuple[str, Stream], int] = {}
        # By origin the version with which it changed last; the last that changed stands last.
        self._changed: dict[Origin, int] = {}
        # The version at which an origin was last let go of: who was told before is told all.
        self._retired = 0
        for origin, head in heads.items():
            self.advance(origin, head)

    def advance(self, origin: Origin, head: Head) -> None:
        """Take the next entries of an origin."""
        before = self.heads.get(origin)
        more = _weight(head.digest)
        if before is not None:
            more -= _weight(before.digest)
            del self._changed[origin]
        self._add(origin, more)
        self.heads[origin] = head
        self.version += 1
        self._changed[origin] = self.version

    def _add(self, origin: Origin, more: int) -> None:
        if origin.stream.is_shared:
            self._sum += more
        else:
            written = origin.node, origin.stream
            self._documents[written] = self._documents.get(written, 0) + more

    def retire(self, origin: Origin) -> None:
        """Name an origin no more: it has collapsed into the epoch."""
        self._add(origin, -_weight(self.heads.pop(origin).digest))
        del self._changed[origin]
        self.version += 1
        self._retired = self.version

    def is_whole_after(self, version: int) -> bool:
        """Say whether who was told of a version last has to be told all."""
        return version < self._retired or not version

    @property
    def has_documents(self) -> bool:
        """Whether anything of what is held may not be told to everybody."""
        return bool(self._documents)

    def total(self, may_have_of: Callable[[str, Stream], bool]) -> bytes:
        """Return the sum of all heads, 8 bytes; of documents those alone of a node and a stream that may be told."""
        documents = sum(s for written, s in self._documents.items() if may_have_of(*written))
        return ((self._sum + documents) & _MASK).to_bytes(_BYTES, "little")

    @property
    def vector(self) -> Vector:
        """By origin the last number."""
        return Vector({origin: head.number for origin, head in self.heads.items()})

    def since(self, version: int) -> list[Item]:
        """Return what has changed after a version, the oldest change first; all, where `is_whole_after` says so."""
        version = 0 if self.is_whole_after(version) else version
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
    complete : the latest control epoch of which it has said that it holds all that had collapsed by then
    numbers : by origin the last number
    told : the version of this node's holdings that it was told of last
    times_whole : how often it has told all that it holds
    whole_ms : what its clock of the day showed when it did so last, 0 as long as that is not known
    """

    def __init__(self) -> None:
        self.life = ""
        self.epoch = 0
        self.complete = 0
        self.numbers: dict[Origin, int] = {}
        self.told = 0
        self.times_whole = 0
        self.whole_ms = 0
        self._weights: dict[Origin, int] = {}
        self._version = 0
        self._sum = 0
        self._asked_ms = -limits.GOSSIP_MS
        # By earlier life when it was heard last; the oldest goes first.
        self._past: dict[str, int] = {}
        # By earlier life since when it speaks though the present one is silent.
        self._insists_ms: dict[str, int] = {}
        # When the present life was heard first, and last.
        self._since_ms = self._spoke_ms = 0

    def is_past(self, life: str, now_ms: int) -> bool:
        """Say whether a message is of an earlier life, and came late.

        If nothing was heard of the present one for a while, and this one goes on to speak, it is not: then the present
        one is the earlier, and was heard late.
        """
        if life not in self._past or now_ms - self._spoke_ms < limits.LIFE_SILENT_MS:
            return life in self._past
        return now_ms - self._insists_ms.get(life, now_ms) < limits.GOSSIP_MS

    def spoke(self, life: str, now_ms: int) -> bool:
        """Take that a life speaks still that is past; return whether two speak under one name.

        A message that comes late does so soon after the present life was heard first. Where it is the present one of
        which messages come late, because this node has just begun to listen, these come within a short while.
        """
        is_present = now_ms - self._spoke_ms < limits.LIFE_SILENT_MS
        if life in self._past:
            self._past[life] = now_ms
            if not is_present:
                self._insists_ms.setdefault(life, now_ms)
        return is_present and self._spoke_ms - self._since_ms >= limits.LIFE_SILENT_MS

    def speaks(self, now_ms: int) -> bool:
        """Say whether the present life was heard a moment ago."""
        return now_ms - self._spoke_ms < limits.LIFE_SILENT_MS

    def spoke_ms(self, life: str, otherwise_ms: int) -> int:
        """Return when an earlier life was heard last; ``otherwise_ms`` if it was not."""
        return self._past.get(life, otherwise_ms)

    def holds(self, origin: Origin, head: Head) -> bool:
        """Say whether the node has said that this is the last entry of an origin that it holds."""
        is_there = self.numbers.get(origin, 0) == head.number
        return is_there and self._weights[origin] == _weight(head.digest)

    def take(self, news: News, now_ms: int) -> bool:
        """Take news of this node; return whether something was missed before it."""
        self._hear(news.life, now_ms)
        if news.is_whole and news.version >= self._version:
            self.numbers, self._weights, self._sum = {}, {}, 0
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
        self._know_whole(news)
        return False

    def _know_whole(self, news: News) -> None:
        self.epoch = max(self.epoch, news.epoch)
        if news.is_complete:
            self.complete = max(self.complete, news.epoch)
        self.times_whole += 1
        if news.reading is not None:
            self.whole_ms = news.reading.wall_ms

    def may_ask(self, now_ms: int) -> bool:
        """Say whether it may be asked for all that it holds; not again at once, whatever is wrong between the two."""
        if now_ms - self._asked_ms < limits.GOSSIP_MS:
            return False
        self._asked_ms = now_ms
        return True

    def _hear(self, life: str, now_ms: int) -> None:
        if life != self.life:
            self._begin(life)
            self._since_ms = now_ms
        self._spoke_ms = now_ms
        if self._insists_ms:
            self._insists_ms.clear()

    def _begin(self, life: str) -> None:
        if self.life:
            self._past[self.life] = self._spoke_ms
            while len(self._past) > limits.LIVES_KNOWN_MAX:
                del self._past[next(iter(self._past))]
        self._past.pop(life, None)
        self.life, self.epoch, self.complete, self.told = life, 0, 0, 0
        self.numbers, self._weights = {}, {}
        self._version = self._sum = 0
