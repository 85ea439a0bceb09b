"""What a question means, and what answering it reads.

Nothing is foretold: the question is answered once from a state that notes what is taken from it, so an explanation
cannot differ from what really happens. Arrays of the tables count whole, as the most that a kernel may have read;
columns of history count as many values as were asked for.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy.typing as npt

from homeroom.cohorts.answers import Source
from homeroom.cohorts.ask import ask
from homeroom.cohorts.charts import words
from homeroom.cohorts.questions import Question
from homeroom.cohorts.questions.rule_words import in_words
from homeroom.events.columns import Column
from homeroom.state.coded import Coded
from homeroom.state.history import Places, Segment
from homeroom.state.state import State
from homeroom.state.table import SubjectTable
from homeroom.state.veils import Veiled

__all__ = ["ColumnRead", "EventsRead", "Explanation", "explain"]

_V = TypeVar("_V", bound=npt.NDArray[Any])


@dataclass(frozen=True, slots=True)
class ColumnRead:
    """A column of a table that was read: at most so many bytes of it."""

    table: str
    column: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class EventsRead:
    """A column of history, and how many of its values were read; one that is read twice counts twice."""

    column: str
    values: int


@dataclass(frozen=True)
class Explanation:
    """What a question means and what its answer took.

    Parameters
    ----------
    question : the question
    title, meaning : what it asks, in plain words
    cohorts : the cohorts that it names, each with its definition in words
    answered_from : ``columns`` of the state, or ``history``
    columns : what was read of the tables
    events : what was read of history
    learners, enrolments, history_events : how much there is
    notes : those of the answer
    """

    question: Question
    title: str
    meaning: str
    cohorts: tuple[tuple[str, str], ...]
    answered_from: Literal["columns", "history"]
    columns: tuple[ColumnRead, ...]
    events: tuple[EventsRead, ...]
    learners: int
    enrolments: int
    history_events: int
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data; its schema is in ``docs/reference/outputs``."""
        return {
            "question": self.question.to_dict(),
            "title": self.title,
            "meaning": self.meaning,
            "cohorts": [{"name": name, "definition": said} for name, said in self.cohorts],
            "answered_from": self.answered_from,
            "columns": [
                {"table": one.table, "column": one.column, "bytes": one.size_bytes}
                for one in self.columns
            ],
            "history": [{"column": one.column, "values": one.values} for one in self.events],
            "learners": self.learners,
            "enrolments": self.enrolments,
            "events": self.history_events,
            "notes": list(self.notes),
        }


def explain(state: State, question: Question, source: Source) -> Explanation:
    """Answer a question once and say what that took. Raises `QuestionError` like `ask`."""
    seen = _Seen()
    answer = ask(seen.state(state), question, source)
    return Explanation(
        question=question,
        title=words.heading(answer),
        meaning=words.summary(answer),
        cohorts=_cohorts(question),
        answered_from=answer.answered_from,
        columns=seen.columns(),
        events=seen.events(),
        learners=state.learners.rows,
        enrolments=state.enrolments.rows,
        history_events=state.events,
        notes=answer.notes,
    )


def _cohorts(question: Question) -> tuple[tuple[str, str], ...]:
    if question.definitions is None:
        return ()
    needed = question.definitions.only(question.cohorts_named())
    return tuple((one.name, f"Learners who {in_words(one.rule)}.") for one in needed.cohorts)


class _Seen:
    """Notes what is read. Lists take notes of several threads at once, and are counted at the end."""

    def __init__(self) -> None:
        self._columns: list[tuple[ColumnRead, int]] = []
        self._events: list[EventsRead] = []

    def columns(self) -> tuple[ColumnRead, ...]:
        """Return what was read of the tables, each column once."""
        total: dict[tuple[str, str], int] = {}
        for one, _ in dict.fromkeys(self._columns):
            total[one.table, one.column] = total.get((one.table, one.column), 0) + one.size_bytes
        return tuple(ColumnRead(*place, size) for place, size in sorted(total.items()))

    def events(self) -> tuple[EventsRead, ...]:
        """Return what was read of history, by column."""
        total: dict[str, int] = {}
        for one in self._events:
            total[one.column] = total.get(one.column, 0) + one.values
        return tuple(EventsRead(name, values) for name, values in sorted(total.items()))

    def state(self, state: State) -> State:
        """Return a state that holds the same and notes what is taken from it."""
        watched = copy.copy(state)
        watched.learners = self._table("learners", state.learners)
        watched.enrolments = self._table("enrolments", state.enrolments)
        watched.history = copy.copy(state.history)
        shown = [_Watched(segment, self._events) for segment in state.segments]
        watched.history.__dict__["shown"] = shown
        return watched

    def _table(self, name: str, table: SubjectTable) -> SubjectTable:
        watched = copy.copy(table)
        watched.partitions = []
        for number, partition in enumerate(table.partitions):
            one = copy.copy(partition)
            place = (name, number, partition.rows)
            one.words = _Noted(one.words, self._columns, place, "days of {}")
            one.codes = _Noted(one.codes, self._columns, place, "{}")
            one.numbers = _Noted(one.numbers, self._columns, place, "{}")
            watched.partitions.append(one)
        return watched


class _Noted(dict[str, _V]):
    """Columns by name that note which are taken."""

    def __init__(
        self, columns: Mapping[str, _V], notes: list[tuple[ColumnRead, int]],
        place: tuple[str, int, int], called: str,
    ) -> None:  # fmt: skip
        super().__init__(columns)
        self._notes, self._place, self._called = notes, place, called

    def __getitem__(self, name: str) -> _V:
        column = super().__getitem__(name)
        table, partition, rows = self._place
        size = rows * column.itemsize * (column.shape[0] if column.ndim > 1 else 1)
        self._notes.append((ColumnRead(table, self._called.format(name), size), partition))
        return column

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as dict has it
        """Return a column, or what stands for one that is not there."""
        return self[name] if name in self else default  # noqa: SIM401 - this is get


class _Watched(Veiled):
    """A segment that notes what is read of it."""

    def __init__(self, behind: Segment, notes: list[EventsRead]) -> None:
        super().__init__(behind, behind.hidden)
        self.__dict__["_notes"] = notes

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns; one that is taken counts whole."""
        return _WatchedColumns(self.behind.columns, self.__dict__["_notes"])

    def piece(self, name: str, first: int, end: int) -> Column | None:
        """Return the events ``first:end`` of a column, and note that."""
        found = super().piece(name, first, end)
        if found is not None:
            self.__dict__["_notes"].append(EventsRead(name, end - first))
        return found

    def coded(self, name: str, first: int, end: int) -> Coded | None:
        """Return the events ``first:end`` of a column as places in a list, and note that."""
        found = super().coded(name, first, end)
        if found is not None:
            self.__dict__["_notes"].append(EventsRead(name, end - first))
        return found

    def pick(self, name: str, places: Places) -> Column:
        """Return a column at some places, and note that."""
        self.__dict__["_notes"].append(EventsRead(name, len(places)))
        return super().pick(name, places)


class _WatchedColumns(Mapping[str, Column]):
    """Columns of a segment that note which are taken."""

    def __init__(self, columns: Mapping[str, Column], notes: list[EventsRead]) -> None:
        self._columns, self._notes = columns, notes

    def __getitem__(self, name: str) -> Column:
        column = self._columns[name]
        self._notes.append(EventsRead(name, len(column)))
        return column

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)
