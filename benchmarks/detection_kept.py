"""What the benchmark of detectors has found so far, in a file: thousands of hours are lived through in pieces.

20,000 virtual hours take a core some hours. So the sums are written down now and then, and whoever asks again with the
same file goes on with the next seed. They are sums of one detector in one kind of world: a file that was begun with
other sources, bounds or sizes is refused.
"""

import json
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homeroom import limits
from homeroom.simulation.traffic import ground, plan, referee, rivals, world
from homeroom.simulation.traffic.report import DetectorReport, Score
from homeroom.traffic.detection import judging, suspicion

__all__ = ["Found"]


@dataclass(slots=True)
class Found:
    """Sums over the first hours.

    Attributes
    ----------
    begun_with : what must be the same for all hours
    report : of homeroom's detector
    rivals : of the others, by name, and over how many hours
    hours, rival_hours : how many were lived through
    spent_s : time of the processor
    checksum : of all verdicts of homeroom's detector
    """

    begun_with: str
    report: DetectorReport = field(default_factory=DetectorReport)
    rivals: dict[str, Score] = field(default_factory=dict)
    hours: int = 0
    rival_hours: int = 0
    spent_s: float = 0.0
    checksum: int = 0

    @classmethod
    def begun(cls, first_seed: int, minutes: float) -> "Found":
        """Return nothing found yet."""
        return cls(f"{_sources():08x}, seeds from {first_seed}, {minutes:g} minutes")

    def take_up(self, path: Path) -> None:
        """Go on where a file ends, if there is one. Raises `ValueError` if it was begun otherwise."""
        if not path.exists():
            return
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["begun_with"] != self.begun_with:
            raise ValueError(
                f"{path} was begun with {kept['begun_with']}, and this is {self.begun_with}; "
                "take another file"
            )
        told = kept["report"]
        self.report = DetectorReport(
            worlds=told["worlds"],
            virtual_ms=told["virtual_ms"],
            heartbeats=told["heartbeats"],
            troubles=Counter(told["troubles"]),
            score=_score(told["score"]),
            wrong={int(seed): wrong for seed, wrong in told["wrong"].items()},
        )
        self.rivals = {name: _score(score) for name, score in kept["rivals"].items()}
        self.hours, self.rival_hours = kept["hours"], kept["rival_hours"]
        self.spent_s, self.checksum = kept["spent_s"], kept["checksum"]

    def keep(self, path: Path) -> None:
        """Write all of it down; a file is there whole or as it was."""
        report = self.report
        kept = {
            "begun_with": self.begun_with,
            "hours": self.hours,
            "rival_hours": self.rival_hours,
            "spent_s": self.spent_s,
            "checksum": self.checksum,
            "report": {
                "worlds": report.worlds,
                "virtual_ms": report.virtual_ms,
                "heartbeats": report.heartbeats,
                "troubles": report.troubles,
                "score": _told(report.score),
                "wrong": report.wrong,
            },
            "rivals": {name: _told(score) for name, score in self.rivals.items()},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_suffix(".written")
        written.write_text(json.dumps(kept), encoding="utf-8")
        written.replace(path)


def _told(score: Score) -> dict[str, Any]:
    return {
        "counts": score.counts,
        "reroute": score.reroute.counts(),
        "confirm": score.confirm.counts(),
    }


def _score(told: dict[str, Any]) -> Score:
    score = Score(counts=Counter(told["counts"]))
    score.reroute.add_counts(told["reroute"])
    score.confirm.add_counts(told["confirm"])
    return score


def _sources() -> int:
    """Return a checksum of what judges, of the worlds, and of the bounds that these go by."""
    text = "".join(
        Path(str(module.__file__)).read_text(encoding="utf-8")
        for module in (judging, suspicion, ground, plan, referee, rivals, world)
    )
    bounds = [(name, getattr(limits, name)) for name in re.findall(r"limits\.([A-Z_]+)", text)]
    return zlib.crc32(f"{bounds}{text}".encode())
