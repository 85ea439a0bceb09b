"""One node: the cores put together.

Decoded chunks go in at one end, through the door into state; questions go in at the other. The node owns nothing
else: what was read where, and where things are kept, is the affair of whoever calls it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from homeroom.cohorts.answers import Answer, Source
from homeroom.cohorts.ask import ask
from homeroom.cohorts.questions import Definitions, Question
from homeroom.cohorts.standard import standard_questions
from homeroom.events.model import Decoded, Reject
from homeroom.node.overview import Numbers, Tally
from homeroom.state.state import State

if TYPE_CHECKING:
    from homeroom.cohorts.explaining import Explanation
    from homeroom.events.door import Door

__all__ = ["ERASED", "Node", "Tally"]

ERASED: Final = "erased"
"""Why events are left out whose learner is erased; they are counted, and listed nowhere."""


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
        read = Numbers.of(self.state).added_to(before or Source(), self.tally)
        return read if self.door is None else replace(read, notes=self.door.notes)

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
