"""An explanation for a person: the meaning, what is read of columns and of history, and the time."""

from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from homeroom.cli.terminal.wording import clean, plural, wrapped
from homeroom.cohorts.charts.words import count, share
from homeroom.cohorts.explaining import Explanation

__all__ = ["ExplanationView"]

_DIM: Final = Style(dim=True)
_BOLD: Final = Style(bold=True)
_PLAIN: Final = Style()


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """One explanation, and the seconds that the answer took."""

    explanation: Explanation
    seconds: float

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw meaning, definitions, what is read, and the time."""
        one, width = self.explanation, options.max_width
        yield Text(clean(one.title), _BOLD)
        yield from wrapped(console, clean(one.meaning), width, _PLAIN)
        for name, said in one.cohorts:
            yield from wrapped(console, clean(f"Cohort {name}: {said}"), width, _PLAIN)
        yield Text()
        yield Text(f"answered from {one.answered_from} in {_time(self.seconds)}", _PLAIN)
        rows = {"learners": one.learners, "enrolments": one.enrolments}
        for table in dict.fromkeys(column.table for column in one.columns):
            read = [column for column in one.columns if column.table == table]
            size = _size(sum(column.size_bytes for column in read))
            names = ", ".join(column.column for column in read)
            said = f"columns of {count(rows[table])} {table}, at most {size}: {names}"
            yield from wrapped(console, clean(said), width, _PLAIN)
        if not one.events:
            yield Text(f"history: none of {plural(one.history_events, 'event')}", _PLAIN)
        else:
            parts = [
                f"{column.column} {_of(column.values, one.history_events)}" for column in one.events
            ]
            said = f"history of {plural(one.history_events, 'event')}: {', '.join(parts)}"
            yield from wrapped(console, clean(said), width, _PLAIN)
        for note in one.notes:
            yield from wrapped(console, f"note: {clean(note)}", width, _DIM)


def _of(values: int, events: int) -> str:
    if values == events:
        return "of all"
    if not events or values < events:
        return f"of {share(values / events if events else 0, 0)}"
    return f"of all, {values / events:.1f} times"


def _time(seconds: float) -> str:
    return f"{1e3 * seconds:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes >= 1e5 else f"{size_bytes / 1e3:,.1f} kB"
