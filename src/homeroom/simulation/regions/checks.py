"""What must hold, one check a property: some are looked at while a world runs, the others when it has come together.

A check says what it found as a sentence; an empty list is a world in which all held. They see all nodes at once, which
no node does, and trust what clients were told over what nodes say.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

from homeroom.clock import hybrid_ms
from homeroom.errors import EntryError
from homeroom.limits import HYBRID_AHEAD_MS_MAX
from homeroom.log.entries import Entry, Head
from homeroom.log.origins import Origin
from homeroom.log.rulings import ruling_of
from homeroom.regions.steps import Alarm, Applied, AwaitApplied, Level, Trouble
from homeroom.simulation.regions.clients import Acknowledged, Diary
from homeroom.simulation.regions.counted import Counted
from homeroom.simulation.regions.crossings import Crossings
from homeroom.simulation.regions.losses import Losses
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.met import Case, Met
from homeroom.simulation.regions.model import consents, expected, merged
from homeroom.simulation.regions.plan import CLOCK_KINDS, Kind, Plan
from homeroom.simulation.regions.residency import of_shared
from homeroom.simulation.regions.rows import FIRST_DAY
from homeroom.simulation.regions.signatures import is_signed

__all__ = ["Watcher", "check_all", "long_vectors", "missing_entries"]

_LOOKED_AT_EVERY = 32
_LOCAL_MS_MAX = 150
_QUIET = frozenset({Trouble.UNPROVEN})
_TOLD: Mapping[Kind, Collection[Trouble]] = {
    Kind.DAMAGE: (Trouble.BAD_MESSAGE, Trouble.BAD_ENTRY),
    Kind.JOIN: (Trouble.STRANGER,),
    Kind.LEAVE: (Trouble.STRANGER,),
    Kind.RETURN: (Trouble.STRANGER,),
    Kind.RELEASES: (Trouble.BAD_MESSAGE,),
    Kind.LIES: (Trouble.CLAIM, Trouble.BAD_ENTRY),
    Kind.CLONE: (Trouble.CLONE,),
}
"""What goes wrong, and the alarms that it gives a reason for."""
_SEEN_KINDS = CLOCK_KINDS - {Kind.ALONE_AND_WRONG}
_STAMP_OFF_MS_MAX = 1_000
_ANSWERED = ("rows", "consents", "merged")


class Watcher:
    """Looks on while a world runs.

    Attributes
    ----------
    violations : what must not have been, in words
    alarms : how many of each kind
    losses : what disasters may have taken
    machines : all nodes, by name
    """

    def __init__(self, plan: Plan, met: Met, crossings: Crossings) -> None:
        self.losses = Losses()
        self._met, self._crossings = met, crossings
        self._allowed = _QUIET.union(*(_TOLD.get(kind, ()) for kind in plan.kinds))
        of_clocks = [fault for fault in plan.faults if fault.kind in CLOCK_KINDS]
        self._wrong = {node for fault in of_clocks for node in fault.nodes}
        # Where nobody is cut off and most clocks are right, a wrong one is noticed before anything is stamped by it.
        is_outvoted = 2 * len(self._wrong) >= len(plan.nodes)
        self._nodes = len(plan.nodes) - bool({Kind.LEAVE, Kind.RETURN} & plan.kinds)
        self._clocks_are_seen = plan.kinds <= _SEEN_KINDS
        self._is_outvoted = is_outvoted
        self._pauses = bool(plan.kinds & {Kind.PAUSE, Kind.SLOW_DISK})
        self.violations: list[str] = []
        self.machines: Mapping[str, Machine] = {}
        away = {fault.nodes[0] for fault in plan.faults if fault.kind is Kind.RETURN}
        self._steady = plan.nodes.keys() - away
        self.alarms: dict[Trouble, int] = {}
        self.entries: dict[tuple[Origin, int], Entry] = {}
        self._held: dict[tuple[str, str], dict[Origin, int]] = {}
        self._steps = 0

    def committed(self, machine: Machine, entries: Sequence[Entry]) -> None:
        """See that no number is given twice, and that stamps are near the time."""
        for entry in entries:
            self._put_down(machine, entry)
        is_right = self._clocks_are_seen or machine.name not in self._wrong
        if is_right and not self._is_outvoted:
            off_ms = hybrid_ms(entries[-1].hybrid) - machine.outside.agenda.wall_ms
            # An entry that was stamped before a pause is durable after it.
            if off_ms > _STAMP_OFF_MS_MAX or (off_ms < -_STAMP_OFF_MS_MAX and not self._pauses):
                self.violations.append(f"{machine.name} stamps {off_ms} ms off the time")

    def started(self, machine: Machine, said: Mapping[Origin, int]) -> None:
        """See that what a node held by its own words is there after whatever ended its last life."""
        held = machine.store.held()
        for origin in held:
            for entry in machine.store.read(origin, 1, 1 << 40):
                self._put_down(machine, entry)
        lost = [origin for origin, number in said.items() if held[origin] < number]
        if lost:
            self.violations.append(f"{machine.name} has lost what it held of {lost[0]}")

    def collected(self, machine: Machine, numbers: Mapping[Origin, int]) -> None:
        """See that no log forgets what another member does not hold; a disk that was put back does not count."""
        members = machine.member.members
        for name, other in self.machines.items():
            is_member = name in members.regions and name not in members.fenced
            if is_member and other.has_begun and name not in self.losses.spans:
                held = other.store.held()
                lacking = [o for o, number in numbers.items() if held[o] < number]
                if name not in self._steady:
                    # Who joins after an origin has collapsed takes a snapshot.
                    lacking = [o for o in lacking if o not in members.collapsed]
                if lacking:
                    self.violations.append(
                        f"{machine.name} has forgotten entries of {lacking[0]} that {name} does not hold"
                    )

    def _put_down(self, machine: Machine, entry: Entry) -> None:
        """Keep an entry that is durable somewhere: a log may forget it, and a node be destroyed."""
        known = self.entries.setdefault((entry.origin, entry.number), entry)
        if known is not entry and known.digest != entry.digest:
            self.violations.append(
                f"{machine.name} gave number {entry.number} of {entry.origin} twice"
            )

    def folded(self, machine: Machine, entry: Entry) -> None:
        """See that nothing is folded whose time has not come near, unless it was ruled."""
        ruling = ruling_of(machine.member.members.rulings, entry.origin, entry.number)
        if ruling is not None or not entry.origin.stream.is_shared:
            return
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
        self._met[Case.GAP_FULL] += machine.member.replication.has_dropped
        held = machine.member.held
        before = self._held.get((machine.name, machine.life), {})
        is_retired = machine.member.replication.is_retired
        lower = (o for o, number in before.items() if held.get(o, 0) < number)
        if not all(map(is_retired, lower)):
            self.violations.append(f"what {machine.name} holds has gone back")
        self._held[machine.name, machine.life] = held

    def alarmed(self, machine: Machine, alarm: Alarm) -> None:
        """Let no alarm pass for which the plan gives no reason."""
        self.alarms[alarm.trouble] = self.alarms.get(alarm.trouble, 0) + 1
        self._met[Case.COPY_BESIDE] += alarm.trouble is Trouble.CLONE
        if alarm.trouble not in self._allowed:
            self.violations.append(f"{machine.name} raised an alarm, {alarm.trouble}: {alarm.why}")

    def erased(self, machine: Machine) -> None:
        """Take that a node has folded an erasure."""
        self._crossings.erased(machine)

    def acknowledged(self, told: Acknowledged, machines: Mapping[str, Machine]) -> None:
        """See that what is promised is true when it is said."""
        holding = [one.name for one in machines.values() if one.has_durable(told.token)]
        # A node that lost its disk may have held it when it said so.
        others = {*holding, *self.losses.spans} - {told.node}
        regions = {name: machine.region for name, machine in machines.items()}
        elsewhere = any(regions[other] != regions[told.node] for other in others)
        needed = {Level.LOCAL: 0, Level.REMOTE: 1, Level.ALL: self._nodes - 1}[told.level]
        is_true = len(others) >= needed and (told.level is Level.LOCAL or elsewhere)
        # A store that has failed over is found out with the next write.
        is_here = told.node in holding or self.losses.is_in_doubt(told)
        if not is_here or not is_true:
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
        if of_shared(one.member.held) != of_shared(other.member.held):
            return f"{one.name} and {other.name} hold different entries"
    for machine in machines:
        if machine.ledger.applied != machine.member.held:
            return f"{machine.name} has not folded all that it holds"
    for one, other in pairwise(machines):
        if of_shared(one.ledger.applied) != of_shared(other.ledger.applied):
            return f"{one.name} and {other.name} have folded different entries"
    return ""


def check_all(
    plan: Plan, machines: Sequence[Machine], diary: Diary, watcher: Watcher
) -> Iterator[str]:
    """Return what does not hold of nodes that have come together."""
    yield from _answered(machines)
    yield from _chained(machines, watcher.entries)
    counted = Counted(machines[0], watcher.entries)
    yield from _rebuilt(machines, counted)
    yield from _as_expected(machines, diary, counted)
    yield from _nothing_lost(machines, diary, watcher.losses, counted)
    yield from _tokens_resolve(machines, diary, watcher.losses)
    if not plan.kinds & {Kind.SLOW_DISK, Kind.PAUSE, Kind.BAD_SYNC}:
        yield from _local_is_quick(diary)


def long_vectors(machines: Sequence[Machine], before_ms: int) -> Iterator[str]:
    """Return which vectors still name lives that ended before a time."""
    ended = {
        (machine.name, life)
        for machine in machines
        for life, at_ms in machine.ended_ms.items()
        if at_ms < before_ms
    }
    for machine in machines:
        # Documents stay: who closes origins may not know of those of other jurisdictions.
        named = [origin for origin in of_shared(machine.member.held) if origin[:2] in ended]
        if named:
            yield f"{machine.name} still names {named[0]}, a life that has long ended"


def _answered(machines: Sequence[Machine]) -> Iterator[str]:
    for machine in machines:
        if machine.forgotten():
            yield f"{machine.forgotten()} clients have waited too long for an answer of {machine.name}"


def _chained(
    machines: Sequence[Machine], entries: Mapping[tuple[Origin, int], Entry]
) -> Iterator[str]:
    known: dict[tuple[Origin, int], tuple[Entry, Head]] = {}
    for machine in machines:
        for origin in machine.store.held():
            begins = machine.store.begins()[origin]
            before = entries[origin, begins].head if begins else Head()
            for entry in machine.store.read(origin, 1, 1 << 40):
                if (origin, entry.number) not in known:
                    yield from _fault_of(machine, entry, before)
                    known[origin, entry.number] = entry, entry.head
                same, before = known[origin, entry.number]
                if same.digest != entry.digest:
                    yield f"number {entry.number} of {origin} is two different entries"


def _fault_of(machine: Machine, entry: Entry, before: Head) -> Iterator[str]:
    try:
        entry.check(before, is_signed)
    except EntryError as error:
        yield f"{machine.name} has stored what it should not: {error}"


def _rebuilt(machines: Sequence[Machine], counted: Counted) -> Iterator[str]:
    """Compare each node with what all entries come to when they are folded anew, those that logs have forgotten too."""
    first = machines[0]
    fresh = counted.folded_anew(first.outside.readings, {})
    fresh.retire(first.ledger.retired)
    fresh.lack(origin for origin, number in first.ledger.applied.items() if not number)
    for machine in machines:
        if of_shared(machine.ledger.applied) == of_shared(fresh.applied):
            if machine.ledger.fingerprint() != fresh.fingerprint():
                yield f"{machine.name} has something else than its log comes to when it is folded anew"
        else:
            yield f"{machine.name} has folded other entries than {machines[0].name}"


def _as_expected(machines: Sequence[Machine], diary: Diary, counted: Counted) -> Iterator[str]:
    sent = {event for batch in diary.sent.values() for event in batch.events}
    first = machines[0].ledger
    rows, figures = first.rows, expected(counted.said, counted.cuts)
    if {learner: _plain(row.figures()) for learner, row in rows.items()} != figures:
        yield f"{machines[0].name} answers something else than its events say"
    together = {learner: _plain(row.figures()) for learner, row in first.answered().items()}
    if together != merged(figures, counted.said):
        yield f"{machines[0].name} takes other learners for one than it was told"
    if {learner: first.consent_of(learner) for learner in first.consents} != consents(counted.said):
        yield f"{machines[0].name} takes something else for what learners have agreed to than they said"
    if not first.events() <= sent:
        yield f"{machines[0].name} has events that nobody sent"
    for machine in machines[1:]:
        if any(getattr(machine.ledger, name) != getattr(first, name) for name in _ANSWERED):
            yield f"{machine.name} answers something else than {machines[0].name}"


def _plain(figures: tuple[int, int, int, tuple[int, str], int]) -> tuple[object, ...]:
    days = figures[0]
    shown = frozenset(FIRST_DAY + n for n in range(days.bit_length()) if days >> n & 1)
    return (shown, *figures[1:])


def _nothing_lost(
    machines: Sequence[Machine], diary: Diary, losses: Losses, counted: Counted
) -> Iterator[str]:
    """See that what was acknowledged is in an entry that counts: whether its day does is for cuts to say."""
    rulings = machines[0].member.members.rulings
    erased, said = machines[0].ledger.erased, counted.said
    voided = {one.voids for one in said}
    for told in diary.acknowledged:
        sent = (event for event in told.batch.events if event.learner not in erased)
        is_there = all(e.voids in voided if e.voids else e in said for e in sent)
        ruling = ruling_of(rulings, told.token.origin, told.token.number)
        is_ruled = ruling is not None and ruling.hybrid is None
        if not is_there and not is_ruled and not losses.may_have_taken(told):
            yield (
                f"{told.batch.id}, acknowledged by {told.node} as {told.level.name.lower()} at "
                f"{told.at_ms / 1_000:.3f} s, is gone"
            )


def _tokens_resolve(machines: Sequence[Machine], diary: Diary, losses: Losses) -> Iterator[str]:
    """See that a read that waits for what a client was told goes on at once, at every node."""
    for told in diary.acknowledged:
        token = told.token
        # What lies beyond a closed number was written once more, under other numbers.
        closed = machines[0].member.members.closed.get(token.origin, token.number)
        if losses.may_have_taken(told) or token.number > closed:
            continue
        for machine in machines:
            now_ms = machine.steady_ms()
            (answer,) = machine.member.step(AwaitApplied(0, token, now_ms), now_ms)
            if answer != Applied(0, is_late=False):
                what = f"entry {token.number} of {token.origin}, which {told.node} gave out"
                yield f"{machine.name} does not know of {what}"
                return


def _local_is_quick(diary: Diary) -> Iterator[str]:
    for told in diary.acknowledged:
        if told.batch.level is Level.LOCAL and told.waited_ms > _LOCAL_MS_MAX:
            yield f"{told.batch.id} waited {told.waited_ms} ms for a local acknowledgement by {told.node}"
            return
