"""All learners are asked: for a definition that is new, and for a day that begins.

It takes a second for a hundred definitions over five million learners, and longer where history is asked, so it is done
beside the fold, on a frozen state. The learners that are touched meanwhile are noted and asked anew at its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from homeroom.cohorts.evaluating import Evaluator
from homeroom.cohorts.kernels.membership import turn
from homeroom.cohorts.members import Members
from homeroom.cohorts.membership.held import WORD_BITS
from homeroom.cohorts.membership.wanted import Wanted
from homeroom.errors import QuestionError
from homeroom.events.model import Int32s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state.keys import Keys, distinct_keys
from homeroom.state.sample import sample
from homeroom.state.state import State

__all__ = ["Survey", "bits_of", "mask_of"]


@dataclass(slots=True)
class Survey:
    """A question to all learners.

    Parameters
    ----------
    state : frozen; None if no cohort is to be asked about
    wanted : the definitions
    day : the local day at whose end cohorts are what they are
    slots : of each cohort that is asked about; those with a problem have one and are not asked
    problems : why a cohort of the definitions cannot be asked
    gone : slots whose cohorts are defined no longer
    asked : gets the names of the columns of history that were read

    Attributes
    ----------
    touched : keys of learners that were written to since it began
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
    touched: list[Keys] = field(default_factory=list)
    sizes: Mapping[str, int] = field(default_factory=dict)
    keys: Sequence[Keys] = ()
    words: Sequence[UInt64s] = ()
    rows: list[Int32s] = field(default_factory=list)
    shape: tuple[int, int] = (0, 0)
    fresh: UInt64s | None = None
    failure: str | None = None

    @property
    def names(self) -> list[str]:
        """The cohorts that can be asked about."""
        return [name for name in self.slots if name not in self.problems]

    def run(self) -> None:
        """Ask. It touches nothing but the frozen state and may be done in any thread."""
        if self.state is None:
            return
        try:
            evaluator = Evaluator(self.state, self.wanted.definitions)
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
        self.state = None  # what is folded need not be copied for its sake any longer

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
