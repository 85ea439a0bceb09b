"""Answers made from small fixed rules, for tests of what draws or writes answers: no engine, no files."""

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np

from homeroom.cohorts.answers import (
    ActiveAnswer,
    Answer,
    LifecycleAnswer,
    RetentionAnswer,
    Series,
    Source,
    StickinessAnswer,
)
from homeroom.cohorts.questions import Active, Lifecycle, Retention, Stickiness

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = Source(
    events_read=1_234_567,
    events_accepted=1_201_004,
    events_duplicate=31_207,
    events_rejected=2_356,
    rejected_by_reason={"time_without_zone": 1_900, "not_json": 431, "truncated": 25},
    conflicts=3,
    learners=48_211,
    first_event="2024-01-01T06:12:44.120Z",
    last_event="2024-07-23T21:59:03.001Z",
    files=12,
    rejects_file="rejects.ndjson",
)
AS_OF = "2024-07-23T21:59:03.001Z"


def periods(count: int, days: int = 7) -> tuple[str, ...]:
    """Return so many period starts from Monday 2024-01-01, ``days`` apart."""
    first = dt.date(2024, 1, 1)
    return tuple((first + dt.timedelta(days=days * i)).isoformat() for i in range(count))


def triangle(rows: int, size: int = 400, seed: int = 1) -> np.ndarray:
    """Return counts of a triangle that decays like a course does, -1 beyond the range."""
    rng = np.random.default_rng(seed)
    p, k = np.arange(rows)[:, None], np.arange(rows)[None, :]
    sizes = np.maximum(size * (0.25 + rng.random(rows)), 1).astype(np.int64)[:, None]
    rate = 0.42 * (k + 1.0) ** -0.55 * (0.85 + 0.3 * rng.random((rows, rows)))
    counts = np.where(k == 0, sizes, (sizes * rate).astype(np.int64))
    return np.where(p + k < rows, counts, -1)


def retention(
    rows: int = 30, question: Retention | None = None, **changes: object
) -> RetentionAnswer:
    """Return a retention answer whose last period is not complete."""
    counts = triangle(rows, **{k: changes.pop(k) for k in ("size", "seed") if k in changes})
    p, k = np.arange(rows)[:, None], np.arange(rows)[None, :]
    fields: dict[str, object] = {
        "question": question or Retention(), "periods": periods(rows),
        "columns": tuple(str(i) for i in range(rows)), "counts": counts, "complete": p + k < rows - 1,
        "as_of": AS_OF, "timezone": "Europe/Berlin", "answered_from": "columns", "source": SOURCE,
    }  # fmt: skip
    return RetentionAnswer(**{**fields, **changes})


def lifecycle(
    rows: int = 30, question: Lifecycle | None = None, **changes: object
) -> LifecycleAnswer:
    """Return a lifecycle answer whose last period is not complete."""
    rng = np.random.default_rng(2)
    i = np.arange(rows)
    new = (900 * np.exp(-i / 9) * (0.8 + 0.4 * rng.random(rows))).astype(np.int64)
    returning = (np.minimum(i, 6) * 210 * (0.8 + 0.4 * rng.random(rows))).astype(np.int64)
    resurrecting = (np.minimum(i, 4) * 50 * (0.7 + 0.6 * rng.random(rows))).astype(np.int64)
    dormant = (np.minimum(i, 3) * 170 * (0.7 + 0.6 * rng.random(rows))).astype(np.int64)
    fields: dict[str, object] = {
        "question": question or Lifecycle(), "periods": periods(rows), "new": new, "returning": returning,
        "resurrecting": resurrecting, "dormant": dormant, "complete": i < rows - 1,
        "as_of": AS_OF, "timezone": "Europe/Berlin", "answered_from": "columns", "source": SOURCE,
    }  # fmt: skip
    return LifecycleAnswer(**{**fields, **changes})


def stickiness(
    rows: int = 30, question: Stickiness | None = None, **changes: object
) -> StickinessAnswer:
    """Return a stickiness answer over so many days."""
    i = np.arange(rows)
    fields: dict[str, object] = {
        "question": question or Stickiness(), "periods": periods(rows, 1),
        "learners": (4_000 * (i + 1.0) ** -1.2).astype(np.int64), "complete": i < rows - 1,
        "as_of": AS_OF, "timezone": "Europe/Berlin", "answered_from": "columns", "source": SOURCE,
    }  # fmt: skip
    return StickinessAnswer(**{**fields, **changes})


def active(days: int = 200, question: Active | None = None, **changes: object) -> ActiveAnswer:
    """Return active learners over so many days from 2024-01-01."""
    rng = np.random.default_rng(3)
    i = np.arange(days)
    daily = (
        1_400
        * np.exp(-((i - 80) ** 2) / 9_000)
        * np.where(i % 7 < 5, 1, 0.45)
        * (0.9 + 0.2 * rng.random(days))
    )
    day = daily.astype(np.int64)
    day_names = periods(days, 1)
    weeks, months = day_names[::7], tuple(dict.fromkeys(f"{d[:7]}-01" for d in day_names))
    week = np.array(
        [int(day[7 * w : 7 * w + 7].sum() * 0.42) for w in range(len(weeks))], dtype=np.int64
    )
    in_month: Mapping[str, np.ndarray] = {
        m: day[[d[:7] == m[:7] for d in day_names]] for m in months
    }
    month = np.array([int(in_month[m].sum() * 0.16) for m in months], dtype=np.int64)
    week, month = np.maximum(week, day.max()), np.maximum(month, day.max())
    with np.errstate(invalid="ignore", divide="ignore"):
        day_week = np.array([day[7 * w : 7 * w + 7].mean() for w in range(len(weeks))]) / week
        day_month = np.array([in_month[m].mean() for m in months]) / month
        week_month = np.array([in_month[m].mean() * 2.2 for m in months]) / month
    week_month = np.minimum(week_month, 1)
    fields: dict[str, object] = {
        "question": question or Active(), "periods": day_names,
        "day": Series(day_names, day, i < days - 1),
        "week": _series(weeks, week), "month": _series(months, month),
        "day_week": _series(weeks, day_week), "day_month": _series(months, day_month),
        "week_month": _series(months, week_month),
        "as_of": AS_OF, "timezone": "Europe/Berlin", "answered_from": "columns", "source": SOURCE,
    }  # fmt: skip
    return ActiveAnswer(**{**fields, **changes})


def answers(rows: int = 30) -> tuple[Answer, ...]:
    """Return one answer of each kind."""
    return retention(rows), lifecycle(rows), stickiness(rows), active(max(7 * rows - 4, 1))


def _series(names: tuple[str, ...], values: np.ndarray) -> Series:
    return Series(names, values, np.arange(len(names)) < len(names) - 1)
