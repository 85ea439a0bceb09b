"""How often detectors of faults are wrong, and how long they take, in the same lossy, pausing, parting worlds.

Each world is an hour of sixteen nodes in eight regions, with links by the great circle, whose clocks drift, and what
goes wrong is settled by its seed (`homeroom.simulation.traffic.plan`). The detector of homeroom, two fixed time-outs
and a small model of SWIM with a membership library's wide-area and local settings live through the same plans; a
referee who knows only the plans says who was wrong. The model is ours, and is told about in
`homeroom.simulation.traffic.rivals`. The membership model lives through the first ``--rival-hours`` only.

Time is that of the processor, and the hash is that of all verdicts of homeroom's detector.
"""

import argparse
import time
import zlib
from typing import Any

from homeroom.simulation.traffic.plan import make_trouble_plan
from homeroom.simulation.traffic.report import DetectorReport, Score
from homeroom.simulation.traffic.rivals import LOCAL, WIDE_AREA, live_swim
from homeroom.simulation.traffic.world import FIXED_MS, OURS, live

__all__ = ["add_arguments", "measure", "show"]

WANTED = {"reroute_p50_ms": 2_000, "reroute_max_ms": 8_000, "false_evacuations": 0, "missed": 0}
_HOURS_OF_ISSUE = 20_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--hours", type=int, default=100, help="virtual hours, one a seed")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--rival-hours", type=int, default=100, help="of them for the rivals")
    parser.add_argument("--minutes", type=float, default=60, help="of each world")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Live through all worlds; the result is JSON-ready."""
    report, spent_s, checksum = DetectorReport(), 0.0, 0
    names = [f"time-out of {ms / 1_000:g} s" for ms in FIXED_MS]
    rivals = {name: Score() for name in (*names, WIDE_AREA.name, LOCAL.name)}
    for number in range(options.hours):
        plan = make_trouble_plan(options.first_seed + number, int(options.minutes * 60_000))
        begun = time.process_time()
        run = live(plan)
        spent_s += time.process_time() - begun
        report.add(run)
        ours = [change for change in run.changes if change.by == OURS]
        checksum = zlib.crc32(repr(ours).encode(), checksum)
        if number >= options.rival_hours:
            continue
        for by, name in enumerate(names, OURS + 1):
            rivals[name].add(plan, (change for change in run.changes if change.by == by))
        for settings in (WIDE_AREA, LOCAL):
            rivals[settings.name].add(plan, live_swim(plan, settings))
    hours = options.minutes / 60
    return {
        "homeroom": report.to_json(),
        "rivals": {name: score.to_json() for name, score in rivals.items()},
        "rival_hours": min(options.hours, options.rival_hours) * hours,
        "wanted": WANTED,
        "virtual_hours_a_second": round(report.virtual_ms / 3_600_000 / max(spent_s, 1e-9), 2),
        "hash": f"{checksum:08x}",
    }


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    ours = result["homeroom"]
    print(
        f"{ours['virtual_hours']:,.1f} virtual hours of homeroom's detector ({result['virtual_hours_a_second']} "
        f"a second of a core), {result['rival_hours']:,.1f} of the others; {ours['heartbeats']:,} heartbeats; "
        f"wanted over {_HOURS_OF_ISSUE:,} hours: none false, none missed"
    )
    print(
        f"{'detector':20} {'hours':>9} {'confirmed':>10} {'false':>8} {'missed':>8} {'false/h':>8}   "
        "suspected P50/P99/most s   confirmed P50/P99/most s"
    )
    rows = {"homeroom": (ours, ours["virtual_hours"])}
    if result["rival_hours"]:
        rows |= {name: (score, result["rival_hours"]) for name, score in result["rivals"].items()}
    for name, (score, hours) in rows.items():
        print(
            f"{name:20} {hours:9,.1f} {score['evacuations']:10,} {score['false_evacuations']:8,} {score['missed']:8,} "
            f"{score['false_evacuations'] / max(hours, 1e-9):8.2f}   {_times(score['reroute']):>24}   "
            f"{_times(score['confirm']):>24}"
        )
    print(
        f"homeroom: {ours['suspicions']:,} suspicions, {ours['false_suspicions']:,} of nodes that a quorum could "
        f"reach; {ours['unjudged']:,} deaths without a quorum to confirm them; {len(ours['failed'])} worlds in which "
        f"something was wrong; hash {result['hash']}"
    )


def _times(times: dict[str, Any]) -> str:
    if not times["times"]:
        return "never"
    return " / ".join(f"{times[of] / 1_000:.2f}" for of in ("p50_ms", "p99_ms", "max_ms"))
