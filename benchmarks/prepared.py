"""The peers' own best tables of active learner-days, and the quickest ways that they know to a triangle.

Both peers get the raw visits and prepare from them, before the clock starts, whatever helps: distinct rows, sorted,
the start period and the number of the cell already worked out, in the narrowest types. Two kinds of tables are kept
apart, because they are not the same promise:

- *learner rows*: one row a learner and period (`rows_INTERVAL`), or one row a learner with its days as bit masks
  (`masks`). Any further question can be asked of these tables, and new days can be added. The ratio is against the
  quickest way over them.
- *turned*: one row for 64 learners of one start day and one period, their bits in a word (`turned_INTERVAL`), sorted
  by cell. This is homeroom's own idea laid out by hand for this one question: a filter has to be joined in as bits,
  another interval is another table, a late event that moves a start rebuilds it. It shows what the peers' engines do
  with words as dense as ours.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.learners import COUNTRY_SHARES, Learners

__all__ = ["CUTS", "FIRST_DATE", "Cut", "PreparedTables", "Way"]

FIRST_DATE = date(2024, 1, 1)
"""Day 0 of the made-up learners, a Monday."""
_LEARNERS_A_WORD = 64
_PERFECT_TABLE_BITS = 16
"""DuckDB groups by small numbers through a plain array, if it is told that so many bits are small."""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cut:
    """A way to cut days into periods."""

    name: str
    interval: str
    week_start: str = "monday"

    def period_of_day(self, days: int) -> list[int]:
        """Return the period of each day, from 0."""
        if self.interval == "day":
            return list(range(days))
        if self.interval == "week":
            return [(day + (self.week_start == "sunday")) // 7 for day in range(days)]
        dates = [FIRST_DATE + timedelta(days=day) for day in range(days)]
        return [(at.year - FIRST_DATE.year) * 12 + at.month - FIRST_DATE.month for at in dates]


CUTS = (
    Cut("day", "day"),
    Cut("week", "week"),
    Cut("week_sunday", "week", "sunday"),
    Cut("month", "month"),
)


@dataclass(frozen=True, slots=True)
class Way:
    """One way of one peer to a triangle: ``work`` is timed, ``counts`` makes the triangle of what it returned."""

    peer: str
    name: str
    work: Callable[[], object]
    counts: Callable[[object], Counts]


class PreparedTables:
    """DuckDB and Polars, each with its tables of the same learners; both use as many threads as DuckDB is told.

    Polars takes its number of threads from the environment (``POLARS_MAX_THREADS``) when it is first imported.
    """

    def __init__(self, learners: Learners, threads: int) -> None:
        import duckdb

        self._learners = learners
        self._con = duckdb.connect()
        self._con.execute(f"set threads = {threads}")
        self._periods = {cut.name: cut.period_of_day(learners.days) for cut in CUTS}
        self._load()

    def _load(self) -> None:
        run = self._con.execute
        run("create table raw (learner uinteger, day usmallint, country tinyint)")
        for visits in self._learners.blocks():
            run(
                "insert into raw select distinct learner, day, country from block",
                {},
            ) if False else self._insert(visits.learner, visits.day, visits.country)
        run("create table starts as select learner, min(day) as start from raw group by learner")

    def _insert(
        self, learner: npt.NDArray[np.int64], day: npt.NDArray[np.int32], country: object
    ) -> None:
        block = pa.table({"learner": learner, "day": day, "country": country})
        self._con.register("block", block)
        self._con.execute("insert into raw select distinct learner, day, country from block")
        self._con.unregister("block")
