"""Rows of the page of benchmarks that come of an overload: one a run, since it is the slowest that counts."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

__all__ = ["OVERLOAD_HEADER", "overload_rows"]

_Rows: TypeAlias = Iterator[Sequence[object]]

OVERLOAD_HEADER: Final = (
    "run",
    "it does, a second",
    "good in the overload, a second",
    "median and P99 of these",
    "refused in it, a second",
    "good at the first try, before and after",
    "load late in it and after, P99",
    "processors that others used",
    "recovered after",
    "wanted",
)
"""The head of the table; figures of batches come before those of triangles."""


def overload_rows(result: dict[str, Any]) -> _Rows:
    """Yield what came of each run."""
    for number, run in enumerate(result["runs"], 1):
        spans = run["spans"]
        yield (
            number,
            _both(run["per_second"].values(), "{:,.0f}"),
            _both(_of(spans["overload"], "good_per_second"), "{:,.0f}"),
            "; ".join(_delay(one["delay"]) for one in spans["overload"].values()),
            _both(_of(spans["overload"], "refused_per_second"), "{:,.0f}"),
            "; ".join(_both(_first(spans[name]), "{:.1%}") for name in ("before", "after")),
            "; ".join(_both(_late(spans[name]), "{:.0f} ms") for name in ("overload", "after")),
            run["others"],
            _both(run["recovered_s"].values(), "{} s").replace("None s", "never"),
            f"{result['wanted_s']} s",
        )


def _both(values: Any, form: str) -> str:  # noqa: ANN401 - two of something
    return ", ".join(form.format(value) for value in values)


def _of(span: dict[str, Any], name: str) -> list[float]:
    return [one[name] for one in span.values()]


def _first(span: dict[str, Any]) -> list[float]:
    return [
        one["good_first_per_second"] / max(one["wanted_per_second"], 0.1) for one in span.values()
    ]


def _late(span: dict[str, Any]) -> list[float]:
    return [one["generator_late"]["p99_ms"] for one in span.values()]


def _delay(times: dict[str, Any]) -> str:
    return f"{times['median_ms']:,.0f} and {times['p99_ms']:,.0f} ms"
