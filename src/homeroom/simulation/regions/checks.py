"""What must hold, one check a property: some are looked at while a world runs, the others when it has come together.

A check says what it found as a sentence; an empty list is a world in which all held. They see all nodes at once, which
no node does, and trust what clients were told over what nodes say.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from homeroom.clock import hybrid_ms
from homeroom.errors import EntryError
from homeroom.limits import HYBRID_AHEAD_MS_MAX
from homeroom.log.entries import Entry, Head
from homeroom.log.origins import Origin
from homeroom.regions.steps import Alarm, Level, Trouble
from homeroom.simulation.regions.clients import Acknowledged, Diary
from homeroom.simulation.regions.ledger import FIRST_DAY, Happening, Ledger
from homeroom.simulation.regions.machine import BEGIN_MS, Machine, is_signed
from homeroom.simulation.regions.model import expected
from homeroom.simulation.regions.plan import CLOCK_KINDS, Kind, Plan

__all__ = ["Losses", "Watcher", "check_all", "missing_entries"]

_LOOKED_AT_EVERY = 32
_LOCAL_MS_MAX = 150
_QUIET = frozenset({Trouble.UNPROVEN})
_SEEN_KINDS = CLOCK_KINDS - {Kind.ALONE_AND_WRONG}
_STAMP_OFF_MS_MAX = 1_000


@dataclass(slots=True)
class Losses:
    """What a disaster may have taken: by node, from when to when what only it held may be gone."""

    spans: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def add(self, node: str, from_ms: int, until_ms: int) -> None:
        """Say that a node has lost what it held alone and was told in this time."""
        self.spans.setdefault(node, []).append((from_ms, until_ms))

    def may_have_taken(self, acknowledged: Acknowledged) -> bool:
        """Say whether what was acknowledged may be gone, under the promise of its level."""
        if acknowledged.level > Level.LOCAL and len(self.spans) < 2:
            return False
        spans = self.spans.get(acknowledged.node, ())
        return any(start <= acknowledged.at_ms <= end for start, end in spans)


class Watcher:
    """Looks on while a world runs.

    Attributes
    ----------
    violations : what must not have been, in words
    alarms : how many of each kind
    losses : what disasters may have taken
    """

    def __init__(self, plan: Plan) -> None:
        self.losses = Losses()
        self._allowed = _QUIET
        if Kind.DAMAGE in plan.kinds:
            self._allowed |= {Trouble.BAD_MESSAGE, Trouble.BAD_ENTRY}
        if plan.kinds & {Kind.JOIN, Kind.LEAVE}:
            self._allowed |= {Trouble.STRANGER}
        of_clocks = [fault for fault in plan.faults if fault.kind in CLOCK_KINDS]
        self._wrong = {node for fault in of_clocks for node in fault.nodes}
        # Where nobody is cut off and most clocks are right, a wrong one is noticed before anything is stamped by it.
        is_outvoted = 2 * len(self._wrong) >= len(plan.nodes)
        self._nodes = len(plan.nodes) - (Kind.LEAVE in plan.kinds)
        self._clocks_are_seen = plan.kinds <= _SEEN_KINDS
        self._is_outvoted = is_outvoted
        self._pauses = bool(plan.kinds & {Kind.PAUSE, Kind.SLOW_DISK})
        self.violations: list[str] = []
        self.alarms: dict[Trouble, int] = {}
        self._digests: dict[tuple[Origin, int], bytes] = {}
        self._held: dict[tuple[str, str], dict[Origin, int]] = {}
        self._steps = 0

    def committed(self, machine: Machine, entries: Sequence[Entry]) -> None:
        """See that no number is given twice, and that stamps are near the time."""
        for entry in entries:
            name, digest = (entry.origin, entry.number), entry.digest
            if self._digests.setdefault(name, digest) != digest:
                self.violations.append(
                    f"{machine.name} gave number {entry.number} of {entry.origin} twice"
                )

        is_right = self._clocks_are_seen or machine.name not in self._wrong
        if is_right and not self._is_outvoted:
            off_ms = hybrid_ms(entries[-1].hybrid) - BEGIN_MS - machine.outside.agenda.now_ms
            # An entry that was stamped before a pause is durable after it.
            if off_ms > _STAMP_OFF_MS_MAX or (off_ms < -_STAMP_OFF_MS_MAX and not self._pauses):
                self.violations.append(f"{machine.name} stamps {off_ms} ms off the time")

    def started(self, machine: Machine, said: Mapping[Origin, int]) -> None:
        """See that what a node held by its own words is there after whatever ended its last life."""
        held = machine.store.held()
        lost = [origin for origin, number in said.items() if held[origin] < number]
        if lost:
            self.violations.append(f"{machine.name} has lost what it held of {lost[0]}")

    def folded(self, machine: Machine, entry: Entry) -> None:
        """See that nothing is folded whose time has not come near."""
        ahead_ms = hybrid_ms(entry.hybrid) - machine.wall_ms()
        if ahead_ms > HYBRID_AHEAD_MS_MAX:
            self.violations.append(f"{machine.name} folds an entry {ahead_ms} ms before its time")

    def stepped(self, machine: Machine) -> None:
        """See, now and then, that invariants hold and that vectors do not go back."""
        self._steps += 1
        if self._steps % _LOOKED_AT_EVERY or machine.life is None:
            return
        try:
            machine.member.check_invariants()
            machine.log.check_invariants()
        except AssertionError as error:
            self.violations.append(f"{machine.name} breaks an invariant: {error}")
        held = machine.member.held
        before = self._held.get((machine.name, machine.life), {})
        if any(held.get(origin, 0) < number for origin, number in before.items()):
            self.violations.append(f"what {machine.name} holds has gone back")
        self._held[machine.name, machine.life] = held

    def alarmed(self, machine: Machine, alarm: Alarm) -> None:
        """Let no alarm pass for which the plan gives no reason."""
        self.alarms[alarm.trouble] = self.alarms.get(alarm.trouble, 0) + 1
        if alarm.trouble not in self._allowed:
            self.violations.append(f"{machine.name} raised an alarm, {alarm.trouble}: {alarm.why}")

    def acknowledged(self, told: Acknowledged, machines: Mapping[str, Machine]) -> None:
        """See that what is promised is true when it is said."""
        holding = [one.name for one in machines.values() if one.has_durable(told.token)]
        # A node that lost its disk may have held it when it said so.
        others = {*holding, *self.losses.spans} - {told.node}
        regions = {name: machine.region for name, machine in machines.items()}
        elsewhere = any(regions[other] != regions[told.node] for other in others)
        needed = {Level.LOCAL: 0, Level.REMOTE: 1, Level.ALL: self._nodes - 1}[told.level]
        is_true = len(others) >= needed and (told.level is Level.LOCAL or elsewhere)
        if told.node not in holding or not is_true:
            self.violations.append(
                f"{told.node} acknowledged {told.batch.id} as {told.level.name.lower()}, and it is at "
                f"{', '.join(holding) or 'no node'} only"
            )


# --- when a world has come together ----------------------------------------------------------------------------------


def missing_entries(machines: Sequence[Machine]) -> str:
    """Return what keeps nodes apart, in words; empty if all hold and have folded the same."""
    if any(machine.life is None for machine in machines):
        return "a node does not run"
    for one, other in pairwise(machines):
        if one.member.held != other.member.held:
            return f"{one.name} and {other.name} hold different entries"
    for machine in machines:
        if machine.ledger.applied != machine.member.held and not _holds_back(machine):
            return f"{machine.name} has not folded all that it holds"
    for one, other in pairwise(machines):
        if one.ledger.applied != other.ledger.applied:
            return f"{one.name} and {other.name} have folded different entries"
    return ""


def _holds_back(machine: Machine) -> bool:
    """Say whether a node waits for the time of entries that were stamped a year ahead."""
    now_ms = machine.outside.agenda.now_ms
    year_ms = BEGIN_MS + now_ms + 86_400_000
    return any(
        head.hybrid >> 16 > year_ms for head in machine.member.replication.holdings.heads.values()
    )


def check_all(
    plan: Plan, machines: Sequence[Machine], diary: Diary, losses: Losses
) -> Iterator[str]:
    """Return what does not hold of nodes that have come together."""
    yield from _answered(machines)
    yield from _chained(machines)
    yield from _rebuilt(machines)
    yield from _as_expected(machines, diary)
    yield from _nothing_lost(machines, diary, losses)
    if not plan.kinds & {Kind.SLOW_DISK, Kind.PAUSE, Kind.BAD_SYNC}:
        yield from _local_is_quick(diary)


def _answered(machines: Sequence[Machine]) -> Iterator[str]:
    for machine in machines:
        if machine.forgotten():
            yield f"{machine.forgotten()} clients have waited too long for an answer of {machine.name}"


def _chained(machines: Sequence[Machine]) -> Iterator[str]:
    known: dict[tuple[Origin, int], tuple[Entry, Head]] = {}
    for machine in machines:
        for origin in machine.store.held():
            before = Head()
            for entry in machine.store.read(origin, 1, 1 << 40):
                if (origin, entry.number) not in known:
                    yield from _fault_of(machine, entry, before)
                    known[origin, entry.number] = entry, entry.head
                same, before = known[origin, entry.number]
                if same != entry:
                    yield f"number {entry.number} of {origin} is two different entries"


def _fault_of(machine: Machine, entry: Entry, before: Head) -> Iterator[str]:
    try:
        entry.check(before, is_signed)
    except EntryError as error:
        yield f"{machine.name} has stored what it should not: {error}"


def _rebuilt(machines: Sequence[Machine]) -> Iterator[str]:
    """Compare each node with what the log of the first comes to; they are equal logs, as far as they are folded."""
    fresh = Ledger(machines[0].outside.readings)
    for origin, number in sorted(machines[0].ledger.applied.items()):
        for entry in machines[0].store.read(origin, 1, number):
            fresh.fold(entry)
    for machine in machines:
        if machine.ledger.applied == fresh.applied:
            if machine.ledger.fingerprint() != fresh.fingerprint():
                yield f"{machine.name} has something else than its log comes to when it is folded anew"
        else:
            yield f"{machine.name} has folded other entries than {machines[0].name}"


def _as_expected(machines: Sequence[Machine], diary: Diary) -> Iterator[str]:
    sent = {event for batch in diary.sent.values() for event in batch.events}
    first = machines[0].ledger
    events = first.events()
    present = events | {Happening("", "", 0, voids=voided) for voided in first.voided}
    found = {learner: _plain(row.figures()) for learner, row in first.rows.items()}
    if found != expected(present):
        yield f"{machines[0].name} answers something else than its events say"
    if not events <= sent:
        yield f"{machines[0].name} has events that nobody sent"
    for machine in machines[1:]:
        if machine.ledger.rows != first.rows:
            yield f"{machine.name} answers something else than {machines[0].name}"


def _plain(figures: tuple[int, int, int, tuple[int, str], int]) -> tuple[object, ...]:
    days = figures[0]
    shown = frozenset(FIRST_DAY + n for n in range(days.bit_length()) if days >> n & 1)
    return (shown, *figures[1:])


def _nothing_lost(machines: Sequence[Machine], diary: Diary, losses: Losses) -> Iterator[str]:
    if any(_holds_back(machine) for machine in machines):
        return
    events, voided = machines[0].ledger.events(), machines[0].ledger.voided
    for told in diary.acknowledged:
        is_there = all(_is_there(event, events, voided) for event in told.batch.events)
        if not is_there and not losses.may_have_taken(told):
            yield (
                f"{told.batch.id}, acknowledged by {told.node} as {told.level.name.lower()} at "
                f"{told.at_ms / 1_000:.3f} s, is gone"
            )


def _is_there(event: Happening, events: set[Happening], voided: Iterable[str]) -> bool:
    return event.voids in voided if event.voids else event in events


def _local_is_quick(diary: Diary) -> Iterator[str]:
    for told in diary.acknowledged:
        if told.batch.level is Level.LOCAL and told.waited_ms > _LOCAL_MS_MAX:
            yield f"{told.batch.id} waited {told.waited_ms} ms for a local acknowledgement by {told.node}"
            return
