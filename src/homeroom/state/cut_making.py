"""A cut of history made ready: all of it that takes long, beside the questions.

The events before the day of a cut may be those of years. They are read, told apart and folded into a new base while
questions go on to see the state as it was; then history, the base and the rows that change are put in place at once
(`State.take_cut`). So whoever asks waits for the rows of those few whose past has changed, and for nothing else.

The way not taken is to cut in place: a question would wait for as long as the cut takes, or see half of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from homeroom.limits import ROW_GROUP_EVENTS
from homeroom.state.batches import picked_events
from homeroom.state.copies import Coverage
from homeroom.state.cutting import Begins, Covered, Cut, Parted
from homeroom.state.history import Segment
from homeroom.state.keys import Keys, distinct_keys
from homeroom.state.past import Change, History
from homeroom.state.tables import Tables

__all__ = ["ReadyCut", "ready_cut"]


@dataclass(frozen=True, slots=True)
class ReadyCut:
    """A cut that is ready to be made.

    Parameters
    ----------
    cut : what is said of it
    history : what is left of history
    base : what was cut, by raw key
    change : the rows that change
    touched : the raw keys of those whose history becomes less
    """

    cut: Cut
    history: History
    base: Tables
    change: Change
    touched: Sequence[Keys]


def ready_cut(history: History, base: Tables, cut: Cut) -> ReadyCut:
    """Make a cut ready.

    Parameters
    ----------
    history : as it is; nothing of it becomes other
    base : what was cut before, apart from the one in use: what is cut now goes in
    cut : its day, vector and epoch, with the number of lost events of those before it
    """
    begins = Begins(cut.day, base.zone)
    coverage = Coverage(cut.vector, base.dictionaries.origin)
    covered = Covered.by(coverage, history.copies, history.void_copies)
    parts, touched = [], []
    for segment, part in history.part(begins, covered):
        if len(part.gone):
            touched.append(_keys_of(segment, part))
        _take(base, segment, part)
        parts.append(part.done())
    after = history.draft()
    change = after.begin(begins, covered, parts)
    lost = cut.lost + sum(part.lost for part in parts)
    done = replace(cut, span_ms=base.span_ms(), lost=lost)
    return ReadyCut(done, after, base, change, touched)


def _take(base: Tables, segment: Segment, part: Parted) -> None:
    """Fold into a base what goes into it of a segment."""
    for first in range(0, len(part.base), ROW_GROUP_EVENTS):
        base.fold(picked_events(segment, part.base[first : first + ROW_GROUP_EVENTS]))


def _keys_of(segment: Segment, part: Parted) -> Keys:
    """Return the raw keys of those whose events go."""
    subjects = np.searchsorted(segment.offsets, part.gone, side="right") - 1
    return distinct_keys([(segment.key_hi[subjects], segment.key_lo[subjects])])
