"""How a copy of a core is made that has one deliberate fault.

A fault is a piece of source text and what stands in its place. The modules of `homeroom.regions` are compiled anew
under another name with that change, and import each other there; what goes in and out of them (steps, messages) stays
the same. So no core has a switch for its faults, and a fault whose text is no longer there fails loudly.
"""

import re
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import homeroom.log.log
import homeroom.regions
from homeroom import clock
from homeroom.regions import stated
from homeroom.simulation.regions import beginning, cutting, door, erasing, ledger, papers, rows
from homeroom.simulation.regions.outside import Cores
from homeroom.simulation.regions.plan import Plan, make_plan

REGIONS = Path(homeroom.regions.__file__).parent
# In the order in which they import each other.
LOGIC = (
    "residency",
    "holdings",
    "ending",
    "collecting",
    "gaps",
    "pulling",
    "knowledge",
    "taking",
    "telling",
    "replication",
    "hybrid",
    "gate",
    "waiting",
    "agreement",
    "member",
)
_numbers = count()


@dataclass(frozen=True)
class Mutant:
    """A fault: in which module which text becomes which, and a seed in whose world it shows.

    ``plan`` gives the world of a seed: where chance hardly ever leads to what it takes, that is planned.
    """

    name: str
    module: str
    old: str
    new: str
    storm_ms: int = 4_000
    seed: int = 0
    plan: Callable[[int, int], Plan] = make_plan

    def cores(self) -> Cores:
        """Return cores of which one has the fault."""
        if self.module in LOGIC:
            return Cores(member=self._member())
        module, make = ALONE[self.module]
        return make(self._changed(Path(module.__file__).read_text(encoding="utf-8")))

    def _member(self):
        package = f"mutant_{next(_numbers)}"
        for module in LOGIC:
            source = (REGIONS / f"{module}.py").read_text(encoding="utf-8")
            if module == self.module:
                source = self._changed(source)
            source = re.sub(
                rf"from homeroom\.regions\.({'|'.join(LOGIC)}) import",
                rf"from {package}.\1 import",
                source,
            )
            loaded = _loaded(f"{package}.{module}", source)
        return loaded.Member

    def _changed(self, source: str) -> str:
        found = source.count(self.old)
        assert found == 1, f"{self.name}: {self.old!r} stands {found} times in {self.module}"
        return source.replace(self.old, self.new)


def _loaded(name, source):
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, name, "exec"), module.__dict__)
    return module


def _log(source):
    """Load the log without its events and effects, which it shares with the one of production."""
    head, body = source.split("class Log:")
    names = [name for name in homeroom.log.log.__all__ if name != "Log"]
    shared = f"from homeroom.log.log import {', '.join(names)}\n"
    imports = head[: head.index("__all__")]
    return Cores(log=_loaded("log", f"{imports}{shared}class Log:{body}").Log)


def _ledger(source):
    """Load the ledger without what is read of entries, which all nodes of a world share."""
    shared = "from homeroom.simulation.regions.ledger import Readings\n"
    source = source.replace("class Readings:", "class _Readings:")
    source = source.replace("_encode =", f"{shared}\n_encode =", 1)
    return Cores(ledger=_loaded("ledger", source).Ledger)


def _rows(source):
    """Load the ledger with other rows; what happens is what all nodes of a world share."""
    start, end = source.index("class Happening("), source.index("@dataclass(slots=True)")
    shared = "from homeroom.simulation.regions.rows import Happening\n\n\n"
    name = f"rows_{next(_numbers)}"
    _loaded(name, source[:start] + shared + source[end:])
    whole = Path(ledger.__file__).read_text(encoding="utf-8")
    return _ledger(whole.replace("from homeroom.simulation.regions.rows", f"from {name}"))


def _cutting(source):
    """Load the ledger with other cuts; bases are those that snapshots hold."""
    start, end = source.index("class Bases("), source.index("def cut(")
    shared = "from homeroom.simulation.regions.cutting import Bases\n\n\n"
    name = f"cutting_{next(_numbers)}"
    _loaded(name, source[:start] + shared + source[end:])
    whole = Path(ledger.__file__).read_text(encoding="utf-8")
    return _ledger(
        whole.replace(
            "homeroom.simulation.regions.cutting import Bases, cut", f"{name} import Bases, cut"
        )
    )


def _erasing(source):
    start, end = source.index("@dataclass"), source.index("def cut(")
    shared = "from homeroom.simulation.regions.erasing import Redact\n\n\n"
    loaded = _loaded("erasing", source[:start] + shared + source[end:])
    return Cores(cleaning=loaded.Cleaning, register=loaded.Register)


def _papers(source):
    """Load what folds documents without these themselves, which all nodes of a world share."""
    start, end = source.index("class Paper("), source.index("_encode =")
    shared = "from homeroom.simulation.regions.papers import Paper\n\n\n"
    return Cores(papers=_loaded("papers", source[:start] + shared + source[end:]).Papers)


def _door(source):
    """Load a door whose own idea of where it is takes the place of the one that it is given."""
    loaded = _loaded("door", source)

    def admit(offers, erased, residence):
        return loaded.admitted(offers, erased, loaded.Residence(residence.here, residence.homes))

    return Cores(admit=admit)


ALONE = {
    "papers": (papers, _papers),
    "door": (door, _door),
    "log": (homeroom.log.log, _log),
    "ledger": (ledger, _ledger),
    "cutting": (cutting, _cutting),
    "erasing": (erasing, _erasing),
    "rows": (rows, _rows),
    "clock": (clock, lambda source: Cores(clock=_loaded("clock", source).HybridClock)),
    "stated": (stated, lambda source: Cores(stated=_loaded("stated", source).Stated)),
    "beginning": (beginning, lambda source: Cores(begin=_loaded("beginning", source).begin)),
}
"""Modules that stand alone: which, and how cores are made of a changed source of theirs."""
