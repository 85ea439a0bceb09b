"""Which part of a state an answer was read from: names of course runs become codes, pseudonyms become keys.

What touched what is noted by codes and keys (`homeroom.node.touched_parts`). Where a name has no code, nothing of it
has come so far, and the answer depends on everything.
"""

from typing import Final

import numpy as np

from homeroom.cohorts.answers import Answer
from homeroom.cohorts.depending import Depends, depends_of, made_under, span_of, under
from homeroom.cohorts.questions import Question
from homeroom.events.texts import sealed
from homeroom.node.overview import columns_of
from homeroom.node.touched_parts import PartRead
from homeroom.state.state import State

__all__ = ["part_of", "read_under"]

_HALF: Final = 16
"""Hexadecimal digits of half a key."""


def read_under(state: State, question: Question, answer: Answer) -> str:
    """Return what an answer was read under, where that is a part of the state; empty for all of it."""
    depends, span = depends_of(question), span_of(question, state.time_range_ms)
    if depends is None or span is None or part_of(state, depends) is None:
        return ""
    return made_under(answer, under(span, depends, state.zone.name, columns_of(state)))


def part_of(state: State, depends: Depends) -> PartRead | None:
    """Return the part of a state that an answer depends on, None for all of it."""
    named = [state.dictionaries.course.named(name) for name in sorted(depends.courses)]
    if not all(named):
        return None
    keys: list[int] = []
    if depends.learner:
        halves = depends.learner[:_HALF], depends.learner[_HALF:]
        hi, lo = (sealed(np.array([int(half, 16)], np.uint64)) for half in halves)
        # Those that it came under, and those that it goes under.
        keys = [int(hi[0]), int(state.shown_keys(hi, lo)[0][0])]
    return PartRead(
        tuple(code for codes in named for code in codes), depends.attributes, tuple(keys)
    )
