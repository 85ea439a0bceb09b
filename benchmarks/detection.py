"""How often detectors of faults are wrong, and how long they take, in the same lossy, pausing, parting worlds.

Each world is an hour of sixteen nodes in eight regions, with links by the great circle, whose clocks drift, and what
goes wrong is settled by its seed (`homeroom.simulation.traffic.plan`). The detector of homeroom, two fixed time-outs
and a small model of SWIM with a membership library's wide-area and local settings live through the same plans; a
referee who knows only the plans says who was wrong. The model is ours, and is told about in
`homeroom.simulation.traffic.rivals`. The membership model lives through the first ``--rival-hours`` only.

Time is that of the processor, and the hash is that of all verdicts of homeroom's detector. With ``--kept FILE`` the
sums are written down every few hours, and asking again with the same file goes on from there: so 20,000 hours need not
be lived through at once.
"""

import argparse
import time
import zlib
from pathlib import Path
from typing import Any

from benchmarks.detection_kept import Found
from homeroom.simulation.traffic.plan import TroublePlan, make_trouble_plan
from homeroom.simulation.traffic.report import Score
from homeroom.simulation.traffic.rivals import LOCAL, WIDE_AREA, live_swim
from homeroom.simulation.traffic.world import FIXED_MS, OURS, DetectorRun, live

__all__ = ["add_arguments", "measure", "show"]

WANTED = {"reroute_p50_ms": 2_000, "reroute_max_ms": 8_000, "false_evacuations": 0, "missed": 0}
_HOURS_OF_ISSUE = 20_000
_KEPT_HOURS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--hours", type=int, default=100, help="virtual hours, one a seed")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--rival-hours", type=int, default=100, help="of them for the rivals")
    parser.add_argument("--minutes", type=float, default=60, help="of each world")
    parser.add_argument("--kept", type=Path, help="file of what was found so far; goes on from it")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Live through all worlds; the result is JSON-ready."""
    found = Found.begun(options.first_seed, options.minutes)
    if options.kept is not None:
        found.take_up(options.kept)
    for number in range(found.hours, options.hours):
        plan = make_trouble_plan(options.first_seed + number, int(options.minutes * 60_000))
        run = _live_through(plan, found)
        if number < options.rival_hours:
            _judge_rivals(run, found)
        if options.kept is not None and (number + 1) % _KEPT_HOURS == 0:
            found.keep(options.kept)
    report = found.report
    return {
        "homeroom": report.to_json(),
        "rivals": {name: score.to_json() for name, score in found.rivals.items()},
        "rival_hours": found.rival_hours * options.minutes / 60,
        "wanted": WANTED,
        "virtual_hours_a_second": round(
            report.virtual_ms / 3_600_000 / max(found.spent_s, 1e-9), 2
        ),
        "hash": f"{found.checksum:08x}",
    }


def _live_through(plan: TroublePlan, found: Found) -> DetectorRun:
    """Live through a world, and add what was found there."""
    begun = time.process_time()
    run = live(plan)
    found.spent_s += time.process_time() - begun
    found.report.add(run)
    ours = [change for change in run.changes if change.by == OURS]
    found.checksum = zlib.crc32(repr(ours).encode(), found.checksum)
    found.hours += 1
    return run


def _judge_rivals(run: DetectorRun, found: Found) -> None:
    """Add what others think in the same world."""
    changes = {
        f"time-out of {ms / 1_000:g} s": tuple(change for change in run.changes if change.by == by)
        for by, ms in enumerate(FIXED_MS, OURS + 1)
    }
    changes |= {one.name: live_swim(run.plan, one) for one in (WIDE_AREA, LOCAL)}
    for name, thought in changes.items():
        found.rivals.setdefault(name, Score()).add(run.plan, thought)
    found.rival_hours += 1


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
