"""What answers questions from entries: one state here, or many shards somewhere.

Both forms take the same entries and give the same answers; one suite of tests runs on both. Whoever asks need not know
which it is, but for one thing: a shard may be away, and then he says whether he takes an answer without its learners.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from homeroom.cohorts.answers import Answer
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
    """What a shard holds: learners, events that are sealed, bytes of its process's memory, and where it is.

    ``asked_ms`` and ``folded_ms`` are the time that it has spent with questions and with entries since it began.
    """

    number: int
    learners: int
    events: int
    memory_bytes: int
    node: str
    asked_ms: int
    folded_ms: int


class Engine(Protocol):
    """Folds entries, and answers questions from them."""

    @property
    def applied(self) -> Vector:
        """By origin the last entry that is in all answers."""
        ...

    def apply(self, entries: Sequence[Entry]) -> None:
        """Fold entries, those of each origin in order; what is folded already is passed over."""
        ...

    def ask(self, tenant: str, question: Question, missing: Missing = Missing.REFUSED) -> Gathered:
        """Answer a question from all that is applied.

        Raises `QuestionError`, and `ShardsAwayError` where a shard is away and no answer without it is wanted.
        """
        ...

    def sizes(self) -> tuple[ShardSize, ...]:
        """Return what each shard holds; those that are away are left out."""
        ...

    def close(self) -> None:
        """Let go of all that it holds."""
        ...
