"""Scales: where a value stands, which steps a ruler shows, which labels have room.

Rulers end at 1, 2 or 5 times a power of ten. The colours of a triangle do not run to 100%: learning platforms see
most returns below 40%, and on a scale to 100% every course looks the same pale. The scale ends at a round number that
holds nearly all learners' cells; what lies above takes the last colour, and the legend says so.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from homeroom.cohorts.answers import Counts, Rates, RetentionAnswer
from homeroom.cohorts.charts.palette import STEPS

__all__ = [
    "Pooled",
    "Ruler",
    "ceiling",
    "label_stride",
    "pool",
    "rate_step",
    "round_up",
    "ruler",
    "share_ruler",
]

_CEILINGS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
_COVERED = 0.98


@dataclass(frozen=True, slots=True)
class Ruler:
    """A straight scale from 0 to ``top`` with its ticks, of counts or of shares."""

    top: float
    ticks: tuple[float, ...]
    unit: Literal["count", "share"] = "count"


@dataclass(frozen=True, slots=True)
class Pooled:
    """All groups together in one column of a triangle, complete cells only: ``returned`` of ``learners``."""

    returned: int
    learners: int
    groups: int

    @property
    def rate(self) -> float:
        """Share, NaN where no group has come that far."""
        return self.returned / self.learners if self.learners else math.nan


def round_up(value: float, marks: Sequence[float] = (1, 2, 5, 10)) -> float:
    """Return the least of the marks (1, 2, 5) × a power of ten that is not below the value; the last mark is 10."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * m for m in marks if power * m >= value * (1 - 1e-12))


def ruler(top: float, ticks: int) -> Ruler:
    """Return a ruler of counts from 0 that holds ``top``, with about so many ticks at whole numbers."""
    step = max(round_up(top / ticks), 1.0)
    marks = max(math.ceil(top / step - 1e-9), 1)
    return Ruler(step * marks, tuple(step * i for i in range(marks + 1)))


def share_ruler(top: float) -> Ruler:
    """Return a ruler of shares from 0 that holds ``top``."""
    step = next(s for s in (0.05, 0.1, 0.2, 0.25) if s * 4 >= min(top, 1) - 1e-9)
    marks = max(math.ceil(min(top, 1) / step - 1e-9), 1)
    return Ruler(step * marks, tuple(step * i for i in range(marks + 1)), "share")


def label_stride(labels: Sequence[str], label_px: float, pitch_px: float) -> int:
    """Return n such that every n-th label has room; n is a number in which people count."""
    if not labels:
        return 1
    need = max(label_px / max(pitch_px, 1e-9), 1)
    return next(
        (n for n in (1, 2, 4, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000) if n >= need), 2500
    )


def ceiling(answers: Sequence[RetentionAnswer]) -> float:
    """Return the rate at which the colours end: a round number that holds 98% of the learners' cells."""
    rates: list[Rates] = [a.rates[:, 1:] for a in answers]
    weights: list[Counts] = [
        np.broadcast_to(a.sizes[:, None], r.shape)[~np.isnan(r)]
        for a, r in zip(answers, rates, strict=True)
    ]
    rate = np.concatenate([r[~np.isnan(r)] for r in rates])
    weight = np.concatenate(weights)
    if not len(rate) or rate.max() == 0:
        return 1.0
    order = np.argsort(rate)
    reached = np.cumsum(weight[order]) / weight.sum()
    high = float(rate[order][np.searchsorted(reached, _COVERED - 1e-12)])
    return next(c for c in _CEILINGS if c >= high - 1e-12)


def rate_step(rate: float, top: float) -> int:
    """Return the colour step of a rate, 0 to 9."""
    return min(int(rate / top * STEPS + 1e-9), STEPS - 1)


def pool(answer: RetentionAnswer) -> list[Pooled]:
    """Sum the complete cells of each column over all groups."""
    inside = (answer.counts >= 0) & answer.complete & (answer.sizes > 0)[:, None]
    returned = np.where(inside, answer.counts, 0).sum(axis=0)
    learners = np.where(inside, answer.sizes[:, None], 0).sum(axis=0)
    groups = inside.sum(axis=0)
    return [
        Pooled(int(r), int(n), int(g)) for r, n, g in zip(returned, learners, groups, strict=True)
    ]
