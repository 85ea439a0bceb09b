"""What was read, and what was not: the head of every summary.

Bad input never stops a good file and never disappears. So the rejects come right after the good figures, by reason and
in words, with the place where each of them is written down.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from homeroom.cli.terminal.wording import clean, plural
from homeroom.cohorts.answers import Source
from homeroom.cohorts.charts.words import count, instant_label, share
from homeroom.serve.report.reasons import explain

__all__ = ["SourceSummary", "rejects_line"]

_HINT: Final = "--rejects FILE writes each down with its source and line"
KEY_WIDTH: Final = 10
RATE_SECONDS_MIN: Final = 2.0
"""Of a quicker read most is start-up, which says nothing of the speed."""
_DIM: Final = Style(dim=True)
_BOLD: Final = Style(bold=True)
_WARN: Final = Style(color="yellow", bold=True)


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """What was read, over ``seconds`` of reading (None where nothing was read just now)."""

    source: Source
    seconds: float | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the figures, the range, the repeats and the rejects."""
        for key, words in _fields(self.source, self.seconds):
            room = max(options.max_width - len(key), 12)
            for number, line in enumerate(words.wrap(console, room)):
                line.rstrip()
                yield Text.assemble(" " * len(key) if number else key, line, no_wrap=True)


def rejects_line(source: Source) -> str:
    """Say in one line what was rejected; for standard error, and for errors of ``--strict``."""
    by_reason = ", ".join(f"{count(number)} {clean(reason)}" for reason, number in _sorted(source))
    where = f"see {clean(source.rejects_file)}" if source.rejects_file else _HINT
    verb = "was" if source.events_rejected == 1 else "were"
    events = plural(source.events_read, "event")
    return f"{count(source.events_rejected)} of {events} {verb} rejected: {by_reason}; {where}"


def _fields(source: Source, seconds: float | None) -> Iterator[tuple[Text, Text]]:
    yield _key("read"), Text(_read_words(source, seconds))
    yield _key("counted"), Text(_counted_words(source), _BOLD)
    if source.first_event and source.last_event:
        ends = (clean(instant_label(end)) for end in (source.first_event, source.last_event))
        yield _key("from"), Text(" to ".join(ends))
    yield from _told_apart(source)
    yield from _rejected(source)
    if source.rejects_file:
        yield _key(""), Text(f"each with its line in {clean(source.rejects_file)}", _DIM)
    elif source.events_rejected and seconds is not None:
        yield _key(""), Text(_HINT, _DIM)
    for note in source.notes:
        yield _key("note"), Text(clean(note))


def _told_apart(source: Source) -> Iterator[tuple[Text, Text]]:
    """Say what of the events counts once, twice or not at all."""
    if source.events_duplicate is None:
        yield _key("repeats"), Text("not looked for: they cannot change this answer")
    elif source.events_duplicate:
        repeats = plural(source.events_duplicate, "exact repeat")
        yield _key("repeats"), Text(f"{repeats} counted once")
    if source.conflicts:
        events = plural(source.conflicts, "event")
        yield _key("conflicts"), Text(f"{events} with the id of another event; both are counted")
    if source.events_voided:
        events = plural(source.events_voided, "event")
        yield _key("voided"), Text(f"{events} taken back; no answer sees them")


def _key(name: str) -> Text:
    return Text(f"{name:<{KEY_WIDTH}}", _DIM)


def _read_words(source: Source, seconds: float | None) -> str:
    events = source.events_accepted + (source.events_duplicate or 0)
    said = plural(source.events_read, "event") if events else "nothing that is an event"
    if source.files:
        said += f" from {plural(source.files, 'file')}"
    if seconds:
        said += f" in {seconds:.1f} s"
    if seconds and seconds >= RATE_SECONDS_MIN:
        said += f", {count(round(source.events_read / seconds))} a second"
    return said


def _counted_words(source: Source) -> str:
    return f"{plural(source.events_accepted, 'event')} of {plural(source.learners, 'learner')}"


def _rejected(source: Source) -> Iterator[tuple[Text, Text]]:
    if not source.events_rejected:
        yield _key("rejected"), Text("none")
        return
    rate = share(source.events_rejected / max(source.events_read, 1))
    rejects = Text(count(source.events_rejected), _WARN)
    yield _key("rejected"), Text.assemble(rejects, f", {rate} of what was read")
    size = max((len(count(number)) for _, number in _sorted(source)), default=0)
    for reason, number in _sorted(source):
        key = Text(f"{'':{KEY_WIDTH}}{count(number):>{size}}  {clean(reason):<19} ")
        yield key, Text(clean(explain(reason)[1]), _DIM)


def _sorted(source: Source) -> list[tuple[str, int]]:
    return sorted(source.rejected_by_reason.items(), key=lambda item: (-item[1], item[0]))
