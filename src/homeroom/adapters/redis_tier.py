"""Answers that the nodes of a region share, in a Redis.

A Redis is quick and forgets; it may be gone, full, flushed or hang, or hold what somebody else has put there. None of
that is an error here: what cannot be had is not there. Each request has a time limit of milliseconds, connections are
bounded, and after a few failures in a row nobody waits any more (`homeroom.traffic.caching.breaker`).

A value is exchanged only for the one that was compared with it (a script of Redis, which runs alone): so of two nodes
that fill at once neither overwrites what knows more. A lease is a key that expires; whoever gives one back gives back
its own alone.

Names begin with a digest of world, jurisdiction and tenant, under the tenant's key; values are sealed
(`homeroom.adapters.sealed_values`). Whoever reads the Redis learns how much is asked, and nothing of whom.

Set it up with `maxmemory` and `maxmemory-policy allkeys-lru`, and without `save` and `appendonly`: then nothing of it
is ever on a disk.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from homeroom import limits
from homeroom.adapters.sealed_values import NONCE_BYTES, ValueSeal
from homeroom.errors import EntryError, SettingsError
from homeroom.traffic.caching.breaker import Breaker, Outcome
from homeroom.traffic.caching.entries import Kept, pack, replaces, unpack
from homeroom.traffic.caching.keys import NAME_BYTES, CacheKey, space_of
from homeroom.traffic.caching.steps import Lease

__all__ = ["RedisPlace", "RedisTier"]

_T = TypeVar("_T")

_EXCHANGE: Final = """
local old = redis.pcall('GETRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1)
if type(old) == 'table' then redis.call('DEL', KEYS[1]); old = '' end
if old ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
"""
"""Sets a value if what is there begins as it did when it was read; what is of another kind is none."""
_RELEASE: Final = """
if redis.pcall('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""
_TRIES_MAX: Final = 16
"""Exchanges that are tried for one fill: one fails where another node's came in between, and each of these is newer."""


class RedisPlace:
    """Where a Redis is, and who shares it.

    Parameters
    ----------
    url : ``redis://host:port/0``, ``rediss://…`` or ``unix://…``, without a password
    password_file : has the password in its first line; empty for none
    world, jurisdiction : whose nodes share it; the latter empty where several jurisdictions do
    timeout_ms : what one request may take

    Raises
    ------
    SettingsError
        The address is none, or the file cannot be read.
    """

    def __init__(
        self, url: str, password_file: str, world: str, jurisdiction: str, timeout_ms: int
    ) -> None:
        self.world, self.jurisdiction, self.timeout_ms = world, jurisdiction, timeout_ms
        if "@" in url:
            raise SettingsError(
                "the address of a Redis holds a name or password; name a file with cache.redis_password_file"
            )
        password = None
        if password_file:
            try:
                lines = Path(password_file).read_text("utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(
                    f"cache.redis_password_file {password_file} cannot be read ({type(error).__name__})"
                ) from None
            password = lines[0].strip() if lines else ""
        try:
            self.pool = BlockingConnectionPool.from_url(
                url,
                password=password,
                max_connections=limits.REDIS_CONNECTIONS_MAX,
                timeout=timeout_ms / 1_000,
                socket_timeout=max(timeout_ms, limits.REDIS_SWEEP_MS_MAX) / 1_000,
                socket_connect_timeout=timeout_ms / 1_000,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise SettingsError(
                f"cache.redis_url is {url[:200]!r}: {error}; it must be as redis://host:6379/0"
            ) from None


class RedisTier:
    """One Redis, as a tier of answers; one event loop owns it.

    Parameters
    ----------
    place : where it is
    tenant_key : returns the key of a tenant's pseudonyms
    steady_ms : a clock that never jumps, ms

    Attributes
    ----------
    counts : what came of requests: ``hits``, ``misses``, ``fills``, ``kept_newer`` (a fill that was older than what was
        there), ``poisoned``, ``failed``, ``cut_off`` (not asked, since it hangs)
    """

    def __init__(
        self,
        place: RedisPlace,
        tenant_key: Callable[[str], bytes],
        steady_ms: Callable[[], int],
    ) -> None:
        self._place, self._tenant_key, self._steady_ms = place, tenant_key, steady_ms
        self._redis = Redis(connection_pool=place.pool)
        self._exchange = self._redis.register_script(_EXCHANGE)
        self._give_back = self._redis.register_script(_RELEASE)
        self._tenants: dict[str, tuple[str, ValueSeal]] = {}
        self._leases: dict[bytes, bytes] = {}  # by name the mark of the lease that is held
        self._filling: set[asyncio.Future[None]] = set()  # each is done when its fill is
        self.breaker = Breaker()
        self.counts: Counter[str] = Counter()

    async def get(self, key: CacheKey) -> Kept | None:
        """Return what is kept under a key, None for nothing and where that cannot be said."""
        space, seal = self._of(key.tenant)
        value = await self._within(lambda: self._read(_place_of(space, key.name)), None)
        kept = self._opened(key.name, seal, value)
        self.counts["misses" if kept is None else "hits"] += 1
        return kept

    async def put(self, key: CacheKey, kept: Kept, life_ms: int) -> None:
        """Keep an answer for a while, unless there is one whose vector is not older."""
        if life_ms <= 0:
            return
        with self._fill():
            await self._within(lambda: self._put(key, kept, life_ms), None)

    async def lease(self, key: CacheKey) -> Lease:
        """Ask to be the one who makes an answer."""
        mark = secrets.token_bytes(16)
        name = _lease_of(self._of(key.tenant)[0], key.name)
        found = await self._within(lambda: self._take_lease(name, mark), None)
        if found is None:
            return Lease.AWAY
        if not found:
            return Lease.TAKEN
        self._leases[key.name] = mark
        return Lease.GOT

    async def release(self, key: CacheKey) -> None:
        """Give a lease back."""
        mark = self._leases.pop(key.name, None)
        if mark is not None:
            name = _lease_of(self._of(key.tenant)[0], key.name)
            await self._within(lambda: self._give_back([name], [mark]), None)

    async def forget(self, tenant: str) -> bool:
        """Remove all that is kept of a tenant; return whether that is done. What is being filled comes first."""
        if self._filling:
            await asyncio.wait(self._filling)  # those of now: while many ask there are always some
        pattern = f"{self._of(tenant)[0]}:*"
        cursor: int | None = None
        while cursor != 0:
            step = partial(self._sweep, pattern, cursor or 0)
            found = await self._within(step, None, limits.REDIS_SWEEP_MS_MAX)
            if found is None:
                return False
            cursor = found
        return True

    async def tell_hot(self, tenant: str, node: str, names: Iterable[bytes]) -> None:
        """Tell other nodes what is asked for most here."""
        space, seal = self._of(tenant)
        value = seal.sealed(b"hot", b"".join(names))
        place = f"{space}:hot"
        await self._within(lambda: self._tell(place, node, value), None)

    async def hot(self, tenant: str) -> list[bytes]:
        """Return the names of what is asked for most at other nodes, as far as that can be said."""
        space, seal = self._of(tenant)
        nothing: Mapping[bytes, bytes] = {}
        told = await self._within(lambda: self._told(f"{space}:hot"), nothing)
        names: dict[bytes, None] = {}
        for value in told.values():
            try:
                said = seal.opened(b"hot", value)
            except EntryError:
                self.counts["poisoned"] += 1
                continue
            whole = range(0, len(said) - NAME_BYTES + 1, NAME_BYTES)
            names |= dict.fromkeys(said[first : first + NAME_BYTES] for first in whole)
        return list(names)[: limits.CACHE_WARM_KEYS_MAX]

    async def close(self) -> None:
        """Let go of all connections."""
        await self._redis.aclose()
        await self._place.pool.disconnect()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _of(self, tenant: str) -> tuple[str, ValueSeal]:
        found = self._tenants.get(tenant)
        if found is None:
            key, place = self._tenant_key(tenant), self._place
            space = space_of(key, place.world, place.jurisdiction)
            found = self._tenants[tenant] = space, ValueSeal(key, space)
        return found

    async def _read(self, name: str) -> bytes | None:
        try:
            value = await self._redis.get(name)
        except ResponseError:
            # Somebody else has put something of another kind there: it is in the way until it is gone.
            self.counts["poisoned"] += 1
            await self._redis.unlink(name)
            return None
        return value if isinstance(value, bytes) else None

    def _opened(self, name: bytes, seal: ValueSeal, value: bytes | None) -> Kept | None:
        if value is None:
            return None
        try:
            return unpack(name, seal.opened(name, value))
        except EntryError:
            self.counts["poisoned"] += 1
            return None

    async def _put(self, key: CacheKey, kept: Kept, life_ms: int) -> None:
        space, seal = self._of(key.tenant)
        name = _place_of(space, key.name)
        value = seal.sealed(key.name, pack(key.name, kept))
        for _ in range(_TRIES_MAX):
            old = await self._read(name)
            if not replaces(kept, self._opened(key.name, seal, old)):
                self.counts["kept_newer"] += 1
                return
            mark = (old or b"")[:NONCE_BYTES]
            if await self._exchange([name], [NONCE_BYTES, mark, value, life_ms]):
                self.counts["fills"] += 1
                return

    async def _take_lease(self, name: str, mark: bytes) -> bool:
        return bool(await self._redis.set(name, mark, nx=True, px=limits.CACHE_LEASE_MS))

    async def _tell(self, place: str, node: str, value: bytes) -> None:
        await self._redis.hset(place, node, value)
        await self._redis.pexpire(place, 10 * limits.CACHE_WARM_MS)

    async def _told(self, place: str) -> Mapping[bytes, bytes]:
        found = await self._redis.hgetall(place)
        pairs = found.items()
        return {n: v for n, v in pairs if isinstance(n, bytes) and isinstance(v, bytes)}

    async def _sweep(self, pattern: str, cursor: int) -> int:
        following, names = await self._redis.scan(cursor, pattern, limits.REDIS_SWEEP_KEYS)
        if names:
            await self._redis.unlink(*names)
        return int(following)

    @contextmanager
    def _fill(self) -> Iterator[None]:
        filled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._filling.add(filled)
        try:
            yield
        finally:
            self._filling.discard(filled)
            filled.set_result(None)

    async def _within(
        self,
        request: Callable[[], Awaitable[_T]],
        otherwise: _T,
        timeout_ms: int | None = None,
    ) -> _T:
        """Return what a request gives, ``otherwise`` where it fails, takes too long, or is not made at all."""
        if not self.breaker.lets_through(self._steady_ms()):
            self.counts["cut_off"] += 1
            return otherwise
        try:
            async with asyncio.timeout((timeout_ms or self._place.timeout_ms) / 1_000):
                found = await request()
        except (RedisError, OSError, TimeoutError) as error:
            self.counts["failed"] += 1
            # A Redis that refuses one request (it is full, say) serves others.
            is_there = isinstance(error, ResponseError)
            outcome = Outcome.ANSWERED if is_there else Outcome.FAILED
            self.breaker.step(outcome, self._steady_ms())
            return otherwise
        except BaseException:
            self.breaker.step(Outcome.FAILED, self._steady_ms())
            raise
        self.breaker.step(Outcome.ANSWERED, self._steady_ms())
        return found


def _place_of(space: str, name: bytes) -> str:
    return f"{space}:{name.hex()}"


def _lease_of(space: str, name: bytes) -> str:
    return f"{space}:lease:{name.hex()}"
