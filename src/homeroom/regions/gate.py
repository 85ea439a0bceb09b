"""How far each origin may be folded: not into the future, and not past a mark of which others are missing.

Durable is not folded. An entry that is stamped ahead of the local clock waits until its time comes near, with all of
its origin after it; other origins go on. And every ten seconds all nodes wait for each other for a moment, each at a
mark in every other's stream: when everybody's mark is there, every node has folded exactly the same entries, and
fingerprints can be compared. If one is missing for two seconds, that comparison is void, and nobody waits any longer.

A mark is no entry of its own. It is the first entry of an origin after a multiple of ten seconds of hybrid time, which
is the same entry for everybody; a node that has nothing to write then writes one without events. So a busy world
writes nothing for its marks, and nothing that folds has to know of them. A life's first entry is none: what would be
waited for is the life before.

What operators have ruled of entries of the future (`homeroom.log.rulings`) takes the place of their stamps: they are
folded at once, or when the stamp that they were given is near, by all nodes alike.

Documents wait for nothing. Whoever rules on entries of the future names them to the whole world, and of documents
nobody elsewhere may hear (`homeroom.regions.residency`).

What waits is kept as runs of numbers, not as entries: whoever folds reads them from the log when they may go. If there
are too many runs, neighbours are joined and wait for the later time of the two.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from homeroom import limits
from homeroom.clock import hybrid_ms
from homeroom.log.entries import Entry, Head
from homeroom.log.origins import Origin, Stream
from homeroom.log.rulings import Rulings, ruling_of

__all__ = ["Early", "Gate", "check_of"]

_NEVER_MS: Final = 1 << 62


def check_of(hybrid: int) -> int:
    """Return the number of the check that a stamp falls into."""
    return hybrid_ms(hybrid) // limits.CHECK_MS


@dataclass(frozen=True, slots=True)
class Early:
    """Entries from the future: the first and the last number, and when the last of them may be folded."""

    first: int
    last: int
    until_ms: int


@dataclass(slots=True)
class _Run:
    """Entries up to a number, the last of which is a mark of a check or none is."""

    number: int
    hybrid: int
    check: int | None


@dataclass(slots=True)
class _Check:
    since_ms: int
    origins: set[Origin] = field(default_factory=set)


class Gate:
    """How far each origin may be folded.

    Parameters
    ----------
    applied : by origin the last entry that was folded before this life began

    Attributes
    ----------
    open : by origin the last number that may be folded
    """

    def __init__(self, applied: Mapping[Origin, Head]) -> None:
        self.open: dict[Origin, int] = {origin: head.number for origin, head in applied.items()}
        self._runs: dict[Origin, deque[_Run]] = {}
        self._rulings: Rulings = {}
        # By origin the stamp of its last entry.
        self._stamps: dict[Origin, int] = {o: head.hybrid for o, head in applied.items()}
        self._checks: dict[int, _Check] = {}
        # Checks that are over: their marks hold nobody. Not the greatest of them alone: a clock that was a year ahead
        # would end all checks of that year.
        self._over: deque[int] = deque(maxlen=limits.CHECKS_KEPT)

    @property
    def held(self) -> int:
        """Number of runs that wait."""
        return sum(map(len, self._runs.values()))

    def durable(self, entries: Iterable[Entry]) -> None:
        """Take entries that are durable, in order by origin; `pass_on` says what of them may be folded."""
        for entry in entries:
            runs = self._runs.setdefault(entry.origin, deque())
            check = self._check(entry)
            if runs and runs[-1].check is None and self._may_join(runs, entry):
                runs[-1].number, runs[-1].hybrid = entry.number, entry.hybrid
                runs[-1].check = check
            else:
                runs.append(_Run(entry.number, entry.hybrid, check))
        if self._rulings:
            self._apply_rulings()

    def rule(self, rulings: Rulings) -> None:
        """Take what was ruled; `pass_on` says what may be folded because of it."""
        if rulings != self._rulings:
            self._rulings = rulings
            self._apply_rulings()

    def _apply_rulings(self) -> None:
        for origin in self._rulings.keys() & self._runs.keys():
            first = self.open.get(origin, 0) + 1
            for run in self._runs[origin]:
                ruled = [
                    ruling_of(self._rulings, origin, number)
                    for number in range(first, run.number + 1)
                ]
                stamps = [0 if one.hybrid is None else one.hybrid for one in ruled if one]
                if len(stamps) == len(ruled):
                    run.hybrid, run.check = max(stamps), None
                first = run.number + 1

    def ahead(self, wall_ms: int) -> dict[Origin, int]:
        """Return by origin up to which number entries wait that are stamped later than a time."""
        last = {}
        for origin, runs in self._runs.items():
            if not origin.stream.is_shared:
                continue
            late = [run.number for run in runs if hybrid_ms(run.hybrid) > wall_ms]
            if late:
                last[origin] = late[-1]
        return last

    def early(self, wall_ms: int) -> dict[Origin, Early]:
        """Return by origin which entries wait because the first of them is stamped later than a time."""
        found = {}
        for origin, last in self.ahead(wall_ms).items():
            before = self.open.get(origin, 0)
            until_ms = 0
            for run in self._runs[origin]:
                if hybrid_ms(run.hybrid) > wall_ms:
                    until_ms = max(until_ms, hybrid_ms(run.hybrid))
                elif not until_ms:
                    before = run.number
            found[origin] = Early(before + 1, last, until_ms)
        return found

    def _check(self, entry: Entry) -> int | None:
        """Return which check an entry is a mark of, None if of none."""
        before = self._stamps.get(entry.origin)
        self._stamps[entry.origin] = entry.hybrid
        if before is None or entry.origin.stream is not Stream.ANALYTIC:
            return None
        check = check_of(entry.hybrid)
        return check if check > check_of(before) else None

    def stamp(self, origin: Origin) -> int:
        """Return the stamp of the last entry of an origin, 0 for none."""
        return self._stamps.get(origin, 0)

    def forget(self, origin: Origin) -> None:
        """Keep nothing of an origin all of which may be folded, and of which no more comes."""
        assert origin not in self._runs, "what waits is not forgotten"
        self.open.pop(origin, None)
        self._stamps.pop(origin, None)

    def _may_join(self, runs: deque[_Run], entry: Entry) -> bool:
        """Say whether an entry waits with the run before it: because both are due at one time, or there are many."""
        same_ms = hybrid_ms(entry.hybrid) == hybrid_ms(runs[-1].hybrid)
        return same_ms or len(runs) >= limits.HELD_RUNS_MAX

    def pass_on(
        self, lives: Mapping[str, str], wall_ms: int, now_ms: int
    ) -> tuple[list[tuple[Origin, int]], int | None]:
        """Return by origin the number up to which may be folded now, where it has changed, and a check that is whole.

        ``lives`` are the nodes whose marks a check wants, with the life of each: a mark that an earlier life has left
        behind says nothing of where this one is. After a check that is whole, this is to be called again when
        its fingerprint has been taken: what lies beyond the marks is not passed on before.
        """
        self._give_up(now_ms)
        moved: dict[Origin, int] = {}
        ahead_ms = wall_ms + limits.HYBRID_AHEAD_MS_MAX
        for origin, runs in list(self._runs.items()):
            until_ms = ahead_ms if origin.stream.is_shared else _NEVER_MS
            while runs and hybrid_ms(runs[0].hybrid) <= until_ms:
                if self._is_waiting(origin):
                    break
                run = runs.popleft()
                self.open[origin] = moved[origin] = run.number
                if run.check is not None and self._is_on(run.check, wall_ms):
                    self._mark(origin, run.check, now_ms)
            if not runs:
                del self._runs[origin]
        return list(moved.items()), self._whole(lives)

    def _is_waiting(self, origin: Origin) -> bool:
        return any(origin in check.origins for check in self._checks.values())

    def _is_on(self, check: int, wall_ms: int) -> bool:
        """Say whether a check is waited for: one long past is not, or whoever catches up would wait for each."""
        late_ms = wall_ms - check * limits.CHECK_MS
        return check not in self._over and late_ms < 2 * limits.CHECK_WAIT_MS_MAX

    def _mark(self, origin: Origin, number: int, now_ms: int) -> None:
        check = self._checks.setdefault(number, _Check(now_ms))
        check.origins.add(origin)

    def _whole(self, lives: Mapping[str, str]) -> int | None:
        if not self._checks:
            return None
        for number in sorted(self._checks):
            marked = {(origin.node, origin.incarnation) for origin in self._checks[number].origins}
            if marked.issuperset(lives.items()):
                self._end(number)
                return number
        return None

    def _give_up(self, now_ms: int) -> None:
        if not self._checks:
            return
        for number in sorted(self._checks):
            if now_ms - self._checks[number].since_ms >= limits.CHECK_WAIT_MS_MAX:
                self._end(number)

    def _end(self, number: int) -> None:
        del self._checks[number]
        self._over.append(number)

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        for origin, runs in self._runs.items():
            numbers = [self.open.get(origin, 0), *(run.number for run in runs)]
            assert numbers == sorted(set(numbers)), "runs go on from what may be folded"
            assert len(runs) <= limits.HELD_RUNS_MAX + limits.CHECKS_KEPT
        assert not self._checks.keys() & set(self._over), "what is over is not begun again"
