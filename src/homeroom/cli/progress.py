"""The progress bar of a long read: on standard error, only where a person watches.

It shows nothing in the first half second, since most reads are over by then and a bar that flashes is noise. Rich is
imported when the bar appears, not before: a quick query must not wait for it.
"""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["DELAY_S", "ReadProgress"]

DELAY_S: Final = 0.5
"""A read that is over sooner shows no bar."""
REFRESH_S: Final = 0.1


class ReadProgress:
    """Watches a read and draws how far it is; a context manager that takes the bar away again.

    It is a ``homeroom.analyzer.Progress``.

    Parameters
    ----------
    stream : where the bar is drawn, standard error if absent; nothing is drawn if it is no terminal
    clock : seconds that only grow
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._watched = self._stream.isatty()
        self._started = self._shown = clock()
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        """Start to count."""
        self._started = self._shown = self._clock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    @property
    def seconds(self) -> float:
        """Return the time since the start."""
        return self._clock() - self._started

    def __call__(self, bytes_done: int, bytes_total: int, events: int, rejects: int) -> None:
        """Show how far the read is; ``bytes_total`` 0 means unknown, as for standard input."""
        now = self._clock()
        early = now - self._started < DELAY_S or now - self._shown < REFRESH_S
        if not self._watched or early:
            return
        self._shown = now
        if self._bar is None:
            self._bar = _new_bar(self._stream)
            self._bar.start()
        said = f"{events:,} events · {round(events / (now - self._started)):,}/s"
        if rejects:
            said += f" · {rejects:,} rejected"
        task = self._bar.task_ids[0]
        self._bar.update(task, completed=bytes_done, total=bytes_total or None, said=said)


def _new_bar(stream: TextIO) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("reading"),
        BarColumn(bar_width=None),
        DownloadColumn(binary_units=False),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(compact=True),
        console=Console(file=stream),
        transient=True,
        expand=True,
    )
    bar.add_task("reading", total=None, said="")
    return bar
