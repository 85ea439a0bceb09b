"""Rows of the page of benchmarks that come of caches."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

__all__ = ["CACHE_HEADER", "KEPT_HEADER", "cache_rows", "kept_rows"]

_Rows: TypeAlias = Iterator[Sequence[object]]

CACHE_HEADER: Final = (
    "trace, size",
    "one cache",
    "one cache, others",
    "one cache, optimum",
    "tiers, one copy in the world",
    "tiers, a copy in each region that asks",
    "tiers, LRU",
    "tiers, optimum",
)
"""The head of the table."""


def cache_rows(result: dict[str, Any]) -> _Rows:
    """Yield by trace and size what was hit, and at the end what a hit takes."""
    for name, trace in result["traces"].items():
        for share, size in trace["sizes"].items():
            policies = dict(size["policies"])
            shipped, best = policies.pop("shipped (S3-FIFO)"), policies.pop("optimum")
            others = ", ".join(f"{one} {hits:.1%}" for one, hits in policies.items())
            tiers = [_tiers(one) for one in size["tiers"].values()]
            row = f"{name}, {float(share):.0%}"
            yield row, f"{shipped:.1%}", others, f"{best:.1%}", *tiers
        row = f"{name}, unbounded"
        yield row, f"{trace['unbounded']:.1%}", "", "", "", "", "", ""
    for entries, us in result["hit_us"].items():
        yield f"a hit, {int(entries):,} entries", f"{us} µs", "", "", "", "", "", ""


def _tiers(hits: dict[str, float]) -> str:
    if "process" not in hits:
        return f"{hits['all']:.1%}"
    parts = " + ".join(f"{hits[tier]:.0%}" for tier in ("process", "region", "world"))
    return f"{hits['all']:.1%} ({parts})"


KEPT_HEADER: Final = ("what", "asked", "in time (0.25 s)", "median", "P99")
"""The head of the table of answers that are kept."""


def kept_rows(result: dict[str, Any]) -> _Rows:
    """Yield what hits cost, and what became of a load when tiers failed."""
    hit, region = result["hit_us"], result["redis"]
    yield "a hit in the process, found", "", "", f"{hit['found']} µs", ""
    yield "the same, and judged", "", "", f"{hit['judged']} µs", ""
    if region is None:
        yield "all else, since redis-server is not installed", "", "", "not measured", ""
        return
    load, p99 = result["load"], f"{region['p99_ms']} ms"
    yield "a hit in the region, 10 kB", "", "", f"{region['median_ms']} ms", p99
    for name, about in (
        ("before", "everything is kept"),
        ("flushed", f"after a flush of everything; 90 % again after {load['recovered_s']} s"),
        ("hung", "the Redis hangs, the process keeps nothing"),
    ):
        one = load[name]
        asked = f"{one['asked']:,} at {one['rate']:,}/s"
        yield about, asked, f"{one['in_time']:.1%}", f"{one['median_ms']} ms", f"{one['p99_ms']} ms"
    engine = f"{load['engine_ms']} ms"
    yield f"the engine, asked {load['computed']:,} times", "", "", engine, ""
