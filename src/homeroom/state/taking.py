"""What a state says of the batches that it takes, and what it has made ready of one before it takes it.

To take a batch is to change what questions see, and must be short; to find the rows of its events is neither. So what
was found waits in a `ReadyBatch` for the moment in which it is joined (`homeroom.state.state.State.take`). Some events
are left out on the way, and are counted: an event that vanished without a number would look like one that was lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from homeroom.events.model import EventBatch
from homeroom.state.tables import ReadyTables

__all__ = ["EventCounts", "ReadyBatch", "spanned"]


@dataclass(frozen=True, slots=True)
class EventCounts:
    """What became of the events folded so far: new ones, repeats, new ones with an id that others have, late ones.

    ``late`` are of days before the day at which history begins, and have no effect; some may be repeats of what was
    cut, which nobody can tell any more.
    """

    accepted: int = 0
    duplicate: int = 0
    conflicts: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class ReadyBatch:
    """A batch that is ready to be taken: as it came, and as it is shown; ``rows`` is None if nothing is.

    Events came too that are not in it: ``late`` ones from before the day at which history begins, and ``cut`` ones of
    somebody who is erased.
    """

    batch: EventBatch
    shown: EventBatch
    late: int = 0
    cut: int = 0
    rows: ReadyTables | None = None


def spanned(spans: Sequence[tuple[int, int] | None]) -> tuple[int, int] | None:
    """Return the span of time from the first to the last of some; None if there are none."""
    known = [span for span in spans if span is not None]
    return (min(s[0] for s in known), max(s[1] for s in known)) if known else None
