"""Where the nodes and the ribbons of a drawing of paths stand.

A drawing shows fewer steps than an answer may hold, and fewer nodes a step: what has no room is joined in what is
joined already. Heights are shares of all paths on one scale for all steps, so a ribbon is as wide at both of its ends;
a node is given at least the height of its label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homeroom.cohorts.answers import PathsAnswer
from homeroom.cohorts.answers.behaviour import BEGIN, END
from homeroom.cohorts.matching import OTHER

__all__ = ["Box", "Layout", "Ribbon", "lay_out"]

LABEL_PX = 16
GAP_PX = 6
PLOT_PX = 300


@dataclass(frozen=True, slots=True)
class Box:
    """One node: its step (0 is where paths begin), its name, its paths and how many ended there, and its place in px.

    ``ended_y`` is where those that ended leave it.
    """

    step: int
    name: str
    paths: int
    ended: int
    y: float
    height: float
    ended_y: float


@dataclass(frozen=True, slots=True)
class Ribbon:
    """One flow between two boxes: where it leaves, where it arrives, and how wide it is, in px."""

    source: Box
    target: Box
    paths: int
    leaves_y: float
    arrives_y: float
    width: float


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing of paths, ``height`` px high; ``scale`` is px a path."""

    boxes: tuple[Box, ...]
    ribbons: tuple[Ribbon, ...]
    height: float
    scale: float


def lay_out(answer: PathsAnswer, steps: int, nodes_max: int) -> Layout:
    """Place the first steps of an answer, at each step at most so many nodes beside what is joined."""
    names = [_shown(answer, step, nodes_max) for step in range(1, steps + 1)]
    flows = _flows(answer, names)
    columns = [[BEGIN], *([*shown, OTHER] for shown in names)]
    scale = PLOT_PX / max(answer.paths, 1)
    height = 0.0
    boxes: dict[tuple[int, str], Box] = {}
    for step, column in enumerate(columns):
        y = 0.0
        for name in column:
            paths = _came(answer, flows, step, name)
            if not paths:
                continue
            ended = flows.get((step + 1, name, END), 0)
            tall = paths * scale
            slot = max(tall, LABEL_PX)
            top = y + (slot - tall) / 2
            ended_y = top + _gone_on(flows, step, name) * scale
            boxes[step, name] = Box(step, name, paths, ended, top, tall, ended_y)
            y += slot + GAP_PX
        height = max(height, y)
    return Layout(tuple(boxes.values()), _ribbons(flows, boxes, scale), height, scale)


def _shown(answer: PathsAnswer, step: int, nodes_max: int) -> list[str]:
    return [node.value for node in answer.at_step(step) if node.value != OTHER][:nodes_max]


def _flows(
    answer: PathsAnswer, names: Sequence[Sequence[str]]
) -> Mapping[tuple[int, str, str], int]:
    """Return the paths by (step, source, target), with what is not shown under the name of what is joined."""
    found: dict[tuple[int, str, str], int] = {}
    for edge in answer.edges:
        if edge.step > len(names) + 1 or (edge.step == len(names) + 1 and edge.target != END):
            continue
        source, target = edge.source, edge.target
        if edge.step > 1 and source not in names[edge.step - 2]:
            source = OTHER
        if target != END and target not in names[edge.step - 1]:
            target = OTHER
        place = (edge.step, source, target)
        found[place] = found.get(place, 0) + edge.paths
    return found


def _came(
    answer: PathsAnswer, flows: Mapping[tuple[int, str, str], int], step: int, name: str
) -> int:
    if not step:
        return answer.paths
    return sum(paths for (at, _, to), paths in flows.items() if (at, to) == (step, name))


def _gone_on(flows: Mapping[tuple[int, str, str], int], step: int, name: str) -> int:
    return sum(
        paths
        for (at, source, to), paths in flows.items()
        if (at, source) == (step + 1, name) and to != END
    )


def _ribbons(
    flows: Mapping[tuple[int, str, str], int],
    boxes: Mapping[tuple[int, str], Box],
    scale: float,
) -> tuple[Ribbon, ...]:
    """Let ribbons leave and arrive in the order of the boxes, so that as few as can be cross."""
    order = {place: i for i, place in enumerate(boxes)}
    left = {place: box.y for place, box in boxes.items()}
    reached = dict(left)
    found = []
    ways = [
        ((step - 1, source), (step, target), paths)
        for (step, source, target), paths in flows.items()
        if target != END
    ]
    for source, target, paths in sorted(ways, key=lambda way: (order[way[0]], order[way[1]])):
        wide = paths * scale
        found.append(
            Ribbon(boxes[source], boxes[target], paths, left[source], reached[target], wide)
        )
        left[source] += wide
        reached[target] += wide
    return tuple(found)
