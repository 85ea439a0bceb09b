"""Answers that are told without asking the engine again: drives the lookup, in the event loop.

It stands between the interface and the node. What it keeps is what the node once told somebody of the same scope; if
that is still what the engine would say is seen from what the node has folded (`homeroom.traffic.caching.judging`), so
nobody has to tell it of writes. Where less may be seen than before, answers without that are told to nobody from that
moment on; their bytes are removed from all tiers a moment later (`forget`), which certificates of erasure tell.

What is *not* kept: documents of the record store (a shared cache would be one more place in which they are),
definitions and what is read of memberships, which lie in memory already.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from homeroom import limits
from homeroom.cohorts.live import Shows, ToldAnswer
from homeroom.errors import HomeroomError, QuestionError
from homeroom.log.origins import Vector
from homeroom.running.answering import Answering
from homeroom.running.depending import known_of_part
from homeroom.running.key_sampling import KeySampling
from homeroom.serve.remembering import Asking
from homeroom.traffic.caching.counted import CacheStatus
from homeroom.traffic.caching.entries import Kept
from homeroom.traffic.caching.judging import (
    Bounds,
    Standing,
    Want,
    is_of_part,
    told,
    vector_of,
)
from homeroom.traffic.caching.keys import CacheKey, Reach, name_of
from homeroom.traffic.caching.lookup import Lookup, Places
from homeroom.traffic.caching.resident import Resident
from homeroom.traffic.caching.steps import (
    Asked,
    Compute,
    Computed,
    Effect,
    Event,
    Failed,
    Forgotten,
    Found,
    Keep,
    Lease,
    Leased,
    Left,
    LookAgain,
    Looked,
    LookIn,
    Refuse,
    Release,
    TakeLease,
    Tell,
    Tier,
)

if TYPE_CHECKING:
    from homeroom.adapters.redis_tier import RedisTier  # the client of Redis is an extra

__all__ = ["CacheOptions", "RunningCache"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheOptions:
    """How answers are kept.

    Parameters
    ----------
    entries_max, bytes_max : in the process
    life_ms : how long an answer is kept at most
    bounds : for how long answers may be told that are not current
    region, world : the Redis of the region, and that of another one; None for none
    sampling : is told what is asked for, None where no log of it is wanted
    life : is in all names: which version of the program answers, and where what was folded may be another state in
        another life of the node, which life it is
    node : the name of this one, under which it tells what is asked for most
    now_ms : the clock of the machine
    draw : returns a number, uniform in (0, 1]
    """

    entries_max: int
    bytes_max: int
    life_ms: int
    bounds: Bounds
    life: bytes
    node: str
    now_ms: Callable[[], int]
    draw: Callable[[], float]
    region: "RedisTier | None" = None
    world: "RedisTier | None" = None
    sampling: KeySampling | None = None


class RunningCache:
    """The cache before a node; made and asked in the event loop.

    Parameters
    ----------
    node : answers what is not kept
    options : how answers are kept

    Attributes
    ----------
    counts : by tier, kind of question and standing, how many were told
    computed : how often the engine was asked
    """

    def __init__(self, node: Answering, options: CacheOptions) -> None:
        self._node, self._options = node, options
        self._tiers = {
            tier: one
            for tier, one in ((Tier.REGION, options.region), (Tier.WORLD, options.world))
            if one is not None
        }
        resident: Resident[bytes, Kept] = Resident(options.entries_max, options.bytes_max)
        places = Places(
            has_region=Tier.REGION in self._tiers,
            has_world=Tier.WORLD in self._tiers,
            world_ms=limits.REDIS_WORLD_MS_MAX / 2,
        )
        self.lookup = Lookup(resident, places, options.bounds, options.draw)
        self.counts: Counter[tuple[Tier, str, str]] = Counter()
        self.computed = 0
        self._tickets = count(1)
        self._told: dict[int, asyncio.Future[Tell]] = {}
        self._asking: dict[bytes, Asking] = {}  # by name of a flight, how the engine is asked
        self._names: dict[str, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._floors: dict[str, Vector] = {}  # by tenant, when something was last dropped
        self._times_anew = node.live.times_anew
        # While tiers may have what was told of another state at equal entries.
        self._is_doubtful = False
        self._warming: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Fetch what others are asked for most, and tell now and then what that is here."""
        if self._options.sampling is not None:
            self._options.sampling.start()
        if Tier.REGION in self._tiers:
            self._warming = asyncio.get_running_loop().create_task(self._keep_warm())

    async def stop(self) -> None:
        """Let go of all tiers."""
        tasks = [*self._tasks, *([self._warming] if self._warming else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._options.sampling is not None:
            await self._options.sampling.stop()
        for tier in self._tiers.values():
            await tier.close()

    def status(self) -> CacheStatus:
        """Say how the cache is."""
        held = self.lookup.resident.statistics()
        oldest_ms = held.oldest_put_ms
        sampling = self._options.sampling
        age_ms = None if oldest_ms is None else max(self._options.now_ms() - oldest_ms, 0)
        return CacheStatus(
            answers={(t.value, kind, how): n for (t, kind, how), n in self.counts.items()},
            requests={
                (tier.value, outcome): number
                for tier, one in self._tiers.items()
                for outcome, number in one.counts.items()
            },
            entries=held.entries,
            size_bytes=held.size_bytes,
            fills=held.fills,
            evictions=held.evictions,
            expired=held.expired,
            removed=held.removed,
            age_ms=age_ms,
            under_way=self.lookup.under_way,
            cut_off={tier.value: one.breaker.is_open for tier, one in self._tiers.items()},
            troubles=tuple(filter(None, [sampling.trouble if sampling else None])),
        )

    # --- asked --------------------------------------------------------------------------------------------------------

    async def ask(self, asking: Asking) -> ToldAnswer:
        """Answer a question, from the nearest tier that may. Raises as `Answering.ask` does."""
        if asking.tenant not in self._node.live.tenants():
            # It has no key here yet, and none may be made: the node says so.
            return await self._node.ask(
                asking.tenant, asking.question, asking.wanted, asking.shows, asking.tell
            )
        self._heed(asking.tenant)
        key = self._key(asking)
        found = self._ready(key, asking)
        if found is not None:
            return self._answer(key, found)
        must = await self._node.reach(asking.wanted)
        self._heed(asking.tenant)
        want = self._want(asking, Vector() if must is None else must)
        found = self.lookup.ready(key, want, self._options.now_ms())
        if found is None:
            found = await self._flown(key, asking, want)
        return self._answer(key, found)

    def _ready(self, key: CacheKey, asking: Asking) -> Tell | None:
        """Return what may be told before anything is waited for."""
        now_ms = self._options.now_ms()
        found = self.lookup.ready(key, self._want(asking, asking.wanted.after), now_ms)
        if found is not None:
            effects = self.lookup.renew(found, key, now_ms)
            if effects:
                self._asking[key.name] = asking
                self._do(effects)
        return found

    async def _flown(self, key: CacheKey, asking: Asking, want: Want) -> Tell:
        ticket = next(self._tickets)
        future: asyncio.Future[Tell] = asyncio.get_running_loop().create_future()
        self._told[ticket] = future
        self._asking[key.name] = asking
        self._step(Asked(ticket, key, want))
        try:
            return await future
        finally:
            del self._told[ticket]
            self._step(Left(ticket, key.name))

    def _answer(self, key: CacheKey, found: Tell) -> ToldAnswer:
        kept, standing = found.kept, found.standing
        self.counts[found.tier, key.kind, standing.value] += 1
        if self._options.sampling is not None:
            touched = found.want.touched
            if found.want.part is not None and kept.under:
                touched = found.want.part.touched
            self._options.sampling.note(key.name, key.tenant, touched, kept.size_bytes)
        if kept.is_refusal:
            raise QuestionError(kept.value.decode())
        said = self._said(found)
        return replace(
            said,
            told=told(kept, found.want, standing),
            is_complete=said.is_complete and not kept.is_partial,
            found={"Homeroom-Cache": f"{found.tier}; {standing}"},
            is_stale=standing is Standing.STALE,
        )

    def _said(self, found: Tell) -> ToldAnswer:
        """Return what an answer says it is from."""
        kept, want, node = found.kept, found.want, self._node
        is_current = found.standing is Standing.CURRENT
        epoch = max(kept.epoch, node.live.control.epoch) if is_current else kept.epoch
        if is_current and want.part is not None and is_of_part(kept, want):
            return node.described(want.here, want.part.newest, epoch, node.held)
        if found.tier is Tier.ENGINE:
            # Of a frozen state perhaps, and no other: it says what it says without a cache.
            held = kept.applied if kept.whole_ms else node.held
            return node.described(kept.applied, kept.newest, kept.epoch, held)
        vector = vector_of(kept, want, found.standing)
        return node.described(vector, kept.newest, epoch, node.held)

    def _key(self, asking: Asking) -> CacheKey:
        tenant = asking.tenant
        under = self._names.get(tenant)
        if under is None:
            under = self._names[tenant] = self._node.tenant_key(tenant)
        # Labels stay in their jurisdiction and come when their documents do. What is registered is known to all alike.
        shows_labels = asking.shows is Shows.LABELS
        labels = self._node.labels_mark(tenant).to_bytes(64, "big") if shows_labels else b""
        parts = (self._options.life, *asking.parts, asking.shows.value.encode(), labels)
        return CacheKey(name_of(under, parts), tenant, asking.question.name, asking.reach)

    def _want(self, asking: Asking, after: Vector) -> Want:
        live, wanted = self._node.live, asking.wanted
        # Before what touched the tenant: what is folded in between must not seem to be in answers.
        overview, state = live.overview(asking.tenant)
        here = overview.applied
        part = known_of_part(self._node, asking, overview, state)
        touched, floor = live.touch(asking.tenant)
        lag_s = wanted.lag_s_max
        return Want(
            here=here,
            touched=touched,
            floor=floor,
            after=after,
            lag_ms_max=None if lag_s is None else round(1_000 * lag_s),
            is_settled=live.is_settled(asking.tenant),
            lag_ms=self._lag_ms,
            part=part,
        )

    def _lag_ms(self, kept: Kept, vector: Vector) -> int | None:
        """Return how old the oldest share is of an answer that is as of a vector, None if that is not known."""
        said = self._node.described(vector, kept.newest, kept.epoch, self._node.held)
        if said.freshness is not None:
            lags = said.freshness.values()
            return None if None in lags else round(1_000 * max(filter(None, lags), default=0.0))
        if said.is_complete:
            return 0
        lag_ms = self._options.now_ms() - kept.whole_ms
        return lag_ms if kept.whole_ms and lag_ms >= 0 else None

    # --- effects ------------------------------------------------------------------------------------------------------

    def _step(self, event: Event) -> None:
        self._do(self.lookup.step(event, self._options.now_ms()))
        if not isinstance(event, Asked | Forgotten) and not self.lookup.is_under_way(event.name):
            self._asking.pop(event.name, None)

    def _do(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Tell(ticket=ticket):
                    if (future := self._told.get(ticket)) is not None and not future.done():
                        future.set_result(effect)
                case Refuse(ticket=ticket, error=error):
                    if (future := self._told.get(ticket)) is not None and not future.done():
                        future.set_exception(error)
                case LookAgain(name=name, after_ms=after_ms):
                    loop = asyncio.get_running_loop()
                    loop.call_later(after_ms / 1_000, self._step, Looked(name))
                case _:
                    self._begin(self._work(effect))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, effect: Effect) -> None:
        match effect:
            case LookIn(tier=tier, key=key):
                found = None
                # Whatever happens, those who wait go on.
                try:
                    if not self._is_doubtful:
                        found = await self._tiers[tier].get(key)
                finally:
                    self._step(Found(key.name, tier, found))
            case TakeLease(key=key):
                lease = Lease.AWAY
                try:
                    lease = await self._tiers[Tier.REGION].lease(key)
                finally:
                    self._step(Leased(key.name, lease))
            case Release(key=key):
                await self._tiers[Tier.REGION].release(key)
            case Keep(tier=tier, key=key, kept=kept):
                # While it waited for its turn, less may have come to be seen.
                if not self._is_doubtful and kept.applied.covers(
                    self._node.live.touch(key.tenant).floor
                ):
                    until_ms = kept.told_until_ms(self._options.bounds.stale_ms)
                    await self._tiers[tier].put(key, kept, until_ms - self._options.now_ms())
            case Compute(key=key, after=after):
                await self._compute(key, after)

    async def _compute(self, key: CacheKey, after: Vector) -> None:
        asking = self._asking[key.name]
        self.computed += 1
        loop = asyncio.get_running_loop()
        began_s, began_ms, applied = loop.time(), self._options.now_ms(), self._node.live.applied
        touched = self._node.live.touch(key.tenant).touched
        try:
            found = await self._node.computed(
                key.tenant, asking.question, after or None, asking.shows, asking.tell
            )
        except QuestionError as error:
            refusal = Kept(
                value=str(error).encode(),
                applied=applied,
                made_ms=began_ms,
                expires_ms=began_ms + limits.CACHE_REFUSAL_MS,
                is_refusal=True,
            )
            self._step(Computed(key.name, refusal, applied.covers(touched)))
            return
        except Exception as error:  # noqa: BLE001 - it is raised where the answer was asked for
            self._step(Failed(key.name, error))
            return
        except asyncio.CancelledError:
            self._step(Failed(key.name, TimeoutError("the node stops")))
            raise
        frame = asking.frame(found.answer.as_of, found.answer.source)
        is_framed = found.told.endswith(frame)
        kept = Kept(
            value=found.told,
            applied=found.seen.applied,
            made_ms=began_ms,
            expires_ms=began_ms + self._life_ms(),
            cost_ms=1_000 * (loop.time() - began_s),
            newest=found.seen.newest,
            epoch=found.seen.epoch,
            whole_ms=began_ms if found.seen.applied.covers(found.held) else 0,
            is_partial=found.answer.history_from is not None,
            is_settled=found.is_settled,
            under=found.under if is_framed else "",
            frame_bytes=len(frame) if is_framed else 0,
        )
        self._step(Computed(key.name, kept, found.lasts))

    def _life_ms(self) -> int:
        shorter = limits.CACHE_JITTER * self._options.draw()
        return round(self._options.life_ms * (1 - shorter))

    # --- forgotten ----------------------------------------------------------------------------------------------------

    def _heed(self, tenant: str) -> None:
        """Drop what is kept of a tenant, if less may be seen since; it would be told to nobody, and is to be gone."""
        live = self._node.live
        if self._times_anew != live.times_anew:
            # What was folded anew is another state at equal entries: what others were told of it goes as well.
            self._times_anew = live.times_anew
            for one in live.tenants():
                self._step(Forgotten(one))
            self._doubt()
        elif self._node.is_apart:
            self._doubt()  # one of the two is wrong, and nobody knows which
        floor = live.touch(tenant).floor
        if self._floors.setdefault(tenant, floor) is not floor:
            self._floors[tenant] = floor
            self._step(Forgotten(tenant))

    def _doubt(self) -> None:
        """Look into no tier, and put nothing there, until all is gone from there that was told before."""
        if self._tiers and not self._is_doubtful:
            self._is_doubtful = True
            self._begin(self._clear())

    async def _clear(self) -> None:
        while True:
            if await self._is_clear():
                self._is_doubtful = False
                return
            await asyncio.sleep(limits.CHECK_MS / 1_000)

    async def _is_clear(self) -> bool:
        """Remove what others were told, and say whether nothing of it can be left or come again."""
        began, node = self._times_anew, self._node
        if node.is_apart:
            return False
        done = [await self.forget(tenant) for tenant in node.live.tenants()]
        return all(done) and began == self._times_anew and not node.is_apart

    async def forget(self, tenant: str) -> bool:
        """Remove all that is kept of a tenant, in all tiers; return whether that is done. Raises nothing."""
        self._step(Forgotten(tenant))
        done = [await tier.forget(tenant) for tier in self._tiers.values()]
        return all(done)

    # --- warm ---------------------------------------------------------------------------------------------------------

    async def _keep_warm(self) -> None:
        await self.warm()
        while True:
            await asyncio.sleep(limits.CACHE_WARM_MS / 1_000)
            await self.tell_hot()

    async def warm(self) -> None:
        """Fetch what other nodes of the region are asked for most."""
        region = self._tiers[Tier.REGION]
        for tenant in self._node.live.tenants():
            for name in await region.hot(tenant):
                key = CacheKey(name, tenant, "warm", Reach.JURISDICTION)
                kept = await region.get(key)
                if kept is not None:
                    self.lookup.warm(key, kept, self._options.now_ms())

    async def tell_hot(self) -> None:
        """Tell other nodes of the region what is asked for most here."""
        names: dict[str, list[bytes]] = {}
        resident = self.lookup.resident
        for name in resident.hottest(limits.CACHE_WARM_KEYS_MAX):
            held = resident.peek(name)
            if held is not None and not held.value.is_refusal:
                names.setdefault(str(held.tags[0]), []).append(name)
        for tenant, some in names.items():
            with contextlib.suppress(HomeroomError):  # its key is gone
                await self._tiers[Tier.REGION].tell_hot(tenant, self._options.node, some)
