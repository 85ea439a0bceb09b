"""What a state says of all that was read, in a few numbers that are looked at together.

Every answer tells it (`homeroom.cohorts.answers.Source`), also one about a single course run. So that an answer that
was kept can be told with what has come since, it is noted with each fold, while nobody else sees the state; whoever
tells the answer takes what was noted and waits for no lock.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from homeroom.cohorts.answers import Source
from homeroom.events.instants import format_instant
from homeroom.events.model import Reason
from homeroom.log.origins import Vector
from homeroom.state.state import State
from homeroom.state.taking import EventCounts

__all__ = ["Numbers", "Overview", "Tally", "columns_of"]


@dataclass(slots=True)
class Tally:
    """What was met while reading, so far."""

    decoded: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What of a state every answer tells.

    Parameters
    ----------
    counts : what became of events
    voided : events that were taken back
    learners : rows of learners
    span_ms : the instants of the first and the last event, None where there is none
    """

    counts: EventCounts
    voided: int
    learners: int
    span_ms: tuple[int, int] | None

    @classmethod
    def of(cls, state: State) -> Self:
        """Return those of a state, which nobody may change meanwhile."""
        return cls(
            state.counts, state.history.voided_events, state.learners.rows, state.time_range_ms
        )

    def added_to(self, before: Source, tally: Tally | None = None) -> Source:
        """Return what was read, with what had been read before; ``tally`` is what was met while it was."""
        counts, span, met = self.counts, self.span_ms, tally or Tally()
        rejected = Counter(before.rejected_by_reason) + met.rejected
        if counts.late:
            rejected[Reason.BEFORE_CUT.value] += counts.late
        return Source(
            # What the door let in, and is from before a cut, was decoded too.
            events_read=before.events_read + met.decoded + met.rejected.total(),
            events_accepted=before.events_accepted + counts.accepted,
            events_duplicate=(before.events_duplicate or 0) + counts.duplicate,
            events_rejected=rejected.total(),
            rejected_by_reason=dict(rejected.most_common()),
            conflicts=(before.conflicts or 0) + counts.conflicts,
            events_voided=self.voided,
            learners=self.learners,
            first_event=None if span is None else format_instant(span[0]),
            last_event=None if span is None else format_instant(span[1]),
        )


@dataclass(frozen=True, slots=True)
class Overview:
    """What was noted of a tenant's state.

    Parameters
    ----------
    applied : by origin the last entry that was folded
    newest : hybrid stamp of the newest of them that said something of the tenant
    numbers : see there
    events : that questions see, and those that are not sealed yet, of which some may be repeats
    columns : names of the columns that any enrolment has
    """

    applied: Vector
    newest: int
    numbers: Numbers
    events: int
    columns: frozenset[str]

    @classmethod
    def of(cls, state: State, applied: Vector, newest: int) -> Self:
        """Return that of a state, which nobody may change meanwhile."""
        events = state.events + state.unsealed_events
        return cls(applied, newest, Numbers.of(state), events, columns_of(state))


def columns_of(state: State) -> frozenset[str]:
    """Return the names of the columns that any enrolment has."""
    parts = state.enrolments.partitions
    return frozenset(name for part in parts for name in (*part.codes, *part.words))
