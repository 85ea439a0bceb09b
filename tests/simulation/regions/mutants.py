"""Copies of the cores with one deliberate fault each: a simulation that could not fail would prove nothing.

A fault is a piece of source text and what stands in its place. The modules of `homeroom.regions` are compiled anew
under another name with that change, and import each other there; what goes in and out of them (steps, messages) stays
the same. So no core has a switch for its faults, and a fault whose text is no longer there fails loudly.
"""

import re
import sys
import types
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import homeroom.log.log
import homeroom.regions
from homeroom import clock
from homeroom.simulation.disk_store import DiskStore
from homeroom.simulation.regions import beginning, erasing, ledger
from homeroom.simulation.regions.outside import Cores

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
    """A fault: in which module which text becomes which."""

    name: str
    module: str
    old: str
    new: str
    storm_ms: int = 4_000
    seed: int = 0

    def cores(self) -> Cores:
        """Return cores of which one has the fault."""
        if self.module == "log":
            source = Path(homeroom.log.log.__file__).read_text(encoding="utf-8")
            return Cores(log=_loaded("log", _log_alone(self._changed(source))).Log)
        if self.module == "ledger":
            source = Path(ledger.__file__).read_text(encoding="utf-8")
            source = self._changed(source)
            start, end = source.index("class Happening("), source.index("_encode =")
            source = source[:start] + source[end:]
            shared = "from homeroom.simulation.regions.ledger import Happening, Readings\n"
            source = source.replace("class Readings:", f"{shared}class _Readings:")
            return Cores(ledger=_loaded("ledger", _placed(source, shared)).Ledger)
        if self.module == "erasing":
            source = self._changed(Path(erasing.__file__).read_text(encoding="utf-8"))
            start, end = source.index("@dataclass"), source.index("def cut(")
            shared = "from homeroom.simulation.regions.erasing import Redact\n\n\n"
            loaded = _loaded("erasing", source[:start] + shared + source[end:])
            return Cores(cleaning=loaded.Cleaning, register=loaded.Register)
        if self.module == "clock":
            source = Path(clock.__file__).read_text(encoding="utf-8")
            return Cores(clock=_loaded("clock", self._changed(source)).HybridClock)
        if self.module == "beginning":
            source = self._changed(Path(beginning.__file__).read_text(encoding="utf-8"))
            return Cores(begin=_loaded("beginning", source).begin)
        if self.module == "stated":
            source = (REGIONS / "stated.py").read_text(encoding="utf-8")
            return Cores(stated=_loaded("stated", self._changed(source)).Stated)
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
        return Cores(member=loaded.Member)

    def _changed(self, source: str) -> str:
        found = source.count(self.old)
        assert found == 1, f"{self.name}: {self.old!r} stands {found} times in {self.module}"
        return source.replace(self.old, self.new)


def _loaded(name, source):
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, name, "exec"), module.__dict__)
    return module


def _log_alone(source):
    """Return the log without its events and effects, which it shares with the one of production."""
    head, body = source.split("class Log:")
    names = [name for name in homeroom.log.log.__all__ if name != "Log"]
    shared = f"from homeroom.log.log import {', '.join(names)}\n"
    imports = head[: head.index("__all__")]
    return f"{imports}{shared}class Log:{body}"


def _placed(source, shared):
    """Put what is shared above what uses it."""
    source = source.replace(shared, "")
    return source.replace("_encode =", f"{shared}\n_encode =", 1)


class Unsynced(DiskStore):
    """A store that says yes before its disk has."""

    def _sync(self, name):
        pass


