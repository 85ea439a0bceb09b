"""What is let in before what: classes of requests, and the bounds of each.

A learner's event that is refused may be lost, if its client keeps nothing; a question that is refused is asked again;
an export can wait until the evening. So when not all can be served, exports give way first, then questions, then
events. None gives way wholly: each class keeps a few places of its own (``floor``), or an export that is a right of
somebody (subject access) would never come as long as a course writes.

The way not taken is one limit for all, with a queue by priority before it: a place that an export holds for ten seconds
and one that an event holds for five milliseconds are not the same, and no number of them says how busy the node is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from homeroom import limits

__all__ = ["STANDARD", "Bounds", "Kind"]


class Kind(IntEnum):
    """A class of requests; the lower number goes before."""

    INGEST = 0
    QUERY = 1
    EXPORT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a class may have.

    Parameters
    ----------
    target_ms : what a request may take on average, once it is let in, before fewer are let in
    floor : so many are let in at once whatever happens
    limit_start : so many before anything was measured: what comes at once is in before the first is answered
    limit_max : never more at once
    queue_max : never more that wait to be let in
    wait_ms_max : none waits longer than this to be let in
    """

    target_ms: float
    floor: int
    limit_start: int
    limit_max: int
    queue_max: int
    wait_ms_max: float

    def __post_init__(self) -> None:
        assert self.target_ms > 0, "a target is a time"
        assert 0 < self.floor <= self.limit_start <= self.limit_max, "no class starves"
        assert self.queue_max > 0, "somebody may wait"
        assert self.wait_ms_max > 0, "and for some time"


STANDARD: Final[Mapping[Kind, Bounds]] = {
    Kind.INGEST: Bounds(
        target_ms=limits.OVERLOAD_INGEST_MS,
        floor=64,
        limit_start=256,
        limit_max=limits.OVERLOAD_IN_FLIGHT_MAX,
        queue_max=limits.OVERLOAD_QUEUE_MAX,
        wait_ms_max=2_000.0,
    ),
    Kind.QUERY: Bounds(
        target_ms=limits.OVERLOAD_QUERY_MS,
        floor=4,
        limit_start=64,
        limit_max=limits.OVERLOAD_IN_FLIGHT_MAX,
        queue_max=limits.OVERLOAD_QUEUE_MAX,
        wait_ms_max=2_000.0,
    ),
    Kind.EXPORT: Bounds(
        target_ms=limits.OVERLOAD_EXPORT_MS,
        floor=1,
        limit_start=4,
        limit_max=limits.OVERLOAD_EXPORTS_MAX,
        queue_max=limits.OVERLOAD_QUEUE_MAX,
        wait_ms_max=10_000.0,
    ),
}
"""Bounds without settings."""

assert set(STANDARD) == set(Kind)
