"""The numbers of an answer as CSV inside of the page, as a link that downloads it.

The file is the one that ``--csv`` writes: a row a cell. A text that a spreadsheet would run as a formula (names of
courses and verbs come from outside) gets an apostrophe before it, as OWASP advises; numbers are never touched.
"""

import csv
import io
import urllib.parse

from homeroom import limits
from homeroom.cohorts.answers import Answer, RetentionAnswer
from homeroom.cohorts.charts.svg import clean

__all__ = ["csv_link", "csv_text"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(answer: Answer) -> str:
    """Write the answer's long table as CSV (RFC 4180), shares to six digits."""
    table = answer.to_arrow()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(
        zip(
            *([_plain(v) for v in table[name].to_pylist()] for name in table.column_names),
            strict=True,
        )
    )
    return out.getvalue()


def csv_link(answer: Answer) -> str:
    """Return a ``data:`` link that holds the CSV, or nothing if it has more rows than a page should carry."""
    if _rows(answer) > limits.REPORT_CSV_ROWS_MAX:
        return ""
    return "data:text/csv;charset=utf-8," + urllib.parse.quote(csv_text(answer), safe=",:;/+-.()")


def _rows(answer: Answer) -> int:
    if answer.parts:
        return sum(_rows(part) for _, part in answer.parts)
    if isinstance(answer, RetentionAnswer):
        return int((answer.counts >= 0).sum())
    return int(answer.to_arrow().num_rows)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = clean(value)
        return f"'{text}" if text.startswith(_FORMULA) else text
    return "" if value is None else value
