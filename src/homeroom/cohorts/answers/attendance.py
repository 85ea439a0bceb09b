"""Answers about days of activity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers.answer import (
    Answer,
    Counts,
    Flags,
    Rates,
    nullable,
    number,
    ragged,
    wilson,
)
from homeroom.cohorts.questions import Active, Lifecycle, Retention, Stickiness

__all__ = ["ActiveAnswer", "LifecycleAnswer", "RetentionAnswer", "Series", "StickinessAnswer"]


@dataclass(frozen=True, kw_only=True)
class RetentionAnswer(Answer):
    """Retention counts: start period × periods since.

    ``counts[p, k]``, int64 of shape (periods, columns), counts those of group p in column k; -1 lies beyond the
    range. ``sizes`` = ``counts[:, 0]``. ``complete`` has the same shape. ``columns`` labels them (``0``, ``1``,
    ``2-7``).
    """

    question: Retention
    columns: tuple[str, ...]
    counts: Counts
    complete: Flags

    @property
    def sizes(self) -> Counts:
        """Size of each group, int64 of shape (periods,)."""
        return self.counts[:, 0] if len(self.counts) else np.zeros(0, np.int64)

    @property
    def rates(self) -> Rates:
        """Share of the group, float64 of the shape of ``counts``; NaN beyond the range and for empty groups."""
        with np.errstate(invalid="ignore", divide="ignore"):
            rates = self.counts / self.sizes[:, None]
        return np.where((self.counts < 0) | (self.sizes[:, None] == 0), np.nan, rates)

    def confidence(self, level: float = 0.95) -> tuple[Rates, Rates]:
        """Return the lower and upper bound of each rate (Wilson score interval), of the shape of ``counts``."""
        low, high = wilson(
            np.maximum(self.counts, 0),
            np.broadcast_to(self.sizes[:, None], self.counts.shape),
            level,
        )
        outside = self.counts < 0
        return np.where(outside, np.nan, low), np.where(outside, np.nan, high)

    def figures(self) -> dict[str, Any]:
        """Return the counts as JSON-ready data."""
        inside = self.counts >= 0
        # Of what lies inside alone: of a long triangle that is half.
        counts = self.counts[inside]
        sizes = np.repeat(self.sizes, np.count_nonzero(inside, axis=1))
        low, high = wilson(counts, sizes)
        with np.errstate(invalid="ignore", divide="ignore"):
            rates = np.where(sizes == 0, np.nan, counts / sizes)
        question = self.question
        return {
            "interval": question.interval,
            "mode": question.mode,
            "match": question.match,
            "periods": list(self.periods),
            "columns": list(self.columns),
            "sizes": self.sizes.tolist(),
            "counts": ragged(counts, inside),
            "complete": ragged(self.complete[inside], inside),
            "rates": ragged(rates, inside),
            "rate_low": ragged(low, inside),
            "rate_high": ragged(high, inside),
        }

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        low, high = self.confidence()
        rows, columns = np.nonzero(self.counts >= 0)
        return {
            "period": [self.periods[i] for i in rows],
            "since": [self.columns[i] for i in columns],
            "size": self.sizes[rows],
            "count": self.counts[rows, columns],
            "rate": nullable(self.rates[rows, columns]),
            "rate_low": nullable(low[rows, columns]),
            "rate_high": nullable(high[rows, columns]),
            "complete": self.complete[rows, columns],
        }


@dataclass(frozen=True, kw_only=True)
class LifecycleAnswer(Answer):
    """Learners by period and stage; all arrays int64 of shape (periods,), ``complete`` bool."""

    question: Lifecycle
    new: Counts
    returning: Counts
    resurrecting: Counts
    dormant: Counts
    complete: Flags

    def figures(self) -> dict[str, Any]:
        """Return the counts as JSON-ready data."""
        return {
            "interval": self.question.interval,
            "periods": list(self.periods),
            **{
                name: getattr(self, name).tolist()
                for name in ("new", "returning", "resurrecting", "dormant", "complete")
            },
        }

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        return {
            "period": list(self.periods),
            "new": self.new,
            "returning": self.returning,
            "resurrecting": self.resurrecting,
            "dormant": self.dormant,
            "complete": self.complete,
        }


@dataclass(frozen=True, kw_only=True)
class StickinessAnswer(Answer):
    """``learners[i]`` were active in exactly ``i + 1`` periods of the range; ``complete`` bool by period."""

    question: Stickiness
    learners: Counts
    complete: Flags

    def figures(self) -> dict[str, Any]:
        """Return the counts as JSON-ready data."""
        return {
            "interval": self.question.interval,
            "periods": list(self.periods),
            "active_periods": list(range(1, len(self.learners) + 1)),
            "learners": self.learners.tolist(),
            "complete": self.complete.tolist(),
        }

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        # The range is complete as a whole or not: a learner can still move to a higher row in an open period.
        return {
            "active_periods": np.arange(1, len(self.learners) + 1),
            "learners": self.learners,
            "complete": np.full(len(self.learners), bool(self.complete.all())),
        }


@dataclass(frozen=True, slots=True)
class Series:
    """One number a period; ``complete`` says which periods have ended."""

    periods: tuple[str, ...]
    values: npt.NDArray[Any]
    complete: Flags

    def to_json(self) -> dict[str, Any]:
        """Return the series as JSON-ready data."""
        return {
            "periods": list(self.periods),
            "values": [number(v) for v in self.values.tolist()],
            "complete": self.complete.tolist(),
        }


@dataclass(frozen=True, kw_only=True)
class ActiveAnswer(Answer):
    """Active learners by day, week and month (int64), and ratios (float64, NaN where nobody was active).

    ``day_week`` is the mean of the days of a week over the week, ``day_month`` and ``week_month`` likewise.
    """

    question: Active
    day: Series
    week: Series
    month: Series
    day_week: Series
    day_month: Series
    week_month: Series

    def figures(self) -> dict[str, Any]:
        """Return the counts as JSON-ready data."""
        return {
            "active": {name: getattr(self, name).to_json() for name in ("day", "week", "month")},
            "ratios": {
                name: getattr(self, name).to_json()
                for name in ("day_week", "day_month", "week_month")
            },
        }

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        names = ("day", "week", "month", "day_week", "day_month", "week_month")
        series = [getattr(self, name) for name in names]
        return {
            "measure": [n for n, s in zip(names, series, strict=True) for _ in s.periods],
            "period": [p for s in series for p in s.periods],
            "value": nullable(np.concatenate([s.values.astype(np.float64) for s in series])),
            "complete": np.concatenate([s.complete for s in series]),
        }
