"""The SQL twin: the same figures from DuckDB, over a table of events.

DuckDB cuts days, weeks and months with its own calendar (ICU) and joins sets in its own way, so it shares neither code
nor habit with the engine or with the plain twin. It covers calendar retention (both modes, both matches), lifecycle,
stickiness and active learners by day, week and month; conditions are SQL text. What needs the clock of a zone more
closely than a date (hours, completeness) is left to the plain twin.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from homeroom.cohorts.questions import Interval, Match, Mode, WeekStart
from tests.oracle.events import Event, table

__all__ = ["Database"]

STEP = {"day": "INTERVAL 1 DAY", "week": "INTERVAL 7 DAY", "month": "INTERVAL 1 MONTH"}

RETENTION = """
WITH entries AS (
    SELECT account, period FROM seen WHERE {entry}
), groups AS (
    SELECT account, {first_or_all} AS period FROM entries {group_by}
), did AS (
    SELECT DISTINCT account, number FROM seen JOIN shown USING (period) WHERE {returning}
), rows AS (
    SELECT DISTINCT account, number FROM groups JOIN shown USING (period)
), cells AS (
    SELECT a.number AS row, b.number - a.number AS k FROM shown a JOIN shown b ON b.number >= a.number
)
SELECT row, k, count(DISTINCT rows.account) FILTER (k = 0 OR did.account IS NOT NULL)
FROM cells
LEFT JOIN rows ON rows.number = row
LEFT JOIN did ON did.account = rows.account AND did.number {compare} row + k
GROUP BY row, k ORDER BY row, k
"""

LIFECYCLE = """
WITH active AS (
    SELECT DISTINCT account, period FROM seen
), first AS (
    SELECT account, min(period) AS period FROM active GROUP BY account
), cells AS (
    SELECT account, period, TRUE AS now FROM active
    UNION ALL SELECT account, (period + {step})::DATE, FALSE FROM active
), stages AS (
    SELECT account, cells.period, bool_or(now) AS now, bool_or(NOT now) AS just_before,
           cells.period = first.period AS begins
    FROM cells JOIN first USING (account) GROUP BY account, cells.period, first.period
)
SELECT count(account) FILTER (begins), count(account) FILTER (now AND just_before),
       count(account) FILTER (now AND NOT just_before AND NOT begins), count(account) FILTER (NOT now)
FROM shown LEFT JOIN stages ON stages.period = shown.period
GROUP BY number ORDER BY number
"""

STICKINESS = """
WITH learners AS (
    SELECT account, count(DISTINCT period) AS periods FROM seen JOIN shown USING (period) GROUP BY account
)
SELECT count(account) FROM shown LEFT JOIN learners ON periods = number + 1 GROUP BY number ORDER BY number
"""

ACTIVE = """
SELECT count(DISTINCT account) FROM shown LEFT JOIN seen USING (period) GROUP BY number ORDER BY number
"""


@dataclass(frozen=True, slots=True)
class Database:
    """Events in DuckDB, with the shown dates, the zone and the first day of the week."""

    events: Sequence[Event]
    first: dt.date
    last: dt.date
    zone: str = "UTC"
    week_start: WeekStart = "monday"

    def _ask(self, interval: Interval, query: str) -> list[tuple[int, ...]]:
        shift = "1" if interval == "week" and self.week_start == "sunday" else "0"

        def cut(date: str) -> str:
            return f"(date_trunc('{interval}', {date} + INTERVAL {shift} DAY) - INTERVAL {shift} DAY)::DATE"

        with duckdb.connect(config={"threads": 1}) as connection:
            connection.register("events", table(self.events))
            connection.execute(f"""
                CREATE TEMP TABLE seen AS
                SELECT *, {cut(f"timezone('{self.zone}', time)")} AS period FROM events""")
            connection.execute(f"""
                CREATE TEMP TABLE shown AS
                SELECT period::DATE AS period, row_number() OVER (ORDER BY period) - 1 AS number
                FROM (SELECT unnest(generate_series(
                    {cut(f"DATE '{self.first}'")}::TIMESTAMP, TIMESTAMP '{self.last}', {STEP[interval]})) AS period)""")
            return connection.execute(query).fetchall()

    def retention(
        self,
        interval: Interval,
        mode: Mode,
        match: Match,
        *,
        entry: str = "TRUE",
        returning: str = "TRUE",
    ) -> list[list[int]]:
        """Return the counts of the triangle, row by row; ``entry`` and ``returning`` are SQL conditions."""
        query = RETENTION.format(
            entry=entry,
            returning=returning,
            first_or_all="min(period)" if mode == "first-time" else "period",
            group_by="GROUP BY account" if mode == "first-time" else "",
            compare="=" if match == "on" else ">=",
        )
        rows: list[list[int]] = []
        for row, _, count in self._ask(interval, query):
            if row == len(rows):
                rows.append([])
            rows[row].append(count)
        return rows

    def lifecycle(self, interval: Interval) -> list[tuple[int, ...]]:
        """Return new, returning, resurrecting and dormant learners of each shown period."""
        return self._ask(interval, LIFECYCLE.format(step=STEP[interval]))

    def stickiness(self, interval: Interval) -> list[int]:
        """Return the learners who were active in exactly 1, 2, … of the shown periods."""
        return [count for (count,) in self._ask(interval, STICKINESS)]

    def active(self, interval: Interval) -> list[int]:
        """Return the active learners of each shown period."""
        return [count for (count,) in self._ask(interval, ACTIVE)]
