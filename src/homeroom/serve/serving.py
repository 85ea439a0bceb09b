"""What the interfaces need of a node, and nothing more.

The pages, the record store and the HTTP interface stand before something that takes batches, answers questions and
takes changes. The running node is that; in the tests it is a log and a state in memory. None of the interfaces knows
which.
"""

from typing import Protocol

from homeroom.cohorts.live import LiveAnswer, Status
from homeroom.cohorts.questions import Question
from homeroom.events.sent import SentBatch
from homeroom.log.control import Control, Fact
from homeroom.log.log import Accepted, Refused
from homeroom.log.origins import Token

__all__ = ["Serving"]


class Serving(Protocol):
    """A node, as those who stand before it see it."""

    async def offer(self, tenant: str, owner: str, batch: SentBatch) -> Accepted | Refused:
        """Take a batch of a key's owner; return when it is durable, or why it is not."""

    async def ask(self, tenant: str, question: Question, after: Token | None) -> LiveAnswer:
        """Answer a question, if ``after`` is given from a state that holds that entry.

        Raises `QuestionError`, and `NotYetError` where the entry has not come within the time that a read waits.
        """

    async def change(self, fact: Fact, author: str) -> Token:
        """State a fact; return when it is durable and counts here.

        Raises `ControlError`, `QuestionError` or `MappingError` if it makes no sense, `StoreError` if it cannot be
        written.
        """

    def status(self, tenant: str) -> Status:
        """Say how the node is. A tenant that is not there has no learners."""

    def control(self) -> Control:
        """Return what was stated so far."""
