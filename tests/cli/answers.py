"""Answers made of fixed arrays, for tests of how they are shown and written."""

import datetime as dt

import numpy as np

from homeroom.cohorts.answers import (
    ActiveAnswer,
    LifecycleAnswer,
    RetentionAnswer,
    Series,
    Source,
    StickinessAnswer,
)
from homeroom.cohorts.questions import Active, Interval, Lifecycle, Retention, Stickiness

__all__ = ["SOURCE", "active", "lifecycle", "periods", "retention", "stickiness"]

SOURCE = Source(
    events_read=22_133, events_accepted=22_100, events_duplicate=21, events_rejected=12,
    rejected_by_reason={"not_json": 2, "time_without_zone": 10}, conflicts=1, learners=1_204,
    first_event="2024-01-01T08:00:00Z", last_event="2024-06-26T19:30:00Z", files=3,
    rejects_file="homeroom-rejects.ndjson",
)  # fmt: skip
AS_OF = "2024-06-26T19:30:00Z"
_START = dt.date(2024, 1, 1)


def periods(interval: Interval, number: int) -> tuple[str, ...]:
    """Return the first days of some periods from the start of 2024 on."""
    if interval == "month":
        return tuple(f"{2024 + i // 12}-{i % 12 + 1:02}-01" for i in range(number))
    if interval == "hour":
        return tuple(f"2024-01-{1 + i // 24:02}T{i % 24:02}:00:00+01:00" for i in range(number))
    step = 7 if interval == "week" else 1
    return tuple((_START + dt.timedelta(days=step * i)).isoformat() for i in range(number))


def retention(
    number: int = 12, interval: Interval = "week", *, size: int = 2_000
) -> RetentionAnswer:
    """Return a triangle with enrolment waves and decay; the newest period is open."""
    rows, columns = np.indices((number, number))
    sizes = (size * (0.4 + np.abs(np.sin(rows * 0.9)))).astype(np.int64)
    rates = np.where(
        columns == 0, 1.0, 0.05 + 0.5 * np.exp(-columns / 5) * (0.8 + 0.2 * np.cos(rows))
    )
    inside = rows + columns < number
    counts = np.where(inside, (sizes * rates).astype(np.int64), -1)
    return RetentionAnswer(
        question=Retention(interval=interval), periods=periods(interval, number), as_of=AS_OF, timezone="Europe/Berlin",
        answered_from="columns", source=SOURCE, columns=tuple(str(k) for k in range(number)), counts=counts,
        complete=inside & (rows + columns < number - 1),
    )  # fmt: skip


def lifecycle(number: int = 12, interval: Interval = "week") -> LifecycleAnswer:
    """Return a lifecycle with every stage; the newest period is open."""
    at = np.arange(number)
    return LifecycleAnswer(
        question=Lifecycle(interval=interval), periods=periods(interval, number), as_of=AS_OF, timezone="Europe/Berlin",
        answered_from="columns", source=SOURCE, complete=at < number - 1,
        new=(2_400 * np.exp(-at / 4)).astype(np.int64) + 80, returning=np.minimum(at * 420, 2_100).astype(np.int64),
        resurrecting=(np.abs(np.sin(at)) * 600).astype(np.int64) * (at > 1),
        dormant=(np.abs(np.cos(at)) * 900).astype(np.int64) * (at > 0),
    )  # fmt: skip


def stickiness(number: int = 28, interval: Interval = "day") -> StickinessAnswer:
    """Return a long-tailed stickiness."""
    return StickinessAnswer(
        question=Stickiness(interval=interval), periods=periods(interval, number), as_of=AS_OF, timezone="UTC",
        answered_from="columns", source=SOURCE, learners=(9_000 / np.arange(1, number + 1) ** 1.4).astype(np.int64),
        complete=np.arange(number) < number - 1,
    )  # fmt: skip


def active(days: int = 180) -> ActiveAnswer:
    """Return active learners with a weekly rhythm; the newest periods are open."""
    at = np.arange(days)
    daily = (1_500 + 700 * np.sin(at / 30) + 500 * (at % 7 < 5)).astype(np.int64)
    weeks, months = days // 7, max(days // 30, 1)

    def series(interval: Interval, values: np.ndarray) -> Series:
        return Series(
            periods(interval, len(values)), values, np.arange(len(values)) < len(values) - 1
        )

    return ActiveAnswer(
        question=Active(), periods=periods("day", days), as_of=AS_OF, timezone="UTC", answered_from="columns",
        source=SOURCE, day=series("day", daily),
        week=series("week", 4_000 + 50 * np.arange(weeks)), month=series("month", 9_000 + 500 * np.arange(months)),
        day_week=series("week", np.linspace(0.4, 0.45, weeks)), day_month=series("month", np.full(months, 0.2)),
        week_month=series("month", np.full(months, np.nan)),
    )  # fmt: skip
