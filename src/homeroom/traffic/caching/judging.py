"""Whether an answer that was kept may be told to somebody now, and how it stands.

The problem: messages that say "forget this" are lost, late and out of order, and each place that was missed tells what
is no more true. The intuition: nobody has to be told. A node knows which entries said anything of a tenant, as numbers
by origin: what *touched* it. An answer whose vector covers these holds all that this node knows of the tenant,
wherever it was computed; the engine would say the same. If it does not cover them, it is old, however it came here. So
an answer is judged when it is read, by what is folded here at that moment, and an invalidation cannot be missed.

An answer may depend on a part of the tenant's data: on one course run, or one learner. What touched that part is known
too, and if the answer covers this, its figures are the engine's, whatever has come of other parts. But it also says how
far all data are known, and what was read of them: its *frame*. Whoever tells it puts in the frame of the data as they
are here (`told`). So it is told here only if everything that it was made from is folded here, and under the same days.

After less may be seen than before (an erasure, a voided statement, a restriction, another scope or definition), what
was computed without that is told to nobody, also to those who take older answers: that is the *floor*.

When a refresh comes before its time is drawn as in Vattani, Chierichetti, Lowenstein: Optimal probabilistic cache
stampede prevention, VLDB 2015 ("XFetch", with beta = 1): the nearer the end and the dearer the answer, the likelier.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from homeroom.log.origins import Vector
from homeroom.traffic.caching.entries import Kept

__all__ = [
    "Bounds",
    "OfPart",
    "Standing",
    "Want",
    "is_due",
    "is_of_part",
    "judge",
    "told",
    "vector_of",
]


class Standing(StrEnum):
    """How an answer stands that may be told."""

    CURRENT = "current"
    """It holds all that this node knows of its tenant."""
    WITHIN = "within"
    """More has come, and it is as fresh as its reader has asked for."""
    STALE = "stale"
    """More has come, and the settings let it be told for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """For how long after it was made an answer may be told that is not current; 0 for never.

    Parameters
    ----------
    stale_ms : while it is made anew
    stale_on_error_ms : where it cannot be made anew
    """

    stale_ms: int = 0
    stale_on_error_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OfPart:
    """What a node knows of the part of a tenant's data that an answer depends on.

    Parameters
    ----------
    touched : the last entries that said something of the part, or more of them
    under : what the part is read under now; an answer names one of these
    frame : what an answer says now of all data; the end of what is told
    newest : hybrid stamp of the newest entry of the tenant
    """

    touched: Vector
    under: frozenset[str]
    frame: bytes
    newest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What somebody wants of an answer, and what the node knows who is asked.

    Parameters
    ----------
    here : what is folded
    touched : the last entries that said something of the tenant
    floor : those of them after which less may be seen; no answer without them is told
    after : what the reader wants to be in it
    lag_ms_max : how old what each region has written may be in it, None where the reader does not say
    is_settled : whether all events that are folded are sealed, so that the engine would count exactly
    lag_ms : returns how old it is in an answer, as though it were of this vector; None if that is not known
    part : what is known of the part that the answer depends on, None where it depends on all data
    """

    here: Vector
    touched: Vector
    floor: Vector
    after: Vector
    lag_ms_max: int | None = None
    is_settled: bool = False
    lag_ms: Callable[[Kept, Vector], int | None] = lambda _kept, _vector: None
    part: OfPart | None = None


def judge(kept: Kept, want: Want, now_ms: int, stale_ms: int) -> Standing | None:
    """Return how an answer stands to whoever wants this; None if it may not be told."""
    applied = kept.applied
    if not applied.covers(want.floor):
        return None
    is_exact = kept.is_settled or not want.is_settled
    is_whole = is_exact and applied.covers(want.touched)
    is_current = now_ms < kept.expires_ms and (is_whole or is_of_part(kept, want))
    if not (applied.covers(want.after) or (is_current and want.here.covers(want.after))):
        return None
    if is_current and _is_fresh(kept, want, is_as_of_here=True):
        return Standing.CURRENT
    if want.lag_ms_max is not None:
        return Standing.WITHIN if _is_fresh(kept, want, is_as_of_here=False) else None
    return Standing.STALE if 0 <= now_ms - kept.made_ms < stale_ms else None


def is_of_part(kept: Kept, want: Want) -> bool:
    """Say whether nothing has come of the part of the data that an answer depends on, as far as this node knows."""
    part = want.part
    if part is None or kept.under not in part.under:
        return False
    return kept.applied.covers(part.touched) and want.here.covers(kept.applied)


def told(kept: Kept, want: Want, standing: Standing) -> bytes:
    """Return what is told of an answer that was kept."""
    if standing is not Standing.CURRENT or want.part is None or not is_of_part(kept, want):
        return kept.value
    return kept.value[: len(kept.value) - kept.frame_bytes] + want.part.frame


def vector_of(kept: Kept, want: Want, standing: Standing) -> Vector:
    """Return of which vector an answer is.

    What came here and touched nothing of its tenant makes no other answer: one that is current is also that of all
    that is folded here.
    """
    return kept.applied.joined(want.here) if standing is Standing.CURRENT else kept.applied


def is_due(kept: Kept, now_ms: int, drawn: float) -> bool:
    """Say whether an answer is to be made anew before it expires; ``drawn`` is uniform in (0, 1]."""
    return now_ms - kept.cost_ms * math.log(drawn) >= kept.expires_ms


def _is_fresh(kept: Kept, want: Want, *, is_as_of_here: bool) -> bool:
    if want.lag_ms_max is None:
        return True
    vector = kept.applied.joined(want.here) if is_as_of_here else kept.applied
    lag_ms = want.lag_ms(kept, vector)
    return lag_ms is not None and lag_ms <= want.lag_ms_max
