"""Answers about cohorts themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.cohorts.answers.answer import Answer, Counts, Flags
from homeroom.cohorts.questions.belonging import CohortSize, Learner, MemberList, Overlap

__all__ = [
    "SUPPRESSED",
    "Change",
    "CohortAnswer",
    "LearnerAnswer",
    "MembersAnswer",
    "Membership",
    "OverlapAnswer",
    "shown_counts",
    "told_count",
]

SUPPRESSED = -1
"""Stands for a count that is too small to be told."""


def shown_counts(counts: Counts, total: Counts | int, bound: int) -> Counts:
    """Return counts without those from 1 up to ``bound``, excluded, and without those whose rest is so small."""
    rest = total - counts
    small = ((counts > 0) & (counts < bound)) | ((rest > 0) & (rest < bound))
    return np.where(small, SUPPRESSED, counts)


def told_count(count: int) -> int | None:
    """Return a count as JSON tells it, None where it is suppressed."""
    return None if count == SUPPRESSED else int(count)


@dataclass(frozen=True, kw_only=True)
class MembersAnswer(Answer):
    """The members of a cohort: pseudonyms in order, of so many learners; ``size`` is -1 where it is too small to tell.

    ``names`` has issuer and account by pseudonym, where whoever asked brought a file of names.
    """

    question: MemberList
    definition: str
    size: int
    learners: int
    members: tuple[str, ...]
    names: Mapping[str, tuple[str, str]] | None = None

    def named(self, names: Mapping[str, tuple[str, str]]) -> "MembersAnswer":
        """Return the answer with the names of its members."""
        return replace(self, names={one: names[one] for one in self.members if one in names})

    def figures(self) -> dict[str, Any]:
        """Return the members as JSON-ready data."""
        out: dict[str, Any] = {
            "cohort": self.question.cohort,
            "definition": self.definition,
            "size": told_count(self.size),
            "learners": self.learners,
            "members": list(self.members),
        }
        if self.names is not None:
            out["names"] = {one: list(name) for one, name in self.names.items()}
        return out

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        table: dict[str, Sequence[Any] | npt.NDArray[Any]] = {
            "learner": pa.array(self.members, pa.string())
        }
        if self.names is not None:
            nobody = (None, None)
            named = [self.names.get(one, nobody) for one in self.members]
            table["issuer"] = pa.array([issuer for issuer, _ in named], pa.string())
            table["account"] = pa.array([account for _, account in named], pa.string())
        return table


@dataclass(frozen=True, slots=True)
class Change:
    """Who entered and left a cohort between two dates.

    ``entered`` and ``left`` are pseudonyms in order (None where too few to tell); ``reasons`` has for each rule of the
    definition, in words, how many of those who entered, and of those who left, it changed for.
    """

    first: str
    last: str
    entered: tuple[str, ...] | None
    left: tuple[str, ...] | None
    stayed: int
    reasons: tuple[tuple[str, int, int], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the change as JSON-ready data."""
        return {
            "first": self.first,
            "last": self.last,
            "entered": None if self.entered is None else list(self.entered),
            "left": None if self.left is None else list(self.left),
            "stayed": told_count(self.stayed),
            "reasons": [
                {"rule": rule, "entered": told_count(entered), "left": told_count(left)}
                for rule, entered, left in self.reasons
            ],
        }


@dataclass(frozen=True, kw_only=True)
class CohortAnswer(Answer):
    """The size of a cohort at the end of each period, of all learners who had come by then.

    ``sizes`` and ``learners`` are int64 of shape (periods,); a size is -1 where it is too small to tell. ``complete``
    says which periods have ended; the size of an open one is that of the as-of date.
    """

    question: CohortSize
    definition: str
    sizes: Counts
    learners: Counts
    complete: Flags
    change: Change | None = None

    def figures(self) -> dict[str, Any]:
        """Return the sizes as JSON-ready data."""
        out: dict[str, Any] = {
            "cohort": self.question.cohort,
            "definition": self.definition,
            "interval": self.question.interval,
            "periods": list(self.periods),
            "sizes": [told_count(size) for size in self.sizes.tolist()],
            "learners": self.learners.tolist(),
            "complete": self.complete.tolist(),
        }
        if self.change is not None:
            out["change"] = self.change.to_json()
        return out

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        return {
            "period": list(self.periods),
            "size": pa.array([told_count(size) for size in self.sizes.tolist()], pa.int64()),
            "learners": self.learners,
            "complete": self.complete,
        }


@dataclass(frozen=True, kw_only=True)
class OverlapAnswer(Answer):
    """How many learners cohorts share.

    ``cohorts`` are their names; ``shared[i, j]``, int64, counts who is in both i and j, ``shared[i, i]`` the size of
    i. ``exact`` has the sets of cohorts that learners are in, the largest first: names, and how many are in these and
    in no other. -1 stands for a count too small to tell.
    """

    question: Overlap
    cohorts: tuple[str, ...]
    definitions: tuple[str, ...]
    learners: int
    shared: Counts
    exact: tuple[tuple[tuple[str, ...], int], ...]

    def figures(self) -> dict[str, Any]:
        """Return the counts as JSON-ready data."""
        return {
            "cohorts": list(self.cohorts),
            "definitions": list(self.definitions),
            "learners": self.learners,
            "shared": [[told_count(count) for count in row] for row in self.shared.tolist()],
            "exact": [
                {"cohorts": list(names), "learners": told_count(n)} for names, n in self.exact
            ],
        }

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        count = len(self.cohorts)
        return {
            "cohort": [name for name in self.cohorts for _ in range(count)],
            "other": list(self.cohorts) * count,
            "learners": pa.array([told_count(n) for n in self.shared.ravel().tolist()], pa.int64()),
        }


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether a learner is in a cohort, and of each rule of its definition, in words, whether it holds."""

    cohort: str
    definition: str
    is_member: bool
    reasons: tuple[tuple[str, bool], ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "cohort": self.cohort,
            "definition": self.definition,
            "member": self.is_member,
            "reasons": [{"rule": rule, "holds": holds} for rule, holds in self.reasons],
        }


@dataclass(frozen=True, kw_only=True)
class LearnerAnswer(Answer):
    """The cohorts that one learner is in and is not in."""

    question: Learner
    cohorts: tuple[Membership, ...]

    def figures(self) -> dict[str, Any]:
        """Return the cohorts as JSON-ready data."""
        return {
            "learner": self.question.learner,
            "cohorts": [membership.to_json() for membership in self.cohorts],
        }

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        rows = [(one, *reason) for one in self.cohorts for reason in one.reasons]
        return {
            "cohort": [one.cohort for one, _, _ in rows],
            "member": [one.is_member for one, _, _ in rows],
            "rule": [rule for _, rule, _ in rows],
            "holds": [holds for _, _, holds in rows],
        }
