"""The typed answers, and the forms in which they leave: JSON, Arrow, pandas, SVG, HTML.

An answer knows its question, what was read to compute it (``source``), whether the columns of the state or history
answered it, and which of its cells are not complete yet. It holds counts; rates and their confidence intervals are
derived from these, so that no two numbers of one answer can disagree.

Cells that lie beyond the range hold -1 in ``counts`` (and are left out of every written form, so a triangle's rows
get shorter downwards).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.cohorts.questions import Active, Lifecycle, Question, Retention, Stickiness

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ActiveAnswer",
    "Answer",
    "LifecycleAnswer",
    "RetentionAnswer",
    "Series",
    "Source",
    "StickinessAnswer",
    "wilson",
]

Counts: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Rates: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was read. ``events_read`` = accepted + duplicate + rejected.

    ``events_duplicate`` is None where repeats were not counted (they cannot change an answer from the columns).
    ``conflicts`` counts events that came with an id that another event has too; both count.
    """

    events_read: int = 0
    events_accepted: int = 0
    events_duplicate: int | None = 0
    events_rejected: int = 0
    rejected_by_reason: Mapping[str, int] = field(default_factory=dict)
    conflicts: int | None = 0
    learners: int = 0
    first_event: str | None = None
    last_event: str | None = None
    files: int = 0
    rejects_file: str | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON-ready data."""
        return {
            name: (list(v) if isinstance(v, tuple) else dict(v) if isinstance(v, Mapping) else v)
            for name in self.__slots__
            for v in (getattr(self, name),)
        }


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What all answers have.

    Parameters
    ----------
    question : the question that was answered
    periods : ISO date of each period's first day (an hour's instant, with offset)
    as_of : ISO instant up to which the data are known; None if there are none
    timezone : the reporting zone that was used
    answered_from : ``columns`` of the state, or ``history``
    source : what was read
    notes : what a reader should know (a verb that no event has, values left out of a breakdown)
    parts : with a breakdown, the answers by value, the largest first
    """

    question: Question
    periods: tuple[str, ...]
    as_of: str | None
    timezone: str
    answered_from: Literal["columns", "history"]
    source: Source = field(default_factory=Source)
    notes: tuple[str, ...] = ()
    parts: tuple[tuple[str, "Answer"], ...] = ()

    def figures(self) -> dict[str, Any]:
        """Return the counts as JSON-ready data, without the question and where they are from."""
        raise TypeError(f"{type(self).__name__} has no figures of its own")

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        raise TypeError(f"{type(self).__name__} has no table of its own")

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON-ready data; its schema is in ``docs/reference/outputs``."""
        out = {
            "question": self.question.to_dict(),
            **self.figures(),
            "timezone": self.timezone,
            "as_of": self.as_of,
            "answered_from": self.answered_from,
            "notes": list(self.notes),
        }
        if self.question.breakdown is not None:
            out["breakdown"] = [{"value": value, **part.figures()} for value, part in self.parts]
        out["source"] = self.source.to_json()
        return out

    def to_arrow(self) -> pa.Table:
        """Return the answer as a long table, one row a cell; a breakdown's value is the first column."""
        if not self.parts:
            return pa.table(self._table())
        tables = []
        for value, part in self.parts:
            table = part.to_arrow()
            tables.append(
                table.add_column(
                    0, str(self.question.breakdown), pa.array([value] * len(table), pa.string())
                )
            )
        return pa.concat_tables(tables)

    def to_pandas(self) -> "pd.DataFrame":
        """Return `to_arrow` as a pandas frame. Raises `ImportError` where pandas is not installed."""
        try:
            import pandas as pd  # noqa: F401 - to say what is missing before Arrow does
        except ImportError as error:
            raise ImportError(
                "to_pandas() needs pandas, which homeroom does not; pip install pandas, or use to_arrow()"
            ) from error
        return self.to_arrow().to_pandas()

    def plot_svg(self) -> str:
        """Draw the answer as a self-contained SVG that is readable on light and dark pages."""
        from homeroom.cohorts.charts import draw

        return draw(self)

    def _repr_html_(self) -> str:
        """Show the answer in a notebook: the chart, and under it what was read."""
        from homeroom.cohorts.charts import draw_html

        return draw_html(self)


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
        low, high = self.confidence()
        inside = self.counts >= 0
        question = self.question
        return {
            "interval": question.interval,
            "mode": question.mode,
            "match": question.match,
            "periods": list(self.periods),
            "columns": list(self.columns),
            "sizes": self.sizes.tolist(),
            "counts": _ragged(self.counts, inside),
            "complete": _ragged(self.complete, inside),
            "rates": _ragged(self.rates, inside),
            "rate_low": _ragged(low, inside),
            "rate_high": _ragged(high, inside),
        }

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        low, high = self.confidence()
        rows, columns = np.nonzero(self.counts >= 0)
        return {
            "period": [self.periods[i] for i in rows],
            "since": [self.columns[i] for i in columns],
            "size": self.sizes[rows],
            "count": self.counts[rows, columns],
            "rate": _nullable(self.rates[rows, columns]),
            "rate_low": _nullable(low[rows, columns]),
            "rate_high": _nullable(high[rows, columns]),
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
            "values": [_number(v) for v in self.values.tolist()],
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
            "value": _nullable(np.concatenate([s.values.astype(np.float64) for s in series])),
            "complete": np.concatenate([s.complete for s in series]),
        }


def wilson(
    successes: npt.NDArray[Any], trials: npt.NDArray[Any], level: float = 0.95
) -> tuple[Rates, Rates]:
    """Return the Wilson score interval of shares, NaN where there are no trials.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    It holds its level for small groups and for rates near 0 and 1, where the textbook interval leaves [0, 1].
    """
    from statistics import NormalDist

    if not 0 < level < 1:
        raise ValueError(f"level == {level}, must be between 0 and 1.")
    z2 = NormalDist().inv_cdf(0.5 + level / 2) ** 2
    n = np.where(trials > 0, trials, np.nan).astype(np.float64)
    share = successes / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) + z2 / (4 * n)) / n) / (1 + z2 / n)
    # Of none or of all the bound is the share itself, which rounding must not miss.
    low, high = np.minimum(middle - half, share), np.maximum(middle + half, share)
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


def _number(value: float) -> float | None:
    return None if isinstance(value, float) and np.isnan(value) else value


def _nullable(values: Rates) -> pa.Array:
    return pa.array(values, from_pandas=True)


def _ragged(cells: npt.NDArray[Any], inside: Flags) -> list[list[Any]]:
    return [
        [_number(v) for v in row[keep].tolist()] for row, keep in zip(cells, inside, strict=True)
    ]
