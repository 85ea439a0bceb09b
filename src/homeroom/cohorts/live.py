"""What a running node says of itself, and what it adds to an answer: how much of what was sent is in there.

An answer from a file is about all of the file. An answer from a node that takes events all day is about those that had
come and were folded, so it says which: by vector, and by the age of the newest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from homeroom.cohorts.answers import Answer
from homeroom.log.origins import Vector

__all__ = ["LiveAnswer", "Status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAnswer:
    """An answer and what it knows.

    Parameters
    ----------
    answer : the answer
    applied : by origin the last entry that it was computed from
    age_ms : how long ago the newest of these entries was made, None where there is none
    is_complete : whether everything that was durable here when it was asked is in it
    epoch : the control epoch of the definitions that it used
    """

    answer: Answer
    applied: Vector
    age_ms: int | None
    is_complete: bool
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a node is.

    Parameters
    ----------
    learners, events : of the tenant that was asked about: learners there are, events that were folded
    cut_events : of all tenants, events that came since the start and were of somebody who is erased
    applied, held : by origin the last entry that is folded, and the last that is durable here
    ages_ms : by origin how long ago its newest folded entry was made
    epoch : of the control stream
    troubles : in words what is wrong; while there is any, nothing is acknowledged
    is_ready : whether it takes questions and events
    """

    learners: int
    events: int
    applied: Vector
    held: Vector
    ages_ms: Mapping[str, int] = field(default_factory=dict)
    epoch: int = 0
    troubles: tuple[str, ...] = ()
    is_ready: bool = True
    cut_events: int = 0
