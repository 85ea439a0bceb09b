"""What one process keeps of answers, bounded by entries and bytes, so that a hit costs less than a microsecond.

The problem: most questions are asked again soon, many are asked once and never again (a report over all courses walks
every key), and what is kept must neither be flushed by those nor grow. The least recently used entry is a poor victim:
a walk makes everything look old.

The intuition (Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP 2023, "S3-FIFO"):
most of what comes is not asked for again before it goes, so it must prove itself in a small queue, a tenth of the room.
What was asked for there moves on to the main queue, in which whatever was asked for since goes round again. What left
the small queue unasked leaves its fingerprint; if it comes back, it goes to the main queue at once. A hit only raises
a counter of at most three: nothing is moved, so nothing is written that another hit has to wait for.

All is kept in arrays by slot, not in linked objects: the interpreter's collector has nothing to walk through however
much is kept, and an entry costs less. The queues are doubly linked lists in such arrays, so that
what is invalidated leaves the middle of its queue at once.

The ways not taken: a sketch of frequencies (W-TinyLFU) costs more on each hit than the whole hit costs here; LRU, SIEVE
and others were measured beside this (`python -m benchmarks cache`, decision 0035). Removal by marks that are swept
later is shorter, and a million marks at once would then be swept at once.

One thread owns a `Resident`, as the event loop of a node does: it has no lock, since a lock would cost what a hit
costs. Time is handed in. Keys and tags are text or bytes, which Python hashes with a key that is drawn at each start:
nobody can prepare ones that collide. Whole numbers and tuples of them are hashed without, and are therefore refused.
"""

from array import array
from collections import OrderedDict
from heapq import nlargest
from itertools import islice
from typing import Final, Generic, TypeVar

import msgspec

from homeroom import limits

__all__ = ["ENTRY_BYTES", "Held", "Key", "Resident", "ResidentStatistics"]

Key = str | bytes
"""What a value is found by; hashed with a key of the process."""

K = TypeVar("K", str, bytes)
V = TypeVar("V")

_SMALL: Final = 0
_MAIN: Final = 1
_HITS_MAX: Final = 3
ENTRY_BYTES: Final = 500
"""What a short key, a tag, their places, a fingerprint and `Held` take (380 to 530 were measured), added to sizes."""


class Held(msgspec.Struct, Generic[V], frozen=True, gc=False):
    """A value as it is kept.

    The interpreter's collector does not look at it, so a value must not refer back to what holds it.

    Attributes
    ----------
    value
        What was put.
    size_bytes
        What the value takes, with what is unusual of key and tags (long ones, many), at least 0.
    put_ms
        When it was computed.
    fresh_until_ms, stale_until_ms
        Until when (excluded) it may be answered as it is, and until when marked as stale.
    tags
        What it depends on, for `Resident.invalidate`.
    """

    value: V
    size_bytes: int
    put_ms: int
    fresh_until_ms: int
    stale_until_ms: int
    tags: tuple[Key, ...] = ()


class ResidentStatistics(msgspec.Struct, frozen=True):
    """What happened so far (counts), and what is held now.

    ``refused`` were too large or had too many tags; ``oldest_put_ms`` is that of the entry that goes round next in the
    main queue, or None where that is empty.
    """

    hits: int
    misses: int
    fills: int
    evictions: int
    expired: int
    removed: int
    refused: int
    entries: int
    size_bytes: int
    tags: int
    oldest_put_ms: int | None


