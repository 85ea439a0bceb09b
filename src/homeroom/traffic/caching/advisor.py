"""What another size of a cache would answer, told from a sample of what it was asked for.

The problem: whether twice the memory would help cannot be seen from hits and misses, and keeping every request of a
day to play it again costs more than the cache.

The intuition (Waldspurger, Park, Garthwaite, Ahmad: Efficient MRC construction with SHARDS, FAST 2015): take a key
always or never, by its fingerprint. A hundredth of the keys with all their requests behaves in a hundredth of the
room as all keys do in all of it. For LRU the bytes between two requests of a key say at which size the second one
hits, so one pass gives all sizes; any other policy is played in small, size by size (Waldspurger, Saemundsson, Ahmad,
Park: Cache modeling and optimization using miniature simulations, ATC 2017), here with `Resident` itself. If
it is known how many requests there were in all, the sample is corrected for being lucky or not with the hottest keys
(the paper's SHARDS-adj).

How sure a figure is, is told by the sample itself: its quarters, by bits of the fingerprint, are played apart, and two
standard errors of their mean are told. It is a guess from four figures: small samples may be off by more.

A log is text: ``# rate R`` at its head, ``# asked N`` wherever it is known how many requests there were so far, and a
line a request with the key's fingerprint (16 hexadecimal digits, keyed: a log tells no key) and its bytes.

The way not taken: sampling requests instead of keys, which makes everything look seldom.
"""

import heapq
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from homeroom import limits
from homeroom.errors import InputError
from homeroom.traffic.caching.resident import ENTRY_BYTES, Held, Key, Resident

__all__ = ["Advice", "KeyLog", "Sampler", "advise", "read_key_log", "sizes_around"]

_ALL: Final = 1 << 64
_PARTS: Final = 4  # by the lowest bits of the fingerprint; the sample is chosen by the high ones
_VALUES_MIN: Final = 20


class Sampler:
    """Says which keys belong to the sample, and writes the lines of a log.

    Parameters
    ----------
    secret
        1 to 64 bytes, the same for all logs that are to be put together.
    rate
        Share of the keys, above 0 and at most 1.

    Raises
    ------
    ValueError
        If one is out of its range.
    """

    def __init__(self, secret: bytes, rate: float) -> None:
        if not 1 <= len(secret) <= 64:
            message = f"len(secret) == {len(secret)}, must be in 1..64."
            raise ValueError(message)
        if not 0 < rate <= 1:
            message = f"rate == {rate}, must be above 0 and at most 1."
            raise ValueError(message)
        self._secret = secret
        self._below = int(rate * _ALL)
        self.head: Final = f"# rate {rate!r}"

    def line(self, key: Key, size_bytes: int) -> str | None:
        """Return the line of a request, or None for a key that is not in the sample; takes about a microsecond."""
        content = key.encode() if isinstance(key, str) else key
        digest = blake2b(content, digest_size=8, key=self._secret).digest()
        if int.from_bytes(digest, "big") >= self._below:
            return None
        return f"{digest.hex()} {size_bytes}"


@dataclass(frozen=True, slots=True)
class KeyLog:
    """Requests of the keys of a sample, in their order.

    Attributes
    ----------
    rate
        Share of all keys that are in it.
    asked
        Requests that there were of all keys, or None if the log does not say.
    requests
        Fingerprint and bytes of each.
    """

    rate: float
    asked: int | None
    requests: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Advice:
    """What a size would give: shares of requests that hit, and within what `shipped` is (two standard errors).

    A share is None where the sample is too small to say.
    """

    size_bytes: int
    lru: float | None
    shipped: float | None
    within: float | None


def read_key_log(lines: Iterable[str], name: str) -> KeyLog:
    """Read a log of keys; of one with too many keys those with the smallest fingerprints are kept.

    Raises
    ------
    InputError
        If a line is not what it should be, the head is missing, or there are too many requests.
    """
    rate, asked = 0.0, None
    found: list[tuple[int, int]] = []
    for number, line in enumerate(lines, 1):
        try:
            if line.startswith("# rate "):
                rate = float(line[7:])
            elif line.startswith("# asked "):
                asked = int(line[8:])
            else:
                digits, _, size = line.partition(" ")
                found.append((_fingerprint(digits), _size(size)))
        except ValueError as error:
            message = (
                f"{name}, line {number}: neither '# rate', '# asked' nor a fingerprint and its "
                "bytes: a log of keys is what a node's sampler writes"
            )
            raise InputError(message) from error
        if len(found) > limits.CACHE_ADVICE_REQUESTS_MAX:
            message = f"{name}: more than {limits.CACHE_ADVICE_REQUESTS_MAX} requests: sample at a lower rate"
            raise InputError(message)
    if not 0 < rate <= 1:
        message = (
            f"{name}: rate == {rate}, must be above 0 and at most 1: a line '# rate R' says it"
        )
        raise InputError(message)
    return _fixed(KeyLog(rate, asked, found))


