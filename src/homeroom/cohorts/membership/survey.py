"""All learners are asked: for a definition that is new, and for a day that begins.

It takes a second for a hundred definitions over five million learners, and longer where history is asked. To freeze the
state for so long would cost a copy of all its columns, during which nothing is folded. So the columns are asked
partition by partition, between folds; what is left, history above all, is asked beside the fold, since history never
changes but only grows. Whatever is folded between the first partition and the end does not matter: the learners that it
touches are noted, and asked anew when the survey is closed.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from homeroom.cohorts.evaluating import Evaluator, Place
from homeroom.cohorts.kernels.membership import turn
from homeroom.cohorts.members import Members
from homeroom.cohorts.membership.held import WORD_BITS
from homeroom.cohorts.membership.wanted import Wanted
from homeroom.cohorts.selections import Selections
from homeroom.errors import QuestionError
from homeroom.events.model import Int32s, UInt64s
from homeroom.events.texts import sealed
from homeroom.limits import PARTITIONS
from homeroom.state.keys import Keys, distinct_keys
from homeroom.state.running import Sequential
from homeroom.state.sample import sample
from homeroom.state.state import State
from homeroom.state.table import Partition, SubjectTable

__all__ = ["Survey", "bits_of", "mask_of"]


@dataclass(slots=True)
class Survey:
    """A question to all learners.

    Parameters
    ----------
    state : history as it is, without rows; None if no cohort is to be asked about
    wanted : the definitions
    day : the local day at whose end cohorts are what they are
    slots : of each cohort that is asked about; those with a problem have one and are not asked
    problems : why a cohort of the definitions cannot be asked
    gone : slots whose cohorts are defined no longer
    asked : gets the names of the columns of history that were read
    selections : conditions that were looked up, for the thread that folds

    Attributes
    ----------
    touched : keys of learners that were written to since it began, and have not been asked anew
    newcomers : keys of those who have been, and had no row by then
    looked_at, columns : the rows of the partitions that have been looked at, and what their columns told
    sizes : of each cohort that was asked about
    keys, words : what was found: learners in any of the cohorts, and their bits
    rows, shape : the rows that the keys have got in what is held, and the words and rows of that
    fresh : the bits by row of what is held
    failure : why it has to be begun again
    """

    state: State | None
    wanted: Wanted
    day: int
    slots: Mapping[str, int]
    problems: Mapping[str, str]
    gone: Sequence[int]
    asked: set[str]
    selections: Selections | None = None
    touched: list[Keys] = field(default_factory=list)
    newcomers: list[Keys] = field(default_factory=list)
    looked_at: list[Partition] = field(default_factory=list)
    columns: list[dict[Place, Members | None]] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    keys: Sequence[Keys] = ()
    words: Sequence[UInt64s] = ()
    rows: list[Int32s] = field(default_factory=list)
    shape: tuple[int, int] = (0, 0)
    fresh: UInt64s | None = None
    failure: str | None = None

    @property
    def is_of_columns(self) -> bool:
        """Whether a partition is still to be looked at."""
        return self.state is not None and len(self.looked_at) < PARTITIONS

    def look(self, state: State) -> None:
        """Ask the columns of the next partition of the living state, which must not change meanwhile."""
        assert self.state is not None, "there is something to ask"
        number = len(self.looked_at)
        part = copy.copy(state)
        part.learners, part.enrolments = SubjectTable(), SubjectTable()
        part.learners.partitions = [state.learners.partitions[number]]
        part.enrolments.partitions = [state.enrolments.partitions[number]]
        part.history = self.state.history
        evaluator = Evaluator(part, self.wanted.definitions, self.selections)
        self.columns.append(evaluator.from_columns(self.names, self.day))
        self.looked_at.append(state.learners.partitions[number].outline())

    def _joined_columns(self) -> dict[Place, Members | None]:
        """Return what the columns of all partitions tell; None where those of any do not."""
        joined: dict[Place, Members | None] = {}
        for place in self.columns[0]:
            parts = [columns[place] for columns in self.columns]
            known = [part for part in parts if part is not None]
            joined[place] = None
            if len(known) == len(parts):
                words = tuple(part.words[0] for part in known)
                joined[place] = Members(words, tuple(part.rows[0] for part in known))
        return joined

    @property
    def names(self) -> list[str]:
        """The cohorts that can be asked about."""
        return [name for name in self.slots if name not in self.problems]

    def run(self) -> None:
        """Ask what is left. It touches nothing that changes and may be done in any thread."""
        if self.state is None:
            return
        assert not self.is_of_columns, "the columns have been asked"
        self.state.learners.partitions = self.looked_at
        # One task after the other: what is folded meanwhile must not wait behind all of these.
        self.state.run = Sequential()
        try:
            evaluator = Evaluator(
                self.state, self.wanted.definitions, columns=self._joined_columns()
            )
            members = evaluator.evaluate(self.names, self.day).members
            self._read_ahead(self.state)
        except QuestionError as error:
            self.failure = str(error)
            return
        self.sizes = {name: len(found) for name, found in members.items()}
        keys, words = [], []
        for number, partition in enumerate(self.state.learners.partitions):
            bits = bits_of(members, self.slots, number, partition.rows)
            some = bits.any(axis=0)
            rows = partition.rows
            keys.append((partition.key_hi[:rows][some], partition.key_lo[:rows][some]))
            words.append(bits[:, some])
        self.keys, self.words = keys, words
        self.state, self.columns, self.looked_at = None, [], []

    def arrange(self) -> None:
        """Put what was found in the order of the rows that the keys have got; then it can be closed."""
        fresh = np.zeros(self.shape, np.uint64)
        if self.rows:
            words = np.concatenate(self.words, axis=1)
            fresh[: len(words), np.concatenate(self.rows)] = words
        self.keys, self.words, self.rows = (), (), []
        self.fresh = fresh

    def _read_ahead(self, state: State) -> None:
        """Ask about one learner of each segment, so that what few learners are asked of lies in memory by then."""
        parts = [(one.key_hi[:1], one.key_lo[:1]) for one in state.segments]
        one_each = sample(state, distinct_keys(parts), (), self.asked)
        Evaluator(one_each, self.wanted.definitions).evaluate(self.names, self.day)


def bits_of(
    members: Mapping[str, Members], slots: Mapping[str, int], number: int, rows: int
) -> UInt64s:
    """Return the bits of the rows of one partition, uint64 of shape (words, rows)."""
    count = max(slots.values(), default=-1) // WORD_BITS + 1
    words = np.zeros((count, rows), np.uint64)
    for word in range(count):
        mine = [name for name in members if slots[name] // WORD_BITS == word]
        if mine and rows:
            sets = np.stack([members[name].words[number] for name in mine])
            shifts = np.array([slots[name] % WORD_BITS for name in mine], np.uint64)
            turn(sealed(sets), sealed(shifts), rows, words[word])
    return words


def mask_of(slots: Sequence[int], words: int) -> UInt64s:
    """Return the bits of some slots, uint64 of shape (words,)."""
    mask = [0] * words
    for slot in slots:
        mask[slot // WORD_BITS] |= 1 << slot % WORD_BITS
    return np.array(mask, np.uint64)
