"""One node: the cores put together.

Decoded chunks go in at one end, through the door into state; questions go in at the other. The node owns nothing
else: what was read where, and where things are kept, is the affair of whoever calls it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from homeroom.cohorts.answers import Answer, Source
from homeroom.cohorts.ask import ask
from homeroom.cohorts.questions import Definitions, Question
from homeroom.cohorts.standard import standard_questions
from homeroom.events.instants import format_instant
from homeroom.events.model import Decoded, Reason, Reject
from homeroom.state.state import State

if TYPE_CHECKING:
    from homeroom.cohorts.explaining import Explanation
    from homeroom.events.door import Door

__all__ = ["ERASED", "Node", "Tally"]

ERASED: Final = "erased"
"""Why events are left out whose learner is erased; they are counted, and listed nowhere."""


@dataclass(slots=True)
class Tally:
    """What was met while reading, so far."""

    decoded: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


class Node:
    """A door and a state.

    Parameters
    ----------
    state : the state to fold into and to ask
    door : turns decoded chunks into events that name nobody; None for a node that only answers
    """

    def __init__(self, state: State, door: "Door | None" = None) -> None:
        self.state = state
        self.door = door
        self.tally = Tally()

    def take(self, decoded: Decoded, source: str) -> list[Reject]:
        """Fold a chunk; return what of it was refused, by the codec or by the door."""
        assert self.door is not None, "a node without a door takes no events"
        admitted = self.door.admit(decoded, source)
        before = self.state.cut_events
        self.state.fold(admitted.batch)
        cut = self.state.cut_events - before
        if decoded.voided:
            self.state.void(self.door.id_hashes(decoded.voided))
        # The door returns the codec's rejects too.
        self.tally.decoded += len(admitted.batch) - cut
        if cut:
            self.tally.rejected[ERASED] += cut
        self.tally.rejected.update(reject.reason.value for reject in admitted.rejects)
        return admitted.rejects

    def summary(self, before: "Source | None" = None) -> Source:
        """Return what was read, added to what had been read ``before``; the state must be settled."""
        counts, before = self.state.counts, before or Source()
        rejected = Counter(before.rejected_by_reason) + self.tally.rejected
        if counts.late:
            rejected[Reason.BEFORE_CUT.value] += counts.late
        span = self.state.time_range_ms
        return Source(
            # What the door let in, and is from before a cut, was decoded too.
            events_read=before.events_read + self.tally.decoded + self.tally.rejected.total(),
            events_accepted=before.events_accepted + counts.accepted,
            events_duplicate=(before.events_duplicate or 0) + counts.duplicate,
            events_rejected=rejected.total(),
            rejected_by_reason=dict(rejected.most_common()),
            conflicts=(before.conflicts or 0) + counts.conflicts,
            events_voided=self.state.history.voided_events,
            learners=self.state.learners.rows,
            first_event=None if span is None else format_instant(span[0]),
            last_event=None if span is None else format_instant(span[1]),
            notes=() if self.door is None else self.door.notes,
        )

    def ask(self, question: Question, source: Source) -> Answer:
        """Answer a question. Raises `QuestionError` for what makes no sense on these data."""
        return ask(self.state, question, source)

    def explain(self, question: Question, source: Source) -> "Explanation":
        """Answer a question once and say what it means and reads. Raises `QuestionError` like `ask`."""
        from homeroom.cohorts.explaining import explain  # with all charts, for their words

        return explain(self.state, question, source)

    def standard_questions(
        self, fields: Mapping[str, Any], definitions: Definitions
    ) -> tuple[Question, ...]:
        """Return what a report asks of these data beside who came back; ``fields`` are those that all share."""
        return standard_questions(self.state, fields, definitions)
