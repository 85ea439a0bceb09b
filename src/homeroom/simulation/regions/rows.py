"""One event of a simulated world, and the row of a learner that events come to."""

from dataclasses import dataclass
from typing import Final

import msgspec

__all__ = ["DAY_MS", "FIRST_DAY", "GIVEN", "REFUSED", "Happening", "Row"]

DAY_MS: Final = 86_400_000
"""Milliseconds of a day."""
GIVEN: Final = "given"
REFUSED: Final = "refused"
"""What a learner may say of consent."""
FIRST_DAY: Final = 20_400
"""The day since 1970 that the lowest bit of a row's days is."""


class Happening(msgspec.Struct, array_like=True, frozen=True, cache_hash=True):
    """One event: its id, whose, when, and what it does beside.

    Parameters
    ----------
    id, learner, time_ms : its id, whose it is, when it was
    status : that it brings, if any
    voids : the id of an event that it voids, if any
    erases : the learner whom it erases, if any
    says, supersedes : what the learner says of consent, if anything, and the ids of what was said before that it is in
        place of
    joins : the two learners of whom it says that they are one, if any
    """

    id: str
    learner: str
    time_ms: int
    status: str = ""
    voids: str = ""
    erases: str = ""
    says: str = ""
    supersedes: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()

    @property
    def is_activity(self) -> bool:
        """Whether it is something that a learner did."""
        return not (self.voids or self.erases or self.says or self.joins)


@dataclass(slots=True)
class Row:
    """A learner: days as bits, first and last time, the status with its time, events counted."""

    days: int = 0
    first_ms: int = 1 << 62
    last_ms: int = 0
    status: tuple[int, str] = (0, "")
    events: int = 0

    @classmethod
    def of(cls, event: Happening) -> "Row":
        """Return what one event comes to."""
        time_ms = event.time_ms
        status = (time_ms, event.status) if event.status else (0, "")
        return cls(1 << (time_ms // DAY_MS - FIRST_DAY), time_ms, time_ms, status, 1)

    def join(self, other: "Row") -> None:
        """Take what other events come to, none of which is in this row; it is done most of all, so it calls nothing."""
        self.days |= other.days
        if other.first_ms < self.first_ms:  # noqa: PLR1730
            self.first_ms = other.first_ms
        if other.last_ms > self.last_ms:  # noqa: PLR1730
            self.last_ms = other.last_ms
        if other.status > self.status:  # noqa: PLR1730
            self.status = other.status
        self.events += other.events

    def copy(self) -> "Row":
        """Return a row that is equal."""
        return Row(self.days, self.first_ms, self.last_ms, self.status, self.events)

    def figures(self) -> tuple[int, int, int, tuple[int, str], int]:
        """Return all of it."""
        return self.days, self.first_ms, self.last_ms, self.status, self.events
