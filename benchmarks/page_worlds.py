"""Rows of the page that are about worlds of regions: see `benchmarks.page`, which puts them there."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

__all__ = [
    "WORLDS",
    "acknowledgement_rows",
    "catch_up_rows",
    "detection_rows",
    "failover_rows",
    "goal_rows",
    "lag_rows",
    "simulation_rows",
    "traffic_rows",
]

WORLDS = ("simulation", "world_acknowledgements", "world_lag", "world_traffic")

_Result: TypeAlias = dict[str, Any]
_Rows: TypeAlias = Iterator[Sequence[object]]


def simulation_rows(result: _Result) -> _Rows:
    """Yield how quick a simulated world is, and how late entries are in it."""
    rates, lag = result["virtual_seconds_a_second"], result["lag_beyond_way"]
    yield (
        result["regions"],
        f"{result['virtual_seconds']:,.0f}",
        f"{result['entries']:,}",
        f"{result['messages']:,}",
        f"{rates[len(rates) // 2]:,.0f}",
        f"{rates[0]:,.0f} to {rates[-1]:,.0f}",
        f"{lag['median_ms']:.0f} ms, {lag['p99_ms']:.0f} ms, {lag['max_ms']:.0f} ms",
    )


def detection_rows(result: _Result) -> _Rows:
    """Yield by detector how often it was wrong, and how long it took."""
    ours = result["homeroom"]
    yield ("homeroom", f"{ours['virtual_hours']:,.1f}", *_judged(ours))
    for name, score in result["rivals"].items() if result["rival_hours"] else ():
        yield (name, f"{result['rival_hours']:,.1f}", *_judged(score))


def _judged(score: _Result) -> Iterator[str]:
    yield f"{score['evacuations']:,}"
    yield f"{score['false_evacuations']:,}"
    yield f"{score['missed']:,}"
    for times in (score["reroute"], score["confirm"]):
        known = [times[of] for of in ("p50_ms", "p99_ms", "max_ms") if times["times"]]
        yield ", ".join(f"{ms / 1_000:.2f} s" for ms in known) or "never"


def acknowledgement_rows(result: _Result) -> _Rows:
    """Yield by level the regions in which clients wait shortest and longest."""
    for level, found in result["levels"].items():
        regions = found["regions"]
        quickest = min(regions, key=lambda one: float(regions[one]["p99_ms"]))
        slowest = max(regions, key=lambda one: float(regions[one]["p99_ms"]))
        bare = f"{_ms(found['bare']['p99_ms'])}, {_ms(found['wanted_p99_ms'])}"
        for name in (quickest, slowest):
            one = regions[name]
            wanted = bare if level == "local" else _ms(found["bare"]["p99_ms"])
            yield level, name, _ms(one["median_ms"]), _ms(one["p99_ms"]), wanted


def catch_up_rows(result: _Result) -> _Rows:
    """Yield by way how long a node that joins takes, and how often as long as by a snapshot that is."""
    ways = {
        "snapshot of another node": ("snapshot_s", result["snapshot_bytes"], 1.0),
        "whole log of another node": ("whole_log_s", result["log_bytes"], result["quicker"]),
        "log folded anew": ("anew_s", result["log_bytes"], result["quicker_than_anew"]),
    }
    for way, (seconds, size_bytes, times) in ways.items():
        size = f"{size_bytes / 1e6:,.0f} MB"
        yield way, f"{result['learners']:,}", size, f"{result[seconds]:,.1f} s", f"{times:.1f}"


def failover_rows(result: _Result) -> _Rows:
    """Yield by the way in which a region died what its clients met."""
    wanted = f"{result['wanted_p50_s']:g} s, {result['wanted_max_s']:g} s"
    for way, found in result["ways"].items():
        whole = found["rounds_in_which_all_count_what_was_acknowledged"]
        yield (
            f"{way}, {found['rounds']} times",
            f"{found['first_good_p50_s']:.2f} s, {found['first_good_max_s']:.2f} s",
            wanted,
            f"{found['slowest_batch_s']:.2f} s, {found['slowest_question_s']:.2f} s",
            f"{found['failed']} of {found['requests']:,}",
            found["own_writes_not_seen"],
            f"{whole} of {found['rounds']}",
        )


def lag_rows(result: _Result) -> _Rows:
    """Yield by rate how late events are elsewhere, and what that took."""
    for one in result["rates"]:
        lag = one["lag"]
        late = f", {one['late']} not within 5 s" if one["late"] else ""
        late += f", {one['refused']} requests refused" if one["refused"] else ""
        yield (
            f"{one['rate']:,}",
            f"{_ms(lag['median_ms'])}, {_ms(lag['p99_ms'])}{late}",
            f"{_ms(one['delay_median_ms'])}, {_ms(one['delay_p99_ms'])}",
            f"{one['world_processors']} and {one['generator_processors']}",
            f"{one['settled_s']} s",
        )


def traffic_rows(result: _Result) -> _Rows:
    """Yield what goes between two regions of an idle world and of a busy one."""
    idle = result["idle"]
    yield (
        "idle",
        f"{idle['median_bytes_a_second']:,} bytes a second",
        f"{idle['max_bytes_a_second']:,} bytes a second",
        f"{result['wanted_idle_bytes']:,} bytes a second",
    )
    for one in result["busy"]:
        what = f"batches of {one['batch']}, {one['events_an_entry']:,} events an entry"
        ratios = (f"{one[name]} × pulls" for name in ("median_ratio", "max_ratio"))
        yield (
            f"{result['rate']:,} events a second, {what}",
            *ratios,
            f"{result['wanted_ratio']} × pulls",
        )


def goal_rows(results: dict[str, _Result]) -> _Rows:
    """Compare with what was aimed at."""
    world = results["simulation"]
    rates = world["virtual_seconds_a_second"]
    local = results["world_acknowledgements"]["levels"]["local"]
    lag, traffic = results["world_lag"], results["world_traffic"]
    worst = max(one["p99_ms"] for one in local["regions"].values())
    goals: list[tuple[str, float, float, int]] = [
        ("acknowledgement at level local, P99 of the slowest region, ms", local["wanted_p99_ms"], worst, -1),
        (f"events a second in each region, at a lag of {lag['wanted_p99_ms']:.0f} ms (P99)", 5_000,
         lag["holds_up_to"], 1),
        ("traffic of two regions, times what pulls carry", traffic["wanted_ratio"],
         max(one["max_ratio"] for one in traffic["busy"]), -1),
        ("traffic of two regions of an idle world, bytes a second", traffic["wanted_idle_bytes"],
         traffic["idle"]["max_bytes_a_second"], -1),
        ("simulated world: lag beyond the way there, at most, ms", world["wanted_lag_ms"],
         world["lag_beyond_way"]["max_ms"], -1),
        ("simulated world: virtual seconds a second of a core", 500, rates[len(rates) // 2], 1),
    ]  # fmt: skip
    for name, wanted, measured, sign in goals:
        bound = f"{'at least' if sign > 0 else 'at most'} {wanted:,.10g}"
        reached = "" if sign * measured >= sign * wanted else "not reached"
        yield name, bound, f"{measured:,.10g}", reached


def _ms(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"
