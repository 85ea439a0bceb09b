"""What has become other between two answers to one question, cell by cell.

Data come late: from a laptop that was away for a week, from a region that was cut off. A triangle that was read before
and one that is read after differ then, mostly in few cells among hundreds, and nobody finds these by looking. Both are
plain data, as answers are written (``docs/reference/outputs.md``), so what was kept in a file last week is compared
with what a node says now, and no state is needed.

Only counts are compared: rates follow from them. Cells that one answer has and the other has not (a period that began
in between) are told as such and not as a change from nothing. Which entries brought a change is another question, asked
of a log (`homeroom.node.changes`); the vectors that it takes stand in the answers of nodes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from homeroom.errors import QuestionError

__all__ = ["COMPARED", "ChangedCell", "Comparison", "Table", "compare", "tables_of"]

COMPARED: Final = ("retention", "lifecycle", "stickiness", "active")
"""Kinds of questions whose answers are compared."""
_STAGES: Final = ("new", "returning", "resurrecting", "dormant")
_SERIES: Final = ("day", "week", "month")
_FREE: Final = frozenset({"as_of", "to"})
"""What two questions may differ in and be the same one at two times."""

Cells: TypeAlias = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Table:
    """The counts of an answer, or of one part of it.

    Parameters
    ----------
    name : of the part, with the series before it where there are several; empty for a whole answer of one series
    rows, columns : the labels, in order
    cells : counts by row and column
    """

    name: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Cells


@dataclass(frozen=True, slots=True)
class ChangedCell:
    """A count that became other; ``table``, ``row`` and ``column`` say which."""

    table: str
    row: str
    column: str
    before: int
    after: int

    @property
    def difference(self) -> int:
        """By how much there are more."""
        return self.after - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two answers to one question.

    Parameters
    ----------
    question : as the later one was asked
    changed : the cells that both have and that differ, in the order of the tables
    cells : how many both have
    added, removed : how many only the later one has, or only the earlier one
    before, after : the vectors that they were computed from; None for answers that came from no node
    """

    question: Mapping[str, Any]
    changed: tuple[ChangedCell, ...]
    cells: int
    added: int
    removed: int
    before: Mapping[str, int] | None
    after: Mapping[str, int] | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data; its schema is ``docs/reference/outputs/compare.json``."""
        return {
            "question": dict(self.question),
            "changed": [
                {
                    "table": one.table,
                    "row": one.row,
                    "column": one.column,
                    "before": one.before,
                    "after": one.after,
                    "difference": one.difference,
                }
                for one in self.changed
            ],
            "cells": self.cells,
            "added": self.added,
            "removed": self.removed,
            "before": None if self.before is None else dict(self.before),
            "after": None if self.after is None else dict(self.after),
        }


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """Compare two answers, each as ``homeroom query --json`` or a node writes it.

    Raises
    ------
    QuestionError
        One is no answer, they answer different questions, or questions of a kind that has no cells.
    """
    first, second = _answer(before, "the earlier"), _answer(after, "the later")
    _check_same(first, second)
    earlier = {one.name: one for one in tables_of(first)}
    changed, shared, added, removed = [], 0, 0, 0
    for table in tables_of(second):
        old = earlier.pop(table.name, None)
        known: Cells = {} if old is None else old.cells
        for (row, column), count in table.cells.items():
            if (row, column) not in known:
                added += 1
                continue
            shared += 1
            if known[row, column] != count:
                changed.append(ChangedCell(table.name, row, column, known[row, column], count))
        removed += len(known.keys() - table.cells.keys())
    removed += sum(len(one.cells) for one in earlier.values())
    return Comparison(
        question=second["question"],
        changed=tuple(changed),
        cells=shared,
        added=added,
        removed=removed,
        before=_vector(before),
        after=_vector(after),
    )


def tables_of(answer: Mapping[str, Any]) -> list[Table]:
    """Return the counts of an answer, and of each of its parts. Raises `QuestionError` for what is no answer."""
    try:
        kind = answer["question"]["question"]
        found = list(_tables(kind, answer, ""))
        for part in answer.get("breakdown") or answer.get("compare") or ():
            found += _tables(kind, part, str(part["value"]))
    except (KeyError, TypeError, IndexError, ValueError):
        raise QuestionError(
            "this is no answer as homeroom writes it; take one that homeroom query --json or homeroom ask has written"
        ) from None
    return found


def _tables(kind: str, figures: Mapping[str, Any], name: str) -> Iterator[Table]:
    if kind == "active":
        for series in _SERIES:
            told = figures["active"][series]
            yield _column(_named(series, name), told["periods"], {"learners": told["values"]})
    elif kind == "stickiness":
        yield _column(name, figures["active_periods"], {"learners": figures["learners"]})
    elif kind == "lifecycle":
        yield _column(name, figures["periods"], {stage: figures[stage] for stage in _STAGES})
    else:
        rows, columns = _texts(figures["periods"]), _texts(figures["columns"])
        cells = {
            (row, columns[place]): int(count)
            for row, counts in zip(rows, figures["counts"], strict=True)
            for place, count in enumerate(counts)
        }
        yield Table(name, rows, columns, cells)


def _column(name: str, rows: Sequence[Any], columns: Mapping[str, Sequence[Any]]) -> Table:
    labels = _texts(rows)
    cells = {
        (row, column): int(count)
        for column, counts in columns.items()
        for row, count in zip(labels, counts, strict=True)
    }
    return Table(name, labels, tuple(columns), cells)


def _named(series: str, part: str) -> str:
    return f"{series}, {part}" if part else series


def _texts(labels: Sequence[Any]) -> tuple[str, ...]:
    return tuple(map(str, labels))


def _answer(said: Mapping[str, Any], which: str) -> Mapping[str, Any]:
    """Return the answer itself, from what a node says around it too."""
    answer = said.get("answer", said)
    question = answer.get("question") if isinstance(answer, Mapping) else None
    kind = question.get("question") if isinstance(question, Mapping) else None
    if not isinstance(kind, str):
        several = "; it holds several: compare them one by one" if "answers" in said else ""
        raise QuestionError(f"{which} is no answer as homeroom writes it{several}")
    if kind not in COMPARED:
        raise QuestionError(
            f"{which} answers {kind!r}; only {', '.join(COMPARED)} have cells that are compared"
        )
    return dict(answer)


def _check_same(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    first, second = before["question"], after["question"]
    differ = [
        name
        for name in dict.fromkeys((*first, *second))
        if name not in _FREE and first.get(name) != second.get(name)
    ]
    differ += [name for name in ("timezone",) if before.get(name) != after.get(name)]
    if differ:
        raise QuestionError(
            f"the two answers differ in what was asked ({', '.join(differ)}); compare answers to one question"
        )


def _vector(said: Mapping[str, Any]) -> Mapping[str, int] | None:
    vector = said.get("vector")
    return vector if isinstance(vector, Mapping) else None
