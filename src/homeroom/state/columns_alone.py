"""A state of which the columns alone may be asked.

Questions of columns take milliseconds and those of history seconds, and which of the two a question is is not foretold.
It is asked of the columns, with history withheld, and asked again where it reaches for it.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import overload

from homeroom.state.history import Segment
from homeroom.state.state import State

__all__ = ["HistoryNeededError", "without_history"]


class HistoryNeededError(Exception):
    """A question reached for history."""


class _Withheld(Sequence[Segment]):
    """Segments that are not to be looked at here."""

    @overload
    def __getitem__(self, place: int) -> Segment: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Segment]: ...
    def __getitem__(self, place: int | slice) -> Segment | Sequence[Segment]:
        raise HistoryNeededError

    def __len__(self) -> int:
        raise HistoryNeededError

    def __iter__(self) -> Iterator[Segment]:
        raise HistoryNeededError


def without_history(state: State) -> State:
    """Return a view of a state that raises `HistoryNeededError` where somebody looks at its segments."""
    view = copy.copy(state)
    view.history = copy.copy(state.history)
    view.history.__dict__["shown"] = _Withheld()
    return view
