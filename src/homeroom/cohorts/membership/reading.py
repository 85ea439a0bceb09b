"""What others ask of a kept membership: members page by page, sizes, the cohorts of one learner.

Every answer says up to when and what it is true. A page goes on where the last one ended; who enters and leaves between
two pages is told among the changes, so whoever wants an exact list reads the changes from before the first page on.
"""

import datetime as dt
import difflib
from dataclasses import dataclass

import numpy as np

from homeroom import limits
from homeroom.cohorts.membership.changes import Change, Named
from homeroom.cohorts.membership.findings import Kept, Moment
from homeroom.cohorts.membership.membership import Membership
from homeroom.errors import QuestionError
from homeroom.state.zones import date_of

__all__ = [
    "CohortNow",
    "CohortsNow",
    "LearnerNow",
    "MembersPage",
    "Told",
    "cohorts_now",
    "learner_now",
    "members_page",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortNow:
    """A cohort: how many are in it, and why it cannot be asked about (nobody is in it then)."""

    name: str
    version: int
    size: int
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortsNow:
    """All cohorts that are kept.

    Parameters
    ----------
    cohorts : by name; one that is new is not among them before all learners have been asked
    date : the local date at whose end cohorts are what they are; None before anybody was asked
    moment : up to when and what it is true
    is_counted : whether all learners have been asked since the start; before, it is what was written down
    last_change : the number of the newest change
    learners : how many had been active by the end of that date, counted just after the rest was read
    """

    cohorts: tuple[CohortNow, ...]
    date: dt.date | None
    moment: Moment
    is_counted: bool
    last_change: int
    learners: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersPage:
    """Some members of a cohort.

    Parameters
    ----------
    cohort : the cohort
    members : pseudonyms, 32 hexadecimal digits each, in no order that means anything
    cursor : where the next page goes on; None after the last
    date, moment : as of `CohortsNow`
    last_change : changes after this number are not in the page
    """

    cohort: CohortNow
    members: tuple[str, ...]
    cursor: int | None
    date: dt.date | None
    moment: Moment
    last_change: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerNow:
    """The cohorts of one learner, with their versions, by name. A learner that is not there is in none."""

    learner: str
    cohorts: tuple[Named, ...]
    date: dt.date | None
    moment: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What whoever listens hears at once.

    Parameters
    ----------
    changes : of membership, in order; none if only freshness is told
    last : listen after this number to go on from here
    missed : whether changes before these are gone: take the members anew
    moment : up to when and what memberships are true
    """

    changes: tuple[Change, ...]
    last: int
    missed: bool
    moment: Moment


def cohorts_now(membership: Membership) -> CohortsNow:
    """Return all cohorts and their sizes."""
    return CohortsNow(
        cohorts=tuple(
            _cohort(membership, name, kept) for name, kept in sorted(membership.cohorts.items())
        ),
        date=_date(membership),
        moment=membership.moment,
        is_counted=membership.is_counted,
        last_change=membership.changes.last,
    )


def members_page(membership: Membership, name: str, cursor: int, count: int) -> MembersPage:
    """Return at most so many members of a cohort from a cursor on, 0 for the first ones.

    Raises `QuestionError` for a cohort that is not kept, and for a cursor or a count that may not be.
    """
    kept = _named(membership, name)
    if not 1 <= count <= limits.MEMBERS_READ_MAX:
        raise QuestionError(
            f"limit is {count:,}, must be from 1 to {limits.MEMBERS_READ_MAX:,}; ask for the next page by its cursor"
        )
    if cursor < 0:
        raise QuestionError(f"cursor is {cursor}; it must be one that a page gave, or left out")
    held = membership.held
    rows = held.having(kept.slot, cursor, count)
    pairs = zip(held.key_hi[rows].tolist(), held.key_lo[rows].tolist(), strict=True)
    return MembersPage(
        cohort=_cohort(membership, name, kept),
        members=tuple(f"{high:016x}{low:016x}" for high, low in pairs),
        cursor=int(rows[-1]) + 1 if len(rows) == count else None,
        date=_date(membership),
        moment=membership.moment,
        last_change=membership.changes.last,
    )


def learner_now(membership: Membership, learner: str) -> LearnerNow:
    """Return the cohorts of a learner, by its pseudonym. Raises `QuestionError` for what is none."""
    try:
        number = int(learner, 16) if len(learner) == 32 and learner.isalnum() else -1
    except ValueError:
        number = -1
    if number < 0:
        raise QuestionError(
            f"learner is {learner[:64]!r}, which is no pseudonym; one has 32 hexadecimal digits"
        )
    keys = (
        np.array([number >> 64], np.uint64),
        np.array([number & 0xFFFF_FFFF_FFFF_FFFF], np.uint64),
    )
    slots = set(membership.held.slots_of(keys))
    return LearnerNow(
        learner=learner.lower(),
        cohorts=tuple(
            (name, kept.version)
            for name, kept in sorted(membership.cohorts.items())
            if kept.slot in slots
        ),
        date=_date(membership),
        moment=membership.moment,
    )


def _named(membership: Membership, name: str) -> Kept:
    kept = membership.cohorts.get(name)
    if kept is None:
        near = difflib.get_close_matches(name, membership.cohorts, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise QuestionError(f"there is no cohort {name[:200]!r} that is kept{hint}")
    return kept


def _cohort(membership: Membership, name: str, kept: Kept) -> CohortNow:
    size = membership.size(kept)
    return CohortNow(name=name, version=kept.version, size=size, problem=kept.problem)


def _date(membership: Membership) -> dt.date | None:
    return None if membership.day is None else date_of(membership.day)
