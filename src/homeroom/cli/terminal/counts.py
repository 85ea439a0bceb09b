"""The counts of an answer that came from a node, as plain columns of text; of kinds without cells, its JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

from homeroom.cli.output import json_text
from homeroom.cli.terminal.wording import clean
from homeroom.cohorts.comparing import COMPARED, Table, tables_of

__all__ = ["counts_lines"]


def counts_lines(answer: Mapping[str, Any]) -> list[str]:
    """Return an answer as lines of text. Raises `QuestionError` for what is none."""
    question = answer.get("question")
    kind = question.get("question") if isinstance(question, Mapping) else None
    if kind not in COMPARED:
        return [json_text(answer)]
    lines = [clean(str(kind))]
    for table in tables_of(answer):
        lines += ["", *_lines(table)]
    return lines


def _lines(table: Table) -> Iterator[str]:
    if table.name:
        yield clean(table.name)
    texts = {place: f"{count:,}" for place, count in table.cells.items()}
    first = max(map(len, table.rows), default=0)
    widths = [
        max(len(column), *(len(texts.get((row, column), "")) for row in table.rows), 0)
        for column in table.columns
    ]
    columns = list(zip(table.columns, widths, strict=True))
    yield "  ".join([" " * first, *(clean(one).rjust(width) for one, width in columns)])
    for row in table.rows:
        told = (texts.get((row, one), "").rjust(width) for one, width in columns)
        yield "  ".join([clean(row).ljust(first), *told]).rstrip()
