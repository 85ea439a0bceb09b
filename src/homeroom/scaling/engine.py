"""What answers questions from entries: one state here, or many shards somewhere.

Both forms take the same entries and give the same answers; one suite of tests runs on both. Whoever asks need not know
which it is, but for one thing: a shard may be away, and then he says whether he takes an answer without its learners.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from homeroom.cohorts.answers import Answer
from homeroom.cohorts.live import Shows
from homeroom.cohorts.questions import Question
from homeroom.log.entries import Entry
from homeroom.log.origins import Vector

__all__ = ["Engine", "Gathered", "Missing", "ShardSize"]


class Missing(StrEnum):
    """What becomes of a question while a shard is away or late."""

    REFUSED = "refused"
    """It is refused until all shards are there."""
    MARKED = "marked"
    """It is answered without the learners of that shard, and the answer says so."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """An answer, up to which entries it goes, and the shards whose learners are not in it, of so many."""

    answer: Answer
    applied: Vector
    missing: tuple[int, ...] = ()
    shards: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether all learners are in it."""
        return not self.missing


@dataclass(frozen=True, slots=True)
class ShardSize:
    """What a shard holds, and what it does.

    Parameters
    ----------
    number : of the shard
    tenants : by tenant the learners that it has, and their events
    memory_bytes : the most memory that its process has had
    node : the machine that it is on
    questions : how many it has had a part in since it began
    asked_ms, folded_ms : the time that it has spent with questions, and with entries
    """

    number: int
    tenants: Mapping[str, tuple[int, int]]
    memory_bytes: int
    node: str
    questions: int
    asked_ms: int
    folded_ms: int

    @property
    def learners(self) -> int:
        """Learners of all tenants."""
        return sum(learners for learners, _ in self.tenants.values())

    @property
    def events(self) -> int:
        """Events of all tenants."""
        return sum(events for _, events in self.tenants.values())


class Engine(Protocol):
    """Folds entries, and answers questions from them."""

    @property
    def applied(self) -> Vector:
        """By origin the last entry that is in all answers."""
        ...

    def apply(self, entries: Sequence[Entry]) -> None:
        """Fold entries, those of each origin in order; what is folded already is passed over."""
        ...

    def ask(
        self,
        tenant: str,
        question: Question,
        missing: Missing = Missing.REFUSED,
        shows: Shows = Shows.REGISTERED,
    ) -> Gathered:
        """Answer a question from all that is applied; ``shows`` says what of ids.

        Raises `QuestionError`, and `ShardsAwayError` where a shard is away and no answer without it is wanted.
        """
        ...

    def sizes(self) -> tuple[ShardSize, ...]:
        """Return what each shard holds; those that are away are left out."""
        ...

    def close(self) -> None:
        """Let go of all that it holds."""
        ...
