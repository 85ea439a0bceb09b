"""The place where the nodes of a region keep answers for each other: it can be lost, hang, be flushed, slow, poisoned.

It stands for a Redis with what `homeroom.adapters.redis_tier` does there: a value takes the place of another in one
step and only if it is not older, a lease ends by itself, and each node has a circuit breaker before it. What is kept is
kept as bytes, sealed as there, so that nothing comes out but what was written down. (The nonces of seals are drawn by
the machine and not by the seed: no byte of them decides anything.)
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from homeroom import limits
from homeroom.adapters.sealed_values import ValueSeal
from homeroom.errors import EntryError
from homeroom.traffic.caching.breaker import Breaker, Outcome
from homeroom.traffic.caching.entries import Kept, pack, replaces, unpack
from homeroom.traffic.caching.keys import CacheKey
from homeroom.traffic.caching.steps import Lease

if TYPE_CHECKING:
    from homeroom.simulation.journeys.machine import Machine
    from homeroom.simulation.regions.agenda import Agenda

__all__ = ["TIMEOUT_MS", "Lying", "Shared", "SharedClient"]

_T = TypeVar("_T")
TIMEOUT_MS: Final = 25
_WAY_MS: Final = 1


@dataclass(frozen=True, slots=True)
class Lying:
    """What lies under a key: bytes, until when."""

    key: CacheKey
    content: bytes
    until_ms: int


@dataclass(slots=True)
class Shared:
    """The cache of a region.

    Attributes
    ----------
    place : of all values in it
    values : by name what is kept
    leases : by name who has it, and until when
    lost, hung : how many faults say so
    slow_ms : what each slow fault adds to a fill
    poisoned : how many values were found that no node had put there
    """

    place: str
    values: dict[bytes, Lying] = field(default_factory=dict)
    leases: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    lost: int = 0
    hung: int = 0
    slow_ms: list[float] = field(default_factory=list)
    poisoned: int = 0
    _seals: dict[str, ValueSeal] = field(default_factory=dict)

    def flush(self) -> None:
        """Forget all."""
        self.values.clear()
        self.leases.clear()

    def get(self, key: CacheKey, now_ms: int) -> Kept | None:
        """Return what is kept under a key; what does not open is none."""
        found = self.values.get(key.name)
        if found is None or now_ms >= found.until_ms:
            return None
        try:
            return unpack(key.name, self._seal(key.tenant).opened(key.name, found.content))
        except EntryError:
            self.poisoned += 1
            return None

    def put(self, key: CacheKey, kept: Kept, now_ms: int, life_ms: int) -> None:
        """Keep an answer, unless there is one that it does not replace."""
        if replaces(kept, self.get(key, now_ms)):
            content = self._seal(key.tenant).sealed(key.name, pack(key.name, kept))
            self.values[key.name] = Lying(key, content, now_ms + life_ms)

    def _seal(self, tenant: str) -> ValueSeal:
        found = self._seals.get(tenant)
        if found is None:
            key = hashlib.sha256(tenant.encode()).digest()
            found = self._seals[tenant] = ValueSeal(key, self.place)
        return found

    def lease(self, name: bytes, mark: str, now_ms: int) -> Lease:
        """Give a lease, if nobody has it."""
        held = self.leases.get(name)
        if held is not None and now_ms < held[1]:
            return Lease.TAKEN
        self.leases[name] = mark, now_ms + limits.CACHE_LEASE_MS
        return Lease.GOT

    def release(self, name: bytes, mark: str) -> None:
        """Take a lease back from who has it."""
        if self.leases.get(name, ("", 0))[0] == mark:
            del self.leases[name]


class SharedClient:
    """What one life of a node has of the cache of its region.

    Parameters
    ----------
    machine : whose it is
    shared : the cache
    """

    def __init__(self, machine: "Machine", shared: Shared) -> None:
        self._machine, self._shared = machine, shared
        self._agenda: Agenda = machine.scene.agenda
        self._mark = f"{machine.name}/{machine.life}"
        self.breaker = Breaker()

    def get(self, key: CacheKey, then: Callable[[Kept | None], None]) -> None:
        """Look for an answer; ``then`` hears None for nothing, and where that cannot be said."""
        self._within(0, lambda: self._shared.get(key, self._agenda.now_ms), then, None)

    def lease(self, key: CacheKey, then: Callable[[Lease], None]) -> None:
        """Ask to be the one who makes an answer."""

        def take() -> Lease:
            return self._shared.lease(key.name, self._mark, self._agenda.now_ms)

        self._within(0, take, then, Lease.AWAY)

    def put(self, key: CacheKey, kept: Kept, life_ms: int) -> None:
        """Keep an answer for a while."""
        if life_ms > 0:
            slow_ms = round(max(self._shared.slow_ms, default=0.0))
            self._within(slow_ms, lambda: self._put(key, kept, life_ms), lambda _none: None, None)

    def _put(self, key: CacheKey, kept: Kept, life_ms: int) -> None:
        now_ms = self._agenda.now_ms
        before = self._shared.get(key, now_ms)
        self._shared.put(key, kept, now_ms, life_ms)
        after = self._shared.get(key, now_ms)
        if before is not None and after is not None:
            self._machine.scene.checks.filled(self._machine, before.applied, after.applied)

    def release(self, key: CacheKey) -> None:
        """Give a lease back."""
        self._within(
            0, lambda: self._shared.release(key.name, self._mark), lambda _none: None, None
        )

    def _within(
        self, slow_ms: int, do: Callable[[], _T], then: Callable[[_T], None], otherwise: _T
    ) -> None:
        """Do something there; what takes too long, fails or is not tried at all is ``otherwise``."""
        steady_ms, agenda, shared = self._machine.steady_ms, self._agenda, self._shared
        if not self.breaker.lets_through(steady_ms):
            agenda.after(0, then, otherwise)
            return
        if shared.lost or shared.hung:
            wait_ms = _WAY_MS if shared.lost else TIMEOUT_MS
            agenda.after(wait_ms, self._ended, Outcome.FAILED, then, otherwise)
            return
        if slow_ms + 2 * _WAY_MS > TIMEOUT_MS:
            # It is done nevertheless, after whoever asked has given up waiting.
            agenda.after(slow_ms, lambda: (do(), None)[1])
            agenda.after(TIMEOUT_MS, self._ended, Outcome.FAILED, then, otherwise)
            return

        def come() -> None:
            found = do()
            agenda.after(_WAY_MS, self._ended, Outcome.ANSWERED, then, found)

        agenda.after(_WAY_MS + slow_ms, come)

    def _ended(self, outcome: Outcome, then: Callable[[_T], None], found: _T) -> None:
        self.breaker.step(outcome, self._machine.steady_ms)
        self.breaker.check_invariants()
        then(found)
