"""The form of an answer in a notebook: the chart, its numbers to unfold, and what was read."""

from homeroom.cohorts.answers import Answer
from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.numbers import Numbers
from homeroom.cohorts.charts.svg import escape
from homeroom.cohorts.charts.tables import tabulate, tabulate_parts

__all__ = ["notebook"]


def notebook(answer: Answer, chart: str) -> str:
    """Return a piece of HTML around a drawn chart."""
    tables = "".join(_table(numbers) for numbers in (*tabulate(answer), *tabulate_parts(answer)))
    source = answer.source
    read = (
        f"{source.events_accepted:,} events of {source.learners:,} learners; "
        f"{source.events_rejected:,} rejected. Known up to {words.instant_label(answer.as_of)}, "
        f"periods in {answer.timezone}; answered from {answer.answered_from}."
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in answer.notes)
    scroll = '<div style="max-width:100%;overflow-x:auto" tabindex="0">'
    return (
        f'<div class="homeroom">{scroll}{chart}</div>{notes}<p><small>{escape(read)}</small></p>'
        f"<details><summary>Numbers</summary>{tables}</details></div>"
    )


def _table(numbers: Numbers) -> str:
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in numbers.heads)
    body = "".join(_row(row) for row in numbers.rows)
    more = " (part; to_arrow() holds all)" if numbers.cut else ""
    return (
        f"<table><caption>{escape(numbers.caption)}{more}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _row(row: tuple[str, ...]) -> str:
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
    return f'<tr><th scope="row">{escape(row[0])}</th>{cells}</tr>'
