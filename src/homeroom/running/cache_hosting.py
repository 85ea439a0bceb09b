"""A node's cache, made by its settings and stopped with it."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from homeroom import limits
from homeroom.adapters.system_clock import steady_ms
from homeroom.errors import SettingsError
from homeroom.running.caching import CacheOptions, RunningCache
from homeroom.running.key_sampling import KeySampling
from homeroom.running.node import RunningNode
from homeroom.serve.settings import Settings
from homeroom.traffic.caching.judging import Bounds

if TYPE_CHECKING:
    from homeroom.adapters.redis_tier import RedisTier

__all__ = ["cache_of"]


@asynccontextmanager
async def cache_of(
    node: RunningNode, settings: Settings, world: str, now_ms: Callable[[], int]
) -> AsyncIterator[RunningCache | None]:
    """Have the cache of a node of a world (empty for a node alone); None where its settings want none.

    Raises `SettingsError` where a Redis is named that cannot be one.
    """
    wanted = settings.cache
    if (
        not wanted.megabytes or settings.shards.count
    ):  # of shards it is not known what an answer depends on
        yield None
        return
    draw, jurisdiction = SystemRandom().random, settings.node.jurisdiction
    here = (wanted.redis_url, jurisdiction, wanted.redis_ms_max)
    afar = (wanted.redis_world_url, "", limits.REDIS_WORLD_MS_MAX)
    tiers = [
        _tier(node, settings, (url, world, place, ms)) if url else None
        for url, place, ms in (here, afar)
    ]
    cache = RunningCache(
        node,
        CacheOptions(
            entries_max=wanted.entries,
            bytes_max=wanted.megabytes << 20,
            life_ms=round(1_000 * wanted.seconds),
            bounds=Bounds(
                stale_ms=round(1_000 * wanted.stale_seconds),
                stale_on_error_ms=round(1_000 * wanted.stale_on_error_seconds),
            ),
            region=tiers[0],
            world=tiers[1],
            sampling=KeySampling(Path(wanted.key_log), wanted.key_log_share)
            if wanted.key_log
            else None,
            # A node alone may begin its next life with other events at equal entries: files were loaded into it, or an
            # older copy was put in its place. In a world both come as entries.
            # Nodes of two versions, as there are while a new one is rolled out, may answer the same otherwise.
            life=version("homeroom").encode() + (b"" if world else secrets.token_bytes(16)),
            node=settings.node.name,
            now_ms=now_ms,
            draw=lambda: 1.0 - draw(),
        ),
    )
    cache.start()
    node.erasures.forget_answers_with(cache.forget)
    try:
        yield cache
    finally:
        node.erasures.forget_answers_with(None)
        await cache.stop()


def _tier(node: RunningNode, settings: Settings, where: tuple[str, str, str, int]) -> "RedisTier":
    try:
        from homeroom.adapters.redis_tier import RedisPlace, RedisTier
    except ImportError:
        raise SettingsError(
            "cache.redis_url needs the client of Redis: pip install 'homeroom[redis]'"
        ) from None
    url, world, jurisdiction, timeout_ms = where
    place = RedisPlace(url, settings.cache.redis_password_file, world, jurisdiction, timeout_ms)
    return RedisTier(place, node.tenant_key, steady_ms)
