"""Answers about funnels and paths made from fixed numbers, for tests of what draws or writes them."""

from typing import Any

import numpy as np

from homeroom.cohorts.answers import Answer, FunnelAnswer, PathsAnswer
from homeroom.cohorts.answers.behaviour import (
    BEGIN,
    END,
    SPAN_EDGES_MS,
    PathEdge,
    PathNode,
    Times,
)
from homeroom.cohorts.questions import Condition, Funnel, Paths
from homeroom.cohorts.questions.behaviour import Step
from tests.answers_builder import AS_OF, SOURCE

__all__ = ["FLOWS", "VERBS", "funnel", "paths", "with_parts"]

VERBS = (
    "https://w3id.org/xapi/video/verbs/played",
    "http://adlnet.gov/expapi/verbs/answered",
    "http://adlnet.gov/expapi/verbs/completed",
    "(other)",
)
STEPS = tuple(Step((Condition("verb", (verb,)),)) for verb in ("played", "answered", "posted"))
ALL = {"periods": (), "as_of": AS_OF, "timezone": "UTC", "answered_from": "history", "source": SOURCE}  # fmt: skip


def funnel(counts: tuple[int, ...] = (1_000, 420, 36), **changes: Any) -> FunnelAnswer:
    """Return a funnel of three steps, or of as many as there are counts."""
    steps = tuple(STEPS[i % 3] for i in range(len(counts)))
    medians = np.array([np.nan, *(4.5 * 60**i if n else np.nan for i, n in enumerate(counts[1:]))])
    bins = np.zeros((len(counts), len(SPAN_EDGES_MS)), np.int64)
    for i, count in enumerate(counts[1:], 1):
        bins[i, 1 + i] = count
    fields: dict[str, Any] = {
        "question": Funnel(steps=steps), "labels": tuple(step.label for step in steps),
        "counts": np.array(counts, np.int64), "open": 7, "from_first": Times(medians, bins),
        "from_previous": Times(medians, bins), **ALL,
    }  # fmt: skip
    return FunnelAnswer(**{**fields, **changes})


FLOWS = (
    (1, BEGIN, 0, 500), (1, BEGIN, 1, 300), (1, BEGIN, 3, 100), (1, BEGIN, END, 100),
    (2, 0, 1, 200), (2, 0, 2, 150), (2, 0, END, 150), (2, 1, 0, 90), (2, 1, END, 210), (2, 3, 2, 100),
    (3, 1, END, 120), (3, 2, END, 50),
)  # fmt: skip


def paths(question: Paths | None = None, **changes: Any) -> PathsAnswer:
    """Return paths of two steps; 90 go on from played at step 2, 80 from answered, 200 from completed."""

    def name(place: int | str) -> str:
        return place if isinstance(place, str) else VERBS[place]

    edges = tuple(PathEdge(step, name(a), name(b), n, n // 2) for step, a, b, n in FLOWS)
    nodes = []
    for step in (1, 2):
        for place, verb in enumerate(VERBS):
            came = sum(n for s, _, to, n in FLOWS if (s, to) == (step, place))
            ended = sum(n for s, a, to, n in FLOWS if (s, a, to) == (step + 1, place, END))
            if came:
                nodes.append(PathNode(step, verb, came, came // 2, ended))
    fields: dict[str, Any] = {
        "question": question or Paths(depth=2), "paths": 1_000, "learners": 640, "open": 12,
        "nodes": tuple(nodes), "edges": edges, **ALL,
    }  # fmt: skip
    return PathsAnswer(**{**fields, **changes})


def with_parts(kind: str, names: tuple[str, ...]) -> Answer:
    """Return a funnel, or paths, with a part of each name."""
    if kind == "funnel":
        question: Any = Funnel(steps=STEPS, breakdown="course")
        return funnel(question=question, parts=tuple((name, funnel()) for name in names))
    question = Paths(depth=2, breakdown="course")
    return paths(question, parts=tuple((name, paths()) for name in names))
