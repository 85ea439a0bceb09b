"""What followed from a fault: when it was seen, when users were served elsewhere, when all was as before.

An episode is one fault that happened once. Its times count from the moment in which it began:

- *detection*: until the first routing table of another region sends clients elsewhere;
- *failover*: for each program at what was struck, until it was first answered after it had asked or sent something
  after the fault. Requests begin by a clock and wait for nobody, so a program that hangs is seen to hang;
- *recovery*: until what was struck takes writes itself again, as long as the fault lasts included.

Of several episodes these are distributions. The 95th percentile of a few times is the greatest of them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from homeroom.proving.hazards import Setup, Spell
from homeroom.proving.results import Span, Timeline

__all__ = ["Counts", "Episode", "measured_setup", "spell_of", "spread_of"]


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests of some time: how many, of how many no answer came, and how many took longer than is allowed."""

    asked: int = 0
    failed: int = 0
    late: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """Return both together."""
        return Counts(self.asked + other.asked, self.failed + other.failed, self.late + other.late)

    def to_json(self) -> dict[str, int]:
        """Return it as JSON-ready data."""
        return {"asked": self.asked, "failed": self.failed, "late": self.late}


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One fault that happened once.

    Parameters
    ----------
    fault : its name in the catalogue
    whom : what was struck
    begun_s, over_s : from when to when it lasted, seconds since the run began; no end where nobody ended it
    marks : what followed, each with the second of the run
    detection_s, recovery_s : see the module; None where it was not seen
    failover_s : of each program at what was struck that was answered again
    unanswered : programs at what was struck that were not
    struck, others : requests of users of what was struck, and of all others
    broken : promises that did not hold, in words
    """

    fault: str
    whom: tuple[str, ...]
    begun_s: float
    over_s: float | None = None
    marks: tuple[tuple[str, float], ...] = ()
    detection_s: float | None = None
    failover_s: tuple[float, ...] = ()
    unanswered: int = 0
    recovery_s: float | None = None
    struck: Counts = Counts()
    others: Counts = Counts()
    broken: tuple[str, ...] = ()

    @property
    def moved_s(self) -> float | None:
        """Until all programs at what was struck were answered again; None where one was not, or there are none."""
        if self.unanswered or not self.failover_s:
            return None
        return max(self.failover_s)

    def timeline(self) -> Timeline:
        """Return it for a chart: the fault first, then what followed in order of time."""
        marks = sorted(self.marks, key=lambda one: one[1])
        fault = f"{self.fault} ({', '.join(self.whom)})"
        lasting = Span(what=f"{fault} lasts", begin_s=self.begun_s, end_s=self.over_s)
        return Timeline(
            fault=fault,
            events=[lasting, *(Span(what=what, begin_s=at_s) for what, at_s in marks)],
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "fault": self.fault,
            "whom": list(self.whom),
            "begun_s": self.begun_s,
            "over_s": self.over_s,
            "marks": [[what, at_s] for what, at_s in self.marks],
            "detection_s": self.detection_s,
            "failover_s": list(self.failover_s),
            "unanswered": self.unanswered,
            "recovery_s": self.recovery_s,
            "struck": self.struck.to_json(),
            "others": self.others.to_json(),
            "broken": list(self.broken),
        }


def spread_of(times: Iterable[float]) -> dict[str, float | int | None]:
    """Return how times are distributed: how many, least, median, 95th percentile (nearest rank) and greatest."""
    ranked = sorted(times)

    def at(share: float) -> float | None:
        return ranked[max(math.ceil(share * len(ranked)), 1) - 1] if ranked else None

    return {
        "count": len(ranked),
        "least": at(0),
        "median": at(0.5),
        "p95": at(0.95),
        "greatest": at(1),
    }


def spell_of(times: Sequence[float]) -> Spell:
    """Return how long something takes, by one or more times in seconds, for the model of a year."""
    spread = spread_of(times)
    median_s, p95_s = spread["median"], spread["p95"]
    assert median_s is not None, "there is a time"
    assert p95_s is not None, "there is a time"
    return Spell(median_s=max(median_s, 0.001), p95_s=max(p95_s, 0.001))


def measured_setup(setup: Setup, moved: Mapping[str, Sequence[float]]) -> Setup:
    """Return a setup in which the users of hazards are served elsewhere after as long as was measured.

    Parameters
    ----------
    moved : by hazard the measured times in seconds; what nothing was measured of stays as it is
    """
    hazards = tuple(
        msgspec.structs.replace(one, moved=spell_of(moved[one.name]))
        if one.moved is not None and moved.get(one.name)
        else one
        for one in setup.hazards
    )
    return msgspec.structs.replace(setup, hazards=hazards)
