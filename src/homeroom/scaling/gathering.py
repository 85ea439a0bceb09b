"""How parts come from shards to the one who puts them together, and back.

Whoever asks (the *head*) has a state too, one without learners, and does with the question what each shard does. At the
places where something holds of all learners a shard hands out its part and waits; the head collects the parts, joins
them, and goes on. What the parts come to goes back to the shards when the next ones are asked for; so the last of them,
which for a triangle is the only one that counts, costs one way there and back.

The way not taken has each kind of answer know how to be merged. There are twelve kinds, with breakdowns, comparisons
and small numbers left out, and to merge two finished answers is mostly impossible: a median, a list of the first
hundred, a cell that is not told. Parts are put together before they are finished, in the few places where they are
made.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar, cast

from homeroom.errors import ShardGoneError, ShardsAwayError
from homeroom.scaling.asked import Asked
from homeroom.state.columns_alone import HistoryNeededError
from homeroom.state.running import Run, Task

__all__ = ["Again", "Done", "Gathering", "Member", "Part", "Pending", "Step"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Part:
    """What a shard has at a place where parts are put together, in its first or second look at a question.

    The second one is at history. A shard can be first to find that it needs it: of others the columns may tell enough.
    """

    look: int
    value: object


@dataclass(frozen=True, slots=True)
class Again:
    """Said in place of what parts came to: the question needs history, so all begin with it again."""


@dataclass(frozen=True, slots=True)
class Done:
    """A shard has nothing more to say; ``error`` is why it could not go on, None if it came to the end."""

    error: str | None = None


Step: TypeAlias = Part | Done


class Pending(Protocol):
    """Something that a shard was asked for."""

    def result(self, wait_ms: int) -> object:
        """Return it. Raises `ShardAwayError` if the shard is gone, or has not said anything after so long."""
        ...


class Member(Protocol):
    """A shard that can be asked, wherever it is. What it does at once, and what it does first, is its own affair."""

    number: int

    def begin(self, asked: Asked) -> Pending:
        """Begin with a question; comes to its first `Step`."""
        ...

    def go_on(self, session: str, joined: object) -> Pending:
        """Go on with what the last parts came to; comes to the next `Step`."""
        ...

    def end(self, session: str) -> None:
        """Have it drop the question, wherever it is with it."""
        ...


class Gathering:
    """The run of the head, for one question.

    Parameters
    ----------
    run : runs the head's own tasks
    members : the shards that are asked
    asked : the question
    wait_ms : so long is waited for a part of a shard
    share : makes of what all shards get something that is sent once

    Attributes
    ----------
    late : shards that were gone or late, by number
    gone : those of them whose processes have ended
    look : which look at the question this is, from 1 on
    """

    place = -1
    """It comes before all shards."""

    def __init__(
        self,
        run: Run,
        members: Sequence[Member],
        asked: Asked,
        wait_ms: int,
        share: Callable[[object], object],
    ) -> None:
        self.workers = run.workers
        self.late: dict[int, str] = {}
        self.gone: set[int] = set()
        self._run, self._members, self._asked = run, members, asked
        self._wait_ms, self._share = wait_ms, share
        self._joined: object = None
        self.look = 0
        self._is_first = True
        self._last: dict[int, Part] = {}

    def __call__(self, tasks: Sequence[Task]) -> None:
        """Run the head's own tasks."""
        self._run(tasks)

    def gathered(self, part: _T, join: Callable[[Sequence[_T]], _T]) -> _T:
        """Return what the parts of all shards come to.

        Raises `ShardsAwayError` if one does not give its part, and `HistoryNeededError` if one needs history.
        """
        steps = self._collected()
        if any(step.look > self.look for step in steps.values()):
            raise HistoryNeededError
        joined = join([part, *(cast("_T", step.value) for step in steps.values())])
        self._joined = joined
        return joined

    def _collected(self) -> Mapping[int, Part]:
        """Return the next part of each shard; those that are ahead have given theirs already."""
        pending = []
        shared = self._share(self._joined) if self._last else None
        for member in self._members:
            last = self._last.get(member.number)
            if last is None:
                pending.append((member, member.begin(self._asked)))
            elif self._is_first and last.look < self.look:
                pending.append((member, member.go_on(self._asked.session, Again())))
            elif not self._is_first:
                pending.append((member, member.go_on(self._asked.session, shared)))
        self._is_first = False
        for member, one in pending:
            self._take(member, one)
        if self.late:
            raise ShardsAwayError(", ".join(f"shard {n}: {why}" for n, why in self.late.items()))
        return dict(self._last)

    def _take(self, member: Member, pending: Pending) -> None:
        try:
            step = pending.result(self._wait_ms)
        except ShardsAwayError as error:
            self.late[member.number] = str(error)
            if isinstance(error, ShardGoneError):
                self.gone.add(member.number)
            return
        if isinstance(step, Part):
            self._last[member.number] = step
        else:
            why = step.error if isinstance(step, Done) else None
            self.late[member.number] = why or "it came to another end than the others"

    def begin_look(self) -> int:
        """Note that the head begins with the question, or begins with it again; return which look this is."""
        self.look, self._is_first = self.look + 1, True
        return self.look

    def end(self) -> None:
        """Have all shards drop the question."""
        for member in self._members:
            member.end(self._asked.session)
