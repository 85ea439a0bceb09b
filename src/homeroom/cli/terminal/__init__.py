"""Answers as text and colour for a terminal: pure functions from an answer to something that rich can draw.

Comes in: answers and read summaries. Goes out: renderables that adapt to the width and the colours of the console that
draws them. Nothing here prints, reads or computes a figure; titles, sentences, scales and colours are those of the
charts, so that terminal, notebook and page say the same.
"""

from homeroom.cli.terminal.console import stdout_console
from homeroom.cli.terminal.source import SourceSummary, rejects_line
from homeroom.cli.terminal.view import AnswerView, answers_view

__all__ = ["AnswerView", "SourceSummary", "answers_view", "rejects_line", "stdout_console"]
