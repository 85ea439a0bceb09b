"""Answers, keys and readers for tests of caches."""

from homeroom.log.origins import Origin, Stream, Vector
from homeroom.traffic.caching.entries import Kept
from homeroom.traffic.caching.judging import Want
from homeroom.traffic.caching.keys import CacheKey, Reach, name_of

SECRET = b"k" * 32
NOW_MS = 1_800_000_000_000
NOTHING = Vector()


def at(**numbers):
    """Return a vector; each name is a node."""
    return Vector(
        {Origin(node, "a" * 32, Stream.ANALYTIC): number for node, number in numbers.items()}
    )


def kept(value=b"{}", applied=NOTHING, made_ms=NOW_MS, life_ms=60_000, **fields):
    return Kept(
        value=value, applied=applied, made_ms=made_ms, expires_ms=made_ms + life_ms, **fields
    )


def key(*parts, tenant="main", reach=Reach.WORLD, kind="retention"):
    name = name_of(SECRET, [tenant.encode(), *(part.encode() for part in parts)])
    return CacheKey(name, tenant, kind, reach)


def want(here=NOTHING, touched=None, floor=NOTHING, after=NOTHING, **fields):
    touched = here if touched is None else touched
    return Want(here=here, touched=touched, floor=floor, after=after, **fields)
