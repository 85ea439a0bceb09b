"""Facts about how long history is kept: for how many days, and where it was cut.

A cut says: of this tenant, events before a local day leave history, and what they amounted to stays as the base of each
row. Nodes learn of events in different orders, so it also says *which* events: those whose entries a vector covers, one
that every member has applied. A node folds the fact when its own vector covers that one, and so all nodes put the same
events into the bases. What is older than the day and comes from outside of the vector has no effect any more,
wherever it arrives, and whenever.

Cuts only move forward: neither the day nor any number of the vector goes down. Then a cut can be folded in control
order without ever asking what an earlier one did.

The way not taken is to let each node drop what is old by its own clock: two nodes that dropped an event before and
after its void had come would differ for ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from homeroom import limits
from homeroom.errors import ControlError
from homeroom.log.origins import Stream, Vector

__all__ = [
    "CutFact",
    "Cuts",
    "HistoryCut",
    "HistoryKept",
    "StatedCut",
    "check_cut",
    "folded_cut",
]


class HistoryCut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="cut"):
    """History of a tenant begins on a day from now on.

    Parameters
    ----------
    tenant : whose history
    day : local day of the tenant, counted from Monday 5 January 1970; events of earlier days go
    vector : by the text of an origin the last entry whose events go into the bases; every member has applied it. One
        that is stated without any gets that of the node that writes it
    """

    tenant: str
    day: int
    vector: dict[str, int] = {}


class HistoryKept(msgspec.Struct, frozen=True, kw_only=True, tag="history-kept"):
    """History of a tenant is kept for so many days, today included; 0 is for ever. A node then cuts by itself."""

    tenant: str
    days: int


CutFact: TypeAlias = HistoryCut | HistoryKept


@dataclass(frozen=True, slots=True)
class StatedCut:
    """The last cut of a tenant: its day, its vector, and the epoch at which it was stated."""

    day: int
    vector: Vector
    epoch: int


Cuts: TypeAlias = Mapping[str, StatedCut]
"""By tenant."""


def check_cut(cuts: Cuts, fact: CutFact) -> None:
    """Raise `ControlError` for a fact that makes no sense here. Whether its day is over is not looked at."""
    if isinstance(fact, HistoryCut):
        _check_order(cuts, fact, _vector(fact))
    elif not 0 <= fact.days <= limits.HISTORY_DAYS_MAX:
        raise ControlError(
            f"history would be kept for {fact.days:,} days; it must be from 1 to {limits.HISTORY_DAYS_MAX:,}, or 0 "
            f"for ever"
        )


def _vector(fact: HistoryCut) -> Vector:
    """Return the vector of a cut. Raises `ControlError`."""
    try:
        vector = Vector.from_json(fact.vector)
    except ValueError:
        raise ControlError("the vector of a cut names something that is no origin") from None
    if any(origin.stream is not Stream.ANALYTIC for origin in vector):
        raise ControlError("the vector of a cut names an origin that has no events")
    return vector


def _check_order(cuts: Cuts, fact: HistoryCut, vector: Vector) -> None:
    """Raise `ControlError` for a cut at no day, or at one that is not later than that of the cut before it."""
    if not 0 <= fact.day <= limits.TIME_MS_MAX // 86_400_000:
        raise ControlError(f"the day of a cut is {fact.day:,}, which no event can have")
    before = cuts.get(fact.tenant)
    if before is None:
        return
    if fact.day <= before.day:
        raise ControlError(
            f"history of {fact.tenant!r} was cut at day {before.day:,} already; a later cut must be at a later day, "
            f"and this one is at {fact.day:,}"
        )
    if not vector.covers(before.vector):
        raise ControlError(
            f"the vector of a cut of {fact.tenant!r} must cover that of the one before it"
        )


def folded_cut(cuts: Cuts, fact: HistoryCut, epoch: int) -> Cuts:
    """Return the cuts after a fact of an epoch. Whatever it says, no day and no number goes down."""
    before = cuts.get(fact.tenant)
    try:
        day, vector = fact.day, Vector.from_json(fact.vector)
    except (
        ValueError
    ):  # `check_cut` lets no such fact in; one that is there nevertheless says nothing
        return cuts
    if before is not None:
        day, vector = max(day, before.day), vector.joined(before.vector)
    return {**cuts, fact.tenant: StatedCut(day, vector, epoch)}
