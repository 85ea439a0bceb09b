"""Who entered and who left, in order, for as long as it is kept.

Changes come in bursts: a midnight brings a hundred thousand. So they are held as columns and become objects when they
are read. They are numbered on and on; what is kept is bounded, and whoever asks for what is gone is told so, and takes
the members anew. Numbers go on after a start: the first is at least the time in microseconds, so that none is used
twice, whatever was not written down before the end.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.events.model import Int8s, Int32s, UInt64s
from homeroom.log.origins import Token
from homeroom.state.keys import Keys, find_sorted

__all__ = ["CAUSES", "Burst", "Cause", "Change", "Changes", "ChangesPage", "Named"]


class Cause(StrEnum):
    """Why a membership changed.

    ``event``: one of the learner's events came; ``time``: a local day ended; ``definition``: the cohort, or what it
    names, says something else; ``correction``: events were voided or accounts merged; ``start``: it changed while the
    node was not there, or shortly before it ended, in which case it may have been told before.
    """

    EVENT = "event"
    TIME = "time"
    DEFINITION = "definition"
    CORRECTION = "correction"
    START = "start"


CAUSES: tuple[Cause, ...] = tuple(Cause)
Named = tuple[str, int]
"""A cohort and its version."""
_PIECE = 1 << 16
_PIECE_MIN = 256
"""Of a burst so many changes are looked at together; a small burst takes as long as so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A learner entered a cohort or left it.

    Parameters
    ----------
    number : rises from change to change within a tenant, not one by one
    cohort, version : of the definition by which it holds
    learner : pseudonym, 32 hexadecimal digits
    entered : whether it is in the cohort now
    at_ms : from when on, milliseconds since 1970 UTC; of ``time`` the local midnight
    cause : why
    token : the newest entry that had been folded by then; None if none had since the start
    """

    number: int
    cohort: str
    version: int
    learner: str
    entered: bool
    at_ms: int
    cause: Cause
    token: Token | None = None


@dataclass(frozen=True, slots=True)
class Burst:
    """Changes that were found together: who, in which slot and whether in it now, why (places of ``CAUSES``).

    They are of ``at_ms``, those that time has brought of ``day_ms``, when the day began. ``named`` has the cohort and
    version of each slot among them.
    """

    key_hi: UInt64s
    key_lo: UInt64s
    slots: Int32s
    entered: npt.NDArray[np.bool_]
    causes: Int8s
    at_ms: int
    day_ms: int
    named: dict[int, Named]
    token: Token | None

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.slots)

    def newest(self, count: int) -> "Burst":
        """Return the last so many."""
        if len(self) <= count:
            return self
        columns = ("key_hi", "key_lo", "slots", "entered", "causes")
        return replace(self, **{name: getattr(self, name)[-count:].copy() for name in columns})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesPage:
    """Changes after a number.

    Parameters
    ----------
    changes : in order
    last : ask for those after this number next
    missed : whether changes after the asked number are not kept any more: take the members anew
    more : whether there are others after ``last``
    """

    changes: tuple[Change, ...]
    last: int
    missed: bool = False
    more: bool = False


class Changes:
    """The newest changes of a tenant.

    Parameters
    ----------
    first : the number that the first change gets
    told : the number of the newest change that was told before, and is not kept
    kept_max : at most so many are kept, the newest
    """

    def __init__(
        self, first: int, told: int | None = None, kept_max: int = limits.CHANGES_KEPT_MAX
    ) -> None:
        self.next = first
        self._kept_max = kept_max
        self._bursts: deque[tuple[int, Burst]] = deque()
        self._kept = 0
        # The number of the newest change that is gone: whoever has not seen it has missed something.
        self._gone = first - 1 if told is None else told

    def add(self, burst: Burst) -> None:
        """Give changes their numbers and keep them."""
        if not len(burst):
            return
        before, self.next = self.next, self.next + len(burst)
        burst = burst.newest(self._kept_max)
        first = self.next - len(burst)
        self._bursts.append((first, burst))
        self._kept += len(burst)
        if first > before:
            self._gone = first - 1
        while self._kept > self._kept_max:
            first, oldest = self._bursts.popleft()
            self._kept -= len(oldest)
            self._gone = max(self._gone, first + len(oldest) - 1)

    def forget(self, keys: Keys) -> None:
        """Tell no more of some learners: their changes keep their numbers, and are in no page."""
        self._bursts = deque((first, _without(burst, keys)) for first, burst in self._bursts)

    @property
    def last(self) -> int:
        """The number before that of the next change."""
        return self.next - 1

    def page(self, after: int, count: int, cohort: str | None = None) -> ChangesPage:
        """Return the changes after a number, of one cohort or of all, at most so many.

        Whoever looks for a rare cohort among many changes gets fewer, or none, and goes on after ``last``: a page must
        not take long, since others wait for it.
        """
        found: list[Change] = []
        looked_at, last = 0, after
        for first, burst, begin in self._pieces(after):
            end = min(begin + _PIECE, len(burst))
            places = _places(burst, begin, end, cohort)[: count - len(found)]
            found += _changes(burst, places, first)
            if len(found) == count:
                last = found[-1].number
                break
            last, looked_at = first + end - 1, looked_at + max(end - begin, _PIECE_MIN)
            if looked_at >= limits.CHANGES_SCANNED_MAX:
                break
        else:
            last = max(after, self.last)
        return ChangesPage(
            changes=tuple(found), last=last, missed=after < self._gone, more=last < self.last
        )

    def _pieces(self, after: int) -> Iterator[tuple[int, Burst, int]]:
        """Give the bursts that hold changes after a number, a piece at a time: where each begins."""
        begun = bisect_right(self._bursts, after, key=itemgetter(0))
        for first, burst in islice(self._bursts, max(begun - 1, 0), None):
            for begin in range(max(after + 1 - first, 0), len(burst), _PIECE):
                yield first, burst, begin


def _without(burst: Burst, keys: Keys) -> Burst:
    """Return a burst in which the changes of some keys are nobody's."""
    gone = find_sorted(*keys, burst.key_hi, burst.key_lo) >= 0
    if not gone.any():
        return burst
    nobody = np.uint64(0)
    return replace(
        burst,
        key_hi=np.where(gone, nobody, burst.key_hi),
        key_lo=np.where(gone, nobody, burst.key_lo),
    )


