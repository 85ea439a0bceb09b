"""What of the cores some world goes through: a fault in a line that no world meets would be found by nobody."""

import sys
import types
from pathlib import Path

import pytest

import homeroom.regions
from homeroom import limits
from homeroom.simulation.regions.places import WORLD
from homeroom.simulation.regions.plan import Fault, Kind, Plan
from homeroom.simulation.regions.world import World, simulate

ROOM = Path(homeroom.regions.__file__).parent
# What looks for a difference between two states is met where there is one, and what is no core is not run here.
ELSEWHERE = {"__init__", "apart", "fabric", "leaving", "shipments", "steps", "world"}
YEAR_MS = 31_536_000_000
SEEDS = 30
SHARE_MIN = 0.82
SHARE_OF_ONE_MIN = 0.55


def lines_of(code):
    lines = (line for _, _, line in code.co_lines())
    return {line for line in lines if line is not None and line != code.co_firstlineno}


def codes(code):
    """Return the code of functions in some code, without that of classes and modules, which import runs."""
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            if one.co_flags & 2:
                yield one
            yield from codes(one)


class Met:
    """Lines of the room that were not met yet, by where a function begins."""

    def __init__(self):
        self.left = {}
        self.lines = {}
        for path in sorted(ROOM.glob("*.py")):
            if path.stem not in ELSEWHERE:
                found = list(codes(compile(path.read_text("utf-8"), str(path), "exec")))
                self.lines[path.stem] = sum(len(lines_of(one)) for one in found)
                self.left |= {(path.stem, one.co_firstlineno): lines_of(one) for one in found}

    def trace(self, frame, _event, _argument):
        path = Path(frame.f_code.co_filename) if ROOM.name in frame.f_code.co_filename else None
        if path is None or path.parent != ROOM:
            return None
        rest = self.left.get((path.stem, frame.f_code.co_firstlineno))
        return self.line(rest) if rest else None

    def line(self, rest):
        def trace(frame, event, _argument):
            if event == "line":
                rest.discard(frame.f_lineno)
            return trace

        return trace

    def shares(self):
        missed = dict.fromkeys(self.lines, 0)
        for (module, _), rest in self.left.items():
            missed[module] += len(rest)
        return {name: 1 - missed[name] / max(count, 1) for name, count in self.lines.items()}


def worlds(monkeypatch):
    for seed in range(SEEDS):
        assert not simulate(seed, 4_000).violations
    nodes = {place.name: place for place in WORLD[:4]}
    wrong = Fault(Kind.ALONE_AND_WRONG, 1_000, 4_000, (WORLD[2].name,), YEAR_MS)
    killed = Fault(Kind.KILL, 1_500, 300, (WORLD[2].name,))
    assert not World(Plan(7, nodes, {}, 9_000, 200, (wrong, killed))).run().violations
    for name, bound in (("GAP_ENTRIES_MAX", 3), ("PUSH_AHEAD_MAX", 4), ("MISSING_ORIGINS_MAX", 2)):
        monkeypatch.setattr(limits, name, bound)
    for seed in range(10):
        assert not simulate(seed, 4_000).violations


@pytest.mark.slow
def test_nearly_every_line_of_the_cores_is_met_by_some_world(monkeypatch):
    met, before = Met(), sys.gettrace()
    sys.settrace(met.trace)
    try:
        worlds(monkeypatch)
    finally:
        sys.settrace(before)
    shares = met.shares()
    told = {name: round(share, 2) for name, share in shares.items()}
    assert min(shares.values()) >= SHARE_OF_ONE_MIN, told
    lines = sum(met.lines.values())
    share = sum(shares[name] * count for name, count in met.lines.items()) / lines
    assert share >= SHARE_MIN, (share, told)
