"""Parquet files of made-up events for the benchmarks: quick to make, and of the shape that real logs have.

`homeroom generate` makes realistic learners and takes minutes for a hundred million events. Peers are compared on
files that need only the right shape: events in the order of time, so that the learners of one row group are a random
draw of all who are active then; accounts of 27 bytes; learners who start in waves and come less and less. Same seed,
same file.
"""

from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["EventFile", "write_events"]

FIRST_MS = 1_704_067_200_000
"""2024-01-01, a Monday."""
DAY_MS = 86_400_000
ACCOUNT_BYTES = 27
DIGITS = 10
DOMAIN = b"@students.example"
HALF_LIFE_DAYS = 20.0
SEED = 20240101
VERBS = ("viewed", "played", "answered", "posted")


@dataclass(frozen=True, slots=True)
class EventFile:
    """Which events a file holds."""

    events: int
    learners: int
    days: int = 180
    row_groups: int = 100
    compression: str = "zstd"

    @property
    def name(self) -> str:
        """The file's name, which says all of this."""
        return f"events-{self.events}-{self.learners}-{self.days}-{self.row_groups}-{self.compression}.parquet"


def write_events(folder: Path, file: EventFile) -> Path:
    """Write the file if it is not there yet, and return its path."""
    path = folder / file.name
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    rng = np.random.default_rng(SEED)
    starts = _cohort_starts(file, rng)
    schema = pa.schema(
        [("account", pa.string()), ("time", pa.timestamp("ms", tz="UTC")), ("verb", pa.string())]
    )
    group_rows = -(-file.events // file.row_groups)
    held: list[pa.Table] = []
    with pq.ParquetWriter(unfinished, schema, compression=file.compression) as writer:
        for day, count in enumerate(_events_by_day(file, starts)):
            held.append(_day_of_events(day, int(count), starts, rng).cast(schema))
            table = pa.concat_tables(held)
            whole = len(table) // group_rows * group_rows
            if whole:
                writer.write_table(table.slice(0, whole), group_rows)
            held = [table.slice(whole).combine_chunks()]
        if len(held[0]):
            writer.write_table(held[0], group_rows)
    unfinished.rename(path)
    return path


def _cohort_starts(file: EventFile, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return the first learner of each start day, and the number of learners: int64 of shape (days + 1,)."""
    waves = 1.0 + 3.0 * np.exp(-(np.arange(file.days) % 60) / 10.0)
    sizes = rng.multinomial(file.learners, waves / waves.sum())
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _events_by_day(file: EventFile, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the number of events of each day; every learner has one on its first day."""
    sizes = np.diff(starts)
    active = np.array([_weights(day, starts).sum() for day in range(file.days)])
    others = max(0, file.events - file.learners)
    ends = np.floor(np.cumsum(active) / active.sum() * others).astype(np.int64)
    counts: npt.NDArray[np.int64] = sizes + np.diff(ends, prepend=0)
    return counts


def _weights(day: int, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    age = day - np.arange(day + 1)
    return np.diff(starts)[: day + 1] * 0.5 ** (age / HALF_LIFE_DAYS)


def _day_of_events(
    day: int, count: int, starts: npt.NDArray[np.int64], rng: np.random.Generator
) -> pa.Table:
    new = np.arange(starts[day], starts[day + 1])
    weights = _weights(day, starts)
    drawn = rng.multinomial(count - len(new), weights / weights.sum())
    low = np.repeat(starts[: day + 1], drawn)
    size = np.repeat(np.diff(starts)[: day + 1], drawn)
    others = low + (rng.random(len(low)) * size).astype(np.int64)
    learners = rng.permutation(np.concatenate([new, others]))
    time_ms = FIRST_MS + day * DAY_MS + np.sort(rng.integers(0, DAY_MS, count))
    verbs = rng.integers(0, len(VERBS), count, np.int8)
    return pa.table(
        {
            "account": accounts(learners),
            "time": pa.array(time_ms, pa.timestamp("ms", tz="UTC")),
            "verb": pa.DictionaryArray.from_arrays(verbs, pa.array(VERBS)),
        }
    )


def accounts(learners: npt.NDArray[np.int64]) -> pa.StringArray:
    """Return the account of each learner: ten digits that look random, and a domain."""
    data = np.empty((len(learners), ACCOUNT_BYTES), np.uint8)
    data[:, DIGITS:] = np.frombuffer(DOMAIN, np.uint8)
    _write_digits(learners, data)
    offsets = np.arange(len(learners) + 1, dtype=np.int32) * ACCOUNT_BYTES
    return pa.StringArray.from_buffers(len(learners), pa.py_buffer(offsets), pa.py_buffer(data))


@numba.njit(cache=True)
def _write_digits(learners: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]) -> None:
    for i in range(len(learners)):
        # The factor has no divisor in common with 10**10, so no two learners get the same digits.
        number = (learners[i] * 2_654_435_761) % 10_000_000_000
        for place in range(DIGITS):
            data[i, DIGITS - 1 - place] = 48 + number % 10
            number //= 10