def _places(burst: Burst, begin: int, end: int, cohort: str | None) -> list[int]:
    """Return the places of a burst from ``begin`` up to ``end`` that are somebody's, of one cohort or of all."""
    wanted = (burst.key_hi[begin:end] | burst.key_lo[begin:end]) != 0
    if cohort is not None:
        mine = [slot for slot, (name, _) in burst.named.items() if name == cohort]
        wanted &= np.isin(burst.slots[begin:end], mine)
    found: list[int] = (np.flatnonzero(wanted) + begin).tolist()
    return found


def _changes(burst: Burst, places: list[int], first: int) -> list[Change]:
    """Return the changes at some places of a burst, whose first has this number."""
    # Lists first: a number that is taken out of an array by itself costs as much as the rest of a change.
    columns = (burst.slots, burst.causes, burst.key_hi, burst.key_lo, burst.entered)
    at = np.array(places, np.intp)
    rows = zip(places, *(column[at].tolist() for column in columns), strict=True)
    found = []
    for place, slot, code, key_hi, key_lo, entered in rows:
        (cohort, version), cause = burst.named[slot], CAUSES[code]
        change = Change(
            number=first + place,
            cohort=cohort,
            version=version,
            learner=f"{key_hi:016x}{key_lo:016x}",
            entered=entered,
            at_ms=burst.day_ms if cause is Cause.TIME else burst.at_ms,
            cause=cause,
            token=burst.token,
        )
        found.append(change)
    return found
