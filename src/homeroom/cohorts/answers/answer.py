"""What all answers have, and what was read to compute them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.cohorts.questions import Question

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answer", "Counts", "Flags", "Rates", "Source", "nullable", "number", "ragged", "wilson"]

Counts: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Rates: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was read. ``events_read`` = accepted + duplicate + rejected.

    ``events_duplicate`` is None where repeats were not counted (they cannot change an answer from the columns).
    ``conflicts`` counts events that came with an id that another event has too; both count. ``events_voided`` are those
    of all accepted events, of earlier loads too, that were taken back: no answer sees them.
    """

    events_read: int = 0
    events_accepted: int = 0
    events_duplicate: int | None = 0
    events_rejected: int = 0
    rejected_by_reason: Mapping[str, int] = field(default_factory=dict)
    conflicts: int | None = 0
    events_voided: int = 0
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
    history_from : ISO date of the day at which history begins, if the answer would need events from before it: it is
        not complete then; None otherwise
    """

    question: Question
    periods: tuple[str, ...]
    as_of: str | None
    timezone: str
    answered_from: Literal["columns", "history"]
    source: Source = field(default_factory=Source)
    notes: tuple[str, ...] = ()
    parts: tuple[tuple[str, "Answer"], ...] = ()
    history_from: str | None = None

    def figures(self) -> dict[str, Any]:
        """Return the counts as JSON-ready data, without the question and where they are from."""
        raise TypeError(f"{type(self).__name__} has no figures of its own")

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        raise TypeError(f"{type(self).__name__} has no table of its own")

    def guarded_parts(
        self, parts: tuple[tuple[str, "Answer"], ...]
    ) -> tuple[tuple[str, "Answer"], ...]:
        """Return the parts of a breakdown without what, with the sum of all, would give away a small count."""
        return parts

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
        if self.history_from is not None:
            out["history_from"] = self.history_from
        if self.question.parted_by is not None:
            kind = "compare" if self.question.compare else "breakdown"
            out[kind] = [{"value": value, **part.figures()} for value, part in self.parts]
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
                    0, str(self.question.parted_by), pa.array([value] * len(table), pa.string())
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


def number(value: float) -> float | None:
    """Return a number for JSON, which has no NaN."""
    return None if isinstance(value, float) and np.isnan(value) else value


def nullable(values: Rates) -> pa.Array:
    """Return an Arrow array with null for NaN."""
    return pa.array(values, from_pandas=True)


def ragged(values: npt.NDArray[Any], inside: Flags) -> list[list[Any]]:
    """Return the values of the cells that lie inside, shape (cells,), row by row, with None for NaN.

    All are made in one call: a triangle of half a year has 16,000 cells, and a node tells five of them an answer.
    """
    found: list[Any] = values.tolist()
    if values.dtype.kind == "f":
        for place in np.flatnonzero(np.isnan(values)).tolist():
            found[place] = None
    ends = np.cumsum(np.count_nonzero(inside, axis=1)).tolist()
    return [found[start:end] for start, end in zip([0, *ends], ends, strict=False)]
