"""Rows of the page for the benchmark of shards."""

from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["SHARDS_HEADER", "shard_rows"]

SHARDS_HEADER = ("what", "measured", "wanted")


def shard_rows(result: dict[str, Any]) -> Iterator[Sequence[object]]:
    """Yield what shards cost, and what a loss costs."""
    yield "learners", f"{result['learners']:,}", ""
    yield "daily triangle, one state, median", f"{result['local']['median_ms']:.2f} ms", ""
    shards = f"daily triangle, {result['shards']} shards, median"
    yield shards, f"{result['sharded']['median_ms']:.2f} ms", ""
    yield "more than one state", f"{result['more_ms']:.2f} ms", f"{result['more_ms_wanted']} ms"
    yield "shards made from the log", f"{result['begun_s']:.1f} s", ""
    yield (
        "a killed process answers again",
        f"{result['killed_s']:.2f} s",
        f"{result['killed_s_wanted']} s",
    )
    yield (
        "a lost node of Ray answers again",
        f"{result['lost_s']:.2f} s",
        f"{result['lost_s_wanted']} s",
    )
    yield "wrong answers meanwhile", str(result["wrong"]), "0"
