"""The peers' own best tables of active learner-days, and the quickest ways that they know to a triangle.

Both peers get the raw visits and prepare from them, before the clock starts, whatever helps: distinct rows, sorted,
the start period and the number of the cell already worked out, in the narrowest types. Two kinds of ways are kept
apart, because they do not promise the same:

- a *query* over learner rows: one row a learner and period, or one row a learner with its days as bit masks. Any
  further question can be asked of these tables, and new days can be added.
- *laid out* by hand: a word for 64 learners of one start period and one period, sorted by cell; or one bit column a
  period, sorted by start and cut into slices by a program. This is homeroom's own idea, written for this one question
  in the peer's primitives: a filter has to be turned into bits of the same order, another interval is another table,
  and a late event that moves a start rebuilds it. It shows how quick the peers' engines are on words as dense as ours.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.learners import Learners

if TYPE_CHECKING:
    import duckdb

__all__ = ["CUTS", "FIRST_DATE", "Cut", "PreparedTables", "Way"]

FIRST_DATE = date(2024, 1, 1)
"""Day 0 of the made-up learners, a Monday."""
DAYS_MAX = 255
"""So that a period fits a byte and a cell two, the narrowest that the peers have."""
_PERFECT_TABLE_BITS = 16
"""DuckDB groups by small numbers in a plain array, if it is told that so many bits are small: 1.6 times quicker."""
_MASK_DAYS = 63

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cut:
    """A way to cut days into periods."""

    name: str
    interval: Literal["day", "week", "month"]
    week_start: Literal["monday", "sunday"] = "monday"

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
    kind: Literal["query", "laid out"]
    work: Callable[[], Any]
    counts: Callable[[Any], Counts]


class PreparedTables:
    """DuckDB and Polars over the same learners, prepared for one cut at a time.

    Polars takes its number of threads from the environment (``POLARS_MAX_THREADS``) when it is first imported.
    """

    def __init__(self, learners: Learners, threads: int) -> None:
        import duckdb

        assert learners.days <= DAYS_MAX, f"days == {learners.days}, must be <= {DAYS_MAX}."
        self._learners = learners
        self._con = duckdb.connect()
        self._run(f"set threads = {threads}; set perfect_ht_threshold = {_PERFECT_TABLE_BITS}")
        self._run("create table raw (learner uinteger, day utinyint, country tinyint)")
        for visits in learners.blocks():
            self._register("block", learner=visits.learner, day=visits.day, country=visits.country)
            self._run("insert into raw select distinct learner, day, country from block")
        self._run("create table starts as select learner, min(day) as day from raw group by 1")

    def _run(self, sql: str) -> "duckdb.DuckDBPyConnection":
        return self._con.execute(sql)

    def _register(self, name: str, **columns: npt.NDArray[Any]) -> None:
        self._con.register(name, pa.table(dict(columns)))

    def prepare(self, cut: Cut) -> int:
        """Make the tables of a cut in place of those of the last one; return the number of periods."""
        periods = cut.period_of_day(self._learners.days)
        count = periods[-1] + 1
        self._register("cut", day=np.arange(len(periods)), period=np.array(periods))
        self._run("create or replace table cuts as select day::utinyint as day, period from cut")
        self._run(
            f"""create or replace table learner_rows as
            select distinct learner, country, own.period::utinyint as period,
                first.period::utinyint as start,
                (first.period * {count} + own.period - first.period)::usmallint as cell
            from raw join starts using (learner)
            join cuts own on own.day = raw.day join cuts first on first.day = starts.day
            order by cell"""
        )
        self._run(
            """create or replace table words as
            select start, cell, place // 64 as block,
                bit_or(1::ubigint << (place % 64)::ubigint) as bits
            from learner_rows join (
                select learner, row_number() over (partition by start order by learner) - 1 as place
                from (select distinct learner, start from learner_rows)
            ) using (learner)
            group by all order by cell, block"""
        )
        return count

    def ways(self, cut: Cut, count: int) -> Iterator[Way]:
        """Yield the ways to the triangle of the cut that was prepared last."""
        yield from self._ways_of_duckdb(count)
        if cut.interval == "day":
            yield self._way_of_masks(count)
        yield from self._ways_of_polars(count)

    def ways_of_country(self, code: int, count: int) -> Iterator[Way]:
        """Yield the ways to the triangle of the learners of one country."""
        import polars as pl

        where = f"from learner_rows where country = {code} group by"
        cells = _cells(count, "cell", "n")
        yield self._query(f"select cell, count(*) as n {where} cell", "cell", cells)
        rows = self._frame("select cell, country from learner_rows").lazy()
        chosen = rows.filter(pl.col("country") == code).group_by("cell").agg(n=pl.len())
        yield Way("polars", "cell, streaming", "query", _streamed(chosen), cells)

    def _query(
        self,
        sql: str,
        name: str,
        counts: Callable[[Any], Counts],
        kind: Literal["query", "laid out"] = "query",
    ) -> Way:
        return Way("duckdb", name, kind, lambda: self._run(sql).fetchnumpy(), counts)

    def _frame(self, sql: str) -> Any:  # noqa: ANN401 - Polars is imported late
        import polars as pl

        return pl.from_arrow(self._con.sql(sql).to_arrow_table())

    def _ways_of_duckdb(self, count: int) -> Iterator[Way]:
        cells = _cells(count, "cell", "n")

        def pairs(found: Any) -> Counts:  # noqa: ANN401 - named columns
            start = found["start"].astype(np.int64)
            return _triangle(count, start * count + found["period"] - start, found["n"])

        yield self._query(
            "select start, period, count(*) as n from learner_rows group by 1, 2",
            "start and period",
            pairs,
        )
        yield self._query("select cell, count(*) as n from learner_rows group by 1", "cell", cells)
        yield self._query(
            "select cell, sum(bit_count(bits)) as n from words group by 1",
            "64 learners a word",
            cells,
            "laid out",
        )

    def _way_of_masks(self, count: int) -> Way:
        words = range(-(-count // _MASK_DAYS))
        masks = ", ".join(
            f"bit_or(if(period // {_MASK_DAYS} = {w}, 1::ubigint << (period % {_MASK_DAYS})::ubigint, 0)) as w{w}"
            for w in words
        )
        self._run(
            f"""create or replace table masks as select learner, start, {masks}
            from learner_rows group by 1, 2 order by start"""
        )
        sums = ", ".join(
            f"count_if(w{day // _MASK_DAYS} & {1 << day % _MASK_DAYS} <> 0) as d{day}"
            for day in range(count)
        )

        def counts(found: Any) -> Counts:  # noqa: ANN401 - named columns
            days = np.stack([found[f"d{day}"] for day in range(count)], axis=1)
            start, day = np.nonzero(days)
            first = found["start"][start].astype(np.int64)
            return _triangle(count, first * count + day - first, days[start, day])

        return self._query(f"select start, {sums} from masks group by 1", "bit masks", counts)

    def _ways_of_polars(self, count: int) -> Iterator[Way]:
        import polars as pl

        rows = self._frame("select cell, period, start from learner_rows")
        cells = _cells(count, "cell", "n")
        tally = rows.get_column("cell")
        yield Way(
            "polars",
            "cell, value counts",
            "query",
            lambda: tally.value_counts(parallel=True, name="n"),
            cells,
        )
        grouped = rows.lazy().group_by("cell").agg(n=pl.len())
        yield Way("polars", "cell, streaming", "query", _streamed(grouped), cells)
        words = self._frame("select cell, bits from words").lazy()
        summed = words.group_by("cell").agg(n=pl.col("bits").bitwise_count_ones().sum())
        yield Way("polars", "64 learners a word", "laid out", _streamed(summed), cells)
        yield self._way_of_bit_columns(count)

    def _way_of_bit_columns(self, count: int) -> Way:
        import polars as pl

        active = ", ".join(f"bool_or(period = {p}) as p{p}" for p in range(count))
        frame = self._frame(
            f"select learner, start, {active} from learner_rows group by 1, 2 order by start"
        )
        columns = [frame.get_column(f"p{p}").rechunk() for p in range(count)]
        sizes = frame.group_by("start", maintain_order=True).agg(n=pl.len())
        starts = sizes.get_column("start").to_list()
        ends = np.cumsum(sizes.get_column("n").to_numpy()).tolist()

        def work() -> list[tuple[int, list[int]]]:
            found, low = [], 0
            for start, high in zip(starts, ends, strict=True):
                slices = (column.slice(low, high - low) for column in columns[start:])
                found.append((start, [piece.sum() for piece in slices]))
                low = high
            return found

        def counts(found: Any) -> Counts:  # noqa: ANN401 - rows of the triangle
            triangle = np.zeros((count, count), np.int64)
            for start, row in found:
                triangle[start, : len(row)] = row
            return triangle

        return Way("polars", "one bit column a period", "laid out", work, counts)


def _streamed(query: Any) -> Callable[[], Any]:  # noqa: ANN401 - Polars is imported late
    return lambda: query.collect(engine="streaming")


def _cells(count: int, cell: str, number: str) -> Callable[[Any], Counts]:
    return lambda found: _triangle(count, np.asarray(found[cell]), np.asarray(found[number]))


def _triangle(count: int, cells: npt.NDArray[Any], numbers: npt.NDArray[Any]) -> Counts:
    triangle = np.zeros(count * count, np.int64)
    triangle[cells.astype(np.int64)] = numbers.astype(np.int64)
    return triangle.reshape(count, count)
