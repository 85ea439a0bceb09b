"""Paths: which ways learners take, step by step.

A value is a node under the number of its place among all values in the order of their texts: numbers that depended on
the order of loads would let events of one instant change places. What is told apart at a step is settled when all
paths are written down, so that the few nodes that people see are the most frequent ones of all learners.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers.behaviour import BEGIN, END, PathEdge, PathNode, PathsAnswer
from homeroom.cohorts.context import Context
from homeroom.cohorts.funnels import shown_span
from homeroom.cohorts.kernels import paths as kernels
from homeroom.cohorts.matching import NONE, OTHER, Selection, values_of
from homeroom.cohorts.questions.behaviour import Paths
from homeroom.cohorts.timelines import Nodes, Timeline, Timelines
from homeroom.events.model import Int32s, Int64s, UInt8s
from homeroom.events.texts import sealed
from homeroom.state.running import Run, added

__all__ = ["answer_paths"]

_NO_GAP_MS: Final = 1 << 62
"""Longer than any pause."""
_Flows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Written:
    """The paths of a block of learners: how many nodes each has, whose it is, and all nodes one after the other."""

    lengths: UInt8s
    learners: Int32s
    nodes: Int32s
    open: int

    @property
    def arrays(self) -> tuple[UInt8s, Int32s, Int32s]:
        """What the kernels take."""
        return self.lengths, self.learners, self.nodes

    def count_learners(self) -> int:
        """Return how many learners there are; the paths of one lie together."""
        return int(np.count_nonzero(np.diff(self.learners, prepend=np.int32(-1))))


@dataclass(frozen=True, slots=True)
class _Step:
    """The nodes of a step that are told apart, most frequent first, and whether there are others."""

    nodes: tuple[int, ...]
    has_others: bool


def answer_paths(context: Context, question: Paths, selection: Selection) -> PathsAnswer:
    """Answer a question about paths for what its filters select."""
    anchor = context.behaviour(selection, question.anchor)
    values = list(values_of(question.by, context.state.dictionaries))
    names, nodes = _named(question.by, values)
    timelines = Timelines(context.state, (selection, anchor), nodes)
    written = _write_all(context, question, timelines)
    steps = _told_apart(question, written, len(names), context.state.run)
    flows, arrivals = _flows(steps, written, len(names), context.state.run)
    labels = [[*(names[node] for node in step.nodes), OTHER] for step in steps]
    run = context.state.run
    paths, learners, could_change = added(run, _sizes(written)).tolist()
    is_open = could_change if question.within_ms is not None else 0
    said = context.said(question, context.periods(question, "month"), "history", selection, anchor)
    notes = (
        *said["notes"],
        *(() if values else (f"no event has a {question.by}, so there is nothing to tell apart",)),
        *_open_note(is_open),
        *_joined_note(question, steps),
    )
    return PathsAnswer(
        **{**said, "periods": (), "notes": notes},
        paths=paths,
        learners=learners,
        open=is_open,
        nodes=_nodes(labels, flows, arrivals),
        edges=_edges(labels, flows),
    )


def _sizes(written: Sequence[_Written]) -> Int64s:
    """Return how many paths there are, whose, and how many could change."""
    sizes = [(len(one.lengths), one.count_learners(), one.open) for one in written]
    total: Int64s = np.array([(0, 0, 0), *sizes], np.int64).sum(axis=0)
    return total


def _named(column: str, values: Sequence[str]) -> tuple[list[str], Nodes]:
    """Return the values of a column in order, the absent one first, and the number of each code among them."""
    order = sorted(range(len(values)), key=values.__getitem__)
    numbers = np.zeros(len(values) + 1, np.int32)
    numbers[np.array(order, np.int64) + 1] = np.arange(1, len(values) + 1, dtype=np.int32)
    return [NONE, *(values[place] for place in order)], Nodes(column, sealed(numbers))


def _write_all(context: Context, question: Paths, timelines: Timelines) -> list[_Written]:
    blocks = timelines.blocks()
    found: list[_Written | None] = [None] * len(blocks)

    def work(number: int) -> None:
        start, end = blocks[number]
        found[number] = _write(context, question, timelines.block(start, end), start)

    context.state.run([partial(work, number) for number in range(len(blocks))])
    return [one for one in found if one is not None]


def _write(context: Context, question: Paths, timeline: Timeline, first_learner: int) -> _Written:
    """Write down the paths of a block of learners."""
    count = len(timeline.time_ms)
    gap_ms = _NO_GAP_MS if question.within_ms is None else question.within_ms
    place = 1 if question.after else -1 if question.before else 0
    # One node more than is shown tells whether a path ended at the last step that is.
    rules = (question.depth + 1, gap_ms, place, int(question.fold == "loops"))
    line = (timeline.offsets, timeline.time_ms, timeline.what)
    nodes = np.empty(count, np.int32)
    room = (np.empty(count, np.uint8), np.empty(count, np.int32), np.empty(count, np.uint8))
    paths, used = kernels.write_paths(line, rules, shown_span(context, question), nodes, room)
    lengths, learners, is_open = (part[:paths].copy() for part in room)
    learners += np.int32(first_learner)
    return _Written(
        sealed(lengths), sealed(learners), sealed(nodes[:used].copy()), int(is_open.sum())
    )


def _told_apart(question: Paths, written: Sequence[_Written], size: int, run: Run) -> list[_Step]:
    """Choose the nodes of each step that are told apart."""
    counts = np.zeros((question.depth, 2, size), np.int64)

    def work(step: int) -> None:
        seen = np.full(size, -1, np.int32)
        for one in written:
            kernels.count_nodes(one.arrays, step, counts[step, 0], counts[step, 1], seen)

    run([partial(work, step) for step in range(question.depth)])
    return [_chosen(question, *of_step) for of_step in added(run, counts)]


def _chosen(question: Paths, paths: Int64s, learners: Int64s) -> _Step:
    """Choose the nodes of a step, given how many paths have each there, and how many learners."""
    there = np.flatnonzero(paths)
    ranked = sorted(there.tolist(), key=lambda node: (-paths[node], node))
    chosen = [node for node in ranked if learners[node] >= question.least][: question.branches]
    return _Step(tuple(chosen), len(chosen) < len(ranked))


def _flows(
    steps: Sequence[_Step], written: Sequence[_Written], size: int, run: Run
) -> tuple[_Flows, Int64s]:
    """Count the flows between the nodes that are told apart, up to the step after the last.

    What is joined has the last place of all steps.
    """
    told = max((len(step.nodes) for step in steps), default=0)
    depth, places = len(steps) + 1, np.full((len(steps) + 1, size), told, np.uint8)
    for number, step in enumerate(steps):
        places[number, list(step.nodes)] = np.arange(len(step.nodes), dtype=np.uint8)
    shared = sealed(places)
    hands = [written[i :: run.workers] for i in range(min(run.workers, len(written)))]
    shape = (depth, told + 1, told + 2)
    flows = [np.zeros((2, *shape), np.int64) for _ in hands]
    arrivals = [np.zeros(shape[:2], np.int64) for _ in hands]

    def work(number: int) -> None:
        seen = (np.full(shape, -1, np.int32), np.full(shape[:2], -1, np.int32))
        for one in hands[number]:
            kernels.count_flows(one.arrays, shared, flows[number], arrivals[number], seen)

    run([partial(work, number) for number in range(len(hands))])
    no_flows, nobody = np.zeros((2, *shape), np.int64), np.zeros(shape[:2], np.int64)
    whole = added(run, np.add.reduce([no_flows, *flows]))
    return whole, added(run, np.add.reduce([nobody, *arrivals]))


def _nodes(labels: Sequence[list[str]], flows: _Flows, arrivals: Int64s) -> tuple[PathNode, ...]:
    found = []
    for step, names in enumerate(labels):
        came = flows[0, step].sum(axis=0)
        for place, name in _placed(names, arrivals.shape[1]):
            if came[place]:
                numbers = came[place], arrivals[step, place], flows[0, step + 1, place, -1]
                found.append(PathNode(step + 1, name, *map(int, numbers)))
    return tuple(found)


def _edges(labels: Sequence[list[str]], flows: _Flows) -> tuple[PathEdge, ...]:
    found = []
    for step in range(len(labels) + 1):
        sources = [(0, BEGIN)] if not step else _placed(labels[step - 1], flows.shape[2])
        targets = _placed(labels[step], flows.shape[2]) if step < len(labels) else []
        targets.append((flows.shape[3] - 1, END))
        found += [
            PathEdge(step + 1, source, target, *map(int, flows[:, step, i, j]))
            for i, source in sources
            for j, target in targets
            if flows[0, step, i, j]
        ]
    return tuple(found)


def _placed(names: Sequence[str], room: int) -> list[tuple[int, str]]:
    """Return the names of a step with their places; that of what is joined is the last of all steps."""
    return [*enumerate(names[:-1]), (room - 1, names[-1])]


def _open_note(is_open: int) -> tuple[str, ...]:
    if not is_open:
        return ()
    who = "1 path" if is_open == 1 else f"{is_open:,} paths"
    return (f"{who} could still change: the visit is not over",)


def _joined_note(question: Paths, steps: Sequence[_Step]) -> tuple[str, ...]:
    if not any(step.has_others for step in steps):
        return ()
    least = f", and what fewer than {question.least:,} learners did" if question.least > 1 else ""
    return (
        f"what is not among the first {question.branches} of a step{least} is joined in {OTHER}",
    )
