"""Paths as an indented tree: step by step what came, with a bar, and under each where most went next.

The branches under a node are those from it to the step after; they are never added up along a way, since an answer
counts from step to step.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from homeroom.cli.terminal.bars import bar
from homeroom.cli.terminal.ink import Ink, ink_of
from homeroom.cli.terminal.wording import clean, percent, plural, shorten
from homeroom.cohorts.answers import PathsAnswer
from homeroom.cohorts.answers.behaviour import BEGIN, END, PathNode
from homeroom.cohorts.charts.behaviour_words import end_words, root_label, short_names
from homeroom.cohorts.charts.words import count

__all__ = ["PathTree"]

NODES_SHOWN: Final = 6
BRANCHES_SHOWN: Final = 2
BAR_WIDTH_MAX: Final = 40
LABEL_WIDTH_MAX: Final = 44
_DIM: Final = Style(dim=True)
_BOLD: Final = Style(bold=True)
_PLAIN: Final = Style()


@dataclass(frozen=True, slots=True)
class PathTree:
    """One answer about paths."""

    answer: PathsAnswer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the beginning, then each step with its nodes and their branches."""
        answer = self.answer
        if not answer.paths:
            yield Text("no paths in this range", _DIM)
            return
        for line in _lines(answer, ink_of(console), options.max_width):
            line.no_wrap, line.overflow = True, "crop"
            yield line


def _lines(answer: PathsAnswer, ink: Ink, width: int) -> Iterator[Text]:
    names = short_names(value for edge in answer.edges for value in (edge.source, edge.target))
    size = len(count(answer.paths))
    label = min(
        max(len("      nothing before"), *(len(name) + 8 for name in names.values())),
        LABEL_WIDTH_MAX,
        max(width - size - 20, 12),
    )
    whose = f"{plural(answer.paths, 'path')} of {plural(answer.learners, 'learner')}"
    begin = f"{clean(root_label(answer.question))}: {whose}"
    yield Text(shorten(begin, width), _BOLD)
    form = _Form(answer, ink, names, label, size, min(width - label - size - 9, BAR_WIDTH_MAX))
    yield from form.end(BEGIN, 1, answer.paths, 2)
    for step in range(1, answer.question.depth + 1):
        nodes = answer.at_step(step)
        if nodes:
            word = "step" if answer.direction != "before" else "step back"
            yield Text(f"{word} {step}", _DIM)
        for node in nodes[:NODES_SHOWN]:
            yield form.node(node)
            yield from form.branches(node)
        if nodes[NODES_SHOWN:]:
            yield form.rest(nodes[NODES_SHOWN:])


@dataclass(frozen=True, slots=True)
class _Form:
    """How wide the columns are: the label, the paths, and the bar."""

    answer: PathsAnswer
    ink: Ink
    names: Mapping[str, str]
    label: int
    size: int
    room: int

    def node(self, node: PathNode) -> Text:
        """Draw a node with its share of all paths."""
        line = self._line(2, self.names[node.value], node.paths, self.answer.share(node.paths))
        if self.room > 0:
            long = bar(node.paths, self.answer.paths, self.room)
            line.append(f"  {long}", self.ink.mark("returning"))
        return line

    def branches(self, node: PathNode) -> Iterator[Text]:
        """Draw where most went from a node, as shares of it."""
        edges = [
            edge
            for edge in self.answer.edges
            if (edge.step, edge.source) == (node.step + 1, node.value) and edge.target != END
        ]
        arrow = "\u2190" if self.answer.direction == "before" else "\u2192"
        for edge in sorted(edges, key=lambda edge: -edge.paths)[:BRANCHES_SHOWN]:
            name = f"{arrow} {self.names[edge.target]}"
            yield self._line(6, name, edge.paths, edge.paths / node.paths, _DIM)
        yield from self.end(node.value, node.step + 1, node.paths, 6)

    def end(self, source: str, step: int, paths: int, indent: int) -> Iterator[Text]:
        """Say how many of the paths at a node went no further."""
        for edge in self.answer.edges:
            if (edge.step, edge.source, edge.target) == (step, source, END):
                name = end_words(self.answer.question)
                yield self._line(indent, name, edge.paths, edge.paths / paths, _DIM)

    def rest(self, nodes: Sequence[PathNode]) -> Text:
        """Sum up the nodes that are not shown."""
        paths = sum(node.paths for node in nodes)
        return self._line(2, f"{len(nodes)} more", paths, self.answer.share(paths))

    def _line(
        self, indent: int, name: str, paths: int, share: float, style: Style = _PLAIN
    ) -> Text:
        text = " " * indent + shorten(name, self.label - indent)
        return Text(
            f"{text:<{self.label}}  {count(paths):>{self.size}}  {percent(share):>3}%", style
        )
