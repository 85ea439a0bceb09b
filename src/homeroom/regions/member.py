"""One node as a member of the world: all that it does because there are others.

`Member.step` takes what happened and returns what to do, in this order. It is one machine, because its parts need each
other: what is kept opens the gate, what others say that they hold answers clients, and whose clock is wrong may write
no marks. What is written, folded and sent is done by whoever drives it: a running node, or the simulation, with the
same code in here.

A life of a member is a life of its log (`homeroom.log.log`): the same incarnation, a new one after every start and
after every write that failed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from homeroom import limits
from homeroom.clock import hybrid_ms
from homeroom.errors import MessageError
from homeroom.log.entries import Entry
from homeroom.log.members import LifeName
from homeroom.log.origins import Origin, Stream
from homeroom.log.rulings import ruled_stamp
from homeroom.regions.agreement import Agreement
from homeroom.regions.ending import closable, over
from homeroom.regions.gate import Gate, check_of
from homeroom.regions.hybrid import Clocks
from homeroom.regions.knowledge import Birth
from homeroom.regions.messages import Answer, AuditEnd, Compared, News, Pull, Reading, encode
from homeroom.regions.replication import Replication
from homeroom.regions.steps import (
    Alarm,
    Applied,
    Arrived,
    AwaitApplied,
    AwaitHeld,
    BeginAnew,
    Collect,
    Collected,
    Committed,
    Covered,
    Effect,
    Event,
    Fold,
    Folded,
    Found,
    Kept,
    Level,
    Members,
    NotInstalled,
    NotKept,
    Print,
    Printed,
    Recovered,
    Retired,
    Saved,
    Send,
    StateAuditEnd,
    TellAuditEnd,
    Tick,
    Trouble,
    WriteMark,
)
from homeroom.regions.waiting import Reach, Waiting

__all__ = ["Member"]


class Member:
    """One life of a node among others.

    Parameters
    ----------
    birth : what it begins with
    now_ms : when, by the steady clock

    Attributes
    ----------
    members : who belongs to the world
    replication, gate, clocks, waiting, agreement : its parts, to be looked at
    """

    def __init__(self, birth: Birth, now_ms: int) -> None:
        self.members = Members(0, {birth.node: ""})
        self.replication = Replication(birth)
        self.gate = Gate(birth.applied)
        self.clocks = Clocks(now_ms)
        self.waiting = Waiting()
        self.waiting.folded((origin, head.number) for origin, head in birth.applied.items())
        self.agreement = Agreement(now_ms)
        self._birth = birth
        self._begun_ms = now_ms
        # By node that is no member when it was told last.
        self._strangers: dict[str, int] = {}
        # Nodes that belonged to the world in this life and do no more, and since when. At most as many as it may have.
        self._left: dict[str, int] = {}
        # Nodes that are to be asked for all that they hold, and for the time, at the next tick.
        self._unmet: set[str] = set()
        self._gossip_ms = now_ms + birth.draw(limits.GOSSIP_MS)
        self.analytic = Origin(birth.node, birth.life, Stream.ANALYTIC)
        self._marked = -1
        # Until then something may be folded without the rows of somebody whose erasure is not.
        self._compares_from_ms = now_ms
        self._has_redacted = False

    def step(self, event: Event, now_ms: int) -> list[Effect]:
        """Take what happened; return what to do, in this order."""
        match event:
            case Arrived():
                return self._arrived(event, now_ms)
            case Tick():
                return self._tick(event.wall_ms, now_ms)
            case Kept():
                return self._kept(event.wall_ms, now_ms)
            case Committed():
                return self._committed(event, now_ms)
            case Folded():
                return self.waiting.folded(event.numbers)
            case _:
                return self._seldom(event, now_ms)

    def _seldom(self, event: Event, now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        match event:
            case Members():
                effects = self._members(event, now_ms)
            case Recovered():
                effects = self._durable(event.entries, event.wall_ms, now_ms)
            case Found():
                effects = self._found(event)
            case AwaitHeld():
                effects = self.waiting.await_held(event, self._reach(), now_ms)
            case AwaitApplied():
                effects = self._await_applied(event, now_ms)
            case Printed():
                effects = self._printed(event, now_ms)
            case NotKept():
                self.replication.not_kept(event.why)
            case _:
                effects = self._of_log(event)
        return effects

    def _found(self, found: Found) -> list[Effect]:
        effects = self.replication.found(found.to, found.pull, found.entries)
        if found.lost is None:
            return effects
        origin, first = found.lost.origin, found.lost.first
        why = f"its log has no entry {first} of {origin} any more, which it has said that it holds"
        return [*effects, BeginAnew(why)]

    def _of_log(self, event: Event) -> list[Effect]:
        """Take what has become of snapshots, and of what the log forgets."""
        collecting = self.replication.collecting
        match event:
            case Saved():
                return self._saved(event.numbers)
            case Collected():
                collecting.collected(event.numbers)
            case NotInstalled():
                collecting.not_installed()
            case Covered():
                self.replication.cover(event.numbers)
            case TellAuditEnd() if event.home in self.replication.views:
                return [Send(event.home, encode(AuditEnd(event.records, event.digest)))]
        return []

    def _saved(self, numbers: Mapping[Origin, int]) -> list[Effect]:
        replication = self.replication
        up_to = replication.collecting.collectable(
            numbers, self.members, self._birth.node, replication.views
        )
        return [Collect(up_to)] if up_to else []

    def _await_applied(self, asked: AwaitApplied, now_ms: int) -> list[Effect]:
        token = asked.token
        if not self.replication.may_have(token.origin):
            return [Applied(asked.ticket, is_late=True)]
        if self.replication.is_retired(token.origin):
            return [Applied(asked.ticket, is_late=token.number > self.members.closed[token.origin])]
        return self.waiting.await_applied(asked, now_ms)

    def may_stamp(self, wall_ms: int, now_ms: int) -> bool:
        """Say whether batches may be taken: not while this node's clock strays from those of the others."""
        return len(self.members.regions) < 3 or self.clocks.may_stamp(wall_ms, now_ms)

    def may_state(self, wall_ms: int) -> bool:
        """Say whether facts may be stated here, rulings and moves of the home aside.

        Not while facts that are held are of the future, because a clock was put back since, or was ahead when they
        were stamped: what is stated now would stand before them, and they would undo it when their time comes. They may
        be folded here already, if they were of no future before the clock was put back; elsewhere they wait.
        """
        return self.facts_ahead(wall_ms) is None

    def facts_ahead(self, wall_ms: int) -> tuple[Origin, int] | None:
        """Return an origin of facts that are of the future, and the time of its last entry; None if there is none."""
        latest_ms = wall_ms + limits.HYBRID_AHEAD_MS_MAX
        waiting, rulings = self.gate.ahead(latest_ms), self.members.rulings
        for origin, head in self.replication.holdings.heads.items():
            if origin.stream is Stream.CONTROL:
                until_ms = hybrid_ms(ruled_stamp(rulings, origin, head.number, head.hybrid))
                if origin in waiting or until_ms > latest_ms:
                    return origin, until_ms
        return None

    # --- who there is ------------------------------------------------------------------------------------------------

    def _members(self, members: Members, now_ms: int) -> list[Effect]:
        gone = dict.fromkeys(self.members.regions.keys() - members.regions.keys(), now_ms)
        left = {**gone, **self._left}
        self._left = dict(
            sorted(
                ((one, at_ms) for one, at_ms in left.items() if one not in members.regions),
                key=lambda one: (-one[1], one[0]),
            )[: limits.WORLD_NODES_MAX]
        )
        self.members = members
        new = self.replication.members(members, now_ms)
        self.gate.rule(members.rulings)
        self.clocks.keep(set(members.regions))
        self.agreement.keep(members.regions)
        self._strangers.clear()
        self._unmet |= set(new)
        # The others hear at once that this node knows of the epoch, and what it held then: a removal waits for it.
        known = [node for node in self.replication.views if node not in new]
        effects = self.replication.tell(known, Answer.NONE)
        effects += self._look_at_waiting(self.replication.holdings.heads)
        return effects + self._endings(now_ms)

    def _endings(self, now_ms: int) -> list[Effect]:
        """Let go of origins that have collapsed into the epoch; begin anew if this life goes beyond what was stated."""
        if self._is_given_up():
            return [BeginAnew("this life was stated to be over")]
        beyond = self.replication.beyond()
        if beyond is not None:
            return [BeginAnew(f"more is here of {beyond} than was stated")]
        self.replication.lack(now_ms)
        closed = self.members.closed
        retired = tuple(
            origin
            for origin in self.replication.whole()
            if self.gate.open.get(origin) == closed[origin]
        )
        if not retired:
            return []
        for origin in retired:
            self.replication.retire(origin)
            self.gate.forget(origin)
        return [Retired(retired), *self.waiting.retired(retired, closed)]

    def _is_given_up(self) -> bool:
        """Say whether the world takes this life to be over."""
        node, life = self._birth.name
        own = (Origin(node, life, stream) for stream in Stream)
        return (node, life) in self.members.ended or any(o in self.members.closed for o in own)

    def over(self, now_ms: int) -> list[LifeName]:
        """Return lives that are over; the home states it of them."""
        replication = self.replication
        here = self._birth.name, self._begun_ms
        return over(self.members, replication.holdings.heads, replication.views, here, now_ms)

    def closable(self) -> dict[Origin, int]:
        """Return origins that all members hold alike, and of which no more can come; the home closes them."""
        replication = self.replication
        if replication.epoch < self.members.epoch:
            return {}
        return closable(self.members, replication.holdings.heads, replication.views)

    # --- entries -----------------------------------------------------------------------------------------------------

    def _committed(self, event: Committed, now_ms: int) -> list[Effect]:
        answer = Answer.WHEN_HELD if event.level > Level.LOCAL else Answer.NONE
        effects = self.replication.committed(event.entries, answer)
        return effects + self._durable(event.entries, event.wall_ms, now_ms)

    def _kept(self, wall_ms: int, now_ms: int) -> list[Effect]:
        entries, effects = self.replication.kept()
        return effects + self._durable(entries, wall_ms, now_ms)

    def _durable(self, entries: tuple[Entry, ...], wall_ms: int, now_ms: int) -> list[Effect]:
        if any(entry.redaction is not None for entry in entries):
            # Nobody redacts before the erasure is folded there, so it is stamped by now. At a check that begins from
            # now on it is folded everywhere, and what is redacted and what is not come to the same again.
            self._compares_from_ms = now_ms + limits.REDACTED_MS
            self._has_redacted = True
        self.gate.durable(entries)
        return self._pass_on(wall_ms, now_ms)

    def _pass_on(self, wall_ms: int, now_ms: int) -> list[Effect]:
        """Let what may be folded be folded; where all marks are there, take the fingerprint before going on."""
        lives = self.replication.lives
        effects: list[Effect] = []
        while True:
            moved, check = self.gate.pass_on(lives, wall_ms, now_ms)
            if moved:
                effects.append(Fold(tuple(moved)))
            if check is None:
                return effects
            effects.append(Print(check, self.agreement.wanted()))

    # --- messages ----------------------------------------------------------------------------------------------------

    def _arrived(self, event: Arrived, now_ms: int) -> list[Effect]:
        if event.sender not in self.replication.views:
            return self._stranger(event.sender, now_ms)
        try:
            message, entries = self._birth.read(event.body)
        except MessageError as error:
            return [Alarm(Trouble.BAD_MESSAGE, f"{event.sender} sent {error}", event.sender)]
        match message:
            case News():
                return self._news(event, message, entries, now_ms)
            case Pull():
                return self.replication.pull(event.sender, message)
            case Compared():
                return self.agreement.theirs(event.sender, message, now_ms)
            case AuditEnd(records, digest):
                return [StateAuditEnd(event.sender, records, digest)]

    def _news(
        self, event: Arrived, news: News, entries: Sequence[Entry], now_ms: int
    ) -> list[Effect]:
        if news.reading is not None:
            self.clocks.heard(event.sender, news.reading, now_ms)
        read_clock = self._read_clock(event.wall_ms, now_ms)
        effects = self.replication.news(event.sender, news, entries, read_clock, now_ms)
        if self.waiting.is_idle:
            return effects
        return effects + self._look_at_waiting(item.origin for item in news.items)

    def _look_at_waiting(self, origins: Iterable[Origin]) -> list[Effect]:
        if self.waiting.is_idle:
            return []
        return self.waiting.heard(origins, self._reach())

    def _reach(self) -> Reach:
        numbers, complete = self.replication.numbers(), self.replication.complete()
        return Reach(self._birth.node, self.members, numbers, complete)

    def _stranger(self, sender: str, now_ms: int) -> list[Effect]:
        left_ms = self._left.get(sender)
        if left_ms is not None and now_ms - left_ms < limits.LEFT_STOP_MS:
            return []  # whoever had it leave is about to stop it
        told_ms = self._strangers.get(sender)
        if told_ms is None and len(self._strangers) >= limits.WORLD_NODES_MAX:
            return []
        if told_ms is not None and now_ms - told_ms < limits.STRANGER_AGAIN_MS:
            return []
        self._strangers[sender] = now_ms
        is_what = "is no member of" if left_ms is None else "has left the world by"
        why = (
            f"{sender} sends messages and {is_what} epoch {self.members.epoch}; nothing of it is taken. Stop it, "
            f"or take it into the world (homeroom world join)"
        )
        return [Alarm(Trouble.STRANGER, why, sender)]

    # --- agreement ---------------------------------------------------------------------------------------------------

    def _printed(self, event: Printed, now_ms: int) -> list[Effect]:
        if now_ms < self._compares_from_ms:
            return []
        shared = Compared(
            event.check,
            event.applied,
            self.members.epoch,
            event.fingerprint,
            parts=event.parts,
            expanded=event.expanded,
        )
        told = msgspec.structs.replace(
            shared,
            documents_applied=event.documents_applied,
            documents=event.documents,
            pinned_applied=event.pinned_applied,
            pinned=event.pinned,
        )
        for_others, for_all = encode(shared), encode(told)
        shares = self.replication.shares_documents
        sent: list[Effect] = [
            Send(node, for_all if shares(node) else for_others) for node in self.replication.views
        ]
        return sent + self.agreement.mine(told, now_ms)

    # --- time --------------------------------------------------------------------------------------------------------

    def _tick(self, wall_ms: int, now_ms: int) -> list[Effect]:
        effects = self._endings(now_ms) if self.replication.is_lacking else []
        if self._has_redacted and self.gate.ahead(wall_ms + limits.HYBRID_AHEAD_MS_MAX):
            # The erasure may be among what is held back: its node's clock was ahead.
            self._compares_from_ms = now_ms + limits.REDACTED_MS
        effects += self.replication.tick(now_ms)
        if self._unmet:
            unmet, self._unmet = sorted(self._unmet & self.replication.views.keys()), set()
            read_clock = self._read_clock(wall_ms, now_ms)
            effects += self.replication.tell(unmet, Answer.ALL, read_clock)
        if now_ms >= self._gossip_ms:
            self._gossip_ms = now_ms + limits.GOSSIP_MS
            read_clock = self._read_clock(wall_ms, now_ms)
            # What these were sent, or what they have said, may have been lost on its way.
            asked = self.waiting.lacking(self.replication.numbers())
            effects += self.replication.tell(sorted(asked), Answer.WHEN_HELD, read_clock)
            others = [node for node in self._some_nodes() if node not in asked]
            effects += self.replication.tell(others, Answer.NONE, read_clock)
        effects += self._pass_on(wall_ms, now_ms)
        if not self.waiting.is_idle:
            effects += self.waiting.tick(self._reach(), now_ms)
        effects += self.agreement.tick(len(self.replication.views), now_ms)
        return effects + self._mark(wall_ms, now_ms)

    def _some_nodes(self) -> list[str]:
        """Return some other nodes by chance."""
        nodes = list(self.replication.views)
        count = min(limits.GOSSIP_PEERS, len(nodes))
        return [nodes.pop(self._birth.draw(len(nodes))) for _ in range(count)]

    def _mark(self, wall_ms: int, now_ms: int) -> list[Effect]:
        check, stamp = wall_ms // limits.CHECK_MS, self.gate.stamp(self.analytic)
        # The first entry of a life is no mark. So it is written soon, if no client does it; with it goes the claim of
        # what was held of the life before.
        is_due = check_of(stamp) < check if stamp else self._marked < 0
        if not is_due or self._marked == check or not self.replication.views:
            return []
        if not self.may_stamp(wall_ms, now_ms):
            return []
        self._marked = check if stamp else 0
        return [WriteMark(check)]

    def _read_clock(self, wall_ms: int, now_ms: int) -> Callable[[str], Reading]:
        return lambda node: self.clocks.reading(node, wall_ms, now_ms)

    # --- what must hold ----------------------------------------------------------------------------------------------

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        for part in (self.replication, self.gate, self.waiting, self.agreement):
            part.check_invariants()
        held = self.replication.holdings.heads
        for origin, number in self.gate.open.items():
            head = held.get(origin)
            assert head is not None, "only what is held is folded"
            assert number <= head.number, "only what is held is folded"

    @property
    def held(self) -> dict[Origin, int]:
        """By origin the last number that is durable here, with all before it."""
        return {origin: head.number for origin, head in self.replication.holdings.heads.items()}