class Resident(Generic[K, V]):
    """Values by key, at most so many and of at most so many bytes; S3-FIFO decides what stays.

    Parameters
    ----------
    entries_max
        Entries that are held at once, 1 to `limits.CACHE_ENTRIES_MAX`.
    bytes_max
        Bytes of the values, keys and what it takes to keep them, at least 1.

    Raises
    ------
    ValueError
        If a bound is out of its range.
    """

    def __init__(self, entries_max: int, bytes_max: int) -> None:
        if not 1 <= entries_max <= limits.CACHE_ENTRIES_MAX:
            message = f"entries_max == {entries_max}, must be in 1..{limits.CACHE_ENTRIES_MAX}."
            raise ValueError(message)
        if bytes_max < 1:
            message = f"bytes_max == {bytes_max}, must be > 0."
            raise ValueError(message)
        self.entries_max: Final = entries_max
        self.bytes_max: Final = bytes_max
        self._small_entries: Final = max(int(entries_max * limits.CACHE_SMALL_SHARE), 1)
        self._small_bytes: Final = max(int(bytes_max * limits.CACHE_SMALL_SHARE), 1)
        self._slots: dict[K, int] = {}  # key -> slot; exactly the keys that are held
        self._keys: list[K | None] = [None, None]  # by slot; 0 and 1 are the ends of the two queues
        self._held: list[Held[V] | None] = [None, None]  # by slot; None where the slot is free
        self._hits = bytearray(2)  # by slot: hits since it last went round, at most _HITS_MAX
        self._queue = bytearray((_SMALL, _MAIN))  # by slot: the queue that it is in
        self._newer = array("q", (0, 1))  # by slot: a ring a queue, through its end
        self._older = array("q", (0, 1))
        self._free: list[int] = []  # slots whose entries left; never 0 or 1
        self._count = [0, 0]  # entries by queue
        self._size = [0, 0]  # bytes by queue
        self._tagged: dict[Key, int | set[int]] = {}  # tag -> slots of the entries that have it
        self._ghosts: OrderedDict[int, None] = OrderedDict()  # fingerprints, the oldest first
        self._hit = self._miss = self._filled = self._evicted = 0
        self._expired = self._removed = self._refused = 0

    def __len__(self) -> int:
        """Return how many entries are held."""
        return len(self._slots)

    def __contains__(self, key: K) -> bool:
        """Say whether an entry is held, fresh or not, without counting a hit."""
        return key in self._slots

    def get(self, key: K, now_ms: int) -> Held[V] | None:
        """Return what is held, fresh or stale, or None; what is past its stale bound is dropped.

        Whoever asks compares ``fresh_until_ms`` with the time.
        """
        slot = self._slots.get(key)
        if slot is None:
            self._miss += 1
            return None
        held = self._held[slot]
        if held is None or now_ms >= held.stale_until_ms:
            self._take_out(slot)
            self._expired += 1
            self._miss += 1
            return None
        if self._hits[slot] < _HITS_MAX:
            self._hits[slot] += 1
        self._hit += 1
        return held

    def peek(self, key: K) -> Held[V] | None:
        """Return what is held, whatever its age, without counting a hit."""
        slot = self._slots.get(key)
        return None if slot is None else self._held[slot]

    def put(self, key: K, held: Held[V]) -> bool:
        """Keep a value in the place of what was held under the key; return whether it is kept now.

        One that is larger than the small queue, or has more than `limits.CACHE_TAGS_MAX` tags, is refused; what was
        held is dropped even so, since it is no longer what the caller would have.
        """
        assert type(key) in {str, bytes}, "keys that collide can be prepared for all else"
        assert held.size_bytes >= 0, held.size_bytes
        size = held.size_bytes + ENTRY_BYTES
        before = self._slots.get(key)
        if size > self._small_bytes or len(held.tags) > limits.CACHE_TAGS_MAX:
            if before is not None:
                self._take_out(before)
            self._refused += 1
            return False
        self._filled += 1
        if before is not None:
            self._replace(before, held)
        else:
            self._enter(key, held)
        self._make_room()
        return key in self._slots

    def remove(self, key: K) -> Held[V] | None:
        """Drop an entry and return it, or None if there was none."""
        slot = self._slots.get(key)
        if slot is None:
            return None
        self._removed += 1
        return self._take_out(slot)

    def invalidate(self, tag: Key) -> int:
        """Drop all entries that depend on something; return how many there were.

        Takes a few microseconds an entry, and none for a tag that nothing has.
        """
        found = self._tagged.pop(tag, None)
        if found is None:
            return 0
        slots = {found} if isinstance(found, int) else found
        for slot in slots:
            self._take_out(slot)
        self._removed += len(slots)
        return len(slots)

    def clear(self) -> int:
        """Drop all entries and fingerprints; return how many entries there were."""
        dropped = len(self._slots)
        for slot in list(self._slots.values()):
            self._take_out(slot)
        self._ghosts.clear()
        self._removed += dropped
        return dropped

    def keys(self) -> list[K]:
        """Return the keys, those first that were asked for most since they last went round (a warm start's order)."""
        return sorted(self._slots, key=lambda key: -self._hits[self._slots[key]])

    def hottest(self, count: int) -> list[K]:
        """Return at most so many keys that were asked for most, of those that have been held longest.

        It looks at a bounded number of them, so that a cache of millions holds nobody up.
        """
        looked = islice(self._slots, count * limits.CACHE_HOTTEST_LOOKS)
        return nlargest(count, looked, key=lambda key: self._hits[self._slots[key]])

    def statistics(self) -> ResidentStatistics:
        """Return counts so far, and what is held now."""
        oldest = self._held[self._newer[_MAIN]]
        return ResidentStatistics(
            hits=self._hit,
            misses=self._miss,
            fills=self._filled,
            evictions=self._evicted,
            expired=self._expired,
            removed=self._removed,
            refused=self._refused,
            entries=len(self._slots),
            size_bytes=sum(self._size),
            tags=len(self._tagged),
            oldest_put_ms=None if oldest is None else oldest.put_ms,
        )

    def check_invariants(self) -> None:
        """Check that every collection agrees with every other; slow, for tests."""
        seen: set[int] = set()
        for queue in (_SMALL, _MAIN):
            count = size = 0
            slot = self._newer[queue]
            while slot != queue:
                held, key = self._held[slot], self._keys[slot]
                assert held is not None, slot
                assert key is not None, slot
                assert self._slots[key] == slot
                assert self._queue[slot] == queue
                assert self._older[self._newer[slot]] == slot
                assert all(slot in _as_set(self._tagged[tag]) for tag in held.tags)
                count, size = count + 1, size + held.size_bytes + ENTRY_BYTES
                seen.add(slot)
                slot = self._newer[slot]
            assert (count, size) == (self._count[queue], self._size[queue])
        assert seen == set(self._slots.values())
        assert seen.isdisjoint(self._free)
        assert len(seen) + len(self._free) == len(self._keys) - 2
        assert all(_as_set(slots) <= seen and _as_set(slots) for slots in self._tagged.values())
        assert len(seen) <= self.entries_max
        assert sum(self._size) <= self.bytes_max
        assert len(self._ghosts) <= self.entries_max

    def _enter(self, key: K, held: Held[V]) -> None:
        fingerprint = hash(key)
        queue = _SMALL
        if fingerprint in self._ghosts:
            del self._ghosts[fingerprint]
            queue = _MAIN
        if self._free:
            slot = self._free.pop()
            self._keys[slot], self._held[slot], self._hits[slot] = key, held, 0
        else:
            slot = len(self._keys)
            self._keys.append(key)
            self._held.append(held)
            self._hits.append(0)
            self._queue.append(queue)
            self._newer.append(0)
            self._older.append(0)
        self._slots[key] = slot
        self._tag(slot, held.tags)
        self._append(slot, queue, held.size_bytes + ENTRY_BYTES)

    def _replace(self, slot: int, held: Held[V]) -> None:
        before = self._held[slot]
        assert before is not None
        self._untag(slot, before.tags)
        self._held[slot] = held
        self._size[self._queue[slot]] += held.size_bytes - before.size_bytes
        self._tag(slot, held.tags)

    def _make_room(self) -> None:
        count, size, small = self._count, self._size, _SMALL
        turns = 0
        while count[0] + count[1] > self.entries_max or size[0] + size[1] > self.bytes_max:
            is_small_within = (
                count[small] <= self._small_entries and size[small] <= self._small_bytes
            )
            queue = _MAIN if count[_MAIN] and is_small_within else small
            if turns >= limits.CACHE_TURNS_MAX:
                # All were asked for: who does that to five million entries must not make one fill walk over them.
                self._hits[self._newer[queue]] = 0
            turns += 1
            if queue == _MAIN:
                self._turn_main()
            else:
                self._turn_small()

    def _turn_small(self) -> None:
        """Let the oldest of the small queue go on to the main queue, or out."""
        slot = self._newer[_SMALL]
        held, key = self._held[slot], self._keys[slot]
        assert held is not None
        assert key is not None
        if self._hits[slot] >= limits.CACHE_PROVING_HITS:
            size = held.size_bytes + ENTRY_BYTES
            self._unlink(slot, size)
            self._hits[slot] = 0
            self._append(slot, _MAIN, size)
            return
        self._take_out(slot)
        self._evicted += 1
        self._ghosts[hash(key)] = None
        # As many fingerprints as entries that are held, so that their memory is in proportion.
        while len(self._ghosts) > max(len(self._slots), 1):
            self._ghosts.popitem(last=False)

    def _turn_main(self) -> None:
        """Let the oldest of the main queue go round again, or out."""
        slot = self._newer[_MAIN]
        held = self._held[slot]
        assert held is not None
        if self._hits[slot]:
            size = held.size_bytes + ENTRY_BYTES
            self._unlink(slot, size)
            self._hits[slot] -= 1
            self._append(slot, _MAIN, size)
            return
        self._take_out(slot)
        self._evicted += 1

    def _append(self, slot: int, queue: int, size: int) -> None:
        """Put a slot at the new end of a queue; the queue's number is the slot that closes its ring."""
        newest = self._older[queue]
        self._newer[newest] = slot
        self._older[slot] = newest
        self._newer[slot] = queue
        self._older[queue] = slot
        self._queue[slot] = queue
        self._count[queue] += 1
        self._size[queue] += size

    def _unlink(self, slot: int, size: int) -> None:
        older, newer, queue = self._older[slot], self._newer[slot], self._queue[slot]
        self._newer[older] = newer
        self._older[newer] = older
        self._count[queue] -= 1
        self._size[queue] -= size

    def _take_out(self, slot: int) -> Held[V]:
        held, key = self._held[slot], self._keys[slot]
        assert held is not None
        assert key is not None
        self._unlink(slot, held.size_bytes + ENTRY_BYTES)
        self._untag(slot, held.tags)
        del self._slots[key]
        self._keys[slot] = self._held[slot] = None
        self._free.append(slot)
        return held

    def _tag(self, slot: int, tags: tuple[Key, ...]) -> None:
        for tag in tags:
            found = self._tagged.get(tag)
            if found is None:
                self._tagged[tag] = slot  # most tags have one entry, and a set takes 200 bytes
            elif isinstance(found, set):
                found.add(slot)
            elif found != slot:
                self._tagged[tag] = {found, slot}

    def _untag(self, slot: int, tags: tuple[Key, ...]) -> None:
        for tag in tags:
            found = self._tagged.get(tag)
            if isinstance(found, set):
                found.discard(slot)
                if not found:
                    del self._tagged[tag]
            elif found == slot:
                del self._tagged[tag]


def _as_set(slots: int | set[int]) -> set[int]:
    return {slots} if isinstance(slots, int) else slots