FAULTS = (
    Mutant(
        "a missing entry is passed over",
        "taking",
        "if following.number != tail.number + 1:",
        "if following.number <= tail.number:",
        seed=8,
    ),
    Mutant(
        "what has come is called held before it is written",
        "taking",
        "            self._arrived.append(following)\n",
        "            self._arrived.append(following)\n"
        "            self._known.holdings.advance(following.origin, following.head)\n",
    ),
    Mutant(
        "of what was written together the last alone is held",
        "taking",
        "        for entry in entries:\n            self._known",
        "        for entry in entries[-1:]:\n            self._known",
        seed=1,
    ),
    Mutant(
        "who asks for entries gets none",
        "telling",
        "return self._answer(to, pull, durable)",
        "return self._answer(to, pull, durable[:0])",
        seed=1,
    ),
    Mutant(
        "what others have is never asked for",
        "replication",
        "                if self.may_have(origin):\n"
        "                    self._pulling.missing(origin, number, now_ms)\n",
        "                pass\n",
        seed=7,
    ),
    Mutant(
        "only who wrote an entry is asked for it",
        "pulling",
        "return [peer for peer, numbers in views.items() if numbers.get(origin, 0) > tail]",
        "return [p for p, n in views.items() if n.get(origin, 0) > tail and p == origin.node]",
        seed=46,
    ),
    Mutant(
        "a pull without an answer is waited for for ever",
        "pulling",
        "if asked.until_ms <= now_ms]",
        "if asked.until_ms <= 0]",
        seed=49,
    ),
    Mutant(
        "one entry too late is asked for",
        "pulling",
        "chosen.append(Range(origin, tail + 1))",
        "chosen.append(Range(origin, tail + 2))",
        seed=7,
    ),
    Mutant(
        "news that was missed is not asked for again",
        "replication",
        "has_missed = view.take(news, now_ms)",
        "has_missed = bool(view.take(news, now_ms) and False)",
        storm_ms=12_500,
        seed=44,
    ),
    Mutant(
        "who asks for all is told what is new",
        "replication",
        "            self.views[sender].told = 0\n",
        "            pass\n",
        storm_ms=12_500,
        seed=60,
    ),
    Mutant("only the latest change is told", "holdings", "return items[::-1]", "return items[:1]"),
    Mutant(
        "a number is promised one entry early",
        "waiting",
        "numbers.get(token.origin, 0) >= token.number",
        "numbers.get(token.origin, 0) >= token.number - 1",
        seed=26,
    ),
    Mutant(
        "one other node is taken for all",
        "waiting",
        "if having >= others:",
        "if having:",
    ),
    Mutant(
        "a node of the same region is taken for another region",
        "waiting",
        "elsewhere = any(members.regions.get(other, here) != here for other in having)",
        "elsewhere = bool(having)",
        seed=2,
    ),
    Mutant(
        "who waits is never told that it is too late",
        "waiting",
        "            if held.until_ms <= now_ms:\n",
        "            if held.until_ms <= 0:\n",
        seed=152,
    ),
    Mutant(
        "entries of the future are folded at once",
        "gate",
        "while runs and hybrid_ms(runs[0].hybrid) <= until_ms:",
        "while runs:",
        seed=27,
    ),
    Mutant(
        "what is held back lets what follows pass",
        "gate",
        "self.open[origin] = moved[origin] = run.number",
        "self.open[origin] = moved[origin] = (runs[-1] if runs else run).number",
        storm_ms=16_000,
        seed=1,
    ),
    Mutant(
        "nobody waits at a mark",
        "gate",
        "return any(origin in check.origins for check in self._checks.values())",
        "return False",
        storm_ms=16_000,
        seed=19,
    ),
    Mutant(
        "a mark is waited for for ever",
        "gate",
        ">= limits.CHECK_WAIT_MS_MAX:",
        ">= limits.CHECK_SILENCE_MS_MAX:",
        storm_ms=16_000,
        seed=1,
    ),
    Mutant(
        "what was recovered is not folded",
        "member",
        "                effects = self._durable(event.entries, event.wall_ms, now_ms)\n            case Found",
        "                effects = []\n            case Found",
        seed=1,
    ),
    Mutant(
        "fingerprints are not told",
        "member",
        "return sent + self.agreement.mine(told, now_ms)",
        "return self.agreement.mine(told, now_ms)",
    ),
    Mutant(
        "a clock is judged by its mean",
        "hybrid",
        "statistics.median(ahead)",
        "statistics.mean(ahead)",
        seed=109,
    ),
    Mutant(
        "a node that starts believes its clock",
        "hybrid",
        "return now_ms - self._started_ms >= limits.CLOCK_START_MS_MAX",
        "return True",
        seed=11,
    ),
    Mutant("a buffer forgets what it has let go", "gaps", "        self._entries -= 1\n", ""),
    Mutant(
        "an acknowledgement comes before the write is done",
        "log",
        "        self._write, self._answered = Write(entries, kept), records\n        return [self._write]",
        "        self._write, self._answered = Write(entries, kept), ()\n"
        "        told = [(r, self._tickets.pop((r.owner, r.batch_id))[1][0]) for r in records]\n"
        "        done = [Reply(t, Accepted(r.answer, r.token, is_repeat=False)) for r, t in told]\n"
        "        return [*done, self._write]",
    ),
    Mutant(
        "a number is used again",
        "log",
        "            self.heads[entry.origin.stream] = entry.head\n",
        "            pass\n",
    ),
    Mutant(
        "an incarnation is used again",
        "log",
        "return Origin(self.life.node, self.life.incarnation, stream)",
        'return Origin(self.life.node, "0" * 32, stream)',
    ),
    Mutant(
        "a repeat is counted twice",
        "ledger",
        "        if event in self._known or event.learner in self.erased:\n            return\n",
        "        if event.learner in self.erased:\n            return\n",
        seed=1,
    ),
    Mutant(
        "of two that are tied the last to come wins",
        "ledger",
        "if other.status > self.status:",
        "if other.status[1]:",
    ),
    Mutant(
        "a void that comes late changes nothing",
        "ledger",
        "for learner in self._readings.learners_of.get(voided, ()):",
        "for learner in ():",
        seed=1,
    ),
    Mutant(
        "a life that the world has given up goes on",
        "member",
        "        if self._is_given_up():\n",
        "        if False:\n",
        seed=37,
    ),
    Mutant(
        "a life begins with a snapshot that goes beyond what counts",
        "beginning",
        "    if goes_beyond(saved, members.closed):\n",
        "    if False:\n",
        storm_ms=12_000,
        seed=12,
    ),
    Mutant(
        "a home states facts that stand before what it has stated",
        "member",
        "            self.gate.open.get(origin, 0) == head.number\n",
        "            True\n",
        storm_ms=12_000,
    ),
    Mutant(
        "what is left of a life is never closed",
        "member",
        "        return closable(self.members, replication.holdings.heads, replication.views)\n",
        "        return {}\n",
        seed=13,
    ),
    Mutant(
        "what has collapsed is named for ever",
        "holdings",
        "if news.is_whole and news.version >= self._version:",
        "if False:",
        seed=40,
    ),
    Mutant(
        "what has collapsed is not asked for by who lacks it",
        "replication",
        "            if self._taking.tail(origin).number < number:\n",
        "            if False:\n",
        storm_ms=8_000,
        seed=46,
    ),
    Mutant(
        "a life that was heard late is the present one for ever",
        "holdings",
        "if life not in self._past or now_ms - self._spoke_ms < limits.LIFE_SILENT_MS:",
        "if True:",
        seed=1,
    ),
    Mutant(
        "a log forgets what others do not hold",
        "collecting",
        "return min((number, *held))",
        "return number",
        seed=1,
    ),
    Mutant(
        "a log forgets what no snapshot has",
        "collecting",
        "return min((number, *held))",
        "return min((1 << 40, *held))",
        seed=40,
    ),
    Mutant(
        "who asks for what is forgotten hears nothing of it",
        "collecting",
        "return there, len(there) < len(ranges)",
        "return there, False",
        seed=40,
    ),
    Mutant(
        "what was ruled lets nothing pass",
        "gate",
        "run.hybrid, run.check = max(stamps), None",
        "pass",
        storm_ms=6_000,
        seed=108,
    ),
    Mutant(
        "what was ruled to be lost stays folded",
        "ledger",
        "        if lost == self._lost:\n            return\n",
        "        if lost == self._lost or lost:\n            return\n",
        storm_ms=6_000,
        seed=323,
    ),
    Mutant(
        "what the former home states counts",
        "stated",
        'if members.home in ("", said.origin.node):',
        "if members:",
        seed=2,
    ),
    Mutant(
        "a part of what was stated is taken for the whole",
        "stated",
        "return self._count >= self._known",
        "return True",
        storm_ms=20_000,
        seed=201,
    ),
)
