"""Answers about what learners do one after the other: funnels and paths."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.cohorts.answers.answer import Answer, Counts, Rates, nullable, number, wilson
from homeroom.cohorts.questions.behaviour import Funnel, Paths

__all__ = [
    "BEGIN",
    "END",
    "SPAN_EDGES_MS",
    "FunnelAnswer",
    "PathEdge",
    "PathNode",
    "PathsAnswer",
    "Times",
]

SPAN_EDGES_MS: Final = tuple(
    seconds * 1_000
    for seconds in (0, 1, 10, 60, 600, 3_600, 21_600, 86_400, 259_200, 604_800, 2_592_000, 7_776_000, 31_536_000)
)  # fmt: skip
"""Where the bins of times begin: steps of about six, at the edges that people name (10 minutes, a day, 90 days)."""
BEGIN: Final = "(begin)"
END: Final = "(end)"


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took those who did it.

    ``median_s``, float64 of shape (steps,), is the median in seconds, NaN where nobody did it; ``bins[i, b]``, int64 of
    shape (steps, edges), counts times from ``SPAN_EDGES_MS[b]`` on and below the next edge.
    """

    median_s: Rates
    bins: Counts


@dataclass(frozen=True, kw_only=True)
class FunnelAnswer(Answer):
    """How many came to each step of a funnel.

    Parameters
    ----------
    labels : what each step is called, in order
    counts : int64 of shape (steps,): learners (attempts, if the question counts every one) that came so far
    open : how many of them could still go on, since their time was not over at ``as_of``
    from_first, from_previous : how long it took to each step, the first one without a time
    """

    question: Funnel
    labels: tuple[str, ...]
    counts: Counts
    open: int
    from_first: Times
    from_previous: Times

    @property
    def unit(self) -> Literal["learners", "attempts"]:
        """What is counted."""
        return "attempts" if self.question.count == "every" else "learners"

    @property
    def before(self) -> Counts:
        """Of how many each step's conversion is taken: those at the step before, int64; of the first its own."""
        return np.concatenate([self.counts[:1], self.counts[:-1]])

    @property
    def conversion(self) -> tuple[Rates, Rates]:
        """Share of those at the first step, and of those at the step before, float64 of shape (steps,); NaN of none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.counts / self.counts[:1], self.counts / self.before

    def confidence(self, level: float = 0.95) -> tuple[tuple[Rates, Rates], tuple[Rates, Rates]]:
        """Return lower and upper bounds (Wilson score interval) of both conversions."""
        first = np.broadcast_to(self.counts[:1], self.counts.shape)
        return wilson(self.counts, first, level), wilson(self.counts, self.before, level)

    def figures(self) -> dict[str, Any]:
        """Return the counts as JSON-ready data."""
        question = self.question
        return {
            "order": question.order,
            "within": question.within,
            "count": question.count,
            "unit": self.unit,
            "steps": [
                {
                    "step": i + 1,
                    "name": label,
                    "count": int(self.counts[i]),
                    **{name: number(float(values[i])) for name, values in self._rates().items()},
                    "times_from_first": self.from_first.bins[i].tolist(),
                    "times_from_previous": self.from_previous.bins[i].tolist(),
                }
                for i, label in enumerate(self.labels)
            ],
            "time_edges_s": [edge // 1_000 for edge in SPAN_EDGES_MS],
            "open": self.open,
        }

    def _rates(self) -> dict[str, Rates]:
        from_first, from_previous = self.conversion
        (first_low, first_high), (previous_low, previous_high) = self.confidence()
        return {
            "from_first": from_first,
            "from_first_low": first_low,
            "from_first_high": first_high,
            "from_previous": from_previous,
            "from_previous_low": previous_low,
            "from_previous_high": previous_high,
            "median_from_first_s": self.from_first.median_s,
            "median_from_previous_s": self.from_previous.median_s,
        }

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        return {
            "step": np.arange(1, len(self.labels) + 1),
            "name": list(self.labels),
            "count": self.counts,
            **{name: nullable(values) for name, values in self._rates().items()},
        }


@dataclass(frozen=True, slots=True)
class PathNode:
    """One thing at one step, from 1 on: paths and learners that came to it, and paths that ended there."""

    step: int
    value: str
    paths: int
    learners: int
    ended: int


@dataclass(frozen=True, slots=True)
class PathEdge:
    """The way to a thing at one step from one at the step before (at the first step from `BEGIN`).

    Paths that end go to `END`.
    """

    step: int
    source: str
    target: str
    paths: int
    learners: int


Direction: TypeAlias = Literal["start", "after", "before"]


@dataclass(frozen=True, kw_only=True)
class PathsAnswer(Answer):
    """The ways that learners took.

    Parameters
    ----------
    paths, learners : how many paths there are, and of how many learners
    open : how many of the paths could still change, since their visit was not over at ``as_of``
    nodes : what they came to, step by step, the most frequent first; what is joined is last
    edges : how they came to it, in the same order; edges to `END` are last
    """

    question: Paths
    paths: int
    learners: int
    open: int
    nodes: tuple[PathNode, ...]
    edges: tuple[PathEdge, ...]

    @property
    def direction(self) -> Direction:
        """Where paths hang: at the start of a visit, after something, or before something (then they lead back)."""
        if self.question.after:
            return "after"
        return "before" if self.question.before else "start"

    def share(self, paths: int) -> float:
        """Return the share of all paths; NaN if there are none."""
        return paths / self.paths if self.paths else float("nan")

    def at_step(self, step: int) -> list[PathNode]:
        """Return the nodes of a step."""
        return [node for node in self.nodes if node.step == step]

    def figures(self) -> dict[str, Any]:
        """Return the counts as JSON-ready data."""
        return {
            "by": self.question.by,
            "direction": self.direction,
            "depth": self.question.depth,
            "within": self.question.within,
            "paths": self.paths,
            "learners": self.learners,
            "open": self.open,
            "nodes": [
                {
                    "step": node.step,
                    "value": node.value,
                    "paths": node.paths,
                    "learners": node.learners,
                    "share": number(self.share(node.paths)),
                    "ended": node.ended,
                }
                for node in self.nodes
            ],
            "edges": [
                {
                    "step": edge.step,
                    "from": edge.source,
                    "to": edge.target,
                    "paths": edge.paths,
                    "learners": edge.learners,
                    "share": number(self.share(edge.paths)),
                }
                for edge in self.edges
            ],
        }

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        edges = self.edges
        return {
            "step": pa.array([edge.step for edge in edges], pa.int64()),
            "from": pa.array([edge.source for edge in edges], pa.string()),
            "to": pa.array([edge.target for edge in edges], pa.string()),
            "paths": pa.array([edge.paths for edge in edges], pa.int64()),
            "learners": pa.array([edge.learners for edge in edges], pa.int64()),
            "share": pa.array([self.share(edge.paths) for edge in edges], pa.float64()),
        }
