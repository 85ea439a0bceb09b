"""What is handed from one step of keeping membership to the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.membership.held import Differences
from homeroom.cohorts.membership.survey import Survey
from homeroom.cohorts.membership.wanted import Signature, Wanted
from homeroom.events.model import Int8s, UInt64s
from homeroom.log.origins import Token, Vector
from homeroom.state.keys import Keys
from homeroom.state.sample import Sample

__all__ = ["Answered", "Due", "Found", "Kept", "Moment", "Touched"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Up to when and what a state has come: the clock, the vector that is folded, the newest entry in it."""

    now_ms: int
    applied: Vector = field(default_factory=Vector)
    token: Token | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A cohort that is kept.

    Parameters
    ----------
    slot : its bit
    version : of its definition
    signature : what it is made of
    problem : why it cannot be asked about; then nobody is in it
    """

    slot: int
    version: int
    signature: Signature
    problem: str | None = None

    def is_as(self, other: "Kept") -> bool:
        """Say whether its members are those of the other."""
        same_problem = (self.problem is None) == (other.problem is None)
        return self.signature == other.signature and same_problem


@dataclass(frozen=True, slots=True)
class Due:
    """What all learners are to be asked about, perhaps nothing.

    Parameters
    ----------
    wanted : the definitions
    day : the local day at whose end cohorts are what they are
    kept : all cohorts that are wanted
    names : those that all are to be asked about
    gone : slots whose cohorts are defined no longer
    """

    wanted: Wanted
    day: int
    kept: Mapping[str, Kept]
    names: Sequence[str]
    gone: Sequence[int]

    @property
    def problems(self) -> dict[str, str]:
        """Why cohorts cannot be asked about."""
        return {name: one.problem for name, one in self.kept.items() if one.problem is not None}

    @property
    def is_asked(self) -> bool:
        """Whether there is any that can be."""
        return any(self.kept[name].problem is None for name in self.names)


@dataclass(frozen=True, slots=True)
class Touched:
    """Learners that were touched, as they are now.

    Parameters
    ----------
    keys : sorted, distinct
    corrected : of shape (n,), whether their past was changed
    state : they alone
    names : the cohorts that they are asked about
    """

    keys: Keys
    corrected: npt.NDArray[np.bool_]
    state: Sample
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class Found:
    """What the touched are in now: ``fresh`` uint64 of shape (words, n) in some slots, and why (by learner)."""

    keys: Keys
    fresh: UInt64s
    slots: Sequence[int]
    causes: Int8s


@dataclass(frozen=True, slots=True)
class Answered:
    """What all are in.

    Parameters
    ----------
    survey : how all were asked; its bits are those of now
    kept : the cohorts that are kept from now on
    sizes : by slot
    keys, fresh : the learners that were touched since it began, some without a row, and their bits
    causes : by slot why it changes, -1 for those of which no changes are told
    told : what is told, of learners that have a row
    """

    survey: Survey
    kept: Mapping[str, Kept]
    sizes: Mapping[int, int]
    keys: Keys
    fresh: UInt64s
    causes: Int8s
    told: Differences
