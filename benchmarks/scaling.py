"""How time and memory grow with the number of learners: from one million to twenty.

A thing that is quick for a million and hopeless for twenty is no use to a platform that grows. For each size, in a
fresh process, learners are folded and clustered; then the daily triangle is timed, as many random events as there are
learners are folded, and the bytes of the rows are counted, keys and index included. The exponents are those of the
best line through the logarithms: 1 is "twice as many take twice as long". Small tables lie in the processor's cache,
so the exponent of the fold is fitted from five million learners on as well.
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.alone import peak_bytes, run_alone
from benchmarks.learners import FIRST_DAY, Learners, folded, keys_of
from benchmarks.prepared import CUTS
from benchmarks.timing import hash_of, timed
from benchmarks.triangle import periods_of
from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.retention import clustered_triangle
from homeroom.state.running import Sequential
from homeroom.state.table import RowBatch, SubjectTable

__all__ = ["add_arguments", "exponent", "measure", "measure_size", "show"]

_BATCH_EVENTS = 1 << 16
_LARGE_LEARNERS = 5_000_000
_BYTES_PER_LEARNER_MAX = 120
_EXPONENT_MAX = 1.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    sizes = [1_000_000, 2_500_000, 5_000_000, 10_000_000, 20_000_000]
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes, metavar="LEARNERS")
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--threads", type=int, default=2, help="of the triangle; the fold has one")
    parser.add_argument("--runs", type=int, default=60, help="triangles a size")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    sizes = [
        run_alone(
            "benchmarks.scaling:measure_size",
            {"learners": learners, "days": options.days, "runs": options.runs},
            processors=options.threads,
        )
        for learners in sorted(options.sizes)
    ]
    large = [size for size in sizes if size["learners"] >= _LARGE_LEARNERS]
    fitted = {
        "triangle": _fitted(sizes, "triangle_ms"),
        "memory": _fitted(sizes, "state_bytes"),
        "fold": _fitted(sizes, "fold_s"),
        "fold_from_5_million": _fitted(large, "fold_s"),
    }
    return {
        "days": options.days,
        "threads": options.threads,
        "sizes": sizes,
        "exponents": fitted,
        "exponent_wanted": _EXPONENT_MAX,
        "bytes_per_learner_wanted": _BYTES_PER_LEARNER_MAX,
        "hash": sizes[0]["hash"],
    }


def _fitted(sizes: Sequence[dict[str, Any]], name: str) -> float | None:
    if len(sizes) < 2:
        return None
    return round(exponent([s["learners"] for s in sizes], [s[name] for s in sizes]), 3)


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return e of the best fit of ``values = c * sizes**e``, by least squares of the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def measure_size(asked: dict[str, Any]) -> dict[str, Any]:
    """Measure one size; called in a process of its own."""
    learners, days = asked["learners"], asked["days"]
    run = ThreadRun()
    table = folded(Learners(learners, days), run)
    periods = periods_of(CUTS[0], days)
    triangle, counts = timed(
        lambda: clustered_triangle(table, Selection(), periods, run), asked["runs"]
    )
    fold_s = _fold_seconds(table, learners, days)
    return {
        "learners": learners,
        "triangle_ms": round(triangle.median_ms, 3),
        "fold_s": round(fold_s, 3),
        "fold_events_per_second": round(learners / fold_s),
        "state_bytes": table.size_bytes,
        "bytes_per_learner": round(table.size_bytes / learners, 1),
        "peak_bytes": peak_bytes(),
        "hash": hash_of(counts),
    }


def _fold_seconds(table: SubjectTable, learners: int, days: int) -> float:
    """Return the seconds, on one thread, of one random event a learner."""
    rng = np.random.default_rng(7)
    one = Sequential()
    seconds = 0.0
    # The first batch makes room and the index, which clustering has dropped; that is not the fold.
    table.fold(_random_events(_BATCH_EVENTS, learners, days, rng), one)
    for start in range(0, learners, _BATCH_EVENTS):
        events = min(_BATCH_EVENTS, learners - start)
        batch = _random_events(events, learners, days, rng)
        began = time.perf_counter()
        table.fold(batch, one)
        seconds += time.perf_counter() - began
    assert table.rows == learners, "known learners were folded as new ones"
    return seconds


def _random_events(count: int, learners: int, days: int, rng: np.random.Generator) -> RowBatch:
    key_hi, key_lo = keys_of(rng.integers(0, learners, count))
    day = (FIRST_DAY + rng.integers(0, days, count)).astype(np.int32)
    return RowBatch(
        key_hi=key_hi, key_lo=key_lo, days=day, time_ms=(day.astype(np.int64) + 4) * 86_400_000
    )


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    for size in result["sizes"]:
        print(
            f"{size['learners']:>11,} learners: daily triangle {size['triangle_ms']:7.2f} ms, fold "
            f"{size['fold_events_per_second'] / 1e6:5.1f} M events/s on one core, "
            f"{size['bytes_per_learner']} bytes a learner"
        )
    for name, found in result["exponents"].items():
        print(f"exponent of {name.replace('_', ' ')}: {found} (wanted: {_EXPONENT_MAX} at most)")
