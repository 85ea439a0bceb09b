"""Hand-worked examples: events, a question, and the answer as a person counts it on paper.

An oracle that is programmed can share a mistake with the engine; what was counted by hand from a handful of events
cannot. The examples stand in TOML files with their workings in comments, both the oracle and the engine must give
them, and ``docs/reference/worked-examples.md`` shows them (`python -m tests.vectors` writes them there).

A line of events is a learner, then fields of its events (``verb=``, ``course=``, ``track=``, any attribute), then
their times. In a table of an answer, what stands before ``|`` names the line, ``~`` marks what is not complete,
``0…`` repeats to the end of the row, ``others`` is every period not listed, ``-`` is no number, and ``[value]`` opens
a part of a breakdown.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from homeroom.cohorts.questions import Question, parse_question
from tests.oracle import Event, instant_ms
from tests.vectors.behaviour import funnel_table, paths_table

__all__ = ["FILES", "Vector", "expected", "load", "vectors"]

FOLDER = Path(__file__).parent
FILES = ("retention", "course_time", "other_questions", "calendar", "behaviour")
FIELDS = ("verb", "activity", "course", "track")


@dataclass(frozen=True, slots=True)
class Vector:
    """One question about the events of an example, and the table of its answer."""

    name: str
    zone: str
    events: tuple[Event, ...]
    question: Question
    table: str

    def __str__(self) -> str:
        """Name the vector in a test's id."""
        words = [self.question.name]
        words += [str(getattr(self.question, f, "")) for f in ("interval", "mode", "match")]
        return f"{self.name}: {' '.join(word for word in words if word)}"


def load(file: str) -> list[dict[str, Any]]:
    """Return the examples of a file as they are written."""
    written = tomllib.loads((FOLDER / f"{file}.toml").read_text(encoding="utf-8"))
    return list(written["example"])


def vectors(*kinds: str, files: tuple[str, ...] = FILES) -> list[Vector]:
    """Return the hand-worked vectors of the kinds of question named (of all, if none is)."""
    return [v for file in files for v in _vectors(file) if not kinds or v.question.name in kinds]


def _vectors(file: str) -> Iterator[Vector]:
    for example in load(file):
        events = tuple(_events(example["events"]))
        for case in example["case"]:
            yield Vector(
                name=example["name"],
                zone=example.get("timezone", "UTC"),
                events=events,
                question=parse_question(case["question"]),
                table=case["expect"].strip(),
            )


def _events(text: str) -> Iterator[Event]:
    for line in text.strip().splitlines():
        account, *words = line.split()
        given = dict(word.split("=", 1) for word in words if "=" in word)
        fields: dict[str, Any] = {name: given.pop(name) for name in FIELDS if name in given}
        for word in words:
            if "=" not in word:
                yield Event(account=account, time_ms=instant_ms(word), attributes=given, **fields)


# --- reading a table -------------------------------------------------------------------------------------------


def expected(vector: Vector, periods: list[str]) -> dict[str, Any]:
    """Return the figures that the table says, in the shape of the answer's JSON.

    ``periods`` are those of the answer that is checked: a table that is too long to write out says how many there
    are and which is the first and the last, and this says the same of them.
    """
    whole, *parts = vector.table.split("\n[")
    read = {
        "retention": _retention,
        "lifecycle": _lifecycle,
        "stickiness": _stickiness,
        "active": _active,
        "funnel": funnel_table,
        "paths": paths_table,
    }[vector.question.name]
    figures = read(whole.splitlines(), periods)
    if parts:
        header = whole.splitlines()[0]
        figures["breakdown"] = []
        for part in parts:
            value, _, rows = part.partition("]\n")
            lines = [header, *rows.splitlines()]
            figures["breakdown"].append({"value": value, **read(lines, periods)})
    return figures


def _split(line: str) -> tuple[str, list[str]]:
    name, _, rest = line.partition("|")
    return name.strip(), rest.split()


def _retention(lines: list[str], periods: list[str]) -> dict[str, Any]:
    rows = dict(_split(line) for line in lines)
    columns = rows.pop("period", None)
    if columns is None:
        count, _, first, _, last = rows.pop("periods")
        assert (str(len(periods)), periods[0], periods[-1]) == (count, first, last)
        columns = [str(k) for k in range(len(periods))]
        others = rows.pop("others")
        assert set(rows) <= set(periods)
        rows = {label: rows.get(label, others) for label in periods}
    cells = [_row(row, len(rows) - i) for i, row in enumerate(rows.values())]
    counts = [[int(cell.rstrip("~")) for cell in row] for row in cells]
    return {
        "periods": list(rows),
        "columns": columns,
        "sizes": [row[0] for row in counts],
        "counts": counts,
        "complete": [[not cell.endswith("~") for cell in row] for row in cells],
    }


def _row(cells: list[str], width: int) -> list[str]:
    if not cells[-1].endswith("…"):
        return cells
    return cells[:-1] + [cells[-1].rstrip("…")] * (width - len(cells) + 1)


def _lifecycle(lines: list[str], _periods: list[str]) -> dict[str, Any]:
    (_, stages), *rows = (_split(line) for line in lines)
    figures: dict[str, Any] = {
        stage: [int(cells[i]) for _, cells in rows] for i, stage in enumerate(stages)
    }
    figures["periods"] = [label.rstrip("~") for label, _ in rows]
    figures["complete"] = [not label.endswith("~") for label, _ in rows]
    return figures


def _stickiness(lines: list[str], _periods: list[str]) -> dict[str, Any]:
    rows = dict(_split(line) for line in lines)
    return {
        "periods": [label.rstrip("~") for label in rows["periods"]],
        "complete": [not label.endswith("~") for label in rows["periods"]],
        "learners": [int(n) for n in rows["learners"]],
    }


def _active(lines: list[str], _periods: list[str]) -> dict[str, Any]:
    series: dict[str, dict[str, list[Any]]] = {}
    for name, (label, value) in (_split(line) for line in lines):
        one = series.setdefault(name, {"periods": [], "values": [], "complete": []})
        one["periods"].append(label.rstrip("~"))
        one["complete"].append(not label.endswith("~"))
        one["values"].append(None if value == "-" else float(Fraction(value)))
    return {
        "active": {name: one for name, one in series.items() if "_" not in name},
        "ratios": {name: one for name, one in series.items() if "_" in name},
    }
