"""A question as shards get it."""

from dataclasses import dataclass
from enum import StrEnum

from homeroom.cohorts.live import Shows
from homeroom.cohorts.questions import Question
from homeroom.log.origins import Vector

__all__ = ["Asked", "Then"]


class Then(StrEnum):
    """What is done with an answer while all shards are there to do it."""

    NOTHING = "nothing"
    EVERYONE = "everyone"
    """Its list, of which it shows some, becomes the whole list."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a tenant; all of ``after`` is applied where it is asked."""

    session: str
    tenant: str
    question: Question
    after: Vector
    then: Then = Then.NOTHING
    shows: Shows = Shows.REGISTERED
