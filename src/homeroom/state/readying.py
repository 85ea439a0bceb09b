"""What a state has made ready of a batch before it takes it.

To take a batch is to change what questions see, and must be short; to find the rows of its events is neither. So what
was found waits here for the moment in which it is joined (`homeroom.state.state.State.take`).
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from homeroom.events.model import EventBatch
from homeroom.state.standing import RESULTS, StandingBatch, standing_batch
from homeroom.state.table import ReadyRows, RowBatch

__all__ = ["ReadyBatch", "chosen_rows", "standings_of"]


@dataclass(frozen=True, slots=True)
class ReadyBatch:
    """A batch that is ready to be taken: as it came, and as it is shown; None is what there is nothing of.

    ``cut`` events more came, and are of somebody who is erased.
    """

    batch: EventBatch
    shown: EventBatch
    cut: int
    learners: ReadyRows | None = None
    enrolments: ReadyRows | None = None
    standings: StandingBatch | None = None


def standings_of(
    batch: EventBatch, owned: RowBatch, enrolled: npt.NDArray[np.bool_]
) -> StandingBatch | None:
    """Return what the events of a batch say of how enrolments stand; ``owned`` are those that name a course."""
    if batch.standing is None:
        return None
    says = enrolled & (batch.standing != 0)
    own, results = says[enrolled], {}
    for name in RESULTS:
        column = getattr(batch, name)
        results[name] = None if column is None else column[says]
    keys = owned.key_hi[own], owned.key_lo[own]
    return standing_batch(keys, batch.time_ms[says], batch.standing[says], results)


def chosen_rows(rows: RowBatch, chosen: npt.NDArray[np.bool_]) -> RowBatch:
    """Return some rows of a batch; ``chosen`` is bool of shape (n,)."""
    return replace(
        rows,
        key_hi=rows.key_hi[chosen],
        key_lo=rows.key_lo[chosen],
        days=rows.days[chosen],
        time_ms=rows.time_ms[chosen],
        tracks=None if rows.tracks is None else rows.tracks[chosen],
    )