def _fingerprint(digits: str) -> int:
    if len(digits) != 16:
        raise ValueError(digits)
    return int(digits, 16)


def _size(text: str) -> int:
    size = int(text)
    if not 0 <= size < 1 << 40:
        raise ValueError(text)
    return size


def _fixed(log: KeyLog) -> KeyLog:
    """Lower the rate until the sample has no more keys than are worth their time."""
    keys = {key for key, _ in log.requests}
    if len(keys) <= limits.CACHE_ADVICE_KEYS_MAX:
        return log
    below = heapq.nsmallest(limits.CACHE_ADVICE_KEYS_MAX + 1, keys)[-1]
    kept = [one for one in log.requests if one[0] < below]
    return KeyLog(below / _ALL, log.asked, kept)


def sizes_around(log: KeyLog) -> list[int]:
    """Return sizes in bytes to ask about: of all that was asked for, from 1 % to all, in steps of about two."""
    sizes = dict(log.requests)
    whole = sum(size + ENTRY_BYTES for size in sizes.values()) / log.rate
    return [max(int(whole * share), 1) for share in (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)]


def advise(log: KeyLog, sizes_bytes: Sequence[int]) -> list[Advice]:
    """Return what a cache of each size would have answered, by LRU and as it is shipped.

    Parameters
    ----------
    log
        The sample.
    sizes_bytes
        Sizes of a whole cache in bytes, what it takes to keep an entry included.
    """
    if not log.requests:
        return [Advice(size, None, None, None) for size in sizes_bytes]
    distances = _distances(log.requests)
    parts = [
        KeyLog(
            log.rate / _PARTS,
            log.asked,
            [one for one in log.requests if one[0] % _PARTS == part],
        )
        for part in range(_PARTS)
    ]
    mean = sum(size + ENTRY_BYTES for _, size in log.requests) / len(log.requests)
    told = []
    for size in sizes_bytes:
        scaled = size * log.rate
        if scaled < _VALUES_MIN * mean:
            told.append(Advice(size, None, None, None))
            continue
        lru = sum(distance <= scaled for distance in distances)
        shipped = _played(log.requests, scaled)
        shares = [_corrected(_played(part.requests, scaled / _PARTS), part) for part in parts]
        within = 2 * statistics.stdev(shares) / math.sqrt(_PARTS)
        told.append(Advice(size, _corrected(lru, log), _corrected(shipped, log), within))
    return told


def _corrected(hits: int, log: KeyLog) -> float:
    """Return the share of hits; requests that the sample should have had more or fewer of are hits of hot keys."""
    had = len(log.requests)
    wanted = had if log.asked is None else log.asked * log.rate
    return min(max((hits + wanted - had) / wanted, 0.0), 1.0) if wanted else 0.0


def _played(requests: Sequence[tuple[int, int]], bytes_max: float) -> int:
    resident: Resident[bytes, None] = Resident(limits.CACHE_ENTRIES_MAX, max(int(bytes_max), 1))
    for fingerprint, size in requests:
        key = fingerprint.to_bytes(8, "big")
        if resident.get(key, 0) is None:
            resident.put(key, Held(None, size, 0, 1, 1))
    return resident.statistics().hits


def _distances(requests: Sequence[tuple[int, int]]) -> list[float]:
    """Return by request the bytes of a cache by LRU in which it hits; infinite where the key is new.

    Of each key its last request counts its bytes, at its place in time; a Fenwick tree sums them from there on.
    """
    tree = [0] * (len(requests) + 1)
    last: dict[int, tuple[int, int]] = {}
    distances = []
    whole = 0
    for place, (key, size) in enumerate(requests, 1):
        before = last.get(key)
        weight = size + ENTRY_BYTES
        if before is None:
            distances.append(math.inf)
        else:
            distances.append(whole - _sum(tree, before[0] - 1))
            _add(tree, before[0], -before[1])
            whole -= before[1]
        _add(tree, place, weight)
        whole += weight
        last[key] = (place, weight)
    return distances


def _sum(tree: list[int], place: int) -> int:
    found = 0
    while place > 0:
        found += tree[place]
        place &= place - 1
    return found


def _add(tree: list[int], place: int, weight: int) -> None:
    while place < len(tree):
        tree[place] += weight
        place += place & -place
